"""A rig that was locked is locked when its daemon is started anew."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from rigd.control.lock_memory import NAME, LockMemory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


def test_a_lock_outlives_the_daemon_until_somebody_unlocks(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory = LockMemory(folder)
    assert not memory.read()
    for locked in (False, True, True):
        memory.keep(locked)
    with caplog.at_level(logging.INFO):
        after = LockMemory(folder)
        assert after.read() and "locked, as it was before" in caplog.text
    after.keep(False)
    assert not LockMemory(folder).read() and not (folder / NAME).exists()


def test_what_cannot_be_kept_is_told_once_and_nothing_else_happens(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory = LockMemory(folder / "gone")
    assert not memory.read()
    for locked in (True, False, True):
        memory.keep(locked)
    assert caplog.text.count("a restart of rigd forgets whether it is locked") == 1


def test_what_a_stranger_lays_there_locks_nothing(folder: Path) -> None:
    (folder / "elsewhere").write_text("")
    (folder / NAME).symlink_to(folder / "elsewhere")
    assert not LockMemory(folder).read()
