"""What goes wrong around one take, or was wrong once, keeps nobody from recording the next one."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hardware_sim.disk_shim import Call, DiskShim
from rigd.model.messages import (
    EndTake,
    OpenTake,
    TakeClosed,
    TakeFailed,
    TakeOpened,
    WriterReport,
    WriterSettings,
)
from rigd.model.units import Frame
from rigd.writer.orders import WriterOrders
from rigd.writer.take_writer import TakeWriter
from tests.support.patience import wait_for
from tests.support.writer_run import FedTape, WriterRun, check_take, order_for, small_disk

BROKEN_STEPS = ("open_some", "write_on", "make_durable", "report", "recover_some")
FAILURES_EACH = 3
BROKEN_WRITER = f"""
import sys
from rigd.writer.__main__ import main
from rigd.writer.orders import WriterOrders

def break_it(name):
    whole, failures = getattr(WriterOrders, name), []
    def broken(self):
        if len(failures) < {FAILURES_EACH}:
            failures.append(name)
            raise ZeroDivisionError("for a test")
        return whole(self)
    broken.__name__ = name
    setattr(WriterOrders, name, broken)

for name in {BROKEN_STEPS}:
    break_it(name)
sys.exit(main())
"""


class BrokenWriter(WriterRun):
    """Each step of its loop fails a few times as nobody foresaw."""

    def start(self) -> None:
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", BROKEN_WRITER, str(self.runtime)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.connect()


def next_report(writer: WriterRun, *, problem: str) -> WriterReport:
    """The first report with such a problem; with none where it is empty."""
    while True:
        report: WriterReport = writer.await_fact(WriterReport)
        if problem in report.problem and bool(problem) == bool(report.problem):
            return report


def test_a_hold_that_no_list_names_is_released_once_the_library_was_searched(
    runtime: Path, library: Path
) -> None:
    with FedTape(runtime, channels=1, capacity_frames=1 << 14) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=1)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(8_192)
        writer.await_progress(order.take_id, durable=8_192)
        writer.kill()
        assert len(fed.tape.holds()) == 1
        (runtime / "writer.open").write_bytes(b"\x00\xff{]\n" * 20)
        writer.restart()
        assert writer.await_fact(TakeClosed).recovered
        wait_for(lambda: fed.tape.holds() == (), "no hold of a dead writer is left")
        fed.feed(4 << 14)
        assert fed.tape.counters().dropped_blocks == 0, "the tape loops"


def test_the_holds_of_what_goes_on_and_of_what_waits_stay(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=1)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(8_192)
        writer.restart()
        writer.await_progress(order.take_id, durable=4_096)
        (hold,) = fed.tape.holds()
        assert hold.owner_alive and hold.pid == writer.process.pid


def test_a_runtime_folder_that_is_gone_ends_no_take_and_no_writer(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=2) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=2)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(20_000)
        shutil.rmtree(runtime)
        try:
            writer.send(EndTake(take_id=order.take_id, end_frame=Frame(20_000)))
            assert writer.await_fact(TakeClosed).frames == 20_000
            check_take(Path(order.folder), first_frame=0, frames=20_000)
            again = order_for(library, channels=2, end_frame=20_000, name="Take 002")
            writer.send(OpenTake(order=again))
            assert writer.await_fact(TakeClosed, take_id=again.take_id).frames == 20_000
            assert writer.process.poll() is None
        finally:
            runtime.mkdir()


def test_the_loop_goes_on_after_errors_that_nobody_foresaw_and_says_each_once(
    runtime: Path, library: Path
) -> None:
    with FedTape(runtime, channels=2) as fed, BrokenWriter(runtime, library, sync_interval_ms=60) as writer:
        order = order_for(library, channels=2)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(20_000)
        writer.await_progress(order.take_id, durable=16_384)
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(20_000)))
        assert writer.await_fact(TakeClosed).frames == 20_000
        assert check_take(Path(order.folder), first_frame=0, frames=20_000).failure == ""
        writer.await_fact(WriterReport)
        assert writer.ask_to_stop() == 0
        told = writer.log()
        assert [told.count(f"{step} failed") for step in BROKEN_STEPS if step != "report"] == [1] * 4
        assert "ZeroDivisionError: for a test" in told and "Traceback" in told


def test_an_error_that_nobody_foresaw_in_one_take_fails_that_take_only(
    runtime: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts: list[Any] = []
    with FedTape(runtime, channels=2) as fed:
        desk = WriterOrders(WriterSettings(library_root=str(library)), runtime, facts.append)
        desk.take_up()
        bad, good = (order_for(library, channels=2, end_frame=20_000, name=f"Take {n}") for n in range(2))
        for order in (bad, good):
            desk.open(OpenTake(order=order))
        desk.open_some()
        whole = TakeWriter.write_on

        def write_on(take: TakeWriter) -> Any:
            if take.take_id == bad.take_id and take.written_frames:
                raise KeyError("for a test")
            return whole(take)

        monkeypatch.setattr(TakeWriter, "write_on", write_on)
        for _ in range(5):
            fed.feed(4_096)
            desk.write_on()
        (failed,) = [fact for fact in facts if isinstance(fact, TakeFailed)]
        (closed,) = [fact for fact in facts if isinstance(fact, TakeClosed)]
        assert failed.take_id == bad.take_id and "KeyError" in failed.reason and not failed.disk_full
        assert closed.take_id == good.take_id and closed.frames == 20_000
        check_take(Path(bad.folder), first_frame=0, frames=failed.frames_kept)
        check_take(Path(good.folder), first_frame=0, frames=20_000)
        assert [hold.position for hold in fed.tape.holds()] == [failed.frames_kept], "kept for the next take"
        desk.stop()
        assert fed.tape.holds() == ()


def test_a_take_that_cannot_be_recovered_is_no_problem_of_the_volume(runtime: Path, library: Path) -> None:
    wreck = library / "Session" / "Take 001"
    wreck.mkdir(parents=True)
    (wreck / "take.journal").write_bytes(b"nothing that rigd wrote\n")
    with WriterRun(runtime, library) as writer:
        wait_for(lambda: "is not recovered" in writer.log(), "the log tells of the wreck")
        writer.await_fact(WriterReport)
        assert next_report(writer, problem="").open_takes == ()


def test_a_read_only_volume_is_a_problem_as_long_as_it_is_one(runtime: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 4 << 20) as disk, WriterRun(runtime, disk / "library") as writer:
        next_report(writer, problem="")
        for mode, problem in (("ro", "read-only"), ("rw", "")):
            subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)
            next_report(writer, problem=problem)


def test_a_library_that_cannot_be_made_is_made_once_it_can(runtime: Path, tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.write_bytes(b"a file where a folder is to be")
    with WriterRun(runtime, place / "library") as writer:
        next_report(writer, problem="cannot be reached")
        place.unlink()
        next_report(writer, problem="")
        shutil.rmtree(place)
        next_report(writer, problem="cannot be reached")
        assert not place.exists(), "a disk that went away is not made up for on another one"


def test_a_tape_that_cannot_be_used_is_a_problem_until_it_is_gone(runtime: Path, library: Path) -> None:
    (runtime / "tape").write_bytes(b"no tape" * 1_000)
    with WriterRun(runtime, library) as writer:
        next_report(writer, problem="tape")
        (runtime / "tape").unlink()
        next_report(writer, problem="")


def test_a_writer_that_waits_for_a_disk_can_be_connected_to(runtime: Path, library: Path) -> None:
    with (
        FedTape(runtime, channels=1) as fed,
        DiskShim(library) as shim,
        WriterRun(runtime, library, environment=shim.environment) as writer,
    ):
        shim.delay(Call.SYNC, 1.0)
        fed.feed(2_000)
        writer.send(OpenTake(order=order_for(library, channels=1, end_frame=2_000)))
        wait_for(lambda: shim.seen(Call.SYNC) > 0, "it waits for the disk")
        writer.process.send_signal(signal.SIGSTOP)  # in that sync, which so takes for ever
        writer.connect()
        shim.heal()
        writer.process.send_signal(signal.SIGCONT)
        writer.await_fact(WriterReport)
        assert writer.await_fact(TakeClosed).frames == 2_000


def test_the_lock_names_the_process_that_has_it(runtime: Path, library: Path) -> None:
    (runtime / "writer.lock").write_text("4194304999\n", "ascii")  # a dead one's, and longer
    with WriterRun(runtime, library) as writer:
        owner = (runtime / "writer.lock").read_text("ascii")
        assert owner == f"{writer.process.pid}\n"
        command = [sys.executable, "-m", "rigd.writer", str(runtime)]
        second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 1 and f"process {owner.strip()}" in second.stderr
        assert (runtime / "writer.lock").read_text("ascii") == owner


def test_a_message_that_cannot_be_read_costs_itself_only(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=1)
        writer.send(OpenTake(order=order))
        writer.send_line(b'{"type":"Annotate","take_id":"x","note":{"at_frame":1,"name":5}}')
        writer.send_line(b'{"type":"EndTake","take_id":"\\ud800","end_frame":"\\ud800"}')
        writer.send_line(b"no JSON")
        fed.feed(2_000)
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(2_000)))
        assert writer.await_fact(TakeClosed).frames == 2_000
        assert writer.log().count("was passed by") == 3
