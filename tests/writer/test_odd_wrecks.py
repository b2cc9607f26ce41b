"""Wrecks that no crash of rigd's leaves often: gaps of hours at the end, and journals that say what cannot be."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import msgspec
import pytest

from rigd.model.errors import TakeError
from rigd.model.messages import TakeClosed
from rigd.model.take import Gap, GapCause, Marker, TakeOrder
from rigd.model.units import Frame
from rigd.takefile.beneath import opened
from rigd.takefile.journal import JOURNAL_NAME, LINES_A_STEP, line_of, read_journal
from rigd.takefile.ledger import Begun, Closed, Closing, Durable, Entry, NextPart
from rigd.takefile.parts import files_of_part
from rigd.takefile.recovery import PAGE_BYTES, PAGES_A_STEP, _frames_of_part, recover_library, recover_take
from rigd.takefile.riff import HEADER_BYTES
from rigd.takefile.steps import to_end
from rigd.takefile.take_files import TakeFiles
from tests.support.writer_run import order_for

FIRST = Frame(1_000_000)
WIDTH = 3
PAGE_FRAMES = PAGE_BYTES // WIDTH + 1


def wreck(library: Path, *entries: Entry, order: TakeOrder | None = None) -> Path:
    """A folder with a journal that says so, and with no files yet."""
    order = order or order_for(library, channels=1, first_frame=FIRST)
    folder = Path(order_for(library, channels=1).folder)
    folder.mkdir(parents=True)
    begun = Begun(tape_id="0" * 16, tape_layout=1, asked_frame=order.first_frame, order=order)
    (folder / JOURNAL_NAME).write_bytes(b"".join(map(line_of, (begun, *entries))))
    return folder


def gap_at(position: int, length_frames: int) -> Gap:
    return Gap(
        at_frame=Frame(FIRST + position),
        length_frames=length_frames,
        cause=GapCause.INTERFACE_LOST,
        exact=True,
    )


@pytest.mark.parametrize("seed", range(40))
def test_after_a_power_cut_sound_behind_a_gap_is_kept_and_what_is_empty_behind_it_is_not(
    library: Path, seed: int
) -> None:
    chance = random.Random(seed)
    before, lost, after = (
        chance.choice((chance.randint(1, 9), chance.randint(2_000, 30_000))) for _ in "abc"
    )
    lost *= chance.choice((1, 1, 50_000))
    durable = chance.randint(0, before)
    folder = wreck(library, Durable(frames=durable), gap_at(before, lost))
    (name,) = (file.name for file in order_for(library, channels=1).files)
    with (folder / name).open("wb") as file:
        file.write(bytes(HEADER_BYTES) + b"\1" * WIDTH * before)
        file.seek(WIDTH * lost, os.SEEK_CUR)
        file.write(b"\2" * WIDTH * after)
        file.truncate(file.tell() + WIDTH * chance.choice((0, 100_000)))
    began = time.monotonic()
    closed = recover_take(str(folder), root=library, cache_survived=False)
    assert time.monotonic() - began < 30
    assert closed is not None
    end = before + lost + after
    assert end <= closed.frames <= end + PAGE_FRAMES


@pytest.mark.parametrize("said", [101, 1 << 40, 1 << 59])
def test_a_take_has_no_more_frames_than_its_longest_file_whatever_its_journal_says(
    library: Path, said: int
) -> None:
    order = order_for(library, channels=2, first_frame=FIRST)
    folder = wreck(library, Durable(frames=said), order=order)
    (folder / order.files[0].name).write_bytes(bytes(HEADER_BYTES) + b"\1" * WIDTH * 100)
    closed = recover_take(str(folder), root=library, cache_survived=False)
    assert closed is not None and closed.frames == 100
    assert max(path.stat().st_size for path in folder.iterdir()) < 100_000


def test_parts_that_a_journal_tells_of_and_that_are_not_there_are_not_made(library: Path) -> None:
    order = order_for(library, channels=1, first_frame=FIRST)
    folder = wreck(library, *(NextPart(frames=frames) for frames in range(1, 5_000)), order=order)
    (folder / order.files[0].name).write_bytes(bytes(HEADER_BYTES) + b"\1" * WIDTH * 100)
    (last,) = files_of_part(order.files, 5_000)
    (folder / last.name).write_bytes(bytes(HEADER_BYTES))
    with pytest.raises(TakeError, match="tells of 5,000 parts"):
        recover_take(str(folder), root=library, cache_survived=False)
    assert len(list(folder.iterdir())) == 3
    (folder / last.name).unlink()
    closed = recover_take(str(folder), root=library, cache_survived=False)
    assert closed is not None and closed.frames == 1
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    "entry",
    [
        gap_at(10, -5),
        gap_at(10, 0),
        gap_at(10, 1 << 60),
        Closing(frames=-1),
        Closed(frames=1 << 63),
    ],
)
def test_a_line_that_says_frames_that_cannot_be_costs_that_line_and_not_the_take(
    library: Path, entry: Entry
) -> None:
    folder = wreck(library, gap_at(0, 10), entry, Marker(at_frame=FIRST, name="solo"))
    (name,) = (file.name for file in order_for(library, channels=1).files)
    (folder / name).write_bytes(bytes(HEADER_BYTES) + b"\1" * WIDTH * 100)
    closed = recover_take(str(folder), root=library, cache_survived=True)
    assert closed is not None and closed.frames == 100
    record = read_journal(folder / JOURNAL_NAME)
    assert [fault for fault in record.faults if "cannot be" in fault]
    assert len(record.gaps) == len(record.markers) == 1


@pytest.mark.parametrize("name", ["\ud800", "x" * 256, "ä" * 128])
def test_a_name_that_no_file_can_have_is_a_clear_error(library: Path, name: str) -> None:
    order = order_for(library, channels=1, first_frame=FIRST)
    (file,) = order.files
    folder = wreck(
        library, order=msgspec.structs.replace(order, files=(msgspec.structs.replace(file, name=name),))
    )
    with pytest.raises(TakeError, match="cannot be the name"):
        read_journal(folder / JOURNAL_NAME)


class Counted(int):
    """A number that counts how often it is compared."""

    compared = 0

    def _count(self) -> int:
        Counted.compared += 1
        return int(self)

    def __le__(self, other: int) -> bool:
        return self._count() <= other

    def __gt__(self, other: int) -> bool:
        return self._count() > other


def test_many_gaps_are_not_gone_through_for_each_page(library: Path) -> None:
    """The writer closes a take on the thread on which it writes the one that rolls."""
    order = order_for(library, channels=1, first_frame=FIRST)
    folder = wreck(library, order=order)
    pages = 500
    (folder / order.files[0].name).write_bytes(bytes(HEADER_BYTES) + b"\1" * pages * PAGE_BYTES)
    gaps: list[tuple[int, int]] = [
        (Counted(begins), begins + 1) for begins in range(1 << 40, (1 << 40) + 3000, 3)
    ]
    frames = pages * PAGE_BYTES // WIDTH
    with opened(library, folder) as folder_fd:
        files = TakeFiles.reopen(order, order.slate, folder_fd=folder_fd, missing_ok=False)
        Counted.compared = 0
        assert to_end(_frames_of_part(files, gaps, durable=0, common=frames)) == frames
        files.close()
    assert 0 < Counted.compared < pages * 20


def test_a_long_wreck_is_closed_in_steps_and_the_writer_sees_to_others_in_between(library: Path) -> None:
    """A journal of many lines, and files in which nothing is durable and all is sound."""
    order = order_for(library, channels=1, first_frame=FIRST)
    lines = 3 * LINES_A_STEP
    folder = wreck(library, *(gap_at((1 << 40) + 2 * number, 1) for number in range(lines)), order=order)
    pages = 3 * PAGES_A_STEP
    with (folder / order.files[0].name).open("wb") as file:
        file.write(bytes(HEADER_BYTES) + b"\1" * pages * PAGE_BYTES)
    steps = list(recover_library(library, skip=lambda folder: False))
    (closed,) = filter(None, steps)
    assert isinstance(closed, TakeClosed) and closed.frames == pages * PAGE_BYTES // WIDTH
    folders = len(folder.relative_to(library).parts) + 1
    assert len(steps) >= folders + 3 + 3
