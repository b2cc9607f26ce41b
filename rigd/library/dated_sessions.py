"""Takes of a wrong clock get their right date and lie in the session of their day. Library thread only.

A base of `Library`. Which takes, and to when, is told by `dating.py`. take.json is written before a folder moves,
so that a power cut leaves the old or the new one; the next time makes an end of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from rigd.library.dating import NewDate, new_dates
from rigd.library.open_sessions import OpenSessions
from rigd.library.session import SESSION_NAME, read_session, remove_if_empty, take_folders
from rigd.library.sessions import GOES_ON_WITHIN_S, Place, end_of
from rigd.library.sheet import place_of, slate_of, take_of
from rigd.library.sheet_file import read_sheet
from rigd.library.takes import FoundTake, bring_up_to_date, free_in_trash, move_to_session
from rigd.library.walking import is_folder, is_gone, is_link, is_plain
from rigd.model.errors import LibraryError
from rigd.model.inputs import ClockReading
from rigd.model.library import SessionOpened, TakesDated
from rigd.model.units import TakeId


class DatedSessions(OpenSessions):
    """As `Library`, which see."""

    def date_takes(self, now: ClockReading, *, may_go_on: Callable[[], bool]) -> TakesDated | None:
        """Takes that a wrong clock dated have their right date and lie in the session of their day; None where there
        are none. Asked before each: `may_go_on`; where it is False the rest is left. A take that cannot be moved
        costs itself only. Raises LibraryError where none can."""
        moved: list[FoundTake] = []
        went: dict[Path, Path] = {}
        """Where the last take of each session went."""
        left = False
        fault: LibraryError | None = None
        takes = self._undated(now.boot_id)
        ids = {take.sheet.take_id for take in takes}
        for each in new_dates(takes, now, day_of=self._day_of, stays=partial(self._stays, ids)):
            if not may_go_on():
                left = True
                break
            try:
                moved.append(self._dated(each))
            except LibraryError as error:
                self._tell_once(each.found.folder, error)
                fault = fault or error
                continue
            went[each.found.session_folder] = moved[-1].session_folder
        if not moved:
            if fault is not None and not left:
                raise fault
            return TakesDated(takes=(), left=True) if left else None
        opened: SessionOpened | None = None
        if not left:
            try:
                opened = self._go_along(went)
            except LibraryError as error:  # the next take opens the session of its day
                self._tell_once(moved[-1].session_folder, error)
        for session in went:
            self._remove_if_empty(session)
        return TakesDated(takes=tuple(take_of(f.sheet, f.folder) for f in moved), opened=opened, left=left)

    def _remove_if_empty(self, session: Path) -> None:
        """Not the open one; and no take is planned in it from before it is looked at."""
        with self._planning:
            if str(session) == self._current:
                return
            self._removed.add(str(session))
        if remove_if_empty(session):
            self.catalogue.remove_session(session)
            return
        with self._planning:
            self._removed.discard(str(session))

    def left_to_date(self, now: ClockReading | None) -> TakesDated | None:
        """That dating is to be asked for, once the folders were gone through: an index that was lost, or a power cut
        while takes were dated, left some that nobody knew of when the clock was seen."""
        with contextlib.suppress(LibraryError):
            if now is not None and self.reader.undated(now.boot_id):
                return TakesDated(takes=(), left=True)
        return None

    def _go_along(self, went: dict[Path, Path]) -> SessionOpened | None:
        """Takes of the open session were moved: it is the one now that its last one lies in."""
        with self._planning:
            current = self._sessions.get(self._current)
        if current is None or went.get(current.folder, current.folder) == current.folder:
            return None
        folder = went[current.folder]
        sheet = read_session(folder)
        if sheet is None:
            return None
        sheet = replace(sheet, song=sheet.song or current.sheet.song)
        opened = self._opened(Place(folder=folder, sheet=sheet, is_there=True), told=False)
        with self._planning:
            self._current = opened.folder
        return opened

    def _day_of(self, found: FoundTake) -> str:
        with contextlib.suppress(LibraryError):
            sheet = read_session(self._way_of(found) or found.session_folder)
            if sheet is not None:
                return sheet.date
        return found.sheet.started_at[:10]

    def _stays(self, being_dated: set[TakeId], found: FoundTake, start: float) -> bool:
        """Somebody has said that takes go to that session; or it was in use when the take began, by takes of which
        the dates are right."""
        folder = found.session_folder
        with self._planning:
            session = self._sessions.get(str(folder))
        if session is not None and session.told:
            return True
        ends = [0.0]
        for place in take_folders(folder):
            with contextlib.suppress(LibraryError):
                sheet = read_sheet(place)
                if sheet is None or sheet.take_id in being_dated:
                    continue
                if place_of(sheet) < place_of(found.sheet):
                    ends.append(end_of(sheet))
        return 0 <= start - max(ends) < GOES_ON_WITHIN_S

    def _way_of(self, found: FoundTake) -> Path | None:
        """The session's folder that it is on its way to: nobody knows who wrote a take.json that lies in a library,
        so it is a folder of this library, or none."""
        name = found.sheet.on_its_way_to
        if not is_plain(name) or name.startswith(".") or is_link(self.root / name):
            return None
        return self.root / name

    def _undated(self, boot_id: str) -> list[FoundTake]:
        found: list[FoundTake] = []
        for place in self._places_of_undated(boot_id):
            if not is_folder(place):
                continue  # on the mirror alone: dated once it is here
            try:
                take = bring_up_to_date(place)
            except LibraryError as error:
                self._tell_once(place, error)
                continue
            if take is not None and not take.newer and not take.sheet.rolling:
                found.append(take)
        return sorted(found, key=lambda take: place_of(take.sheet))

    def _places_of_undated(self, boot_id: str) -> list[Path]:
        try:
            return [self.root / row.folder for row in self.reader.undated(boot_id)]
        except LibraryError:  # without an index, those of the session that takes go to
            with self._planning:
                current = self._current
            return list(take_folders(Path(current))) if current else []

    def _dated(self, new: NewDate) -> FoundTake:
        found, sheet = new.found, new.found.sheet
        if new.day:
            place = self._session_places.find(sheet.session, new.day)
        else:
            folder = self._way_of(found) or found.session_folder
            known = read_session(folder)
            made_up = self._session_places.made_up(sheet.session, sheet.song, sheet.started_at)
            place = Place(folder=folder, sheet=known or made_up, is_there=not is_gone(folder))
        with self._planning:
            session = self._sessions.get(str(place.folder))
        if session is None:
            self._opened(place, told=False)
            session = self._session(str(place.folder))
        if is_gone(place.folder / SESSION_NAME):
            self.save_session(str(place.folder))
        song = session.folder_of(sheet.song)

        def target() -> Path:
            if found.in_trash:
                return free_in_trash(place.folder, found.folder.name)
            return place.folder / song / session.free_take_name(song, found.folder.name)

        before = found.folder
        found = move_to_session(found, place.folder, dated=new.dated, target=target)
        if found.folder != before:
            session.note_take(slate_of(found.sheet), found.folder)
            self.save_session(str(place.folder))
            old = self._sessions.get(str(before.parent.parent))
            if old is not None:
                old.let_go(before.parent.name, before.name)
        return self._filed(found, before=before)
