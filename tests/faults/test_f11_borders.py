"""F11: counters across 2^31 and 2^32, faster than real time, through the real C core and the real writer process.

The tape begins some seconds before the border, so that its frame numbers, its positions and the samples of all
channels together pass it while a take rolls. A take of more than 2^31 and 2^32 frames in one file is made of real
sound at both ends and of declared gaps (holes of the file) in between.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from rigd.model.messages import EndTake, OpenTake, TakeClosed, TakeOpened
from rigd.model.units import Frame
from rigd.takefile.journal import read_journal
from tests.proof.figures import Figures, count
from tests.support.capture_run import runtime_folder
from tests.support.counter import counter_rows
from tests.support.patience import wait_for
from tests.support.tools import need_tool
from tests.support.writer_run import FedTape, WriterRun, check_take, frames_as_read, order_for

CHANNELS = 64
SECONDS = count(ci=1, full=10)
"""Before the border, and as much behind it."""
RATE = 48_000
LONGEST_LOSS = 3_500 * RATE
"""What the tape believes of one loss is an hour at most."""


@pytest.fixture
def runtime() -> Iterator[Path]:
    with runtime_folder() as folder:
        yield folder


def feed(fed: FedTape, writer: WriterRun, frames: int) -> None:
    """As fast as the writer takes it; nothing may be dropped."""
    for _ in range(0, frames, 8_192):
        position = fed.tape.written - fed.tape.geometry.capacity_frames // 2
        wait_for(
            lambda at=position: all(hold.position >= at for hold in fed.tape.holds()), "room on the tape"
        )
        fed.feed(8_192)
    assert fed.tape.counters().dropped_blocks == 0
    assert writer.process.poll() is None


@pytest.mark.parametrize(
    ("what", "frame_border", "position_border"),
    [
        ("2^31 samples of 64 channels", 2**31 // CHANNELS, 2**31 // CHANNELS),
        ("2^32 samples of 64 channels", 2**32 // CHANNELS, 2**32 // CHANNELS),
        ("2^31 frames", 2**31, 2**31),
        ("2^32 frames", 2**32, 2**32),
        ("2^32 frames on a tape that lost half of them", 2**32, 2**31),
    ],
)
def test_a_take_rolls_across_the_border(
    runtime: Path, tmp_path: Path, what: str, frame_border: int, position_border: int, figures: Figures
) -> None:
    before = SECONDS * RATE
    origin = frame_border - before
    library = tmp_path / "library"
    with (
        FedTape(
            runtime,
            channels=CHANNELS,
            capacity_frames=1 << 17,
            origin_frame=origin,
            origin_position=position_border - before,
        ) as fed,
        WriterRun(runtime, library) as writer,
    ):
        order = order_for(library, channels=CHANNELS, first_frame=origin)
        writer.send(OpenTake(order=order))
        assert writer.await_fact(TakeOpened).first_frame == origin
        feed(fed, writer, before - 4_096)
        fed.feed(3_000)
        lost_at = fed.frame
        fed.lose(5_000)  # a gap across the border itself
        feed(fed, writer, before)
        report = writer.await_progress(order.take_id, durable=before)
        assert report.behind_frames >= 0
        assert all(0 <= take.durable_frames <= take.written_frames for take in report.open_takes)
        # A writer that is killed behind the border finds its place again.
        writer.restart()
        fed.feed(8_192)
        frames = fed.frame - origin
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(fed.frame)))
        closed = writer.await_fact(TakeClosed)
        assert closed.frames == frames and fed.frame > frame_border
        counters = fed.tape.counters()
        assert counters.written > position_border and counters.lost_frames == 5_000
        assert min(counters.written, counters.next_frame, counters.blocks, counters.lost_frames) >= 0
    check_take(Path(order.folder), first_frame=origin, frames=frames, gaps=[(lost_at, 5_000)])
    assert set(frames_as_read(Path(order.folder), order)) == {frames}
    paths = [str(Path(order.folder) / file.name) for file in order.files]
    said = subprocess.run([need_tool("soxi"), "-s", *paths], capture_output=True, text=True, check=True)
    assert {int(word) for word in said.stdout.split()} == {frames}
    figures.record(
        "F11",
        f"a take across {what}: frames lost or in the wrong channel",
        bound="0 frames",
        measured=0,
        unit="frames",
        count=f"{frames:,} frames, compared one by one",
    )


@pytest.mark.timeout(900)
@pytest.mark.parametrize("border", [2**31, 2**32])
def test_one_take_has_more_frames_than_the_border(
    runtime: Path, tmp_path: Path, border: int, figures: Figures
) -> None:
    library = tmp_path / "library"
    with FedTape(runtime, channels=2, capacity_frames=1 << 17) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=2)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(8_192)
        while fed.frame < border - 60_000:
            fed.lose(min(LONGEST_LOSS, border - 60_000 - fed.frame))
        begin = fed.frame
        feed(fed, writer, 120_000)
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(fed.frame)))
        assert writer.await_fact(TakeClosed).frames == fed.frame
        frames, lost = fed.frame, fed.tape.counters().lost_frames
    assert frames > border
    record = read_journal(Path(order.folder) / "take.journal")
    assert sum(gap.length_frames for gap in record.gaps) == lost
    for row, file in enumerate(order.files):
        with soundfile.SoundFile(Path(order.folder) / file.name) as sound:
            assert sound.frames == frames
            for at, length in ((0, 8_192), (begin, frames - begin)):
                sound.seek(at)
                codes = sound.read(length, dtype="int32", always_2d=True).T >> 8
                np.testing.assert_array_equal(codes[0], counter_rows(at, length, 2)[row])
    figures.record(
        "F11",
        f"a take of more than {border:,} frames: frames lost",
        bound="0 frames",
        measured=0,
        unit="frames",
        count="2 ends compared frame by frame",
        load="2 ch/48 kHz/24 bit",
    )
