"""The writer process writes the intervals it is told, sample for sample."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from rigd.model.messages import (
    Annotate,
    EndTake,
    GapWritten,
    OpenTake,
    TakeClosed,
    TakeOpened,
    WriterReport,
    XrunNoted,
)
from rigd.model.take import GainChange, GapCause, Marker, TakeFile
from rigd.model.units import ChannelNumber, Frame
from rigd.takefile.journal import read_journal
from tests.support.patience import wait_for
from tests.support.writer_run import FedTape, WriterRun, check_take, frames_as_read, order_for, renamed


@pytest.mark.parametrize(
    ("poly", "sample"), [(False, "int24"), (True, "int24"), (False, "float32"), (True, "float32")]
)
def test_a_take_in_the_past_has_every_sample_of_its_interval(
    runtime: Path, library: Path, poly: bool, sample: str
) -> None:
    with FedTape(runtime, channels=5) as fed, WriterRun(runtime, library) as writer:
        fed.feed(30_000)
        order = order_for(
            library,
            channels=5,
            first_frame=1_234,
            end_frame=25_679,
            poly=poly,
            sample=sample,  # type: ignore[arg-type]
        )
        writer.send(OpenTake(order=order))
        assert writer.await_fact(TakeOpened).first_frame == 1_234
        closed = writer.await_fact(TakeClosed)
        assert closed.frames == 25_679 - 1_234 and not closed.recovered
        for file in closed.files:
            assert file.size_bytes == (Path(order.folder) / file.name).stat().st_size
        record = check_take(Path(order.folder), first_frame=1_234, frames=closed.frames)
        assert record.closed and record.end_frame == 25_679 and record.gaps == ()


def test_inputs_go_to_the_channels_they_are_plugged_into(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=8) as fed, WriterRun(runtime, library) as writer:
        fed.feed(9_000)
        order = order_for(library, channels=3, end_frame=9_000, inputs=(7, 1, 4))
        mixed = (
            TakeFile(name="one.wav", channels=(ChannelNumber(2),)),
            TakeFile(name="two.wav", channels=(ChannelNumber(3), ChannelNumber(1))),
        )
        writer.send(OpenTake(order=renamed(order, files=mixed)))
        writer.await_fact(TakeClosed)
        check_take(Path(order.folder), first_frame=0, frames=9_000)


def test_a_take_may_begin_and_end_in_the_future(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=2) as fed, WriterRun(runtime, library) as writer:
        fed.feed(5_000)
        order = order_for(library, channels=2, first_frame=20_000, end_frame=90_001)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        assert frames_as_read(Path(order.folder), order) == [0, 0, 0, 0]
        fed.feed(100_000)
        assert writer.await_fact(TakeClosed).frames == 70_001
        check_take(Path(order.folder), first_frame=20_000, frames=70_001)


def test_a_take_that_waits_for_its_beginning_does_not_hold_up_the_tape(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1, capacity_frames=1 << 14) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=1, first_frame=200_000)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        while fed.frame < 200_000:
            fed.feed(8_192)
            wait_for(lambda: fed.tape.holds()[0].position >= fed.tape.written, "the hold follows the tape")
        assert fed.tape.counters().dropped_blocks == 0


def test_a_take_older_than_the_tape_begins_with_the_oldest_frame(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=2, capacity_frames=1 << 14) as fed, WriterRun(runtime, library) as writer:
        fed.feed(100 * 1024)
        oldest = fed.tape.oldest_frame
        order = order_for(library, channels=2, first_frame=1_000, end_frame=fed.frame)
        writer.send(OpenTake(order=order))
        assert writer.await_fact(TakeOpened).first_frame == oldest
        writer.await_fact(TakeClosed)
        record = check_take(Path(order.folder), first_frame=oldest, frames=fed.frame - oldest)
        late = oldest - 1_000
        assert record.asked_frame == 1_000
        assert record.order.time_reference == order.time_reference + late
        assert record.order.started_at > order.started_at


def test_an_end_in_the_past_takes_back_what_was_written_already(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=3) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=3)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(65_536)
        writer.await_progress(order.take_id, durable=65_536)
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(33_333)))
        assert writer.await_fact(TakeClosed).frames == 33_333
        check_take(Path(order.folder), first_frame=0, frames=33_333)


def test_an_end_can_be_taken_back_while_it_is_ahead(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=1)
        writer.send(OpenTake(order=order))
        fed.feed(10_000)
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(50_000)))
        writer.send(EndTake(take_id=order.take_id, end_frame=None))
        fed.feed(90_000)
        writer.await_progress(order.take_id, written=60_000)
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(100_000)))
        assert writer.await_fact(TakeClosed).frames == 100_000
        check_take(Path(order.folder), first_frame=0, frames=100_000)


def test_a_hundred_takes_back_to_back_lose_and_double_no_frame(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=2) as fed, WriterRun(runtime, library) as writer:
        ends = [1_500 * number + number % 7 for number in range(1, 101)]
        begin = 0
        for number, end in enumerate(ends):
            order = order_for(library, channels=2, first_frame=begin, name=f"Take {number:03d}")
            writer.send(OpenTake(order=order))
            fed.feed(end - begin + 300 if number == 0 else end - begin)
            writer.send(EndTake(take_id=order.take_id, end_frame=Frame(end)))
            begin = end
        writer.await_fact(TakeClosed, take_id=order.take_id)
        for number, end in enumerate(ends):
            first = ends[number - 1] if number else 0
            folder = library / "2026-03-01 Demo" / "Song" / f"Take {number:03d}"
            check_take(folder, first_frame=first, frames=end - first)


def test_keeping_the_past_while_another_take_rolls(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=2) as fed, WriterRun(runtime, library) as writer:
        fed.feed(60_000)
        rolling = order_for(library, channels=2, first_frame=50_000, name="Take 001")
        writer.send(OpenTake(order=rolling))
        fed.feed(10_000)
        kept = order_for(library, channels=2, first_frame=10_000, end_frame=70_000, name="Take 002")
        writer.send(OpenTake(order=kept))
        writer.await_fact(TakeClosed, take_id=kept.take_id)
        fed.feed(10_000)
        writer.send(EndTake(take_id=rolling.take_id, end_frame=Frame(80_000)))
        writer.await_fact(TakeClosed, take_id=rolling.take_id)
        check_take(Path(kept.folder), first_frame=10_000, frames=60_000)
        check_take(Path(rolling.folder), first_frame=50_000, frames=30_000)


def test_lost_frames_become_silence_of_that_length_in_every_file(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=3) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=3, first_frame=100)
        writer.send(OpenTake(order=order))
        fed.feed(10_000)
        fed.lose(7_777)
        fed.feed(1_000)
        fed.lose(3_001)
        fed.feed(20_000)
        end = fed.frame
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(end)))
        first, second = writer.await_fact(GapWritten).gap, writer.await_fact(GapWritten).gap
        assert (first.at_frame, first.length_frames, first.cause) == (10_000, 7_777, GapCause.OVERFLOW)
        assert not first.exact
        writer.await_fact(TakeClosed)
        gaps = [(first.at_frame, first.length_frames), (second.at_frame, second.length_frames)]
        record = check_take(Path(order.folder), first_frame=100, frames=end - 100, gaps=gaps)
        assert record.gaps == (first, second)


def test_a_take_may_end_inside_a_gap(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=2) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=2, end_frame=15_001)
        writer.send(OpenTake(order=order))
        fed.feed(10_000)
        fed.lose(20_000)
        writer.await_fact(TakeClosed)
        record = check_take(Path(order.folder), first_frame=0, frames=15_001, gaps=[(10_000, 5_001)])
        assert [gap.length_frames for gap in record.gaps] == [5_001]


def test_a_stalled_writer_costs_a_declared_gap_and_never_a_silent_one(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=2, capacity_frames=1 << 14) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=2)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        writer.process.send_signal(19)
        fed.feed(60 * 1024)
        assert fed.tape.counters().dropped_blocks > 0
        writer.process.send_signal(18)
        wait_for(lambda: fed.tape.holds()[0].position > 0, "the writer caught up")
        fed.feed(1024)
        end = fed.frame
        gap = writer.await_fact(GapWritten).gap
        assert gap.cause is GapCause.TAPE_FULL and gap.exact
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(end)))
        writer.await_fact(TakeClosed)
        check_take(Path(order.folder), first_frame=0, frames=end, gaps=[(gap.at_frame, gap.length_frames)])


def test_an_xrun_that_lost_nothing_is_noted_with_its_frame(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=1, end_frame=20_000)
        writer.send(OpenTake(order=order))
        fed.feed(8_192)
        fed.stumble()
        fed.feed(20_000)
        assert writer.await_fact(XrunNoted).xrun.at_frame == 8_192
        writer.await_fact(TakeClosed)
        record = check_take(Path(order.folder), first_frame=0, frames=20_000)
        assert [xrun.at_frame for xrun in record.xruns] == [8_192]


def test_every_reader_sees_equal_valid_files_at_every_moment_of_a_take(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=16) as fed, WriterRun(runtime, library, sync_interval_ms=50) as writer:
        order = order_for(library, channels=16)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        folder = Path(order.folder)
        seen: set[int] = set()
        unequal = looks = 0

        def has_seen_enough() -> bool:
            nonlocal unequal, looks
            fed.feed(3_000)
            counts = frames_as_read(folder, order)
            looks += 1
            # Headers are written one after another: a look may fall between two of them.
            unequal += len(set(counts)) > 1
            seen.update(counts)
            return len(seen) >= 12

        wait_for(has_seen_enough, "headers that grow", every_s=0.0, instead=lambda: seen)
        assert unequal <= len(seen), f"{unequal} of {looks} looks saw unequal files"
        assert frames_as_read(folder, order)


def test_what_is_noted_while_it_rolls_stands_in_the_journal(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=1)
        writer.send(OpenTake(order=order))
        slate = msgspec.structs.replace(order.slate, circled=True, notes=("loud & <clear>",))
        change = GainChange(
            at_frame=Frame(500), channel=ChannelNumber(1), parameter="gain_db", value=-3.5, confirmed=True
        )
        marker = Marker(at_frame=Frame(700), name="chorus")
        for note in (slate, change, marker):
            writer.send(Annotate(take_id=order.take_id, note=note))
        fed.feed(2_000)
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(2_000)))
        writer.await_fact(TakeClosed)
        record = check_take(Path(order.folder), first_frame=0, frames=2_000)
        assert record.slate == slate and record.order.slate == order.slate
        assert record.gain_changes == (change,) and record.markers == (marker,)


def test_told_to_stop_it_closes_every_take_where_the_tape_ends(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=2) as fed, WriterRun(runtime, library) as writer:
        first = order_for(library, channels=2, name="Take 001")
        second = order_for(library, channels=2, first_frame=3_000, name="Take 002")
        ahead = order_for(library, channels=2, first_frame=900_000, name="Take 003")
        for order in (first, second, ahead):
            writer.send(OpenTake(order=order))
            writer.await_fact(TakeOpened)
        fed.feed(12_345)
        assert writer.ask_to_stop() == 0
        check_take(Path(first.folder), first_frame=0, frames=12_345)
        check_take(Path(second.folder), first_frame=3_000, frames=9_345)
        assert check_take(Path(ahead.folder), first_frame=900_000, frames=0).closed
        assert fed.tape.holds() == ()


def test_a_second_writer_refuses_to_start_and_says_so(runtime: Path, library: Path) -> None:
    with WriterRun(runtime, library) as writer:
        command = [sys.executable, "-m", "rigd.writer", str(runtime)]
        second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 1 and "already runs" in second.stderr
        writer.connect()
        assert isinstance(writer.await_fact(WriterReport), WriterReport)


def test_a_daemon_that_leaves_and_comes_back_changes_nothing(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=1)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        writer.disconnect()
        fed.feed(20_000)
        writer.connect()
        report = writer.await_fact(WriterReport)
        assert [take.order.take_id for take in report.open_takes] == [order.take_id]
        assert report.free_bytes > 0 and report.bytes_per_second == 144_000
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(20_000)))
        writer.await_fact(TakeClosed)


def test_what_happened_while_no_daemon_listened_is_told_to_the_next_one(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=1, end_frame=20_000)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        writer.disconnect()
        fed.feed(20_000)
        journal = Path(order.folder) / "take.journal"
        wait_for(lambda: read_journal(journal).closed, "the take is closed")
        writer.connect()
        assert writer.await_fact(TakeClosed).take_id == order.take_id


def test_a_new_tape_ends_the_takes_of_the_old_one_and_serves_new_ones(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=2) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=2)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(9_999)
        with FedTape(runtime, channels=1, origin_frame=500_000) as new:
            assert writer.await_fact(TakeClosed).frames == 9_999
            check_take(Path(order.folder), first_frame=0, frames=9_999)
            new.feed(5_000)
            other = order_for(library, channels=1, first_frame=500_100, end_frame=505_000, name="Take 002")
            writer.send(OpenTake(order=other))
            writer.await_fact(TakeClosed)
            check_take(Path(other.folder), first_frame=500_100, frames=4_900)
