"""What is done to names in a folder: who opens, makes, renames or removes one is seen (inotify(7)).

    with Watched(folder) as watched:
        ...
    assert watched.seen == []

To look a name up, and to open it by O_PATH, is no event: nothing of it is touched.
"""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

_EVENTS = {0x20: "opened", 0x100: "made", 0x200: "removed", 0x40: "renamed", 0x80: "renamed", 0x2: "written"}
_HEAD = struct.Struct("iIII")


class Watched:
    """From `with` to its end. `seen` is complete after that."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.seen: list[str] = []

    def __enter__(self) -> Watched:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        wanted = sum(_EVENTS)
        if self._fd < 0 or libc.inotify_add_watch(self._fd, os.fsencode(self._folder), wanted) < 0:
            raise OSError(ctypes.get_errno(), f"{self._folder} cannot be watched")
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._read()
        finally:
            os.close(self._fd)

    def _read(self) -> None:
        while True:
            try:
                told = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                return
            at = 0
            while at < len(told):
                _, mask, _, length = _HEAD.unpack_from(told, at)
                name = told[at + _HEAD.size : at + _HEAD.size + length].rstrip(b"\0").decode()
                at += _HEAD.size + length
                what = [word for bit, word in _EVENTS.items() if mask & bit]
                if name and what:
                    self.seen.append(f"{name} {what[0]}")
