"""The library: one root folder, its sessions and takes, and the index that finds them. One daemon has it.

Planning a take, choosing a song and asking for a number are for any thread and never ask the disk. All the
rest is the library thread's. The folders are the truth; an index that fails costs a listing, never a take.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from rigd.library.catalogue import Catalogue
from rigd.library.dating import NewDate, new_dates
from rigd.library.durable import make_folder
from rigd.library.index import INDEX_NAME
from rigd.library.lock import LibraryLock
from rigd.library.session import (
    SESSION_NAME,
    SessionFolder,
    SessionSheet,
    read_session,
    remove_if_empty,
    take_folders,
    write_session,
)
from rigd.library.sessions import Place, SessionPlaces, end_of, goes_on
from rigd.library.sheet import SheetMirror, place_in_trash, slate_of, take_of
from rigd.library.sheet import place_of as place_of_sheet
from rigd.library.sheet_file import read_sheet
from rigd.library.takes import (
    FoundTake,
    bring_up_to_date,
    file_failed,
    free_in_trash,
    move_from_trash,
    move_to_session,
    move_to_trash,
    note_digests,
    note_mirror,
    place_before_trash,
)
from rigd.library.volumes import volume_id
from rigd.library.walking import ToldOnce, folders_in, is_folder, is_gone
from rigd.model.errors import LibraryError, TakeError
from rigd.model.inputs import ClockReading
from rigd.model.library import SessionOpened, TakePlan, TakesDated
from rigd.model.names import Naming
from rigd.model.ordinals import next_ordinal, ordinal_of
from rigd.model.state import Take
from rigd.model.take import Slate, Track
from rigd.model.units import TakeId
from rigd.writer.journal import JOURNAL_NAME, read_journal
from rigd.writer.volume import OWN_FOLDER

log = logging.getLogger(__name__)

MIRROR_WITHIN_S = 3.0


def _note_takes_of(session: SessionFolder, twin: Path, count: Callable[[int], None]) -> None:
    with contextlib.suppress(LibraryError):
        session.look(twin)
    for place in take_folders(twin):
        with contextlib.suppress(LibraryError, TakeError):
            sheet = read_sheet(place)
            if sheet is not None:
                session.note_take(slate_of(sheet), place)
                count(place_of_sheet(sheet))
            else:
                record = read_journal(place / JOURNAL_NAME)
                session.note_take(record.slate, place)
                count(ordinal_of(record.order.ordinal, record.order.started_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ahead:
    """The session of a day that has begun, looked at before its first take."""

    of: str
    """Folder of the session that it follows."""
    opened: SessionOpened


class Library:
    """Held from construction to `close`."""

    def __init__(
        self,
        root: Path,
        *,
        naming: Naming,
        layout: Literal["mono", "poly"] = "mono",
        rig: str = "rig",
        now: Callable[[], datetime],
        mirror: Path | None = None,
        filed: Callable[[FoundTake], None] = lambda found: None,
    ) -> None:
        """`now` is the wall clock, with its offset. A take may lie below `mirror` at the place that it would have
        below `root`. `filed` is told of every take that was looked into, on the library's thread. Raises
        LibraryError at once where another rigd is."""
        self.root = root.absolute()
        self._mirror, self._tell_filed = mirror, filed
        self._naming, self._layout, self._rig, self._now = naming, layout, rig, now
        own = self.own_folder = self.root / OWN_FOLDER
        try:
            self.root.mkdir(mode=0o750, parents=True, exist_ok=True)
        except OSError as error:
            raise LibraryError(
                f"library {root}: cannot be made ({error.strerror}). Nothing was started. Set [rig] library to a "
                "folder that you may write to"
            ) from error
        make_folder(own)
        self._lock = LibraryLock(own / "lock")
        with contextlib.suppress(LibraryError):  # full or read-only: told when it is written to
            volume_id(self.root)
        self._counting = threading.Lock()
        self._highest = 0
        """The highest ordinal that was seen or given."""
        self._planning = threading.Lock()
        self._sessions: dict[str, SessionFolder] = {}
        self._current = ""
        """The folder of the session that was opened or planned in last."""
        self._ahead: _Ahead | None = None
        self._removed: set[str] = set()
        """Sessions of wrong days, of which nothing was left."""
        self._places: dict[TakeId, Path] = {}
        self._tell_once = ToldOnce()
        self._session_places = SessionPlaces(
            self.root,
            naming=naming,
            rig=rig,
            now=now,
            next_ordinal=self._next_ordinal,
            unreadable=self._tell_once,
        )
        self.catalogue = Catalogue(self.root, own / INDEX_NAME, now=now, mirror=mirror)
        self.reader = self.catalogue.reader
        """Lists sessions and takes; any thread but the controller's."""
        with contextlib.suppress(LibraryError):  # without an index each take that is met counts
            self._note_ordinal(self.reader.highest_ordinal())

    def close(self) -> None:
        """The next daemon may have the library."""
        self.catalogue.close()
        self._lock.release()

    # --- any thread, no disk ---

    def plan_take(self, *, session_folder: str, slate: Slate, tracks: tuple[Track, ...]) -> TakePlan:
        """A folder that no take has, and names for its files. Number and name count as taken from now on.

        Raises LibraryError where that session is not open.
        """
        session = self._session(session_folder)
        plan = session.plan(slate=slate, tracks=tracks, layout=self._layout)
        session.note_use(self._now().timestamp())
        with self._planning:
            self._current = session_folder
        return replace(plan, ordinal=self._next_ordinal())

    def next_take_number(self, *, session_folder: str, song: str) -> int:
        """The number that this song's next take gets. Raises LibraryError where that session is not open."""
        return self._session(session_folder).next_take_number(song)

    def choose_song(self, *, session_folder: str, song: str, next_take_number: int | None = None) -> None:
        """What session.json shall say at the next `save_session`."""
        self._session(session_folder).choose_song(song, next_take_number=next_take_number)

    def session_of_day(self, *, session_folder: str) -> SessionOpened | None:
        """The session that a take which begins now goes to, where it is another day's than `session_folder`: that
        one is over since its last use was long ago, and nobody has said that it goes on. None: it stays."""
        with self._planning:
            session, ahead = self._sessions.get(session_folder), self._ahead
        if session is None or ahead is None or ahead.of != session_folder or session.told:
            return None
        now = self._now()
        if ahead.opened.date != now.date().isoformat() or goes_on(session.used_at, now.timestamp()):
            return None
        return ahead.opened

    # --- the library thread ---

    def open_session(
        self, name: str, *, date: str | None = None, going_on: bool = False, newest: bool = False
    ) -> SessionOpened:
        """The session of that name and date (today) is open: the one there is, else a new one, durably.

        `going_on`: where today has none, the last one of that name goes on if it was used within the last hours:
        an evening is one session, also past midnight. `newest`: the last one of that name in any case, until
        another is opened. Folders that are not that session, whatever they are, are left alone. Raises LibraryError.
        """
        place: Place | None = None
        if newest:
            place = self._session_places.newest(name)
            if place is None:
                raise LibraryError(
                    f'session "{name}": there is none to go on with; begin it: rigd session new {name}'
                )
        else:
            place = self._session_places.find(name, self._now().date().isoformat() if date is None else date)
            if going_on and not place.is_there:
                before = self._session_places.newest(name)
                if before is not None and goes_on(
                    self._session_places.used_at(before), self._now().timestamp()
                ):
                    place = before
        self._removed.discard(str(place.folder))
        if not place.is_there:
            make_folder(place.folder)
            write_session(place.folder, place.sheet)
        opened = self._opened(place, told=newest)
        if is_gone(place.folder / SESSION_NAME):
            write_session(place.folder, self._session(opened.folder).sheet)
        with self._planning:
            self._current = opened.folder
        return opened

    def look_ahead(self) -> None:
        """Whatever the day is by now, its session can be planned in without asking the disk; nothing is made of it
        before its first take. Cheap where it is the day that it was. Raises LibraryError."""
        today = self._now().date().isoformat()
        with self._planning:
            session, ahead = self._sessions.get(self._current), self._ahead
        if session is None or session.told or session.sheet.date == today:
            return
        of = str(session.folder)
        if ahead is None or (ahead.of, ahead.opened.date) != (of, today):
            opened = self._opened(self._session_places.find(session.sheet.session, today), told=False)
            with self._planning:
                self._ahead = _Ahead(of=of, opened=opened)

    def _opened(self, place: Place, *, told: bool) -> SessionOpened:
        folder = place.folder
        session = SessionFolder(folder, place.sheet, self._naming, told=told, used_at=self._now().timestamp())
        takes: list[FoundTake] = []
        if place.is_there:
            session.look()
            for each in take_folders(folder, self._tell_once):
                try:
                    found = bring_up_to_date(each)
                except LibraryError as error:
                    self._tell_once(each, error)
                    continue
                if found is not None:
                    takes.append(found)
                    self._places[found.sheet.take_id] = found.folder
                    session.note_take(slate_of(found.sheet), each)
                    self._note_ordinal(place_of_sheet(found.sheet))
        self._look_at_mirror(session)
        with self._planning:
            self._sessions[str(folder)] = session
        if place.is_there:
            self.catalogue.enter(*takes, session=(folder, session.sheet))
        closed = sorted(
            (found for found in takes if not found.sheet.rolling),
            key=lambda found: (place_of_sheet(found.sheet), found.sheet.started_at, found.sheet.take_id),
        )
        song = session.sheet.song
        return SessionOpened(
            session=place.sheet.session,
            date=place.sheet.date,
            folder=str(folder),
            song=song,
            next_take_number=session.next_take_number(song),
            takes=tuple(take_of(found.sheet, found.folder) for found in closed if not found.sheet.false_take),
            trashed=tuple(
                found.sheet.take_id
                for found in sorted(closed, key=lambda found: place_in_trash(found.sheet))
                if found.sheet.false_take
            ),
        )

    def save_session(self, session_folder: str) -> None:
        """session.json is durable as planned takes and chosen songs made it. Raises LibraryError."""
        session = self._session(session_folder)
        if is_gone(session.folder):
            if session_folder in self._removed:
                return  # asked for before its takes got their right date
            make_folder(session.folder)
        write_session(session.folder, session.sheet)
        self.catalogue.enter(session=(session.folder, session.sheet))

    def _look_at_mirror(self, session: SessionFolder) -> None:
        """Names and numbers of takes that are on the mirror alone, because the library's volume failed, are not given
        once more: the mirror would take none of those. A mirror that stands still is not waited for."""
        if self._mirror is not None:
            twin = self._mirror / session.folder.name
            looking = threading.Thread(
                target=_note_takes_of, args=(session, twin, self._note_ordinal), name="rigd-look", daemon=True
            )
            looking.start()
            looking.join(MIRROR_WITHIN_S)

    def file_take(self, folder: Path, *, slate: Slate | None = None, failure: str = "") -> FoundTake:
        """take.json and index say what the journal, and `slate` if given, say. `failure`: why the writer let go of
        the take, where it may have found no room to say so in the journal. Raises LibraryError."""
        found = bring_up_to_date(folder, slate=slate)
        if found is None:
            raise LibraryError(f"{folder}: there is no take; nothing was written")
        if found.sheet.rolling and failure:
            found = file_failed(folder, failure=failure)
        return self._filed(found)

    def adopt_take(self, folder: Path) -> Take | None:
        """What journal and take.json say of a take, open or closed; None where there is no take yet.

        Raises LibraryError.
        """
        found = bring_up_to_date(folder)
        if found is None:
            return None
        self._filed(found)
        return take_of(found.sheet, found.folder)

    def file_digests(self, folder: Path, digests: dict[str, str], *, journal_bytes: int) -> FoundTake | None:
        """The SHA-256 are in take.json; None where the take changed meanwhile. Raises LibraryError."""
        found = note_digests(folder, digests, journal_bytes=journal_bytes)
        return None if found is None else self._filed(found)

    def file_mirror(
        self, folder: Path, digests: dict[str, str], mirror: SheetMirror, *, journal_bytes: int
    ) -> FoundTake | None:
        """What came of comparing two copies is in take.json; None where the take changed meanwhile. Raises
        LibraryError."""
        found = note_mirror(folder, digests, mirror, journal_bytes=journal_bytes)
        if found is not None:
            self._places[found.sheet.take_id] = found.folder
            self.catalogue.enter(found)
        return found

    def come_back(self) -> None:
        """The library's volume was away: lock and index are of what is there now. Raises LibraryError."""
        self._lock.release()
        self._lock = LibraryLock(self.root / OWN_FOLDER / "lock")
        self.catalogue.open_again()

    def discard(self, take_id: TakeId) -> FoundTake:
        """The take is in its session's trash. Not for while anything is recorded. Raises LibraryError."""
        folder = self.place_of(take_id)
        at = self._now().isoformat(timespec="milliseconds")
        found = move_to_trash(folder, at=at, ordinal=self._next_ordinal())
        session = self._sessions.get(str(found.session_folder))
        if session is not None and found.folder != folder:
            session.let_go(folder.parent.name, folder.name)
        return self._filed(found, before=folder)

    def restore(self, take_id: TakeId) -> FoundTake:
        """The take is back where it was, with a suffix where that name is in use by now. As `discard`."""
        folder = self.place_of(take_id)
        trashed = self.file_take(folder)
        song, name = place_before_trash(trashed)
        key = str(trashed.session_folder)
        session = self._sessions.get(key)
        if session is None:
            found_sheet = trashed.sheet
            sheet = read_session(trashed.session_folder) or self._session_places.made_up(
                found_sheet.session, found_sheet.song, found_sheet.started_at
            )
            session = SessionFolder(trashed.session_folder, sheet, self._naming)
        session.look()
        free = session.free_take_name(song, name)
        try:
            found = move_from_trash(trashed, trashed.session_folder / song / free)
        except LibraryError:
            session.let_go(song, free)
            raise
        return self._filed(found, before=folder)

    def place_of(self, take_id: TakeId) -> Path:
        """A take's folder. Raises LibraryError where there is none."""
        known = self._places.get(take_id)
        if known is not None and is_folder(known):
            return known
        with contextlib.suppress(LibraryError):
            row = self.reader.take(take_id)
            for root in (self.root, self._mirror):
                if row is not None and root is not None and is_folder(root / row.folder):
                    return root / row.folder
        for session in self._sessions.values():
            for place in take_folders(session.folder):
                with contextlib.suppress(LibraryError):
                    sheet = read_sheet(place)
                    if sheet is not None and sheet.take_id == take_id:
                        return place
        raise LibraryError(f'take "{take_id}": the library has no such take')

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
        for row in self.reader.undated(boot_id):
            place = self.root / row.folder
            if not is_folder(place):
                continue  # on the mirror alone: dated once it is here
            try:
                take = bring_up_to_date(place)
            except LibraryError as error:
                self._tell_once(place, error)
                continue
            if take is not None and not take.newer and not take.sheet.rolling:
                found.append(take)
        return found

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

    def catch_up(self, *, may_move: Callable[[], bool]) -> Iterator[FoundTake | None]:
        """Step by step, a take folder a step: take sheets and index say what the folders say.

        False takes that a crash left beside the good ones go to the trash at the end, where `may_move` and no
        take is open. Yields each take that was looked into, None for one that the index knows already.
        """
        false_takes: list[TakeId] = []
        any_open = False
        takes: set[Path] = set()
        sessions: set[Path] = set()
        for folder in folders_in(self.root, self._tell_once):
            sheet: SessionSheet | None = None
            try:
                sheet = read_session(folder)
            except LibraryError as error:
                self._tell_once(folder, error)
            for place in take_folders(folder, self._tell_once):
                if (known := self.catalogue.known(place)) is not None:
                    self._places[known.take_id] = place
                    takes.add(place)
                    sheet = sheet or self._session_places.made_up(known.session, known.song, known.started_at)
                    yield None
                    continue
                try:
                    found = bring_up_to_date(place)
                    if found is None:
                        continue
                except LibraryError as error:
                    self._tell_once(place, error)
                    continue
                takes.add(self._filed(found).folder)
                sheet = sheet or self._session_places.made_up(
                    found.sheet.session, found.sheet.song, found.sheet.started_at
                )
                any_open = any_open or found.sheet.rolling
                if found.sheet.false_take and not found.in_trash:
                    false_takes.append(found.sheet.take_id)
                yield found
            if sheet is not None:
                sessions.add(folder)
                self.catalogue.enter(session=(folder, sheet))
        self.catalogue.forget_missing(takes=takes, sessions=sessions)
        for take_id in false_takes:
            if not any_open and may_move():
                with contextlib.suppress(LibraryError):
                    yield self.discard(take_id)

    def _next_ordinal(self) -> int:
        """Any thread; no disk."""
        with self._counting:
            self._highest = next_ordinal(self._highest, int(self._now().timestamp() * 1000))
            return self._highest

    def _note_ordinal(self, ordinal: int) -> None:
        with self._counting:
            self._highest = max(self._highest, ordinal)

    def _session(self, session_folder: str) -> SessionFolder:
        with self._planning:
            session = self._sessions.get(session_folder)
        if session is None:
            raise LibraryError(f'session "{session_folder}" is not open; nothing was planned in it')
        return session

    def _filed(self, found: FoundTake, *, before: Path | None = None) -> FoundTake:
        self._places[found.sheet.take_id] = found.folder
        self._note_ordinal(place_of_sheet(found.sheet))
        with self._planning:
            session = self._sessions.get(str(found.session_folder))
        if session is not None and not found.sheet.rolling:
            session.note_use(end_of(found.sheet))
        if before is not None and before != found.folder:
            self.catalogue.remove_take(before)
        self.catalogue.enter(found)
        self._tell_filed(found)
        return found
