"""What of a take was not durable when it failed is on the tape until the next take has been ordered (F17, F18)."""

from __future__ import annotations

import errno
from pathlib import Path

from hardware_sim.disk_shim import Call, DiskShim
from rigd.model.messages import EndTake, OpenTake, TakeClosed, TakeFailed, TakeOpened
from rigd.model.units import Frame
from rigd.takefile.journal import read_journal
from tests.support.patience import wait_for
from tests.support.writer_run import FedTape, WriterRun, check_take, order_for

CAPACITY = 1 << 16


def test_a_failed_sync_is_not_believed_and_the_next_take_has_what_it_lost(
    runtime: Path, library: Path
) -> None:
    library.mkdir()
    with (
        DiskShim(library) as shim,
        FedTape(runtime, channels=2, capacity_frames=CAPACITY) as fed,
        WriterRun(runtime, library, environment=shim.environment) as writer,
    ):
        order = order_for(library, channels=2)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(8_192)
        writer.await_progress(order.take_id, durable=8_192)
        # The disk hangs, the tape runs full behind the take, and then the sync fails, once.
        shim.fail(Call.SYNC, errno.EIO, nth=shim.seen(Call.SYNC) + 1)
        fed.feed(CAPACITY + 4_096)
        failed = writer.await_fact(TakeFailed)
        assert (failed.frames_kept, failed.disk_full) == (8_192, False)
        fed.feed(4_096)
        assert fed.tape.oldest_frame <= 8_192, "nobody has gone over it"
        again = order_for(library, channels=2, first_frame=8_192, name="Take 002")
        writer.send(OpenTake(order=again))
        assert writer.await_fact(TakeOpened).first_frame == 8_192
        writer.await_progress(again.take_id, durable=CAPACITY)
        fed.feed(2_048)
        writer.send(EndTake(take_id=again.take_id, end_frame=Frame(fed.frame)))
        assert writer.await_fact(TakeClosed).frames == fed.frame - 8_192
        record = check_take(Path(order.folder), first_frame=0, frames=8_192)
        assert "Input/output error" in record.failure
        lost = fed.tape.counters().lost_frames
        (gap,) = read_journal(Path(again.folder) / "take.journal").gaps
        assert gap.length_frames == lost, "what did not fit is declared"
        check_take(
            Path(again.folder),
            first_frame=8_192,
            frames=fed.frame - 8_192,
            gaps=[(gap.at_frame, gap.length_frames)],
        )
        assert writer.log().count("ERROR") == 1


def test_it_is_not_kept_for_ever(runtime: Path, library: Path) -> None:
    library.mkdir()
    with (
        DiskShim(library) as shim,
        FedTape(runtime, channels=1, capacity_frames=CAPACITY) as fed,
        WriterRun(runtime, library, environment=shim.environment) as writer,
    ):
        order = order_for(library, channels=1)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        shim.fail(Call.WRITE, errno.EIO, nth=1, times=0)
        fed.feed(8_192)
        assert writer.await_fact(TakeFailed).frames_kept == 0
        wait_for(lambda: len(fed.tape.holds()) == 1, "the hold of the take itself is given back")
        wait_for(lambda: fed.tape.holds() == (), "it is let go of")


def test_the_shim_catches_what_comes_from_c_and_from_python(runtime: Path, library: Path) -> None:
    library.mkdir()
    with (
        DiskShim(library) as shim,
        FedTape(runtime, channels=2) as fed,
        WriterRun(runtime, library, environment=shim.environment) as writer,
    ):
        order = order_for(library, channels=2)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        made = shim.seen(Call.WRITE)
        assert made >= 3, "a journal and two headers, by Python"
        fed.feed(40_960)
        writer.await_progress(order.take_id, durable=40_960)
        assert shim.seen(Call.WRITE) >= made + 2, "samples, by the C core"
        assert shim.seen(Call.SYNC) >= 2
        assert (shim.failed(Call.WRITE), shim.failed(Call.SYNC)) == (0, 0)
