"""What is said of takes whose sync has failed, and the journal that goes on in a fresh file."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from rigd.model.take import Marker
from rigd.model.units import Frame
from rigd.takefile.journal import JOURNAL_NAME, Journal, read_journal
from rigd.takefile.ledger import Begun, Closing
from rigd.writer import group_sync
from tests.support.writer_run import order_for


def begun(folder: Path) -> Begun:
    order = order_for(folder, channels=1)
    return Begun(tape_id="0" * 16, tape_layout=3, asked_frame=Frame(0), order=order)


def test_the_lines_of_a_journal_whose_sync_failed_are_all_in_a_fresh_file(tmp_path: Path) -> None:
    folder_fd = os.open(tmp_path, os.O_RDONLY)
    journal = Journal.create(begun(tmp_path), folder_fd=folder_fd)
    journal.append(Marker(at_frame=Frame(1), name="durable"))
    journal.make_durable()
    durable = (tmp_path / JOURNAL_NAME).stat().st_size
    journal.append(Marker(at_frame=Frame(2), name="lost"))
    before = (tmp_path / JOURNAL_NAME).stat().st_ino
    with (tmp_path / JOURNAL_NAME).open("r+b") as file:  # as the kernel leaves it
        size = file.seek(0, os.SEEK_END)
        file.seek(durable)
        file.write(bytes(size - durable))
    journal.make_anew(folder_fd)
    assert (tmp_path / JOURNAL_NAME).stat().st_ino == before, "nobody has said that a sync failed"
    journal.doubt()
    journal.make_anew(folder_fd)
    journal.append(Closing(frames=7))
    journal.make_durable()
    record = read_journal(tmp_path / JOURNAL_NAME)
    assert [marker.name for marker in record.markers] == ["durable", "lost"]
    assert (record.closing_frames, record.faults) == (7, ())
    assert (tmp_path / JOURNAL_NAME).stat().st_ino != before
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL_NAME]
    with (tmp_path / JOURNAL_NAME).open("rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    journal.close()
    os.close(folder_fd)


class Disk:
    """Its sync of all fails once; then each of these files says what is wrong with it."""

    def __init__(self, *bad: str) -> None:
        self.bad = bad
        self.asked: list[str] = []
        self._failed = False

    def sync(self, fd: int) -> None:
        if not self._failed:
            self._failed = True
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def ask(self, name: str) -> None:
        self.asked.append(name)
        if name in self.bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO), name)


@pytest.mark.parametrize(
    ("names", "bad", "good", "asked"),
    [
        ("a", "", "", ""),
        ("ab", "b", "a", "ab"),
        ("ab", "", "", "ab"),
        ("abc", "ac", "b", "abc"),
    ],
)
def test_a_sync_that_fails_is_somebodys(
    monkeypatch: pytest.MonkeyPatch, names: str, bad: str, good: str, asked: str
) -> None:
    disk = Disk(*bad)
    monkeypatch.setattr(group_sync, "sync_file_system", disk.sync)
    durable, failed = group_sync.sync_together(list(names), folder_fd=ord, sync_one=disk.ask)
    assert "".join(durable) == good
    assert sorted([*durable, *(name for name, _ in failed)]) == list(names)
    assert "".join(disk.asked) == asked, "nobody is asked where there is only one"
