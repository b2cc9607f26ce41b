"""The sessions that are open: takes are planned in them, and each goes to the session of its day.

Planning a take, choosing a song and asking for a number are for any thread and never ask the disk; the rest is the
library thread's. A base of `Library`, which takes are filed in.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from rigd.library.catalogue import Catalogue, is_unchanged
from rigd.library.durable import make_folder
from rigd.library.index_rows import PackedRow
from rigd.library.packed_take import unpacked
from rigd.library.session import (
    SESSION_NAME,
    TRASH_NAME,
    SessionFolder,
    parents_of_takes,
    take_folders,
    write_session,
)
from rigd.library.sessions import Place, SessionPlaces, end_of, goes_on
from rigd.library.sheet import place_in_trash, slate_of, take_of
from rigd.library.sheet import place_of as place_of_sheet
from rigd.library.sheet_file import read_sheet
from rigd.library.takes import FoundTake, bring_up_to_date
from rigd.library.walking import NotBelieved, ToldOnce, folder_names_in, is_gone, is_link
from rigd.model.errors import LibraryError, TakeError
from rigd.model.library import SessionOpened, TakeOtherwise, TakePlan
from rigd.model.limits import MOST_DISCARDED_NAMES
from rigd.model.names import Naming
from rigd.model.state import Take
from rigd.model.take import Slate, Track, name_of
from rigd.model.units import TakeId
from rigd.rules.ordinals import next_ordinal, ordinal_of
from rigd.takefile.beneath import LINK
from rigd.takefile.journal import JOURNAL_NAME, read_journal

log = logging.getLogger(__name__)

MIRROR_WITHIN_S = 3.0


def _note_takes_of(session: SessionFolder, twin: Path, count: Callable[[int], None]) -> None:
    """Of a take that has a folder in the library, too, that one was looked at."""
    here = {(place.parent.name, place.name) for place in take_folders(session.folder)}
    with contextlib.suppress(LibraryError):
        session.look(twin)
    for place in take_folders(twin):
        if (place.parent.name, place.name) in here:
            continue
        with contextlib.suppress(LibraryError, TakeError):
            sheet = read_sheet(place)
            if sheet is not None:
                session.note_take(slate_of(sheet), place)
                count(place_of_sheet(sheet))
            else:
                record = read_journal(place / JOURNAL_NAME)
                session.note_take(record.slate, place)
                count(ordinal_of(record.order.ordinal, record.order.started_at))


def _not_open(session_folder: str) -> LibraryError:
    return LibraryError(f'session "{session_folder}" is not open; nothing was planned in it')


class _SessionTake(NamedTuple):
    """A take that lies in a session."""

    take: Take
    song_folder: str
    """The name of the folder that it lies in, be it the trash."""
    place_in_trash: int
    """Its place among those that were thrown away."""


class _Ahead(Struct, frozen=True, kw_only=True):
    """The session of a day that has begun, looked at before its first take."""

    of: str
    """Folder of the session that it follows."""
    opened: SessionOpened


class OpenSessions:
    """As `Library`, which see."""

    def __init__(
        self,
        root: Path,
        catalogue: Catalogue,
        *,
        naming: Naming,
        layout: Literal["mono", "poly"],
        rig: str,
        now: Callable[[], datetime],
        mirror: Path | None,
    ) -> None:
        self.root, self.catalogue = root, catalogue
        self.reader = catalogue.reader
        """Lists sessions and takes; any thread but the controller's."""
        self._mirror = mirror
        self._when_filed: Callable[[FoundTake], None] | None = None
        self._naming, self._layout, self._now = naming, layout, now
        self._counting = threading.Lock()
        self._highest = 0
        """The highest ordinal that was seen or given."""
        self._planning = threading.Lock()
        self._sessions: dict[str, SessionFolder] = {}
        self._current = ""
        """The folder of the session that was opened or planned in last."""
        self._ahead: _Ahead | None = None
        self._removed: set[str] = set()
        """Sessions of wrong days, of which nothing was left. No take is planned in one of them."""
        self._places: dict[TakeId, Path] = {}
        self._believed: dict[str, Take] = {}
        """Takes of open sessions as the index had them, whose folders were not looked at since."""
        self._otherwise: list[TakeOtherwise] = []
        self._tell_once = ToldOnce()
        self._session_places = SessionPlaces(
            self.root,
            naming=naming,
            rig=rig,
            now=now,
            next_ordinal=self._next_ordinal,
            unreadable=self._tell_once,
            catalogue=catalogue,
        )
        with contextlib.suppress(LibraryError):  # without an index each take that is met counts
            self._note_ordinal(self.reader.highest_ordinal())

    # --- any thread, no disk ---

    def use(self, *, naming: Naming, layout: Literal["mono", "poly"], rig: str) -> None:
        """What is planned and opened from now on is called and laid out so; what is there stays as it is."""
        self._session_places.use(naming=naming, rig=rig)
        with self._planning:
            self._naming, self._layout = naming, layout
            for session in self._sessions.values():
                session.use_naming(naming)

    def plan_take(self, *, session_folder: str, slate: Slate, tracks: tuple[Track, ...]) -> TakePlan:
        """A folder that no take has, and names for its files. Number and name count as taken from now on. Instead of
        a session that its takes were just moved out of, the one that is open in its place has it.

        Raises LibraryError where that session is not open.
        """
        with self._planning:
            if session_folder in self._removed:  # asked before anybody was told
                session_folder = self._current
            session = self._sessions.get(session_folder)
            if session is not None:
                self._current = session_folder
        if session is None:
            raise _not_open(session_folder)
        plan = session.plan(slate=slate, tracks=tracks, layout=self._layout)
        session.note_use(self._now().timestamp())
        return replace(plan, ordinal=self._next_ordinal())

    def note_end(self, folder: str) -> None:
        """The controller has heard that this take is closed, which the disk may be asked for later only: until now
        its session was in use."""
        with self._planning:
            session = self._sessions.get(str(Path(folder).parent.parent))
        if session is not None:
            session.note_end(folder, self._now().timestamp())

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
        if not place.is_there:
            make_folder(place.folder, root=self.root)
            write_session(place.folder, place.sheet)
        opened = self._opened(place, told=newest)
        if is_gone(place.folder / SESSION_NAME):
            write_session(place.folder, self._session(opened.folder).sheet)
        with self._planning:
            self._current = opened.folder
        return opened

    def look_ahead(self) -> SessionOpened | None:
        """Whatever the day is by now, its session can be planned in without asking the disk; nothing is made of it
        before its first take. Cheap where it is the day that it was. Somebody may have put a link in the place of the
        session's folder: then another one was opened, and is returned. Where the volume is away takes stay in the
        session that there is."""
        try:
            return self._looked_ahead()
        except (LibraryError, OSError) as error:
            log.debug("library: the day's session: %s", error)
            return None

    def _looked_ahead(self) -> SessionOpened | None:
        today = self._now().date().isoformat()
        with self._planning:
            session, ahead = self._sessions.get(self._current), self._ahead
        if session is not None and is_link(session.folder):
            why = f"{session.folder}: {LINK}. Takes go to another folder from now on"
            self._tell_once(session.folder, NotBelieved(why))
            return self.open_session(session.sheet.session)
        if session is not None:
            for refusal in session.look_at_songs(session.sheet.song):
                self._tell_once(session.folder, refusal)
        if session is None or session.told or session.sheet.date == today:
            return None
        of = str(session.folder)
        if ahead is None or (ahead.of, ahead.opened.date) != (of, today):
            opened = self._opened(self._session_places.find(session.sheet.session, today), told=False)
            with self._planning:
                self._ahead = _Ahead(of=of, opened=opened)
        return None

    def _opened(self, place: Place, *, told: bool) -> SessionOpened:
        folder = place.folder
        with self._planning:
            self._removed.discard(str(folder))
        session = SessionFolder(folder, place.sheet, self._naming, told=told, used_at=self._now().timestamp())
        takes: list[_SessionTake] = []
        read: list[FoundTake] = []
        if place.is_there:
            session.look()
            for refusal in session.look_at_songs():
                self._tell_once(folder, refusal)
            takes, read = self._takes_in(folder)
            session.note_takes((each.take.slate, each.song_folder) for each in takes)
            self._note_ordinal(max((each.take.ordinal for each in takes), default=0))
        self._look_at_mirror(session)
        with self._planning:
            self._sessions[str(folder)] = session
        if place.is_there:
            self.catalogue.enter(*read, session=(folder, session.sheet))
        closed = sorted(
            (each for each in takes if each.take.closed),
            key=lambda each: (each.take.ordinal, each.take.started_at, each.take.take_id),
        )
        discarded = [
            each.take
            for each in sorted(closed, key=lambda each: each.place_in_trash)
            if each.take.slate.false_take
        ]
        song = session.sheet.song
        return SessionOpened(
            session=place.sheet.session,
            date=place.sheet.date,
            folder=str(folder),
            song=song,
            next_take_number=session.next_take_number(song),
            takes=tuple(each.take for each in closed if not each.take.slate.false_take),
            trashed=tuple(take.take_id for take in discarded),
            discarded_names=tuple(
                (take.take_id, name_of(take.slate)) for take in discarded[-MOST_DISCARDED_NAMES:]
            ),
        )

    def _takes_in(self, folder: Path) -> tuple[list[_SessionTake], list[FoundTake]]:
        """The takes of a session, and of which of them the folder was read.

        Of a closed take that the index knows, and whose folder is there, its row is believed; when rigd starts, until
        the walk through the library comes to the folder, later where its files are unchanged. So ten thousand
        take.json are not read, and no more is asked of the disk than names, before a take can be begun.
        """
        takes: list[_SessionTake] = []
        read: list[FoundTake] = []
        rows = self.catalogue.packed_takes(folder)
        for parent in parents_of_takes(folder, self._tell_once):
            beneath_root, song = f"{folder.name}/{parent.name}/", parent.name
            for name in folder_names_in(parent, self._tell_once):
                row = rows.get(beneath_root + name)
                take = (
                    None if row is None else self._believed_take(row, f"{parent}/{name}", song == TRASH_NAME)
                )
                if row is not None and take is not None:
                    takes.append(_SessionTake(take, song, row.place_in_trash))
                    continue
                place = parent / name
                try:
                    found = bring_up_to_date(place)
                except LibraryError as error:
                    self._tell_once(place, error)
                    continue
                if found is not None:
                    read.append(found)
                    self._places[found.sheet.take_id] = found.folder
                    take = take_of(found.sheet, found.folder)
                    takes.append(_SessionTake(take, song, place_in_trash(found.sheet)))
        return takes, read

    def _believed_take(self, row: PackedRow, place: str, in_trash: bool) -> Take | None:
        at_the_start = self.catalogue.unchecked
        if bool(row.false_take) is not in_trash or not (at_the_start or is_unchanged(row, Path(place))):
            return None
        take = unpacked(row.packed, place)
        if take is None or (take.take_id, take.slate.false_take) != (row.take_id, in_trash):
            return None
        if at_the_start:
            self._believed[take.folder] = take
        return take

    def not_believed(self) -> list[str]:
        """What lies in the library and was refused, since this was asked last; for a person."""
        return self._tell_once.untold()

    def found_otherwise(self) -> list[TakeOtherwise]:
        """Takes that were believed and are otherwise, since this was asked last."""
        otherwise, self._otherwise = self._otherwise, []
        return otherwise

    def save_session(self, session_folder: str) -> None:
        """session.json is durable as planned takes and chosen songs made it. Raises LibraryError."""
        session = self._session(session_folder)
        if is_gone(session.folder):
            if session_folder in self._removed:
                return  # asked for before its takes got their right date
            make_folder(session.folder, root=self.root)
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
            raise _not_open(session_folder)
        return session

    def _filed(self, found: FoundTake, *, before: Path | None = None, soon: bool = False) -> FoundTake:
        self._places[found.sheet.take_id] = found.folder
        self._note_ordinal(place_of_sheet(found.sheet))
        with self._planning:
            session = self._sessions.get(str(found.session_folder))
        if session is not None and not found.sheet.rolling:
            session.note_use(end_of(found.sheet))
        if before is not None and before != found.folder:
            self.catalogue.remove_take(before)
        enter = self.catalogue.enter_soon if soon else self.catalogue.enter
        enter(found)
        if self._when_filed is not None:
            self._when_filed(found)
        return found
