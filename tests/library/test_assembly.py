"""Takes from the black box: nobody can tell them from takes that were recorded, whatever happens in between.

The segments are written by a real writer from a tape that is fed the frame counter.
"""

from __future__ import annotations

import json
import os
import resource
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from kept_box import CHANNELS, Box, wall
from msgspec.structs import replace

from rigd.blackbox.segments import Shelf, folder_name
from rigd.model.blackbox import KeepUnderWay
from rigd.model.messages import EndTake, GapWritten, OpenTake, TakeClosed, TakeFailed, TakeOpened
from rigd.model.take import GapCause
from rigd.model.units import Frame, TakeId
from rigd.takefile import take_parts
from rigd.takefile.file_limit import FileLimit
from rigd.takefile.journal import read_journal
from rigd.wire.codec import to_plain
from tests.support.counter import MODULUS, ROW_STEP, check_counter, counter_rows
from tests.support.patience import wait_for
from tests.support.writer_run import (
    RATE,
    FedTape,
    WriterRun,
    check_take,
    read_codes,
    small_disk,
)


@pytest.mark.parametrize(
    ("poly", "sample"), [(False, "int24"), (True, "int24"), (False, "float32"), (True, "float32")]
)
def test_its_files_are_byte_for_byte_those_of_a_take_that_was_recorded(
    box: Box, poly: bool, sample: Literal["int24", "float32"]
) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed:
        with WriterRun(box.runtime, box.folder) as writer:
            fed.feed(RATE * 2)
            fed.lose(5000)
            fed.feed(RATE)
            box.write(writer, 0, 30_001, 98_000, 140_000, sample=sample)
        keep = box.keep(fed.tape.tape_id, 12_345, 137_777, poly=poly, sample=sample)
        kept = box.put_together(keep)
        recorded = replace(keep.order, folder=str(box.library / "2026-03-01 Demo" / "Song" / "Recorded"))
        with WriterRun(box.runtime, box.library) as writer:
            writer.send(OpenTake(order=recorded))
            writer.await_fact(TakeClosed, take_id=recorded.take_id)
    assert kept == Path(keep.order.folder)
    for file in recorded.files:
        assert (kept / file.name).read_bytes() == (Path(recorded.folder) / file.name).read_bytes(), file.name
    record = check_take(kept, first_frame=12_345, frames=137_777 - 12_345, gaps=[(96_000, 5000)])
    assert record.levels == read_journal(Path(recorded.folder) / "take.journal").levels != ()
    assert record.closed and not record.recovered
    assert [(gap.at_frame, gap.length_frames) for gap in record.gaps] == [(96_000, 5000)], "one gap, not two"
    assert not box.left_over()
    assert box.facts.empty()


@pytest.mark.parametrize(("poly", "sample"), [(False, "int24"), (True, "float32")])
def test_clips_are_counted_as_in_a_take_that_was_recorded(
    box: Box, poly: bool, sample: Literal["int24", "float32"]
) -> None:
    """The counter's far end, in each row at a frame of its own; one of them in the second segment."""
    origin = MODULUS - 40_000
    with FedTape(box.runtime, channels=CHANNELS, origin_frame=origin) as fed:
        with WriterRun(box.runtime, box.folder) as writer:
            fed.feed(60_000)
            box.write(writer, origin, MODULUS - 1, origin + 60_000, sample=sample)
        folder = box.put_together(
            box.keep(fed.tape.tape_id, origin + 1000, origin + 50_000, poly=poly, sample=sample)
        )
    for row, level in enumerate(read_journal(folder / "take.journal").levels):
        at = MODULUS - 1 - ROW_STEP * row
        (clip,) = level.clips
        assert (clip.at_frame, clip.end_frame, clip.samples) == (at, at + 1, 1)
        assert (level.clipped_samples, level.clip_count, level.last_clip_frame) == (1, 1, at)
        assert level.peak_dbfs == 0.0


@pytest.mark.parametrize("asked", ["file_limit", "limit_of_volume"], ids=["", "the mirror"])
def test_segments_and_the_take_made_of_them_may_be_in_parts(
    box: Box, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    box.beside = str(box.folder / "mirror")
    frames = 700_000
    with (
        FedTape(box.runtime, channels=CHANNELS, capacity_frames=1 << 18) as fed,
        WriterRun(box.runtime, box.folder) as writer,
    ):
        most = 900_000
        resource.prlimit(writer.process.pid, resource.RLIMIT_FSIZE, (most, most))
        orders = [box.order(0, 400_000), box.order(400_000, frames)]
        for order in orders:
            writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened, take_id=orders[0].take_id)
        while fed.frame < frames:
            fed.feed(min(8_192, frames - fed.frame))
            need = fed.tape.written - (1 << 17)
            wait_for(
                lambda at=need: all(hold.position >= at for hold in fed.tape.holds()), "room on the tape"
            )
        for order in orders:
            writer.await_fact(TakeClosed, take_id=order.take_id)
        segments = Shelf(box.folder).look()
        assert [len(segment.parts) for segment in segments] == [2, 2]
        monkeypatch.setattr(take_parts, asked, lambda folder: FileLimit(most_bytes=700_000, why="a test"))
        folder = box.put_together(box.keep(fed.tape.tape_id, 1_001, 690_000))
    record = check_take(folder, first_frame=1_001, frames=690_000 - 1_001)
    assert len(record.parts) == 4 and record.gaps == ()
    for segment in segments:
        Shelf(box.folder).remove(segment.number)
    assert [path for path in box.folder.iterdir() if path.name.startswith("0000")] == []


def test_xruns_are_carried_over(box: Box) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(10_240)
        fed.stumble()
        fed.feed(30_000)
        box.write(writer, 0, 8_000, 40_000)
        folder = box.put_together(box.keep(fed.tape.tape_id, 4_000, 40_000))
    record = check_take(folder, first_frame=4_000, frames=36_000)
    assert [xrun.at_frame for xrun in record.xruns] == [10_240]


def test_a_hole_on_one_tape_is_silence_and_a_gap_whose_length_is_counted(box: Box) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(RATE * 2)
        box.write(writer, 0, 20_000)
        box.write(writer, 50_000, 90_000)
        keep = box.keep(fed.tape.tape_id, 1_000, 80_000)
        folder = box.put_together(keep)
    record = check_take(folder, first_frame=1_000, frames=79_000, gaps=[(20_000, 30_000)])
    (gap,) = record.gaps
    assert (gap.cause, gap.exact) == (GapCause.NOT_KEPT, True)
    assert box.facts.get_nowait() == GapWritten(take_id=keep.order.take_id, gap=gap)


@pytest.mark.parametrize("harm", ["short", "gone", "link"])
def test_a_segment_whose_files_are_not_what_its_journal_says_is_a_gap_and_the_rest_is_kept(
    box: Box, harm: str, tmp_path: Path
) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(RATE * 2)
        box.write(writer, 0, 20_000, 50_000, 90_000)
        path = next((box.folder / folder_name(2)).glob("*.wav"))
        match harm:
            case "short":
                os.truncate(path, 20_000)
            case "gone":
                path.unlink()
            case _:
                path.rename(tmp_path / "elsewhere.wav")
                path.symlink_to(tmp_path / "elsewhere.wav")
        folder = box.put_together(box.keep(fed.tape.tape_id, 1_000, 80_000))
    check_take(folder, first_frame=1_000, frames=79_000, gaps=[(20_000, 30_000)])


@pytest.mark.parametrize(
    ("clock_of_second", "hole"),
    [(wall(100_000 + 72_000), 72_000), (wall(20_000), 1)],
    ids=["by the clock", "clock set back"],
)
def test_between_two_runs_there_is_a_gap_as_long_as_the_clock_says(
    box: Box, clock_of_second: str, hole: int
) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(100_000)
        box.write(writer, 0, 60_000, 100_000)
    (box.runtime / "tape").unlink()
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(70_000)
        box.write(writer, 0, 30_000, 70_000, clock=clock_of_second)
        first = -hole - 90_000
        began = datetime.fromisoformat(clock_of_second) + timedelta(seconds=first / RATE)
        clock = began.isoformat(timespec="milliseconds")
        folder = box.put_together(box.keep(fed.tape.tape_id, first, 65_000, clock=clock))
    record = read_journal(folder / "take.journal")
    assert record.order.first_frame == 0
    (gap,) = record.gaps
    assert (gap.cause, gap.exact) == (GapCause.NOT_KEPT, False)
    assert abs(gap.length_frames - hole) <= 2 * RATE // 1000, "to the milliseconds of the clock"
    for number, file in enumerate(record.order.files):
        (codes,) = read_codes(folder / file.name)
        assert len(codes) == 155_000 + hole
        before, after = codes[: gap.at_frame], codes[gap.at_frame + gap.length_frames :]
        assert not codes[gap.at_frame : gap.at_frame + gap.length_frames].any()
        assert int(before[-1]) == int(counter_rows(99_999, 1, CHANNELS)[number, 0])
        check_counter(before[None, :])
        assert int(after[0]) == int(counter_rows(0, 1, CHANNELS)[number, 0])
        check_counter(after[None, :])


def test_the_last_frames_are_waited_for_until_they_are_durable(box: Box) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(RATE)
        current = box.order(0, 10 * RATE)
        writer.send(OpenTake(order=current))
        writer.await_fact(TakeOpened)
        assembly = box.assembly()
        assembly.start()
        assembly.add(box.keep(fed.tape.tape_id, 0, 2 * RATE))
        wait_for(lambda: bool(box.left_over()), "it has begun")
        assert box.closed.empty()
        fed.feed(RATE * 2)
        folder = box.closed.get(timeout=60)
        assembly.stop()
        check_take(folder, first_frame=0, frames=2 * RATE)
        writer.send(EndTake(take_id=current.take_id, end_frame=Frame(3 * RATE)))


def test_one_that_was_interrupted_is_made_anew_at_the_next_start_and_its_segments_are_kept(box: Box) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(RATE * 2)
        box.write(writer, 0, 50_000, 90_000)
        keep = box.keep(fed.tape.tape_id, 1_000, 80_000)
    rubbish = box.keeping / keep.order.take_id
    rubbish.mkdir(parents=True)
    (rubbish / "01 Track.wav").write_bytes(b"half")
    (rubbish / "take.journal").write_bytes(b"torn")
    Path(keep.order.folder).mkdir(parents=True)
    (box.keeping / f"{keep.order.take_id}.json").write_text(json.dumps(to_plain(keep)))
    box.slow = True
    assembly = box.assembly()
    assembly.start()
    assert not box.pins.allow_removal_of(1)
    assert box.facts.get(timeout=10) == KeepUnderWay(order=keep.order)
    box.slow = False
    folder = box.closed.get(timeout=60)
    check_take(folder, first_frame=1_000, frames=79_000)
    assembly.stop(within_s=30)
    assert not box.left_over()
    assert box.pins.allow_removal_of(1)


def test_what_waits_for_its_turn_is_on_disk_too_and_done_at_the_next_start(box: Box) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(RATE)
        box.write(writer, 0, 40_000)
        keeps = [box.keep(fed.tape.tape_id, 0, 40_000, name=f"Take {number:03}") for number in (1, 2)]
    box.slow = True
    assembly = box.assembly()
    assembly.start()
    for keep in keeps:
        assembly.add(keep)
    wait_for(lambda: len(list(box.keeping.glob("*.json"))) == 2, "both are noted down")
    assembly.stop(within_s=30)
    assert box.closed.empty()
    box.slow = False
    again = box.assembly()
    again.start()
    assert {box.closed.get(timeout=60) for _ in keeps} == {Path(keep.order.folder) for keep in keeps}
    again.stop(within_s=30)
    assert not box.left_over()


def test_one_that_was_killed_after_it_was_whole_stays_as_it_is(box: Box) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(RATE)
        box.write(writer, 0, 40_000)
        keep = box.keep(fed.tape.tape_id, 0, 40_000)
    folder = box.put_together(keep)
    before = {path.name: (path.read_bytes(), path.stat().st_ino) for path in folder.iterdir()}
    (box.keeping / f"{keep.order.take_id}.json").write_text(json.dumps(to_plain(keep)))
    assembly = box.assembly()
    assembly.start()
    assert box.closed.get(timeout=60) == folder
    assembly.stop(within_s=30)
    assert {path.name: (path.read_bytes(), path.stat().st_ino) for path in folder.iterdir()} == before
    assert not box.left_over()


def test_a_folder_that_is_another_takes_by_now_is_left_alone(box: Box) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(RATE)
        box.write(writer, 0, 40_000)
        keep = box.keep(fed.tape.tape_id, 0, 40_000)
    other = Path(keep.order.folder)
    other.mkdir(parents=True)
    (other / "take.json").write_text("another's")
    folder = box.put_together(keep)
    assert folder == other.with_name("Take 001 (2)")
    assert [path.name for path in other.iterdir()] == ["take.json"]
    check_take(folder, first_frame=0, frames=40_000)


def test_a_library_without_room_says_so_and_nothing_is_left_over(box: Box) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(RATE * 3)
        box.write(writer, 0, 3 * RATE)
        with small_disk(box.library, 3 << 20) as library:
            (library / ".rigd").mkdir()
            assembly = box.assembly()
            assembly.start()
            keep = box.keep(fed.tape.tape_id, 0, 3 * RATE)
            assembly.add(keep)
            failed = box.facts.get(timeout=60)
            assembly.stop(within_s=30)
            assert isinstance(failed, TakeFailed)
            assert (failed.take_id, failed.frames_kept, failed.disk_full) == (keep.order.take_id, 0, True)
            assert "keep it again" in failed.reason
            assert not box.left_over() and not Path(keep.order.folder).exists()
            assert box.pins.allow_removal_of(1)


def test_it_stands_still_while_the_disk_is_slow(box: Box) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(RATE)
        box.write(writer, 0, 40_000)
        keep = box.keep(fed.tape.tape_id, 0, 40_000)
    box.slow = True
    assembly = box.assembly()
    assembly.start()
    assembly.add(keep)
    making = box.keeping / keep.order.take_id / "01 Track.wav"
    wait_for(making.exists, "it has begun")
    time.sleep(0.3)  # a chance to go wrong; nothing is waited for
    assert making.stat().st_size <= 4096 and box.closed.empty()
    box.slow = False
    check_take(box.closed.get(timeout=60), first_frame=0, frames=40_000)
    assembly.stop(within_s=30)


@pytest.mark.parametrize("evil", ["outside", "id", "above", "hidden", "endless", "too long", "another's"])
def test_an_order_to_keep_that_leads_out_is_left_alone(box: Box, evil: str, tmp_path: Path) -> None:
    """It lies in the library, and nobody knows who has written it."""
    outside = tmp_path / "outside" / "song" / "take"
    outside.mkdir(parents=True)
    (outside / "precious").write_bytes(b"precious")
    keep = box.keep(1, 0, RATE)
    order, record = keep.order, f"{keep.order.take_id}.json"
    match evil:
        case "outside":
            order = replace(order, folder=str(outside))
        case "id":
            order = replace(order, take_id=TakeId("../../../outside/song/take"))
        case "above":
            order = replace(order, folder=str(box.library / ".." / "outside" / "song" / "take"))
        case "hidden":
            order = replace(order, folder=str(box.library / ".rigd" / "keeping" / "take"))
        case "endless":
            order = replace(order, end_frame=None)
        case "too long":
            order = replace(order, end_frame=Frame(1 << 40))
        case _:
            record = f"{'f' * 32}.json"
    box.keeping.mkdir()
    (box.keeping / record).write_text(json.dumps(to_plain(replace(keep, order=order))))
    before = sorted(tmp_path.rglob("*"))
    assembly = box.assembly()
    assembly.start()
    assembly.stop(within_s=30)
    assert box.facts.empty() and box.closed.empty()
    assert sorted(tmp_path.rglob("*")) == before
