"""The volume that takes go to: whether it is the one that it was, how much it takes, what is wrong with it now.

Runs on the writer's one thread. Remembers no trouble: what is over must not keep anybody from recording. A volume
is known by the id that the daemon wrote in it; where that is gone the disk is not mounted, and what was made in the
empty place would fill another one.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from rigd.model.disk_trouble import DiskTrouble, cure_of, trouble_of
from rigd.model.errors import TakeError
from rigd.model.take import TakeOrder
from rigd.takefile.beneath import open_file
from rigd.takefile.folders import make_root

OWN_FOLDER = ".rigd"
ID_NAME = "volume"
ID_LENGTH = 32


def read_id(root: Path, name: str = ID_NAME) -> str:
    """The id in a volume; empty where there is none."""
    with (
        contextlib.suppress(OSError),
        open(open_file(root, root / OWN_FOLDER / name, os.O_RDONLY), "rb") as file,
    ):
        text = file.read(2 * ID_LENGTH).decode("ascii", "replace").strip()
        return text if len(text) == ID_LENGTH else ""
    return ""


class Volume:
    """`root` is the library's folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made = False
        self._marked: Path | None = None
        """The folder that bears the id: the root, or for a black box inside a library, that."""
        self._id = ""

    def make(self) -> None:
        """The library is there. Only made once: where it vanishes later its disk is gone, and a folder in its
        place would fill another one. OSError."""
        if not self._made:
            make_root(self._root)
            self._made = True

    def check(self, order: TakeOrder) -> None:
        """A folder for this take may be made. Raises TakeError where the volume is not the one that it was."""
        away = self._why_away()
        if away:
            raise TakeError(f'take "{order.folder}": {away}; nothing was written')

    def _why_away(self) -> str:
        if self._marked is None:
            for folder in (self._root, *self._root.parents):
                self._id = read_id(folder)
                if self._id:
                    self._marked = folder
                    break
            return ""
        found = read_id(self._marked)
        if found == self._id:
            return ""
        other = "holds another volume than it held" if found else "does not hold the volume that it held"
        cure = "see whether its disk is mounted. To use another disk start rigd and its writer again"
        return f'the library "{self._root}" {other}; {cure}'

    def look(self) -> tuple[int, str]:
        """Bytes that a plain user may still write; what is wrong now, or nothing."""
        away = self._why_away()
        if away:
            return 0, away
        try:
            self.make()
            volume = os.statvfs(self._root)
        except OSError as error:
            trouble = trouble_of(error.errno)
            known = trouble in (DiskTrouble.STALE, DiskTrouble.UNREACHABLE, DiskTrouble.QUOTA)
            cure = cure_of(trouble) if known else "see whether its disk is mounted"
            return 0, f'the library "{self._root}" cannot be reached ({error.strerror}); {cure}'
        free = volume.f_bavail * volume.f_frsize
        if volume.f_flag & os.ST_RDONLY:
            return free, (
                f'the library "{self._root}" is on a read-only volume; mount it for writing (as a service:'
                " ReadWritePaths=)"
            )
        if not os.access(self._root, os.W_OK | os.X_OK):
            return free, f'the library "{self._root}" may not be written to; give this user the right to'
        return free, ""
