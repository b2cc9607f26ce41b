"""A device that may not be opened: each of the three reasons has its own cure, and a group is blamed only where it is
one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from rigd.wire.refused_device import why_no_sequencer, why_refused
from tests.support.tools import need_root

OTHERS_GROUP = 54321
DENIED = PermissionError(errno.EACCES, "Permission denied")


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """As the kernel and udev leave a serial line, with a group that this process is not in."""
    need_root("to make a device node")
    path = tmp_path / "ttyUSB0"
    os.mknod(path, stat.S_IFCHR | 0o660, os.makedev(188, 0))
    path.chmod(0o660)
    os.chown(path, 0, OTHERS_GROUP)
    return path


def test_a_group_that_the_user_lacks_is_named(node: Path) -> None:
    told = why_refused(str(node), DENIED) or ""
    assert f"add it to the group {OTHERS_GROUP}" in told


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_a_mode_that_keeps_the_group_out_is_told_as_that(node: Path, mode: int) -> None:
    node.chmod(mode)
    told = why_refused(str(node), DENIED) or ""
    assert f"its mode {mode:04o}" in told and "udev" in told and "add it" not in told


def test_a_user_who_is_in_the_group_is_not_sent_there(node: Path) -> None:
    os.chown(node, 0, os.getegid())
    told = why_refused(str(node), DENIED) or ""
    assert "add it" not in told and "udev" in told


def test_a_device_filter_is_told_with_the_line_that_opens_it(node: Path) -> None:
    told = why_refused(str(node), PermissionError(errno.EPERM, "Operation not permitted")) or ""
    assert "DeviceAllow=char-188 rw" in told and "add it" not in told and "udev" not in told


def test_of_a_line_with_the_consoles_number_that_line_alone_is_named(tmp_path: Path) -> None:
    need_root("to make a device node")
    os.mknod(tmp_path / "ttyS0", stat.S_IFCHR | 0o660, os.makedev(4, 64))
    told = why_refused(str(tmp_path / "ttyS0"), PermissionError(errno.EPERM, "Operation not permitted")) or ""
    assert (
        f"DeviceAllow={tmp_path / 'ttyS0'} rw" in told and "char-4" not in told and "sudo rigd units" in told
    )


def test_a_sequencer_that_is_not_there_is_no_matter_of_groups(tmp_path: Path) -> None:
    told = why_no_sequencer(str(tmp_path / "seq"))
    assert "sudo modprobe snd-seq" in told and "group" not in told


def test_an_error_that_is_not_about_rights_is_not_explained(tmp_path: Path) -> None:
    assert why_refused(str(tmp_path), OSError(errno.EBUSY, "busy")) is None
    assert why_refused(str(tmp_path / "gone"), FileNotFoundError(errno.ENOENT, "gone")) is None
    assert "looked at" in (why_refused(str(tmp_path / "gone"), DENIED) or "")
