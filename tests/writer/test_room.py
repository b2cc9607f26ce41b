"""Room that is kept ready on the volume ahead of a take: never seen in a file's length, always given back."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hardware_sim.disk_shim import Call, DiskShim
from rigd.model.messages import Annotate, EndTake, OpenTake, TakeClosed, TakeOpened, WriterReport
from rigd.model.take import Marker, TakeOrder
from rigd.model.units import Frame
from rigd.takefile.recovery import recover_take
from rigd.takefile.riff import HEADER_BYTES
from rigd.writer.take_writer import ROOM_SECONDS
from tests.support.patience import wait_for
from tests.support.tools import Exempt, excused
from tests.support.writer_run import (
    RATE,
    FedTape,
    WriterRun,
    check_take,
    frames_as_read,
    order_for,
    small_disk,
)

CHANNELS = 4
FRAMES = 81_920
ROOM_BYTES = ROOM_SECONDS * RATE * 3


def taken(order: TakeOrder) -> list[int]:
    """Bytes of blocks that each file has."""
    return [(Path(order.folder) / file.name).stat().st_blocks * 512 for file in order.files]


def sizes(order: TakeOrder) -> list[int]:
    return [(Path(order.folder) / file.name).stat().st_size for file in order.files]


def roll(fed: FedTape, writer: WriterRun, order: TakeOrder) -> WriterReport:
    writer.send(OpenTake(order=order))
    writer.await_fact(TakeOpened)
    fed.feed(FRAMES)
    return writer.await_progress(order.take_id, durable=FRAMES)


def end(fed: FedTape, writer: WriterRun, order: TakeOrder) -> None:
    writer.send(EndTake(take_id=order.take_id, end_frame=Frame(fed.frame)))
    assert writer.await_fact(TakeClosed).frames == fed.frame
    check_take(Path(order.folder), first_frame=0, frames=fed.frame)


def test_room_is_kept_ahead_and_given_back_at_the_end(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=CHANNELS) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=CHANNELS)
        report = roll(fed, writer, order)
        assert sizes(order) == [HEADER_BYTES + FRAMES * 3] * CHANNELS, "the files are as long as they are"
        assert set(frames_as_read(Path(order.folder), order)) == {FRAMES}
        if min(taken(order)) < ROOM_BYTES:
            excused(Exempt.KEPT_ROOM)
        volume = os.statvfs(library)
        assert report.free_bytes >= volume.f_bavail * volume.f_frsize + CHANNELS * ROOM_BYTES // 4
        end(fed, writer, order)
        assert all(blocks <= size + 8_192 for blocks, size in zip(taken(order), sizes(order), strict=True))


def test_what_a_killed_writer_kept_is_given_back_by_recovery(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=CHANNELS) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=CHANNELS)
        roll(fed, writer, order)
        if min(taken(order)) < ROOM_BYTES:
            excused(Exempt.KEPT_ROOM)
        writer.kill()
        closed = recover_take(order.folder, root=library, cache_survived=True)
        assert closed is not None and closed.frames == FRAMES
        assert all(blocks <= size + 8_192 for blocks, size in zip(taken(order), sizes(order), strict=True))
        check_take(Path(order.folder), first_frame=0, frames=FRAMES)


@pytest.mark.parametrize(
    ("code", "nth"), [(errno.ENOSPC, 1), (errno.ENOSPC, 3), (errno.EOPNOTSUPP, 1), (errno.EFBIG, 2)]
)
def test_where_no_room_can_be_kept_the_take_goes_on_without(
    runtime: Path, library: Path, code: int, nth: int
) -> None:
    library.mkdir()
    with (
        DiskShim(library) as shim,
        FedTape(runtime, channels=CHANNELS) as fed,
        WriterRun(runtime, library, environment=shim.environment) as writer,
    ):
        shim.fail(Call.ALLOCATE, code, nth=nth, times=0)
        order = order_for(library, channels=CHANNELS)
        report = roll(fed, writer, order)
        assert report.problem == ""
        assert max(taken(order)) < ROOM_BYTES, "the files that had got some gave it back"
        fed.feed(FRAMES)
        end(fed, writer, order)
        assert shim.seen(Call.ALLOCATE) == nth, "asked once, not again and again"


def test_a_take_whose_end_is_near_keeps_no_room(runtime: Path, library: Path) -> None:
    library.mkdir()
    with (
        DiskShim(library) as shim,
        FedTape(runtime, channels=CHANNELS) as fed,
        WriterRun(runtime, library, environment=shim.environment) as writer,
    ):
        fed.feed(FRAMES)
        order = order_for(library, channels=CHANNELS, end_frame=FRAMES)
        writer.send(OpenTake(order=order))
        assert writer.await_fact(TakeClosed).frames == FRAMES
        assert shim.seen(Call.ALLOCATE) == 0


def test_a_full_disk_gets_the_room_back_before_a_journal_fails(runtime: Path, library: Path) -> None:
    library.mkdir()
    with (
        DiskShim(library) as shim,
        FedTape(runtime, channels=CHANNELS) as fed,
        WriterRun(runtime, library, environment=shim.environment) as writer,
    ):
        order = order_for(library, channels=CHANNELS)
        roll(fed, writer, order)
        if min(taken(order)) < ROOM_BYTES:
            excused(Exempt.KEPT_ROOM)
        shim.fail(Call.WRITE, errno.ENOSPC, nth=shim.seen(Call.WRITE) + 1)
        writer.send(Annotate(take_id=order.take_id, note=Marker(at_frame=Frame(5), name="no room")))
        wait_for(lambda: max(taken(order)) < ROOM_BYTES, "the room is given back")
        fed.feed(FRAMES)
        end(fed, writer, order)
        assert shim.failed(Call.WRITE) == 1


def test_a_small_volume_keeps_no_room(runtime: Path, tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "small", 4 * ROOM_BYTES) as disk,
        DiskShim(disk) as shim,
        FedTape(runtime, channels=CHANNELS) as fed,
        WriterRun(runtime, disk / "library", environment=shim.environment) as writer,
    ):
        order = order_for(disk / "library", channels=CHANNELS)
        roll(fed, writer, order)
        end(fed, writer, order)
        assert shim.seen(Call.ALLOCATE) == 0
