"""Who may enter the runtime folder: its owner alone, or the group that a service manager let in."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rigd.links.runtime_folder import control_socket_mode, make_runtime_dir, only_one


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("found", [0o700, 0o750, 0o755, 0o777])
def test_a_rig_of_ones_own_is_for_nobody_else(tmp_path: Path, found: int) -> None:
    folder = tmp_path / "rigd"
    folder.mkdir()
    folder.chmod(found)
    assert mode_of(make_runtime_dir(folder)) == 0o700
    assert control_socket_mode(folder) == 0o600


@pytest.mark.parametrize(
    ("found", "left", "socket"),
    [(0o700, 0o700, 0o600), (0o750, 0o750, 0o660), (0o755, 0o750, 0o660), (0o777, 0o750, 0o660)],
)
def test_of_a_folder_that_a_service_manager_laid_down_the_group_keeps_its_right(
    tmp_path: Path, found: int, left: int, socket: int
) -> None:
    folder = tmp_path / "rigd"
    folder.mkdir()
    folder.chmod(found)
    assert mode_of(make_runtime_dir(folder, laid_down=True)) == left
    assert control_socket_mode(folder) == socket


def test_a_group_that_is_not_this_processes_gets_no_socket(tmp_path: Path) -> None:
    folder = tmp_path / "rigd"
    folder.mkdir()
    folder.chmod(0o750)
    others = [group for group in os.getgroups() if group != os.getegid()] or [os.getegid() + 1]
    try:
        os.chown(folder, -1, others[0])
    except PermissionError:
        pytest.fail("a group of this user's own cannot be given to a folder of its own")
    assert control_socket_mode(folder) == 0o600


def test_the_lock_can_be_opened_by_nobody_else(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        with only_one(tmp_path):
            assert mode_of(tmp_path / "rigd.lock") == 0o600
    finally:
        os.umask(umask)
