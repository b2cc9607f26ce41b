"""Takes of a wrong clock get their right date and lie in the session of their day. Library thread only.

A base of `Library`. Which takes, and to when, is told by `dating.py`. take.json is written before a folder moves,
so that a power cut leaves the old or the new one; the next time makes an end of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rigd.library.dating import NewDate, new_dates
from rigd.library.open_sessions import OpenSessions
from rigd.library.session import SESSION_NAME, read_session, remove_if_empty, take_folders
from rigd.library.sessions import Place
from rigd.library.sheet import place_of, slate_of, take_of
from rigd.library.takes import FoundTake, bring_up_to_date, free_in_trash, move_to_session
from rigd.library.walking import is_folder, is_gone
from rigd.model.errors import LibraryError
from rigd.model.inputs import ClockReading
from rigd.model.library import SessionOpened, TakesDated


class DatedSessions(OpenSessions):
    """As `Library`, which see."""

    def date_takes(self, now: ClockReading, *, may_go_on: Callable[[], bool]) -> TakesDated | None:
        """Takes that a wrong clock dated have their right date and lie in the session of their day; None where there
        are none. Asked before each: `may_go_on`; where it is False the rest is left. Raises LibraryError."""
        moved: list[FoundTake] = []
        sources: set[Path] = set()
        left = False
        for each in new_dates(self._undated(now.boot_id), now):
            if not may_go_on():
                left = True
                break
            moved.append(self._dated(each))
            sources.add(each.found.session_folder)
        if not moved:
            return TakesDated(takes=(), left=True) if left else None
        targets = {take.session_folder: None for take in moved}
        opened = None if left else self._go_along(sources, tuple(targets))
        with self._planning:
            current = self._current
        for session in sources - {Path(current)}:
            if remove_if_empty(session):
                self.catalogue.remove_session(session)
                self._removed.add(str(session))
        return TakesDated(takes=tuple(take_of(f.sheet, f.folder) for f in moved), opened=opened, left=left)

    def _go_along(self, sources: set[Path], targets: tuple[Path, ...]) -> SessionOpened | None:
        """Takes of the open session were moved: it is the one now that the last of them lies in."""
        with self._planning:
            current = self._sessions.get(self._current)
        if current is None or current.folder not in sources or targets[-1] == current.folder:
            return None
        sheet = read_session(targets[-1])
        if sheet is None:
            return None
        sheet = replace(sheet, song=sheet.song or current.sheet.song)
        opened = self._opened(Place(folder=targets[-1], sheet=sheet, is_there=True), told=False)
        with self._planning:
            self._current = opened.folder
        return opened

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
            folder = self.root / sheet.on_its_way_to if sheet.on_its_way_to else found.session_folder
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
