"""The volume that takes go to: how much it takes, and what is wrong with it at this moment.

Runs on the writer's one thread. Remembers no trouble: what is over must not keep anybody from recording.
"""

from __future__ import annotations

import os
from pathlib import Path

from rigd.writer.folders import make_folder


class Volume:
    """`root` is the library's folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made = False

    def make(self) -> None:
        """The library is there. Only made once: where it vanishes later its disk is gone, and a folder in its
        place would fill another one. OSError."""
        if not self._made:
            make_folder(self._root)
            self._made = True

    def look(self) -> tuple[int, str]:
        """Bytes that a plain user may still write; what is wrong now, or nothing."""
        try:
            self.make()
            volume = os.statvfs(self._root)
        except OSError as error:
            return 0, f'the library "{self._root}" cannot be reached ({error.strerror}): is its disk mounted?'
        free = volume.f_bavail * volume.f_frsize
        if volume.f_flag & os.ST_RDONLY:
            return free, f'the library "{self._root}" is on a read-only volume; mount it for writing'
        if not os.access(self._root, os.W_OK | os.X_OK):
            return free, f'the library "{self._root}" may not be written to; give this user the right to'
        return free, ""
