"""One daemon a library: a lock that the kernel lets go of when its holder dies. Any thread."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from rigd.model.errors import AlreadyRunning, LibraryError
from rigd.takefile.beneath import open_file


class LibraryLock:
    """Held from construction to `release`."""

    def __init__(self, path: Path) -> None:
        """Raises AlreadyRunning at once where another process holds it."""
        try:
            self._handle = open_file(path.parent.parent, path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise LibraryError(f"{path}: cannot be opened ({error.strerror}). Nothing was started") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as error:
            holder = os.pread(self._handle, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._handle)
            raise AlreadyRunning(
                f"library {path.parent.parent}: another rigd uses it (process {holder}). This one ends and "
                "has touched nothing. Stop the other, or give this one a library of its own"
            ) from error
        except OSError as error:
            os.close(self._handle)
            raise LibraryError(f"{path}: cannot be locked ({error.strerror}). Nothing was started") from error

    def release(self) -> None:
        """The next daemon may have it. May be called twice."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
