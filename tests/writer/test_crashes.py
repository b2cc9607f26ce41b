"""Killed at any moment, cut off from power, out of space: what is on the disk stays whole and equal."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rigd.model.messages import (
    EndTake,
    GapWritten,
    OpenTake,
    TakeClosed,
    TakeFailed,
    TakeOpened,
    WriterReport,
)
from rigd.model.take import Marker, TakeOrder
from rigd.model.units import Frame
from rigd.takefile.journal import Journal, has_begun, last_line_closes, read_journal
from rigd.takefile.ledger import Durable
from rigd.takefile.recovery import recover_library, recover_take
from tests.support.patience import wait_for
from tests.support.writer_run import (
    FedTape,
    WriterRun,
    check_take,
    frames_as_read,
    order_for,
    renamed,
    small_disk,
)


class Feeder(threading.Thread):
    """Feeds the counter at about the speed of an interface until told to stop."""

    def __init__(self, fed: FedTape) -> None:
        super().__init__()
        self._fed = fed
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(0.01):
            self._fed.feed(512)

    def stop(self) -> None:
        self._done.set()
        self.join()


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_writer_killed_at_random_moments_loses_no_frame_and_makes_no_gap(
    runtime: Path, library: Path
) -> None:
    chance = random.Random(7)
    with (
        FedTape(runtime, channels=12, capacity_frames=1 << 19) as fed,
        WriterRun(runtime, library, sync_interval_ms=60) as writer,
    ):
        order = order_for(library, channels=12)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        feeder = Feeder(fed)
        feeder.start()
        try:
            unequal = 0
            for _ in range(12):
                time.sleep(chance.uniform(0.0, 0.35))  # the moment is what is random here
                writer.kill()
                unequal += len(set(frames_as_read(Path(order.folder), order))) > 1
                writer.restart()
                report = writer.await_fact(WriterReport)
                assert [take.order.take_id for take in report.open_takes] == [order.take_id]
            # Headers are written one after another: one kill in a thousand falls between two of them.
            assert unequal <= 1
        finally:
            feeder.stop()
        end = fed.frame
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(end)))
        closed = writer.await_fact(TakeClosed)
        assert closed.frames == end and not closed.recovered
        assert writer.take_facts(GapWritten) == []
        record = check_take(Path(order.folder), first_frame=0, frames=end)
        assert record.gaps == () and record.faults == () and record.mended == ()


def test_a_write_that_was_killed_between_two_files_is_done_again(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=5) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=5)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(20_480)
        writer.await_progress(order.take_id, durable=20_480)
        writer.kill()
        for number, file in enumerate(order.files[:3]):  # the last of them only in part
            with (Path(order.folder) / file.name).open("ab") as sound:
                sound.write(b"\x55" * (3 * 4_096 - 1_000 * number))
        fed.feed(300)
        writer.restart()
        fed.feed(5_000)
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(fed.frame)))
        assert not writer.await_fact(TakeClosed).recovered
        assert check_take(Path(order.folder), first_frame=0, frames=25_780).gaps == ()


def is_closed(folder: Path) -> bool:
    return (folder / "take.journal").exists() and has_begun(folder) and last_line_closes(folder)


def test_a_writer_killed_while_it_opens_or_closes_takes_leaves_each_whole_or_absent(
    runtime: Path, library: Path
) -> None:
    chance = random.Random(11)
    with FedTape(runtime, channels=8) as fed:
        fed.feed(100_000)
        with WriterRun(runtime, library, sync_interval_ms=60) as writer:
            for number in range(8):
                order = order_for(
                    library, channels=8, first_frame=number, end_frame=60_000, name=f"Take {number:03d}"
                )
                writer.send(OpenTake(order=order))
                time.sleep(chance.uniform(0.0, 0.06))  # the moment is what is random here
                writer.restart()
                folder = Path(order.folder)
                if not (folder / "take.journal").exists() or not has_begun(folder):
                    writer.send(OpenTake(order=order))
                wait_for(lambda at=folder: is_closed(at), "the take is closed")
                check_take(Path(order.folder), first_frame=number, frames=60_000 - number)
            wait_for(lambda: fed.tape.holds() == (), "no hold is left")


def test_the_resumed_writer_writes_again_within_half_a_second(runtime: Path, library: Path) -> None:
    with (
        FedTape(runtime, channels=64, capacity_frames=1 << 18) as fed,
        WriterRun(runtime, library) as writer,
    ):
        order = order_for(library, channels=64)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(48_000)
        writer.kill()
        fed.feed(48_000)
        last = Path(order.folder) / order.files[-1].name
        before = last.stat().st_size
        writer.start()
        began = time.monotonic()
        wait_for(lambda: last.stat().st_size > before, "the last file grows again")
        writer.connect()
        print(f"resumed after {time.monotonic() - began:.3f} s")
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(96_000)))
        writer.await_fact(TakeClosed)
        check_take(Path(order.folder), first_frame=0, frames=96_000)


def leave_open(
    runtime: Path, library: Path, *, channels: int = 6, frames: int = 70_000, **shape: bool
) -> TakeOrder:
    """A take with a marker and a gap whose writer is dead; nothing of it is closed."""
    with FedTape(runtime, channels=channels) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=channels, **shape)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(20_480)
        fed.lose(4_000)
        fed.feed(frames)
        writer.await_progress(order.take_id, durable=fed.frame)
        writer.kill()
    return order


def test_all_killed_and_the_tape_gone_the_take_is_recovered_at_the_next_start(
    runtime: Path, library: Path
) -> None:
    order = leave_open(runtime, library)
    assert len(set(frames_as_read(Path(order.folder), order))) == 1
    (runtime / "tape").unlink()
    with WriterRun(runtime, library) as writer:
        closed = writer.await_fact(TakeClosed)
        assert closed.recovered and closed.frames == 20_480 + 4_000 + 1_024 + 70_000
        record = check_take(Path(order.folder), first_frame=0, frames=closed.frames, gaps=[(20_480, 4_000)])
        assert record.closed and record.recovered and not record.retag_due
    before = files_of(Path(order.folder))
    with WriterRun(runtime, library) as writer:
        writer.await_fact(WriterReport)
        assert writer.take_facts(TakeClosed) == []
    assert files_of(Path(order.folder)) == before


@pytest.mark.parametrize("poly", [False, True])
def test_recovery_of_the_same_wreck_gives_the_same_bytes(runtime: Path, tmp_path: Path, poly: bool) -> None:
    order = leave_open(runtime, tmp_path / "library", poly=poly)
    copies = [tmp_path / "library" / f"copy {number}" for number in range(2)]
    for copy in copies:
        shutil.copytree(order.folder, copy)
        assert recover_take(str(copy), root=copy.parent, cache_survived=True) is not None
    assert files_of(copies[0]) == files_of(copies[1])
    assert recover_take(str(copies[0]), root=copies[0].parent, cache_survived=False) is None
    assert files_of(copies[0]) == files_of(copies[1])


def test_files_of_unequal_length_are_cut_to_what_all_have(runtime: Path, library: Path) -> None:
    order = leave_open(runtime, library)
    folder = Path(order.folder)
    durable = read_journal(folder / "take.journal").durable_frames
    for number, file in enumerate(order.files):
        with (folder / file.name).open("ab") as sound:  # a pwrite that was killed: some files have a part
            sound.write(b"\x11" * (1_000 * (number % 2) + number))
    closed = recover_take(order.folder, root=library, cache_survived=True)
    assert closed is not None and closed.frames == durable
    check_take(folder, first_frame=0, frames=durable, gaps=[(20_480, 4_000)])


def test_after_a_power_cut_zeros_past_the_durable_frames_are_not_taken_for_sound(
    runtime: Path, library: Path
) -> None:
    order = leave_open(runtime, library)
    folder = Path(order.folder)
    durable = read_journal(folder / "take.journal").durable_frames
    for file in order.files:  # the file system had grown the files, and their pages never reached the disk
        path = folder / file.name
        with path.open("r+b") as sound:
            sound.truncate(path.stat().st_size + 50_000)
    closed = recover_take(order.folder, root=library, cache_survived=False)
    assert closed is not None and closed.frames == durable
    check_take(folder, first_frame=0, frames=durable, gaps=[(20_480, 4_000)])


def test_after_a_power_cut_sound_past_the_durable_frames_is_kept(runtime: Path, library: Path) -> None:
    order = leave_open(runtime, library)
    folder = Path(order.folder)
    journal = (folder / "take.journal").read_bytes().splitlines(keepends=True)
    kept = [line for line in journal if b'"Durable"' not in line]
    (folder / "take.journal").write_bytes(b"".join(kept))  # their last line is what a power cut takes first
    frames = 20_480 + 4_000 + 1_024 + 70_000
    for file in order.files:
        with (folder / file.name).open("r+b") as sound:
            header = bytearray(sound.read(4096))
            header[4092:4096] = (8_192 * 3).to_bytes(4, "little")
            sound.seek(0)
            sound.write(header)
    closed = recover_take(order.folder, root=library, cache_survived=False)
    assert closed is not None and closed.frames == frames
    check_take(folder, first_frame=0, frames=frames, gaps=[(20_480, 4_000)])


def test_one_damaged_file_does_not_cost_the_others_their_sound(runtime: Path, library: Path) -> None:
    order = leave_open(runtime, library)
    folder = Path(order.folder)
    durable = read_journal(folder / "take.journal").durable_frames
    with (folder / order.files[2].name).open("r+b") as sound:
        sound.truncate(4096 + 3 * 10_000)
    (folder / order.files[4].name).unlink()
    closed = recover_take(order.folder, root=library, cache_survived=True)
    assert closed is not None and closed.frames == durable
    record = read_journal(folder / "take.journal")
    assert {(mend.name, mend.frames) for mend in record.mended} == {
        (order.files[2].name, 10_000),
        (order.files[4].name, 0),
    }
    assert set(frames_as_read(folder, order)) == {durable}


def test_a_take_that_a_living_writer_has_open_is_not_recovered_by_another(
    runtime: Path, library: Path
) -> None:
    with FedTape(runtime, channels=2) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=2)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(20_000)
        found = [step for step in recover_library(library, skip=lambda folder: False) if step is not None]
        assert len(found) == 1 and "another process writes it" in str(found[0])
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(20_000)))
        writer.await_fact(TakeClosed)
        check_take(Path(order.folder), first_frame=0, frames=20_000)


def test_a_segment_of_the_black_box_that_was_left_open_is_no_take_of_the_library(
    runtime: Path, library: Path
) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        plain = order_for(library, channels=1)
        order = renamed(plain, folder=str(library / ".rigd" / "blackbox" / "00000001"))
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(20_000)
        writer.kill()
    before = (Path(order.folder) / "take.journal").read_bytes()
    assert not [step for step in recover_library(library, skip=lambda folder: False) if step is not None]
    assert (Path(order.folder) / "take.journal").read_bytes() == before


def test_the_wide_search_finds_takes_that_no_list_names(runtime: Path, library: Path) -> None:
    orders = []
    for number in range(3):
        with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
            order = order_for(library, channels=1, name=f"Take {number:03d}")
            orders.append(order)
            writer.send(OpenTake(order=order))
            fed.feed(16_384)
            writer.await_progress(order.take_id, durable=16_384)
            writer.kill()
        (runtime / "writer.open").unlink()
        (runtime / "tape").unlink()
    with WriterRun(runtime, library) as writer:
        # The first two were found by the starts that came after them.
        assert writer.await_fact(TakeClosed).take_id == orders[-1].take_id
    for order in orders:
        assert check_take(Path(order.folder), first_frame=0, frames=16_384).recovered


def test_a_full_disk_ends_the_take_whole_and_equal_and_the_writer_goes_on(
    runtime: Path, tmp_path: Path
) -> None:
    size = 4 << 20
    with small_disk(tmp_path / "small", size) as disk:
        library = disk / "library"
        with (
            FedTape(runtime, channels=8, capacity_frames=1 << 19) as fed,
            WriterRun(runtime, library) as writer,
        ):
            order = order_for(library, channels=8)
            writer.send(OpenTake(order=order))
            writer.await_fact(TakeOpened)
            fed.feed(300_000)
            failed = writer.await_fact(TakeFailed)
            assert failed.disk_full and "No space left" in failed.reason
            assert "Kept" not in failed.reason and "rigd " not in failed.reason, "the daemon says those"
            # Room for 8 files with a header page each, the journal, and the folders' pages on a tmpfs.
            assert failed.frames_kept > (size - 40 * 4096) // 24 - 2_048
            folder = Path(order.folder)
            assert set(frames_as_read(folder, order)) == {failed.frames_kept}
            check_take(folder, first_frame=0, frames=failed.frames_kept)
            report = writer.await_fact(WriterReport)
            while report.open_takes:
                report = writer.await_fact(WriterReport)
            assert report.problem == "", "what a take suffered is no problem of the volume"
            shutil.rmtree(folder)
            again = order_for(library, channels=8, first_frame=200_000, end_frame=250_000, name="Take 002")
            writer.send(OpenTake(order=again))
            assert writer.await_fact(TakeClosed).frames == 50_000
            check_take(Path(again.folder), first_frame=200_000, frames=50_000)


def test_a_disk_too_full_to_open_a_take_leaves_nothing_behind(runtime: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 64 << 10) as disk:
        library = disk / "library"
        with FedTape(runtime, channels=32) as fed, WriterRun(runtime, library) as writer:
            fed.feed(1_000)
            writer.send(OpenTake(order=order_for(library, channels=32)))
            failed = writer.await_fact(TakeFailed)
            assert failed.disk_full and failed.frames_kept == 0
            assert [name for _, _, names in os.walk(library) for name in names] == []
            wait_for(lambda: fed.tape.holds() == (), "it is not kept for ever")


def test_a_journal_line_that_does_not_fit_is_not_written_by_half(tmp_path: Path, runtime: Path) -> None:
    order = leave_open(runtime, tmp_path / "library", channels=1, frames=4_096)
    path = Path(order.folder) / "take.journal"
    whole = path.read_bytes()
    for cut in (1, 9, 20):
        path.write_bytes(whole[:-cut])
        folder_fd = os.open(order.folder, os.O_RDONLY)
        journal, _ = Journal.reopen(folder=order.folder, folder_fd=folder_fd)
        journal.append(Durable(frames=1))
        journal.close()
        os.close(folder_fd)
        assert read_journal(path).faults == ()


def test_markers_noted_before_a_crash_are_in_the_recovered_files(runtime: Path, library: Path) -> None:
    from rigd.model.messages import Annotate

    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=1)
        writer.send(OpenTake(order=order))
        fed.feed(30_000)
        writer.send(Annotate(take_id=order.take_id, note=Marker(at_frame=Frame(9_000), name="solo")))
        writer.await_progress(order.take_id, durable=30_000)
        writer.kill()
        (runtime / "tape").unlink()
        writer.start()
        writer.await_fact(TakeClosed)
    content = (Path(order.folder) / order.files[0].name).read_bytes()
    assert b"cue " in content and b"solo\0" in content


def test_a_writer_that_is_sent_a_signal_leaves_all_of_it_durable_and_the_next_one_goes_on(
    runtime: Path, library: Path
) -> None:
    """A service manager's stop says nothing of takes; several signals in the middle of the work are as one."""
    with FedTape(runtime, channels=4) as fed, WriterRun(runtime, library, sync_interval_ms=60) as writer:
        order, waiting = order_for(library, channels=4), order_for(library, channels=4, name="Take 002")
        for each in (order, waiting):
            writer.send(OpenTake(order=each))
        writer.await_fact(TakeOpened, take_id=waiting.take_id)
        fed.feed(40_000)
        for _ in range(5):
            writer.process.send_signal(signal.SIGTERM)
        assert writer.process.wait(timeout=30) == 0
        record = check_take(Path(order.folder), first_frame=0, frames=40_000)
        assert not record.closed and record.durable_frames == 40_000
        fed.feed(5_000)
        writer.restart()
        report = writer.await_fact(WriterReport)
        assert {take.order.take_id for take in report.open_takes} == {order.take_id, waiting.take_id}
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(45_000)))
        assert not writer.await_fact(TakeClosed).recovered
        record = check_take(Path(order.folder), first_frame=0, frames=45_000)
        assert record.closed and record.gaps == ()


def test_what_a_signal_left_is_closed_by_the_next_writer_where_the_tape_is_gone(
    runtime: Path, library: Path
) -> None:
    """The machine was switched off in order: the runtime folder is gone, every byte is there."""
    with FedTape(runtime, channels=2) as fed, WriterRun(runtime, library, sync_interval_ms=60_000) as writer:
        order = order_for(library, channels=2)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(30_001)
        writer.process.send_signal(signal.SIGTERM)
        assert writer.process.wait(timeout=30) == 0
    for path in runtime.glob("writer.*"):
        path.unlink()
    (runtime / "tape").unlink()
    (closed,) = filter(None, recover_library(library, skip=lambda folder: False))
    assert isinstance(closed, TakeClosed) and closed.frames == 30_001
    assert check_take(Path(order.folder), first_frame=0, frames=30_001).closed


def test_settings_that_cannot_be_read_are_a_clear_message(runtime: Path) -> None:
    command = [sys.executable, "-m", "rigd.writer", str(runtime)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1 and "writer.json" in ended.stderr and "Traceback" not in ended.stderr
