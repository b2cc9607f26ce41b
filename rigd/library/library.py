"""The library: one root folder, its sessions and takes, and the index that finds them. One daemon has it.

Planning a take, choosing a song and asking for a number are for any thread and never ask the disk. All the
rest is the library thread's. The folders are the truth; an index that fails costs a listing, never a take.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from rigd.library.catalogue import Catalogue
from rigd.library.dated_sessions import DatedSessions
from rigd.library.dot_rigd import LOCK_NAME, make_dot_rigd
from rigd.library.emptying import Emptying
from rigd.library.index import INDEX_NAME
from rigd.library.lock import LibraryLock
from rigd.library.session import (
    SessionFolder,
    SessionSheet,
    read_session,
    take_folders,
)
from rigd.library.sheet import SheetMirror, take_of
from rigd.library.sheet_file import read_sheet
from rigd.library.takes import (
    FoundTake,
    bring_up_to_date,
    file_failed,
    hard_link_in,
    move_from_trash,
    move_to_trash,
    note_digests,
    note_mirror,
    place_before_trash,
)
from rigd.library.volumes import volume_id
from rigd.library.walking import NotBelieved, folders_in, is_folder, library_of
from rigd.model.errors import LibraryError
from rigd.model.library import TakeOtherwise, TrashEmptied
from rigd.model.names import Naming
from rigd.model.state import Take
from rigd.model.take import Slate
from rigd.model.units import TakeId
from rigd.takefile.beneath import HARD_LINK
from rigd.takefile.volume import OWN_FOLDER

log = logging.getLogger(__name__)


class Library(DatedSessions):
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
        check_index: bool = True,
    ) -> None:
        """`now` is the wall clock, with its offset. A take may lie below `mirror` at the place that it would have
        below `root`. Without `check_index` the index is checked by `catch_up` only, so that this costs no more in a
        large library. Raises LibraryError at once where another rigd is."""
        self.root = root.absolute()
        own = self.own_folder = self.root / OWN_FOLDER
        try:
            self.root.mkdir(mode=0o750, parents=True, exist_ok=True)
        except OSError as error:
            raise LibraryError(
                f"library {root}: cannot be made ({error.strerror}). Nothing was started. Set [rig] library to a "
                "folder that you may write to"
            ) from error
        not_believed = make_dot_rigd(self.root, now=now())
        self._lock = LibraryLock(own / LOCK_NAME)
        with contextlib.suppress(LibraryError):  # full or read-only: told when it is written to
            volume_id(self.root)
        super().__init__(
            self.root,
            Catalogue(self.root, own / INDEX_NAME, now=now, mirror=mirror),
            naming=naming,
            layout=layout,
            rig=rig,
            now=now,
            mirror=mirror,
        )
        if check_index:
            for _ in self.catalogue.check():
                pass
        for refusal in not_believed:
            self._tell_once(own, refusal)

    def when_filed(self, filed: Callable[[FoundTake], None]) -> None:
        """From now on `filed` is called with every take that was looked into, on the library's thread. Before that is
        started."""
        self._when_filed = filed

    def close(self) -> None:
        """The next daemon may have the library."""
        self.catalogue.close()
        self._lock.release()

    def file_take(
        self, folder: Path, *, slate: Slate | None = None, failure: str = "", durable_frames: int = 0
    ) -> FoundTake:
        """take.json and index say what the journal, and `slate` if given, say. `failure`: why the writer let go of
        the take after `durable_frames`, where it may have found no room to say so in the journal. Raises
        LibraryError."""
        self._check_place(folder)
        found = bring_up_to_date(folder, slate=slate)
        if found is None:
            raise LibraryError(f"{folder}: there is no take; nothing was written")
        if found.sheet.rolling and failure:
            found = file_failed(folder, failure=failure, frames=durable_frames)
        return self._filed(found)

    def _check_place(self, folder: Path) -> None:
        """It lies where takes do, in the library or on the mirror. Raises LibraryError."""
        roots = [self.root] if self._mirror is None else [self.root, self._mirror]
        if library_of(folder) not in roots or ".." in folder.parts[-3:]:
            raise LibraryError(f"{folder}: is no place of a take in {self.root}; it was left alone")

    def adopt_take(self, folder: Path) -> Take | None:
        """What journal and take.json say of a take, open or closed; None where there is no take yet.

        Raises LibraryError.
        """
        self._check_place(folder)
        found = bring_up_to_date(folder)
        if found is None:
            return None
        self._filed(found)
        return take_of(found.sheet, found.folder)

    def read_take(self, take_id: TakeId) -> Take:
        """A take of any session, as its folder has it, in the trash or not. Raises LibraryError."""
        take = self.adopt_take(self.place_of(take_id))
        if take is None:
            raise LibraryError(f'take "{take_id}": its folder has no take any more')
        return take

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
        self._lock = LibraryLock(self.root / OWN_FOLDER / LOCK_NAME)
        self.catalogue.open_again()

    def _compare_with_believed(self, place: Path, found: FoundTake) -> None:
        believed = self._believed.pop(str(place), None)
        take = take_of(found.sheet, found.folder)
        if believed is not None and take.closed and take != believed:
            self._otherwise.append(TakeOtherwise(take=take, believed=believed))

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

    def empty_trash(
        self, before_unix_ns: int, *, is_of_any_age: bool, may_go_on: Callable[[], bool]
    ) -> TrashEmptied:
        """Takes that were discarded before then are deleted; as `discard`, and stops where somebody records."""
        emptying = Emptying(self.root, self._mirror, may_go_on=may_go_on, gone=self.catalogue.forget)
        emptied = emptying.run(before_unix_ns, is_of_any_age=is_of_any_age)
        for take_id in emptied.takes:
            self._places.pop(take_id, None)
        return emptied

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

    def catch_up(self, *, may_move: Callable[[], bool]) -> Iterator[FoundTake | None]:
        """Step by step, a take folder a step: take sheets and index say what the folders say.

        False takes that a crash left beside the good ones go to the trash at the end, where `may_move` and no
        take is open. Yields each take that was looked into, None for one that the index knows already.
        """
        if self.catalogue.unchecked:
            yield from self.catalogue.check()
        false_takes: list[TakeId] = []
        any_open = False
        takes: set[Path] = set()
        sessions: set[Path] = set()
        for folder in folders_in(self.root, self._tell_once):
            sheet: SessionSheet | None = None
            try:
                sheet = read_session(folder, self._tell_once)
            except LibraryError as error:
                self._tell_once(folder, error)
            for place in take_folders(folder, self._tell_once):
                if (known := self.catalogue.known(place)) is not None:
                    self._places[known.take_id] = place
                    takes.add(place)
                    self._believed.pop(str(place), None)
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
                takes.add(self._filed(found, soon=True).folder)
                self._compare_with_believed(place, found)
                sheet = sheet or self._session_places.made_up(
                    found.sheet.session, found.sheet.song, found.sheet.started_at
                )
                any_open = any_open or found.sheet.rolling
                if found.sheet.rolling and (linked := hard_link_in(found)) is not None:
                    told = f"{linked}: {HARD_LINK}. A crash left its take open, and it stays so until then"
                    self._tell_once(place, NotBelieved(told))
                if found.sheet.false_take and not found.in_trash:
                    false_takes.append(found.sheet.take_id)
                yield found
            if sheet is not None:
                sessions.add(folder)
                self.catalogue.enter_soon(session=(folder, sheet))
        self.catalogue.forget_missing(takes=takes, sessions=sessions)
        for take_id in false_takes:
            if not any_open and may_move():
                with contextlib.suppress(LibraryError):
                    yield self.discard(take_id)
