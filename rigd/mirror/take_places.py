"""Where each take lies on either of two volumes. Used by one thread; nothing is remembered that the folders say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from rigd.library.session import take_folders
from rigd.library.sheet_file import read_sheet
from rigd.library.walking import folders_in, is_gone, is_plain
from rigd.mirror.copies import take_in
from rigd.model.errors import LibraryError
from rigd.model.units import TakeId
from rigd.takefile.journal import JOURNAL_NAME


class TakePlaces:
    """`library` and `mirror` are absolute. `go_on` is asked between folders, and raises where it is to stop."""

    def __init__(self, library: Path, mirror: Path, *, go_on: Callable[[], None]) -> None:
        self._library, self._mirror, self._go_on = library, mirror, go_on
        self._here: dict[TakeId, Path] = {}
        self._there: dict[TakeId, Path] = {}

    def look_through(self) -> set[TakeId]:
        """Both volumes were gone through. Returns every take that is on either."""
        self._here = dict(self._takes_in(self._library))
        self._there = dict(self._takes_in(self._mirror))
        return {*self._here, *self._there}

    def _takes_in(self, root: Path) -> Iterator[tuple[TakeId, Path]]:
        for session in folders_in(root):
            for place in take_folders(session):
                self._go_on()
                take_id = take_in(place)
                if take_id is not None:
                    yield take_id, place

    def put(self, take_id: TakeId, *places: Path) -> None:
        """It lies there now."""
        for place in places:
            known = self._there if place.is_relative_to(self._mirror) else self._here
            known[take_id] = place

    def known(self, take_id: TakeId) -> tuple[Path | None, Path | None]:
        """In the library and on the mirror, as it was seen last; None where it is not there."""
        return self._here.get(take_id), self._there.get(take_id)

    def are_compared(self, take_id: TakeId) -> bool:
        """The sheet says that both copies are the same, and they are as it says."""
        here, there = self.known(take_id)
        if here is None or there is None:
            return False
        try:
            sheet = read_sheet(here)
            files = [file for file in sheet.files if is_plain(file.name)] if sheet is not None else []
            sizes = {file.name: file.size_bytes for file in files}
            return (
                sheet is not None
                and sheet.mirror is not None
                and sheet.mirror.state == "same"
                and Path(sheet.mirror.folder) == there
                and (here / JOURNAL_NAME).stat().st_size == sheet.journal_bytes
                and all((there / name).stat().st_size == size for name, size in sizes.items())
            )
        except (LibraryError, OSError):
            return False

    def of(self, take_id: TakeId) -> tuple[Path | None, Path | None]:
        """Where it lies on either volume now; also where it would, if it is there."""
        here, there = self._here.get(take_id), self._there.get(take_id)
        if here is None or take_in(here) != take_id:
            here = None if there is None else self._library / there.relative_to(self._mirror)
        if here is not None and take_in(here) != take_id:
            here = None
        if here is not None and (there is None or take_in(there) != take_id):
            there = self._mirror / here.relative_to(self._library)
        if there is not None and take_in(there) != take_id:
            there = None
        for known, place in ((self._here, here), (self._there, there)):
            known.pop(take_id, None)
            if place is not None:
                known[take_id] = place
        return here, there

    @staticmethod
    def free(take_id: TakeId, folder: Path, of: Path, root: Path) -> Path:
        """The same place on the other volume; beside it where another take has it."""
        wanted = root / folder.relative_to(of)
        target, number = wanted, 2
        while not is_gone(target) and take_in(target) not in (None, take_id):
            target = wanted.with_name(f"{wanted.name} ({number})")
            number += 1
        return target
