"""A second writer on the same tape: it goes by its own name, and costs the first one nothing (F22)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hardware_sim.disk_shim import DiskShim
from rigd.model.messages import (
    EndTake,
    GapWritten,
    KeepFirm,
    OpenTake,
    TakeClosed,
    TakeOpened,
    WriterReport,
)
from rigd.model.take import Gap, GapCause, TakeOrder
from rigd.model.units import Frame
from rigd.takefile.journal import read_journal
from rigd.writer.dead_holds import DEAD_SECONDS, DeadStrangers
from rigd.writer.process import SOONEST_REPORT_SECONDS
from tests.support.capture_run import runtime_folder
from tests.support.patience import wait_for
from tests.support.writer_run import FedTape, WriterRun, check_take, order_for, renamed

CAPACITY = 1 << 16


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """The mirror's library."""
    return tmp_path / "copies"


def both_orders(library: Path, copies: Path, *, channels: int = 2, end_frame: int | None = None) -> Any:
    order = order_for(library, channels=channels, end_frame=end_frame)
    return order, renamed(order, folder=order.folder.replace(str(library), str(copies)))


def close_with(writer: WriterRun, order: TakeOrder, gap: Gap, *, frames: int) -> None:
    """The take ends there, and is whole but for that gap."""
    writer.send(EndTake(take_id=order.take_id, end_frame=Frame(frames)))
    writer.await_fact(TakeClosed)
    check_take(Path(order.folder), first_frame=0, frames=frames, gaps=[(gap.at_frame, gap.length_frames)])


def test_two_writers_write_the_same_take_side_by_side(runtime: Path, library: Path, copies: Path) -> None:
    order, copy = both_orders(library, copies, end_frame=100_000)
    with (
        FedTape(runtime, channels=2, capacity_frames=CAPACITY) as fed,
        WriterRun(runtime, library) as writer,
        WriterRun(runtime, copies, name="mirror", spare=True) as mirror,
    ):
        writer.send(OpenTake(order=order))
        mirror.send(OpenTake(order=copy))
        for each in (writer, mirror):
            each.await_fact(TakeOpened)
        assert sorted(hold.spare for hold in fed.tape.holds()) == [False, True]
        assert {path.name for path in runtime.iterdir()} >= {
            f"{name}.{kind}"
            for name in ("writer", "mirror")
            for kind in ("json", "sock", "lock", "open", "log")
        }
        for step in range(0, 80_000, 20_000):
            fed.feed(20_000)
            for each in (writer, mirror):
                each.await_progress(order.take_id, durable=step + 8_192)
        fed.feed(20_000)
        for each, folder in ((writer, order.folder), (mirror, copy.folder)):
            assert each.await_fact(TakeClosed).frames == 100_000
            check_take(Path(folder), first_frame=0, frames=100_000)
        assert fed.tape.holds() == ()


def test_a_stuck_mirror_is_cut_loose_and_the_primary_loses_nothing(
    runtime: Path, library: Path, copies: Path
) -> None:
    order, copy = both_orders(library, copies)
    with (
        FedTape(runtime, channels=2, capacity_frames=CAPACITY) as fed,
        WriterRun(runtime, library) as writer,
        WriterRun(runtime, copies, name="mirror", spare=True) as mirror,
    ):
        writer.send(OpenTake(order=order))
        mirror.send(OpenTake(order=copy))
        for each in (writer, mirror):
            each.await_fact(TakeOpened)
        fed.feed(20_480)
        for each in (writer, mirror):
            assert each.await_progress(order.take_id, durable=20_480).open_takes[0].whole
        mirror.process.send_signal(signal.SIGSTOP)
        try:
            for _ in range(12):
                fed.feed(16_384)
                writer.await_progress(order.take_id, durable=fed.frame)
        finally:
            mirror.process.send_signal(signal.SIGCONT)
        gap = mirror.await_fact(GapWritten).gap
        assert gap.cause is GapCause.OVERWRITTEN and gap.exact and gap.at_frame == 20_480
        assert gap.length_frames == fed.frame - CAPACITY + CAPACITY // 8 - 20_480
        report = mirror.await_progress(order.take_id, durable=fed.frame)
        assert not report.open_takes[0].whole
        assert [hold.let_go for hold in fed.tape.holds()] == [False, False]
        fed.feed(20_000)
        for each, folder, gaps in ((writer, order.folder, []), (mirror, copy.folder, [gap])):
            each.send(EndTake(take_id=order.take_id, end_frame=Frame(fed.frame)))
            assert each.await_fact(TakeClosed).frames == fed.frame
            lengths = [(gap.at_frame, gap.length_frames) for gap in gaps]
            record = check_take(Path(folder), first_frame=0, frames=fed.frame, gaps=lengths)
            assert list(record.gaps) == gaps
        assert fed.tape.counters().dropped_blocks == 0
        mirror.await_fact(WriterReport)


def test_a_mirror_killed_and_let_go_of_meanwhile_goes_on_with_a_declared_gap(
    runtime: Path, copies: Path
) -> None:
    order = order_for(copies, channels=2)
    with (
        FedTape(runtime, channels=2, capacity_frames=CAPACITY) as fed,
        WriterRun(runtime, copies, name="mirror", spare=True) as mirror,
    ):
        mirror.send(OpenTake(order=order))
        mirror.await_fact(TakeOpened)
        fed.feed(8_192)
        mirror.await_progress(order.take_id, durable=8_192)
        mirror.disconnect()
        mirror.kill()
        fed.feed(3 * CAPACITY)
        assert fed.tape.counters().dropped_blocks == 0
        mirror.start()
        gap = mirror.await_fact(GapWritten).gap
        assert gap.at_frame == 8_192
        close_with(mirror, order, gap, frames=fed.frame)


def test_the_only_copy_left_is_held_to_like_a_primary(runtime: Path, copies: Path) -> None:
    order = order_for(copies, channels=2)
    with (
        FedTape(runtime, channels=2, capacity_frames=CAPACITY) as fed,
        WriterRun(runtime, copies, name="mirror", spare=True) as mirror,
    ):
        mirror.send(OpenTake(order=order))
        mirror.await_fact(TakeOpened)
        mirror.send(KeepFirm(take_id=order.take_id))
        mirror.send(KeepFirm(take_id=order.take_id))
        wait_for(lambda: [hold.spare for hold in fed.tape.holds()] == [False], "its hold is firm")
        fed.feed(20_480)
        mirror.await_progress(order.take_id, durable=20_480)
        mirror.process.send_signal(signal.SIGSTOP)
        fed.feed(2 * CAPACITY)
        assert fed.tape.counters().dropped_blocks > 0
        mirror.process.send_signal(signal.SIGCONT)
        mirror.await_progress(order.take_id, written=20_480 + CAPACITY)
        fed.feed(1_024)
        gap = mirror.await_fact(GapWritten).gap
        assert gap.cause is GapCause.TAPE_FULL
        close_with(mirror, order, gap, frames=fed.frame)


def test_keep_firm_said_of_a_take_that_waits_counts_once_it_is_open(runtime: Path, copies: Path) -> None:
    with (
        FedTape(runtime, channels=1, capacity_frames=CAPACITY) as fed,
        WriterRun(runtime, copies, name="mirror", spare=True) as mirror,
    ):
        order = order_for(copies, channels=1)
        mirror.process.send_signal(signal.SIGSTOP)
        mirror.send(OpenTake(order=order))
        mirror.send(KeepFirm(take_id=order.take_id))
        mirror.process.send_signal(signal.SIGCONT)
        mirror.await_fact(TakeOpened)
        wait_for(lambda: [hold.spare for hold in fed.tape.holds()] == [False], "its hold is firm")


def test_a_mirror_that_clears_up_leaves_a_dead_primary_its_holds(
    runtime: Path, library: Path, copies: Path
) -> None:
    order, _ = both_orders(library, copies)
    with FedTape(runtime, channels=2) as fed, WriterRun(runtime, library) as writer:
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(8_192)
        writer.await_progress(order.take_id, durable=8_192)
        writer.disconnect()
        writer.kill()
        with WriterRun(runtime, copies, name="mirror", spare=True) as mirror:
            mirror.await_fact(WriterReport)
            mirror.await_fact(WriterReport)
            mirror.await_fact(WriterReport)
            assert len(fed.tape.holds()) == 1
        writer.start()
        writer.await_progress(order.take_id, durable=8_192)


def test_what_became_durable_is_told_at_once_and_reports_are_no_flood(runtime: Path, library: Path) -> None:
    order = order_for(library, channels=2)
    with (
        FedTape(runtime, channels=2, capacity_frames=1 << 18) as fed,
        WriterRun(runtime, library, sync_interval_ms=60) as writer,
    ):
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        began = time.monotonic()
        reports = 0
        for step in range(8):
            fed.feed(4_096)
            durable = 0
            while durable < 4_096 * (step + 1):
                durable = max(
                    (t.durable_frames for t in writer.await_fact(WriterReport).open_takes), default=0
                )
                reports += 1
        assert reports <= (time.monotonic() - began) / SOONEST_REPORT_SECONDS + 2


@pytest.mark.parametrize("name", ["", "../writer", "a b", "a.b"])
def test_a_name_that_would_lead_out_of_the_runtime_folder_is_refused(runtime: Path, name: str) -> None:
    command = [sys.executable, "-m", "rigd.writer", str(runtime), name]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=os.environ)
    assert ended.returncode == 2 and "usage" in ended.stderr


def test_a_dead_mirror_that_never_comes_back_does_not_stop_the_tape_for_ever(tmp_path: Path) -> None:
    now = [100.0]
    with runtime_folder() as runtime, FedTape(runtime, channels=2, capacity_frames=CAPACITY) as fed:
        order = order_for(tmp_path / "copies", channels=2)
        with WriterRun(runtime, tmp_path / "copies", name="mirror", spare=True) as mirror:
            mirror.send(OpenTake(order=order))
            mirror.await_fact(TakeOpened)
            mirror.send(KeepFirm(take_id=order.take_id))
            wait_for(lambda: [hold.spare for hold in fed.tape.holds()] == [False], "its hold is firm")
        strangers = DeadStrangers(writer="writer", clock=lambda: now[0])
        for seconds in (0.0, DEAD_SECONDS - 1.0):
            now[0] = 100.0 + seconds
            strangers.look(fed.tape)
            assert len(fed.tape.holds()) == 1, "its next one may still come"
        DeadStrangers(writer="mirror", clock=lambda: 1e9).look(fed.tape)
        assert len(fed.tape.holds()) == 1
        now[0] += 2.0
        strangers.look(fed.tape)
        assert fed.tape.holds() == ()


def test_a_slow_mirror_has_whole_gaps_in_every_file_and_the_primary_none(
    runtime: Path, library: Path, copies: Path
) -> None:
    order, copy = both_orders(library, copies, channels=3)
    copies.mkdir()
    with (
        DiskShim(copies) as shim,
        FedTape(runtime, channels=3, capacity_frames=CAPACITY) as fed,
        WriterRun(runtime, library) as writer,
        WriterRun(runtime, copies, name="mirror", spare=True, environment=shim.environment) as mirror,
    ):
        writer.send(OpenTake(order=order))
        mirror.send(OpenTake(order=copy))
        for each in (writer, mirror):
            each.await_fact(TakeOpened)
        shim.limit(400_000)  # a second of three channels takes it more than one
        for _ in range(24):
            fed.feed(16_384)
            writer.await_progress(order.take_id, durable=fed.frame)
        shim.heal()
        for each in (mirror, writer):
            each.send(EndTake(take_id=order.take_id, end_frame=Frame(fed.frame)))
            assert each.await_fact(TakeClosed).frames == fed.frame
        assert fed.tape.counters().dropped_blocks == 0
        assert check_take(Path(order.folder), first_frame=0, frames=fed.frame).gaps == ()
        gaps = read_journal(Path(copy.folder) / "take.journal").gaps
        print(f"{len(gaps)} gaps, {sum(gap.length_frames for gap in gaps)} of {fed.frame} frames")
        assert gaps and {gap.cause for gap in gaps} == {GapCause.OVERWRITTEN}
        lengths = [(gap.at_frame, gap.length_frames) for gap in gaps]
        check_take(Path(copy.folder), first_frame=0, frames=fed.frame, gaps=lengths)
