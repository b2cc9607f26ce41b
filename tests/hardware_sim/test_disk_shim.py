"""The shim's failing sync: what a kernel may do after one, so that whoever believes in the next one is caught."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware_sim.disk_shim import Call, DiskShim

BEGIN = """
import os, sys
from rigd.tape.kernel import sync_file_system
path = sys.argv[1] + "/file"
fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
os.pwrite(fd, b"old head", 0)
os.fdatasync(fd)
os.pwrite(fd, b"new head", 0)
os.lseek(fd, 0, os.SEEK_END)
os.write(fd, b"sound")
def failing(sync, fd):
    try:
        sync(fd)
    except OSError:
        return
    raise SystemExit("it did not fail")
"""
LOST = b"old head" + bytes(5)


@pytest.fixture
def shim(tmp_path: Path) -> Iterator[DiskShim]:
    with DiskShim(tmp_path) as shim:
        yield shim


def run(shim: DiskShim, folder: Path, what: str) -> bytes:
    """What is in the file afterwards."""
    command = [sys.executable, "-c", BEGIN + what, str(folder)]
    done = subprocess.run(command, env={**os.environ, **shim.environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return (folder / "file").read_bytes()


def test_a_sync_that_fails_loses_what_was_written_since_the_last_one_and_the_next_one_succeeds(
    shim: DiskShim, tmp_path: Path
) -> None:
    shim.fail(Call.SYNC, errno.EIO, nth=2)
    assert run(shim, tmp_path, "failing(os.fdatasync, fd)\nos.fdatasync(fd)") == LOST
    assert (shim.lost_bytes, shim.failed(Call.SYNC), shim.retried) == (13, 1, 1)


def test_a_sync_of_the_volume_that_fails_loses_it_too_and_a_later_one_is_no_retry(
    shim: DiskShim, tmp_path: Path
) -> None:
    shim.fail(Call.SYNC, errno.EIO, nth=2)
    what = "failing(sync_file_system, fd)\nos.pwrite(fd, b'new', 0)\nsync_file_system(fd)"
    assert run(shim, tmp_path, what) == b"new" + LOST[3:]
    assert (shim.lost_bytes, shim.retried) == (13, 0)


def test_after_it_a_sync_of_the_file_itself_is_a_retry(shim: DiskShim, tmp_path: Path) -> None:
    shim.fail(Call.SYNC, errno.EIO, nth=2)
    assert run(shim, tmp_path, "failing(sync_file_system, fd)\nos.fsync(fd)") == LOST
    assert shim.retried == 1


def test_what_was_cut_off_meanwhile_stays_cut_off(shim: DiskShim, tmp_path: Path) -> None:
    shim.fail(Call.SYNC, errno.EIO, nth=2)
    assert run(shim, tmp_path, "os.ftruncate(fd, 10)\nfailing(os.fsync, fd)") == LOST[:10]


def test_another_file_of_the_same_number_has_not_failed(shim: DiskShim, tmp_path: Path) -> None:
    shim.fail(Call.SYNC, errno.EIO, nth=2)
    again = "os.close(fd)\nos.unlink(path)\nfd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)\nos.fsync(fd)"
    run(shim, tmp_path, f"failing(os.fsync, fd)\n{again}")
    assert shim.retried == 0


def test_only_files_of_that_ending_fail(tmp_path: Path) -> None:
    with DiskShim(tmp_path, ending=".wav") as shim:
        shim.fail(Call.WRITE, errno.EIO, times=0)
        assert run(shim, tmp_path, "") == b"new head" + b"sound"
        assert shim.seen(Call.WRITE) == 0
        with pytest.raises(AssertionError, match="Input/output error"):
            run(shim, tmp_path, "os.write(os.open(path + '.wav', os.O_WRONLY | os.O_CREAT), b'x')")
