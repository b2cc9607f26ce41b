"""Each kind of trouble of a disk has its own words and conduct: full, quota, read-only, stale, unreachable."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hardware_sim.disk_shim import Call, DiskShim
from rigd.model.disk_trouble import DiskTrouble
from rigd.model.messages import OpenTake, TakeFailed, TakeOpened
from rigd.takefile.failures import why_not_opened
from rigd.takefile.volume import Volume
from tests.support.writer_run import FedTape, WriterRun, check_take, order_for

TROUBLES = {
    errno.ENOSPC: (DiskTrouble.FULL, True, "No space left on device"),
    errno.EDQUOT: (DiskTrouble.QUOTA, True, "is used up, whatever room it has"),
    errno.EROFS: (DiskTrouble.READ_ONLY, False, "mount it for writing"),
    errno.ESTALE: (DiskTrouble.STALE, False, "stale file handle): unmount it and mount it again"),
    errno.ETIMEDOUT: (DiskTrouble.UNREACHABLE, False, "nobody answers for that volume"),
    errno.EIO: (DiskTrouble.ERROR, False, "check the disk and its cable"),
}


@pytest.mark.parametrize("code", list(TROUBLES), ids=os.strerror)
def test_a_take_that_fails_says_what_it_is_and_the_cure(runtime: Path, library: Path, code: int) -> None:
    trouble, full, words = TROUBLES[code]
    library.mkdir()
    with (
        DiskShim(library, ending=".wav") as shim,
        FedTape(runtime, channels=2) as fed,
        WriterRun(runtime, library, environment=shim.environment) as writer,
    ):
        order = order_for(library, channels=2)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(40_960)
        writer.await_progress(order.take_id, durable=40_960)
        shim.fail(Call.WRITE, code, nth=shim.seen(Call.WRITE) + 1, times=1)
        fed.feed(40_960)
        failed = writer.await_fact(TakeFailed)
    assert (failed.trouble, failed.disk_full) == (trouble, full)
    assert words in failed.reason and order.folder in failed.reason
    assert ("cable" in failed.reason) == (trouble is DiskTrouble.ERROR)
    assert failed.frames_kept >= 40_960
    check_take(Path(order.folder), first_frame=0, frames=failed.frames_kept)


def test_a_take_that_cannot_be_opened_has_the_same_words() -> None:
    order = order_for(Path("/library"), channels=1)
    quota = why_not_opened(order, OSError(errno.EDQUOT, "Disk quota exceeded", "01 Track.wav"))
    assert "nothing was written. This user's quota on that volume is used up" in quota
    full = why_not_opened(order, OSError(errno.ENOSPC, "No space left on device", "01 Track.wav"))
    assert full.endswith("nothing was written")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ESTALE, "exported anew (stale file handle): unmount it"),
        (errno.ENOTCONN, "nobody answers for that volume"),
        (errno.EIO, "see whether its disk is mounted"),
    ],
    ids=["stale", "unreachable", "error"],
)
def test_a_volume_that_cannot_be_reached_says_of_what_kind_it_is(
    library: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    library.mkdir()
    volume = Volume(library)

    def refuse(path: object) -> os.statvfs_result:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(os, "statvfs", refuse)
    free, problem = volume.look()
    assert free == 0 and words in problem and str(library) in problem
