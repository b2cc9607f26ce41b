"""Takes of the trash deleted for good. Library thread only.

Nothing outside a session's `.trash` is touched, and no link is followed: a link in a take's folder is removed, and
what it points to stays. A take's take.json goes last, so that one that was half deleted is still a take of the trash.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from rigd.library.session import TRASH_NAME
from rigd.library.sheet import TakeSheet
from rigd.library.sheet_file import SHEET_NAME, read_sheet
from rigd.library.walking import folders_in, is_link
from rigd.model.errors import LibraryError
from rigd.model.library import TrashEmptied
from rigd.model.units import NS_PER_SECOND, TakeId
from rigd.takefile.beneath import names_in, remove, remove_folder, status_of, sync_folder

MOST_PROBLEMS = 3
"""That are told; a disk that may not be written to has one a take."""


class _RecordingBegan(Exception):
    """The disk is somebody else's now."""


class Emptying:
    """Of the library at `root`. `gone` is called with each folder that was deleted; `may_go_on`: nothing is being
    recorded."""

    def __init__(
        self, root: Path, mirror: Path | None, *, may_go_on: Callable[[], bool], gone: Callable[[Path], None]
    ) -> None:
        self._root, self._mirror, self._may_go_on, self._gone = root, mirror, may_go_on, gone
        self._size_bytes = 0
        self._problems: list[str] = []

    def run(self, before_unix_ns: int, *, is_of_any_age: bool) -> TrashEmptied:
        """What was put in the trash before then is deleted, with its copy in the mirror's trash."""
        takes: list[TakeId] = []
        try:
            for folder, sheet in self._takes_in_trash():
                discarded_unix_ns = unix_ns_of(sheet.trashed_at)
                if is_of_any_age if discarded_unix_ns is None else discarded_unix_ns <= before_unix_ns:
                    self._check_recording()
                    if self._delete(folder, sheet):
                        takes.append(sheet.take_id)
        except _RecordingBegan:
            self._problems.append(
                "a take was begun meanwhile; empty the trash again once nothing is recorded"
            )
        more = len(self._problems) - MOST_PROBLEMS
        problem = "; ".join(self._problems[:MOST_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")
        return TrashEmptied(takes=tuple(takes), size_bytes=self._size_bytes, problem=problem)

    def _takes_in_trash(self) -> Iterator[tuple[Path, TakeSheet]]:
        for session in folders_in(self._root):
            trash = session / TRASH_NAME
            if is_link(trash):
                continue
            for folder in folders_in(trash):
                try:
                    sheet = read_sheet(folder)
                except LibraryError as error:
                    self._problems.append(str(error))
                    continue
                if sheet is not None and not sheet.rolling:
                    yield folder, sheet

    def _delete(self, folder: Path, sheet: TakeSheet) -> bool:
        """The copy first: a power cut in between leaves the library's, and who makes both agree copies that again."""
        try:
            for copy in self._copies_of(folder, sheet):
                self._remove(copy, copy.parents[2], is_counted=False)
            self._remove(folder, self._root)
            sync_folder(self._root, folder.parent)
        except OSError as error:
            self._problems.append(f"{folder}: cannot be deleted ({error.strerror})")
            return False
        self._gone(folder)
        return True

    def _copies_of(self, folder: Path, sheet: TakeSheet) -> Iterator[Path]:
        """Where the mirror has the take: in the trash of a session there, or nowhere that is touched."""
        if self._mirror is None:
            return
        places = [self._mirror / folder.relative_to(self._root)]
        places += [Path(sheet.mirror.folder)] if sheet.mirror is not None else []
        for place in dict.fromkeys(places):
            is_in_trash = place.parent.name == TRASH_NAME and place.parents[2:3] == (self._mirror,)
            if not is_in_trash or ".." in place.parts or is_link(place.parent):
                continue
            with contextlib.suppress(LibraryError):
                there = read_sheet(place)
                if there is not None and there.take_id == sheet.take_id:
                    yield place

    def _remove(self, folder: Path, root: Path, *, is_counted: bool = True) -> None:
        for name in sorted(names_in(root, folder), key=lambda name: (name == SHEET_NAME, name)):
            self._check_recording()
            path = folder / name
            status = status_of(root, path)
            if stat.S_ISDIR(status.st_mode):
                self._remove(path, root, is_counted=is_counted)
                continue
            remove(root, path)
            if is_counted and status.st_nlink == 1:
                self._size_bytes += status.st_size
        remove_folder(root, folder)

    def _check_recording(self) -> None:
        if not self._may_go_on():
            raise _RecordingBegan


def unix_ns_of(trashed_at: str) -> int | None:
    """When a take was discarded; None where nobody knows."""
    try:
        return round(datetime.fromisoformat(trashed_at).timestamp() * NS_PER_SECOND)
    except (ValueError, OverflowError, OSError):
        return None
