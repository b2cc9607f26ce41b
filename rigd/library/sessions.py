"""Which folder a session has, by its name and day, and whether it goes on. Library thread only.

A session is a day's work, but an evening does not end at midnight: one that was used within the last hours goes
on. What is no session of rigd's, whatever it is, is left alone.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from rigd.library.catalogue import Catalogue
from rigd.library.durable import DamagedFile
from rigd.library.session import SESSION_NAME, SessionSheet, read_session, take_folders
from rigd.library.sheet import TakeSheet
from rigd.library.sheet_file import read_sheet
from rigd.library.takes import bring_up_to_date
from rigd.library.walking import ToldOnce, folders_in
from rigd.model.errors import LibraryError
from rigd.model.names import Naming, clash_key, unique_name
from rigd.rules.ordinals import ordinal_of
from rigd.takefile.beneath import is_folder, put_aside

log = logging.getLogger(__name__)

GOES_ON_WITHIN_S = 6 * 3600.0
"""A session of the day before goes on for so long after its last take: longer than a pause, shorter than a night."""


class Place(Struct, frozen=True, kw_only=True):
    """A session's folder, and what its session.json says or is to say."""

    folder: Path
    sheet: SessionSheet
    is_there: bool


def goes_on(used_at: float, now: float) -> bool:
    """A session that was used last at `used_at` (Unix time) is still under way; a clock that was set back by a few
    hours does not end it either."""
    return abs(now - used_at) < GOES_ON_WITHIN_S


def end_of(sheet: TakeSheet) -> float:
    """When the take ended, in Unix time; 0 where nobody can tell."""
    return instant_of(sheet.started_at) + sheet.duration_s


def instant_of(text: str) -> float:
    """Unix time of an ISO 8601 time with its offset; 0 where it is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


class SessionPlaces:
    """`next_ordinal` gives a new session its place; `unreadable` is told of what cannot be read."""

    def __init__(
        self,
        root: Path,
        *,
        naming: Naming,
        rig: str,
        now: Callable[[], datetime],
        next_ordinal: Callable[[], int],
        unreadable: ToldOnce,
        catalogue: Catalogue,
    ) -> None:
        self._catalogue = catalogue
        self._root, self._naming, self._rig, self._now = root, naming, rig, now
        self._next_ordinal, self._unreadable = next_ordinal, unreadable

    def use(self, *, naming: Naming, rig: str) -> None:
        """Of sessions that are opened from now on. Any thread."""
        self._naming, self._rig = naming, rig

    def find(self, name: str, date: str) -> Place:
        """The folder of that session, or a free one for it; nothing is made. LibraryError."""
        values = {"session_date": date, "session": name}
        wanted = self._naming.session.render(values, fallback=f"{date} Session")
        try:
            there = {clash_key(entry): self._root / entry for entry in os.listdir(self._root)}
        except OSError as error:
            raise LibraryError(f"library {self._root}: cannot be read ({error.strerror})") from error
        new = SessionSheet(
            session=name,
            date=date,
            created_at=self._now().isoformat(timespec="seconds"),
            rig=self._rig,
            ordinal=self._next_ordinal(),
            song="",
        )
        found: list[Place] = []

        def is_another(key: str) -> bool:
            path = there.get(key)
            if path is None:
                return False
            sheet = self._is_session(path, new)
            if sheet is not None:
                found.append(Place(folder=path, sheet=sheet, is_there=True))
            return sheet is None

        free = unique_name(wanted, taken=is_another)
        return found[0] if found else Place(folder=self._root / free, sheet=new, is_there=False)

    def newest(self, name: str) -> Place | None:
        """The last session of that name, else the one whose folder is called so; None where there is none. Of those
        that the index knows only the last one is read."""
        rows = self._catalogue.sessions()
        found: list[Place] = []
        listed: list[tuple[str, int, Path]] = []
        folders = list(folders_in(self._root, self._unreadable))
        for folder in folders:
            row = rows.get(folder.name)
            if row is None:
                found += self._named(folder, name)
            elif row.session == name:
                listed.append((row.date, row.ordinal, folder))
        for *_, folder in sorted(listed, reverse=True):
            if last := self._named(folder, name):
                found += last
                break
        if not found:
            found = [place for folder in folders if folder.name == name for place in self._in(folder)]
        return max(
            found,
            key=lambda place: (place.sheet.date, ordinal_of(place.sheet.ordinal, place.sheet.created_at)),
            default=None,
        )

    def _named(self, folder: Path, name: str) -> list[Place]:
        return [place for place in self._in(folder) if place.sheet.session == name]

    def _in(self, folder: Path) -> list[Place]:
        with contextlib.suppress(LibraryError):
            sheet = read_session(folder, self._unreadable)
            if sheet is not None:
                return [Place(folder=folder, sheet=sheet, is_there=True)]
        return []

    def used_at(self, place: Place) -> float:
        """When it was made, or its last take ended, in Unix time; of takes that the index knows by its word."""
        ends = [instant_of(place.sheet.created_at)]
        rows = self._catalogue.takes_of(place.folder)
        for folder in take_folders(place.folder):
            row = rows.get(f"{place.folder.name}/{folder.parent.name}/{folder.name}")
            if row is not None and row.sample_rate_hz > 0:
                ends.append(instant_of(row.started_at) + row.frames / row.sample_rate_hz)
                continue
            with contextlib.suppress(LibraryError):
                sheet = read_sheet(folder)
                if sheet is not None:
                    ends.append(end_of(sheet))
        return max(ends)

    def made_up(self, session: str, song: str, started_at: str) -> SessionSheet:
        """A session that has lost its session.json, by one of its takes."""
        return SessionSheet(
            session=session, date=started_at[:10], created_at=started_at, rig=self._rig, song=song
        )

    def _is_session(self, folder: Path, wanted: SessionSheet) -> SessionSheet | None:
        """session.json of the folder if it is the wanted session; made up if it is lost and takes say so."""
        if not is_folder(self._root, folder):  # a link, a file, or a volume of its own
            return None
        try:
            sheet = read_session(folder, self._unreadable)
        except DamagedFile as error:
            log.warning("%s; looking at its takes instead", error)
            sheet = None
            damaged = folder / SESSION_NAME
            with contextlib.suppress(OSError):
                put_aside(self._root, damaged, f"bad-{self._now():%Y%m%d-%H%M%S}")
        except LibraryError as error:
            log.warning("%s", error)
            return None
        if sheet is not None:
            return sheet if (sheet.session, sheet.date) == (wanted.session, wanted.date) else None
        for place in take_folders(folder):
            with contextlib.suppress(LibraryError):
                found = bring_up_to_date(place)
                if found is not None:
                    return wanted if found.sheet.session == wanted.session else None
        return None
