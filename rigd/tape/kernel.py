"""The system calls that a recorder needs and Python's os module lacks. Any thread; they release the GIL."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rigd.tape._core import ffi, lib


def sync_file_system(fd: int) -> None:
    """Makes everything on the file system of `fd` durable, or raises OSError (syncfs(2)).

    Since Linux 5.8 it reports write-back errors, each once to every open file description: keep one
    descriptor open for all calls.
    """
    code = lib.rigd_syncfs(fd)
    if code != 0:
        raise OSError(code, os.strerror(code))


class HeadNotWrittenError(OSError):
    """`place` is the file's among those that were given."""

    def __init__(self, code: int, place: int) -> None:
        super().__init__(code, os.strerror(code))
        self.place = place


def write_heads(fds: Sequence[int], heads: bytearray, *, length_bytes: int) -> None:
    """Each file begins with its `length_bytes` of `heads`, in which they lie one behind the other: in the page cache,
    and written back to back. HeadNotWrittenError; files before that one are written."""
    place = ffi.new("uint32_t *")
    room = ffi.from_buffer("uint8_t[]", heads)
    assert len(room) >= len(fds) * length_bytes
    code = lib.rigd_write_heads(ffi.new("int[]", list(fds)), len(fds), room, length_bytes, place)
    if code != 0:
        raise HeadNotWrittenError(code, place[0])


def all_are_named(fds: Sequence[int]) -> bool:
    """Each of these files has a name in some folder."""
    return int(lib.rigd_named(ffi.new("int[]", list(fds)), len(fds))) == len(fds)


def keep_room(fd: int, *, offset_bytes: int, length_bytes: int) -> None:
    """The file system has kept blocks for that stretch of a file, whose size and content stay (fallocate(2) with
    FALLOC_FL_KEEP_SIZE). A truncation gives back what lies behind the end. OSError."""
    code = lib.rigd_keep_room(fd, offset_bytes, length_bytes)
    if code != 0:
        raise OSError(code, os.strerror(code))
