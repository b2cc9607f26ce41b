"""The system call that a recorder needs and Python's os module lacks. Any thread; it releases the GIL."""

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
