"""A lock in the runtime folder: who holds it owns its name there. Made again where its file vanishes.

A lock is on a file and not on a name: once the file is deleted, whoever makes another one of that name can lock it
too, and two processes would own one name. So its owner looks now and then whether its name still leads to its file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from rigd.wire.own_folder import open_own
from rigd.wire.process_handle import ProcessHandle


class LockTaken(OSError):
    """Another process has it. `owner` is its number, as the file says: for a message, and for nothing else."""

    def __init__(self, owner: str) -> None:
        super().__init__(f"held by process {owner}")
        self.owner = owner


def leads_to(path: Path, fd: int) -> bool:
    """The name leads to the very file that is open there."""
    try:
        named, opened = os.stat(path), os.fstat(fd)
    except OSError:
        return False
    return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)


class HeldLock:
    """Held from its making to `close`, or to the end of the process. One thread."""

    def __init__(self, path: Path) -> None:
        """Raises LockTaken at once where another process has it, and other OSErrors, as `open_own`."""
        self._path = path
        self._fd = _locked(path)
        self._was_there = True

    def look(self) -> bool:
        """False: its file had vanished, and it is held anew. Where the folder is gone too, that is tried again."""
        if leads_to(self._path, self._fd):
            return True
        with contextlib.suppress(OSError):  # no folder yet; or another process was quicker, which must not be
            fresh = _locked(self._path)
            os.close(self._fd)
            self._fd = fresh
        return False

    def has_vanished(self) -> bool:
        """Looks. True once each time that its file vanishes, however long no folder is there: to tell it by."""
        was_there, self._was_there = self._was_there, self.look()
        return was_there and not self._was_there

    def close(self) -> None:
        """It is free for others."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> HeldLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _locked(path: Path) -> int:
    fd = open_own(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = _number_in(fd)
        os.close(fd)
        raise LockTaken(str(owner or "unknown")) from error
    line = f"{os.getpid()}\n".encode("ascii")
    with contextlib.suppress(OSError):  # a full tmpfs must not keep anybody from recording
        os.pwrite(fd, line, 0)
        os.ftruncate(fd, len(line))
    return fd


def _number_in(fd: int) -> int:
    words = os.pread(fd, 32, 0).split()
    return int(words[0]) if words and words[0].isdigit() else 0


def holder_of(path: Path) -> ProcessHandle | None:
    """The process that holds the lock now; None where nobody does, or nobody who can be seen.

    Never by the number in the file alone, nor by what a process calls itself: a number is given to another process
    once its own has ended. The kernel is asked which process has the lock on this very file.
    """
    try:
        fd = open_own(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        file = os.fstat(fd)
        for pid in _may_hold(fd, file.st_ino):
            with contextlib.suppress(OSError):
                handle = ProcessHandle.of_number(pid)
                # In this order: as long as the handle's process has not ended, its number was no other one's.
                if _holds(pid, file) and not handle.has_ended():
                    return handle
    finally:
        os.close(fd)
    return None


def _may_hold(fd: int, inode: int) -> Iterator[int]:
    """The number in the file, which a full tmpfs may have kept out; then who locks such an inode (proc(5))."""
    if number := _number_in(fd):
        yield number
    with contextlib.suppress(OSError):
        for line in Path("/proc/locks").read_text("ascii").splitlines():
            words = line.split()  # 1: FLOCK ADVISORY WRITE 1234 00:1a:5678 0 EOF
            if "FLOCK" in words[1:2] and words[5].rpartition(":")[2] == str(inode) and words[4].isdigit():
                yield int(words[4])


def _holds(pid: int, file: os.stat_result) -> bool:
    """A descriptor of that process is of the very file and has the lock on it (proc(5), fdinfo)."""
    for number in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
        with contextlib.suppress(OSError):
            opened = os.stat(f"/proc/{pid}/fd/{number}")
            if (opened.st_dev, opened.st_ino) == (file.st_dev, file.st_ino):
                info = Path(f"/proc/{pid}/fdinfo/{number}").read_text("ascii", "replace")
                if any(line.startswith("lock:") and " FLOCK " in line for line in info.splitlines()):
                    return True
    return False
