"""A writer killed between the end of a take and saying so: the next one says it, and keeps what follows."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from hardware_sim.disk_shim import Call, DiskShim
from rigd.model.messages import EndTake, OpenTake, TakeClosed, TakeFailed, TakeOpened
from rigd.model.units import Frame
from rigd.tape.holds import hold_key
from tests.support.patience import wait_for
from tests.support.writer_run import FedTape, WriterRun, check_take, order_for

CAPACITY = 1 << 16


@pytest.mark.parametrize("name", ["writer", "mirror"])
def test_a_take_that_was_closed_but_not_told_is_told_by_the_next_writer(
    runtime: Path, library: Path, tmp_path: Path, name: str
) -> None:
    """Its list, which it clears after it has told, still has the take."""
    with (
        FedTape(runtime, channels=2) as fed,
        WriterRun(runtime, library, name=name, spare=name == "mirror") as writer,
    ):
        order = order_for(library, channels=2)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        shutil.copy(runtime / f"{name}.open", tmp_path / "open")
        fed.feed(20_000)
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(20_000)))
        told = writer.await_fact(TakeClosed)
        writer.kill()
        shutil.copy(tmp_path / "open", runtime / f"{name}.open")
        writer.start()
        assert writer.await_fact(TakeClosed) == told
        check_take(Path(order.folder), first_frame=0, frames=20_000)


def test_a_take_that_failed_but_was_not_told_is_told_by_the_next_writer(
    runtime: Path, library: Path, tmp_path: Path
) -> None:
    library.mkdir()
    with (
        DiskShim(library) as shim,
        FedTape(runtime, channels=2) as fed,
        WriterRun(runtime, library, environment=shim.environment) as writer,
    ):
        order = order_for(library, channels=2)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        shutil.copy(runtime / "writer.open", tmp_path / "open")
        fed.feed(8_192)
        writer.await_progress(order.take_id, durable=8_192)
        shim.fail(Call.SYNC, errno.EIO, nth=shim.seen(Call.SYNC) + 1)
        fed.feed(8_192)
        told = writer.await_fact(TakeFailed)
        assert told.rolled
        writer.kill()
        shutil.copy(tmp_path / "open", runtime / "writer.open")
        writer.start()
        again = writer.await_fact(TakeFailed)
        assert (again.frames_kept, again.reason, again.rolled) == (told.frames_kept, told.reason, True)


def test_a_take_that_a_killed_writer_left_and_that_cannot_be_closed_is_told_and_its_sound_kept(
    runtime: Path, library: Path
) -> None:
    with FedTape(runtime, channels=2, capacity_frames=CAPACITY) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=2)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(8_192)
        writer.await_progress(order.take_id, durable=8_192)
        writer.kill()
        journal = Path(order.folder) / "take.journal"
        journal.rename(journal.with_name("aside"))
        journal.mkdir()  # a disk that came back unreadable
        writer.start()
        failed = writer.await_fact(TakeFailed)
        assert failed.take_id == order.take_id and failed.rolled
        assert "the next start" in failed.reason
        fed.feed(2 * CAPACITY)
        assert fed.tape.oldest_frame <= 8_192, "nobody has gone over what follows"
        (hold,) = fed.tape.holds()
        assert hold.key == hold_key(order.take_id, "writer")
        wait_for(lambda: fed.tape.holds() == (), "it is not kept for ever")
