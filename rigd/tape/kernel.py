"""System calls that a recorder needs and Python's os module lacks. Any thread; they release the GIL."""

from __future__ import annotations

import os

from rigd.tape._core import lib


def sync_file_system(fd: int) -> None:
    """Makes everything on the file system of `fd` durable, or raises OSError (syncfs(2)).

    Since Linux 5.8 it reports write-back errors, each once to every open file description: keep one
    descriptor open for all calls.
    """
    _check(lib.rigd_syncfs(fd))


def start_writeback(fd: int, *, offset_bytes: int, length_bytes: int) -> None:
    """Starts writing a range to the disk without waiting (sync_file_range(2)). Makes nothing durable."""
    _check(lib.rigd_start_writeback(fd, offset_bytes, length_bytes))


def lock_process_memory() -> None:
    """Keeps all memory of this process, now and later, from being paged out (mlockall(2)), or OSError."""
    _check(lib.rigd_lock_process_memory())


def _check(code: int) -> None:
    if code != 0:
        raise OSError(code, os.strerror(code))
