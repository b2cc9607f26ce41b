"""Whether anything was opened for writing, changed, made, renamed or removed in places that nobody may touch.

The kernel tells (inotify(7)), by the file and not by its name: also through a link, or another name of the same file.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

_EVENT = struct.Struct("iIII")
_WATCHED = {
    0x002: "was written to",
    0x008: "was opened for writing",
    0x040: "was renamed",
    0x080: "was renamed",
    0x100: "was made",
    0x200: "was removed",
}
"""IN_MODIFY, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE."""


class OutsideWatch:
    """From `with` to its end; `touched` may be asked at any time. Of a folder all that is in it counts, too."""

    def __init__(self, *places: Path) -> None:
        self._fd = ctypes.CDLL(None, use_errno=True).inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._paths: dict[int, Path] = {}
        for place in places:
            self._watch([place, *place.rglob("*")] if place.is_dir() and not place.is_symlink() else [place])

    def _watch(self, paths: Iterable[Path]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        for path in paths:
            dont_follow = 0x02000000
            found = libc.inotify_add_watch(self._fd, os.fsencode(path), sum(_WATCHED) | dont_follow)
            assert found >= 0, os.strerror(ctypes.get_errno())
            self._paths[found] = path

    def touched(self) -> list[str]:
        """What was done since this was asked last."""
        found = []
        try:
            while events := os.read(self._fd, 1 << 16):
                at = 0
                while at < len(events):
                    which, mask, _, length = _EVENT.unpack_from(events, at)
                    name = os.fsdecode(events[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0"))
                    at += _EVENT.size + length
                    done = [word for bit, word in _WATCHED.items() if mask & bit]
                    if done:
                        found.append(f"{self._paths[which] / name} {', '.join(done)}")
        except BlockingIOError:
            pass
        return found

    def __enter__(self) -> OutsideWatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)
