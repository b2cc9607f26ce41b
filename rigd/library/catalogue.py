"""Keeps the index in step with the folders. Library thread only, but for `reader`.

No error of the index gets out of here: it is logged, kept as `fault`, and made good by catching up.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from rigd.library.index import Index, IndexDamaged, IndexReader
from rigd.library.index_rows import UNDER_WAY, PackedRow, SessionRow, TakeRow
from rigd.library.packed_take import packed
from rigd.library.session import TRASH_NAME, SessionSheet
from rigd.library.sheet import TakeSheet, place_in_trash, place_of, take_of
from rigd.library.sheet_file import SHEET_NAME
from rigd.library.takes import FoundTake
from rigd.library.walking import is_gone
from rigd.model.errors import LibraryError
from rigd.model.take import ClockState
from rigd.rules.ordinals import ordinal_of
from rigd.takefile.journal import JOURNAL_NAME

log = logging.getLogger(__name__)

ROWS_A_COMMIT = 500
"""Of the walk: a commit each takes a page of the log for every row, 20 times what the rows have."""


class Catalogue:
    """The index of one library, as long as it can be had."""

    def __init__(
        self, root: Path, path: Path, *, now: Callable[[], datetime], mirror: Path | None = None
    ) -> None:
        """A take on the mirror is listed where it would be in the library. Costs no more where there are many."""
        self._root, self._path, self._now, self._mirror = root, path, now, mirror
        self._index: Index | None = None
        self.reader = IndexReader(lambda: self._index)
        self.fault = ""
        """Empty, or what went wrong with the index."""
        self.incomplete = True
        """True until a whole `Library.catch_up` since the last fault."""
        self.unchecked = True
        """True until `check`: a row that is read checks itself, but rows may be missing."""
        self._waiting: list[SessionRow | TakeRow] = []
        """Rows of the walk through the folders, written together."""
        self._open()

    def _open(self) -> None:
        try:
            self._index = Index(self._path, now=self._now())
        except LibraryError as error:
            self._note(str(error))
        else:
            self._note_damage()

    def check(self) -> Iterator[None]:
        """The index is whole, or begun anew, at the end. Reads all of it, in steps."""
        try:
            if self._index is not None:
                yield from self._index.check()
        except IndexDamaged as error:
            self._mend(error)
            self._note_damage()
        except LibraryError as error:
            self._mend(error)
        self.unchecked = False

    def _note_damage(self) -> None:
        if self._index is not None and self._index.put_aside is not None:
            self._note(f"the index was damaged: rebuilt from the folders, kept as {self._index.put_aside}")

    def close(self) -> None:
        self.flush()
        if self._index is not None:
            self._index.close()
            self._index = None

    def open_again(self) -> None:
        """The index is the one that lies there now, to be brought up to date."""
        with contextlib.suppress(LibraryError):
            self.close()
        self._index = None
        self.fault, self.incomplete, self.unchecked = "", True, True
        self._open()

    def known(self, place: Path) -> TakeRow | None:
        """The row of a take that is exactly as it was when the row was made, and wants nothing done."""
        row: TakeRow | None = None
        if self._index is not None:
            try:
                row = self._index.take_in(self._relative(place))
            except LibraryError as error:
                self._mend(error)
        in_trash = place.parent.name == TRASH_NAME
        if row is None or row.rolling or row.unhashed or row.false_take != in_trash:
            return None
        return row if is_unchanged(row, place) else None

    def takes_of(self, session: Path) -> dict[str, TakeRow]:
        """The rows of a session's closed takes, by their folder below the library's root."""
        if self._index is None:
            return {}
        self.flush()
        try:
            rows = self._index.takes_of(self._relative(session))
        except LibraryError as error:
            self._mend(error)
            return {}
        return {row.folder: row for row in rows if not row.rolling}

    def packed_takes(self, session: Path) -> dict[str, PackedRow]:
        """As `Index.packed_takes`, by their folder below the library's root."""
        if self._index is None:
            return {}
        self.flush()
        try:
            return {row.folder: row for row in self._index.packed_takes(self._relative(session))}
        except LibraryError as error:
            self._mend(error)
            return {}

    def sessions(self) -> dict[str, SessionRow]:
        """The rows of all sessions, by the name of their folder."""
        self.flush()
        try:
            return {row.folder: row for row in self.reader.sessions()}
        except IndexDamaged as error:
            self._mend(error)
        except LibraryError:
            pass  # there is none
        return {}

    def enter(self, *takes: FoundTake, session: tuple[Path, SessionSheet] | None = None) -> None:
        """These takes and this session are listed as they are now. Only what is new is written."""
        self.flush()
        self._put(self._rows_of(takes, session))

    def enter_soon(self, *takes: FoundTake, session: tuple[Path, SessionSheet] | None = None) -> None:
        """As `enter`, with others in one commit: at the next `flush`, or of anything else that is written."""
        self._waiting += self._rows_of(takes, session)
        if len(self._waiting) >= ROWS_A_COMMIT:
            self.flush()

    def flush(self) -> None:
        """What was to be entered soon is."""
        rows, self._waiting = self._waiting, []
        self._put(rows)

    def _rows_of(
        self, takes: Sequence[FoundTake], session: tuple[Path, SessionSheet] | None
    ) -> list[TakeRow | SessionRow]:
        rows: list[TakeRow | SessionRow] = [self.row_of(found) for found in takes]
        if session is not None:
            folder, sheet = session
            rows.append(
                SessionRow(
                    folder=self._relative(folder),
                    session=sheet.session,
                    date=sheet.date,
                    created_at=sheet.created_at,
                    ordinal=ordinal_of(sheet.ordinal, sheet.created_at),
                )
            )
        return rows

    def _put(self, rows: Sequence[TakeRow | SessionRow]) -> None:
        if self._index is not None:
            try:
                self._index.put(*rows)
            except LibraryError as error:
                self._mend(error)

    def remove_take(self, place: Path) -> None:
        """No take is listed in this folder."""
        self.flush()
        if self._index is not None:
            try:
                self._index.remove(TakeRow, self._relative(place))
            except LibraryError as error:
                self._mend(error)

    def remove_session(self, folder: Path) -> None:
        """No session is listed in this folder."""
        self.flush()
        if self._index is not None:
            try:
                self._index.remove(SessionRow, self._relative(folder))
            except LibraryError as error:
                self._mend(error)

    def forget(self, take: Path) -> None:
        """The take of that folder is not listed any more."""
        self.flush()
        if self._index is not None:
            try:
                self._index.remove(TakeRow, self._relative(take))
            except LibraryError as error:
                self._mend(error)

    def forget_missing(self, *, takes: set[Path], sessions: set[Path]) -> None:
        """What was not met when the folders were walked, and is not there now either, is not listed."""
        self.flush()
        if self._index is None:
            return
        try:
            for kind, places in ((TakeRow, takes), (SessionRow, sessions)):
                found = {self._relative(place) for place in places}
                unseen = self._index.folders(kind) - found
                self._index.remove(kind, *(folder for folder in unseen if is_gone(self._root / folder)))
        except LibraryError as error:
            self._mend(error)

    def row_of(self, found: FoundTake) -> TakeRow:
        """The take in short."""
        sheet = found.sheet
        return TakeRow(
            folder=self._relative(found.folder),
            session_folder=self._relative(found.session_folder),
            take_id=sheet.take_id,
            session=sheet.session,
            song=sheet.song,
            number=sheet.number,
            name=sheet.name,
            circled=sheet.circled,
            rating=sheet.rating,
            false_take=sheet.false_take,
            rolling=sheet.rolling,
            recovered=sheet.recovered,
            started_at=sheet.started_at,
            ordinal=place_of(sheet),
            undated=_undated(sheet),
            frames=sheet.frames,
            sample_rate_hz=sheet.sample_rate_hz,
            channels=len(sheet.channels),
            gaps=len(sheet.gaps),
            xruns=len(sheet.xruns),
            markers=len(sheet.markers),
            size_bytes=sum(file.size_bytes or 0 for file in sheet.files),
            journal_bytes=sheet.journal_bytes,
            sheet_mtime_ns=_stat(found.folder / SHEET_NAME)[1],
            unhashed=len(found.unhashed),
            place_in_trash=place_in_trash(sheet),
            packed=b"" if sheet.rolling or found.newer else packed(take_of(sheet, found.folder)),
        )

    def _mend(self, error: LibraryError) -> None:
        """Damaged: begun anew. Otherwise it lacks something. Either way, catching up makes it whole."""
        self._note(str(error))
        if self._index is not None and isinstance(error, IndexDamaged):
            try:
                self._index.begin_again(self._now())
            except LibraryError as fault:
                self._note(str(fault))
                self._index.close()
                self._index = None

    def _note(self, fault: str) -> None:
        self.fault, self.incomplete = fault, True
        log.warning("library %s: %s", self._root, fault)

    def _relative(self, folder: Path) -> str:
        root = self._root
        if self._mirror is not None and folder.is_relative_to(self._mirror):
            root = self._mirror
        # A name that is not UTF-8 was made by somebody else; SQLite takes none, so it is spelt out.
        return folder.relative_to(root).as_posix().encode(errors="backslashreplace").decode()


def is_unchanged(row: TakeRow | PackedRow, place: Path) -> bool:
    """Journal and take.json are as they were when the row was made, by length and time."""
    same_journal = _stat(place / JOURNAL_NAME)[0] == row.journal_bytes
    return same_journal and _stat(place / SHEET_NAME)[1] == row.sheet_mtime_ns


def _undated(sheet: TakeSheet) -> str:
    if sheet.on_its_way_to or (sheet.dated and sheet.ahead_of_journal):
        return UNDER_WAY
    if sheet.clock is None or sheet.clock.state is ClockState.SYNCHRONISED:
        return ""
    return sheet.clock.boot_id


def _stat(path: Path) -> tuple[int, int]:
    """Size and time of change; -1 and 0 where there is no such file."""
    try:
        status = path.stat()
    except OSError:
        return -1, 0
    return status.st_size, status.st_mtime_ns
