"""The system calls that a recorder needs and Python's os module lacks. Any thread; they release the GIL."""

from __future__ import annotations

import os

from rigd.tape._core import lib


def sync_file_system(fd: int) -> None:
    """Makes everything on the file system of `fd` durable, or raises OSError (syncfs(2)).

    Since Linux 5.8 it reports write-back errors, each once to every open file description: keep one
    descriptor open for all calls.
    """
    code = lib.rigd_syncfs(fd)
    if code != 0:
        raise OSError(code, os.strerror(code))


def keep_room(fd: int, *, offset_bytes: int, length_bytes: int) -> None:
    """The file system has kept blocks for that stretch of a file, whose size and content stay (fallocate(2) with
    FALLOC_FL_KEEP_SIZE). A truncation gives back what lies behind the end. OSError."""
    code = lib.rigd_keep_room(fd, offset_bytes, length_bytes)
    if code != 0:
        raise OSError(code, os.strerror(code))
