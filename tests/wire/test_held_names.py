"""Names in the runtime folder, a lock's and a socket's: held by one process, and made again where they vanish."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from rigd.model.errors import LinkError
from rigd.model.messages import StopWriter
from rigd.wire.codec import Codec
from rigd.wire.held_lock import HeldLock, LockTaken
from rigd.wire.link import ListeningSocket, connect


def test_a_lock_is_one_holder_s_and_says_whose(tmp_path: Path) -> None:
    with HeldLock(tmp_path / "a.lock"):
        with pytest.raises(LockTaken) as taken:
            HeldLock(tmp_path / "a.lock")
        assert taken.value.owner == str(os.getpid())
    HeldLock(tmp_path / "a.lock").close()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_lock_whose_file_vanishes_is_held_anew_and_nobody_else_gets_it(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with HeldLock(folder / "a.lock") as lock:
        assert lock.look()
        if what == "file":
            (folder / "a.lock").unlink()
        else:
            shutil.rmtree(folder)
            assert not lock.look(), "it is tried again"
            folder.mkdir()
        assert not lock.look()
        assert lock.look()
        with pytest.raises(LockTaken):
            HeldLock(folder / "a.lock")


def test_a_lock_that_vanished_is_told_once_however_long_there_is_no_folder(tmp_path: Path) -> None:
    """Its owner's log lies in that folder: a line at each look would fill a file that nobody can find any more."""
    folder = tmp_path / "run"
    folder.mkdir()
    with HeldLock(folder / "a.lock") as lock:
        for _ in range(2):
            assert not lock.has_vanished()
            shutil.rmtree(folder)
            assert [lock.has_vanished() for _ in range(3)] == [True, False, False]
            folder.mkdir()
            assert not lock.has_vanished()
            assert (folder / "a.lock").exists()


def test_a_door_whose_name_vanishes_is_opened_again_and_who_is_in_stays(tmp_path: Path) -> None:
    path = tmp_path / "run" / "a.sock"
    path.parent.mkdir()
    codec = Codec((StopWriter,))
    door = ListeningSocket(path)
    first = connect(path, codec)
    shutil.rmtree(path.parent)
    assert not door.is_there()
    assert door.open_again() is None, "there is no folder yet"
    with pytest.raises(LinkError):
        connect(path, codec)
    path.parent.mkdir()
    assert door.open_again() is door.socket
    assert door.open_again() is None, "it is there"
    connect(path, codec).close()
    first.close()
    door.close()
    assert not path.exists()


def test_a_door_takes_no_name_away_that_is_another_one_s(tmp_path: Path) -> None:
    door = ListeningSocket(tmp_path / "a.sock")
    (tmp_path / "a.sock").unlink()
    other = ListeningSocket(tmp_path / "a.sock")
    door.close()
    assert other.is_there()
    other.close()


@pytest.mark.parametrize("mode", [0o600, 0o660])
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_door_has_its_mode_by_no_umask_and_never_a_wider_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, umask: int
) -> None:
    """The umask is the whole process's: a folder that another thread makes meanwhile would have it."""
    path, seen = tmp_path / "a.sock", list[int]()
    chmod = Path.chmod

    def look_and_chmod(of: Path, to: int) -> None:
        seen.append(stat.S_IMODE(of.stat().st_mode))
        chmod(of, to)

    before = os.umask(umask)
    monkeypatch.setattr(Path, "chmod", look_and_chmod)
    try:
        with monkeypatch.context() as fixed:
            fixed.setattr(os, "umask", lambda _: pytest.fail("the umask was changed"))
            door = ListeningSocket(path, mode=lambda: mode)
    finally:
        os.umask(before)
    assert seen == [mode & ~umask], "as it was made"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    door.close()
