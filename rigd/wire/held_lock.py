"""A lock in the runtime folder: who holds it owns its name there. Made again where its file vanishes.

A lock is on a file and not on a name: once the file is deleted, whoever makes another one of that name can lock it
too, and two processes would own one name. So its owner looks now and then whether its name still leads to its file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType


class LockTaken(OSError):
    """Another process has it. `owner` is its number, as the file says."""

    def __init__(self, owner: str) -> None:
        super().__init__(f"held by process {owner}")
        self.owner = owner


def leads_to(path: Path, fd: int) -> bool:
    """The name leads to the very file that is open there."""
    try:
        named, opened = path.stat(), os.fstat(fd)
    except OSError:
        return False
    return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)


class HeldLock:
    """Held from its making to `close`, or to the end of the process. One thread."""

    def __init__(self, path: Path) -> None:
        """Raises LockTaken at once where another process has it, and other OSErrors."""
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
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = (os.pread(fd, 32, 0).decode("ascii", "replace").split() or ["unknown"])[0]
        os.close(fd)
        raise LockTaken(owner) from error
    line = f"{os.getpid()}\n".encode("ascii")
    with contextlib.suppress(OSError):  # a full tmpfs must not keep anybody from recording
        os.pwrite(fd, line, 0)
        os.ftruncate(fd, len(line))
    return fd
