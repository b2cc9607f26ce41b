"""The oracle itself: it must see a lost, doubled or swapped frame, noise in a gap, and a gap of the wrong length."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rigd.model.messages import EndTake, OpenTake, TakeClosed
from rigd.model.units import Frame
from tests.proof.oracle import HEADER_BYTES, check_a, check_b, check_b_rolling
from tests.support.writer_run import FedTape, WriterRun, order_for

FRAMES = 60_000
GAP = (20_480, 3_000)


@pytest.fixture(params=[False, True], ids=["mono", "poly"])
def take(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A closed take of three channels with one counted gap."""
    runtime, library = tmp_path / "runtime", tmp_path / "takes"
    runtime.mkdir()
    order = order_for(library, channels=3, poly=request.param)
    with FedTape(runtime, channels=3) as fed, WriterRun(runtime, library) as writer:
        writer.send(OpenTake(order=order))
        fed.feed(GAP[0])
        fed.lose(GAP[1])
        fed.feed(FRAMES - fed.frame)
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(FRAMES)))
        writer.await_fact(TakeClosed)
    yield Path(order.folder)


def test_a_whole_take_passes_with_its_gap(take: Path) -> None:
    heard = check_a(take, first=0)
    assert (heard.frames, heard.gap_frames) == (FRAMES, GAP[1])
    assert heard.source_frames == FRAMES
    assert check_b(take) == check_b_rolling(take) == FRAMES


def drop_a_frame(path: Path, width: int) -> None:
    content = path.read_bytes()
    at = HEADER_BYTES + 40_000 * width
    path.write_bytes(content[:at] + content[at + width :])


def double_a_frame(path: Path, width: int) -> None:
    content = path.read_bytes()
    at = HEADER_BYTES + 40_000 * width
    path.write_bytes(content[: at + width] + content[at : at + width] + content[at + 2 * width :])


def make_noise_in_the_gap(path: Path, width: int) -> None:
    with path.open("r+b") as file:
        file.seek(HEADER_BYTES + (GAP[0] + 100) * width)
        file.write(b"\1")


def silence_the_last_frame(path: Path, width: int) -> None:
    with path.open("r+b") as file:
        file.seek(HEADER_BYTES + (FRAMES - 1) * width)
        file.write(bytes(width))


@pytest.mark.parametrize(
    "spoil", [drop_a_frame, double_a_frame, make_noise_in_the_gap, silence_the_last_frame]
)
def test_what_is_wrong_in_one_file_is_seen(take: Path, spoil: Callable[[Path, int], None]) -> None:
    files = sorted(take.glob("*.wav"))
    spoil(files[-1], 3 if len(files) > 1 else 9)
    with pytest.raises(AssertionError):
        check_a(take)


def test_two_channels_that_are_swapped_are_seen(take: Path) -> None:
    files = sorted(take.glob("*.wav"))
    if len(files) == 1:
        content = bytearray(files[0].read_bytes())
        at = HEADER_BYTES + 9 * 40_000
        content[at : at + 6] = content[at + 3 : at + 6] + content[at : at + 3]
        files[0].write_bytes(content)
    else:
        files[0].rename(take / "aside")
        files[1].rename(files[0])
        (take / "aside").rename(files[1])
    with pytest.raises(AssertionError):
        check_a(take)


def test_a_file_that_is_cut_short_is_seen_by_the_readers(take: Path) -> None:
    path = max(take.glob("*.wav"))
    os.truncate(path, HEADER_BYTES + 3000)
    with pytest.raises(AssertionError):
        check_b(take)
