"""Lists the sessions and takes of the library, in pages, from the index.

Thread "rigd-listing" alone waits for the index: who asks is answered on it, and whoever serves clients waits for no
disk. It reads what the library's thread has entered, and writes nothing.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from rigd.library.index import IndexReader
from rigd.library.index_rows import TakeRow
from rigd.library.packed_take import unpacked
from rigd.library.session import TRASH_NAME
from rigd.library.sheet import take_of
from rigd.library.sheet_file import read_sheet
from rigd.model.errors import LibraryError
from rigd.model.library import (
    LibraryPage,
    ListedSession,
    ListedTake,
    SessionsPage,
    SessionsWanted,
    TakesWanted,
)
from rigd.model.limits import PART_BYTES
from rigd.model.state import Take

log = logging.getLogger(__name__)

MOST_WAITING = 32
ROWS_A_PAGE = 250
SESSIONS_A_PAGE = 200
MOST_FOUND = 5
"""Notes and markers of one take that are told to have a text."""
_PLACE = re.compile(r"([^/]*)/(-?[0-9]{1,18})/(.*)", re.DOTALL)

T = TypeVar("T")
Told = Callable[[T | LibraryError], None]
_OWN = ("kept", "simulated", "failure", "discarded_at", "found")
"""What a ListedTake has that is no column of the index."""
_COLUMNS = tuple(name for name in ListedTake.__struct_fields__ if name not in _OWN)


class TakeListing:
    """Of the library at `root`. Started once, stopped once. `is_complete`: the index has all that lies there."""

    def __init__(self, root: Path, reader: IndexReader, *, is_complete: Callable[[], bool]) -> None:
        self._root, self._reader, self._is_complete = root, reader, is_complete
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="rigd-listing", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, within_s: float = 5.0) -> None:
        """Nobody is answered any more; a disk that stands still is not waited for."""
        try:
            self._jobs.put(None, timeout=within_s)
        except queue.Full:
            return
        self._thread.join(within_s)

    def page(self, wanted: TakesWanted, told: Told[LibraryPage]) -> None:
        """`told` gets the page, on the thread of the listing. Any thread; returns at once. Raises LibraryError where
        too many wait."""
        self._answer(lambda: self._page(wanted), told)

    def sessions(self, wanted: SessionsWanted, told: Told[SessionsPage]) -> None:
        """As `page`."""
        self._answer(lambda: self._sessions(wanted), told)

    def _answer(self, find: Callable[[], T], told: Told[T]) -> None:
        def job() -> None:
            try:
                told(find())
            except LibraryError as error:
                told(error)
            except Exception:
                log.exception("the library could not be listed")
                told(LibraryError("listing the library broke; see the log"))

        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise LibraryError(
                "many ask for the library's takes, or its disk stands still; ask again"
            ) from None

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _page(self, wanted: TakesWanted) -> LibraryPage:
        rows = self._reader.page(wanted, ROWS_A_PAGE)
        takes: list[ListedTake] = []
        left, seen = PART_BYTES, 0
        for row in rows:
            take = self._listed(row, wanted)
            if take is not None:
                left -= len(msgspec.json.encode(take))
                if left < 0 and takes:
                    break
                takes.append(take)
            seen += 1
        more = seen < len(rows) or len(rows) == ROWS_A_PAGE
        return LibraryPage(
            library=str(self._root),
            takes=tuple(takes),
            next=f"{rows[seen - 1].ordinal}/{rows[seen - 1].folder}" if more and seen else "",
            complete=self._is_complete(),
        )

    def _listed(self, row: TakeRow, wanted: TakesWanted) -> ListedTake | None:
        """None of one that is not wanted."""
        listed = ListedTake(**{name: getattr(row, name) for name in _COLUMNS})
        if wanted.in_trash:
            if row.folder.split("/")[1] != TRASH_NAME:
                return None  # a false take that was not moved yet
            with contextlib.suppress(LibraryError):
                sheet = read_sheet(self._root / row.folder)
                listed = replace(listed, discarded_at=sheet.trashed_at if sheet is not None else "")
        take = self._whole(row) if not row.rolling else None
        if take is not None:
            listed = replace(listed, kept=take.kept, simulated=take.simulated, failure=take.failure)
        if not wanted.text:
            return listed
        found = tuple(_texts_with(wanted.text, take)) if take is not None else ()
        is_called_so = _has(row.name, wanted.text) or _has(row.song, wanted.text)
        return replace(listed, found=found[:MOST_FOUND]) if found or is_called_so else None

    def _whole(self, row: TakeRow) -> Take | None:
        """By the index; one that it has no room for by its folder."""
        folder = self._root / row.folder
        if row.packed:
            return unpacked(row.packed, str(folder))
        with contextlib.suppress(LibraryError):
            sheet = read_sheet(folder)
            return None if sheet is None else take_of(sheet, folder)
        return None

    def _sessions(self, wanted: SessionsWanted) -> SessionsPage:
        place = _PLACE.fullmatch(wanted.after)
        if wanted.after and place is None:
            raise LibraryError(f'"{wanted.after[:40]}" is no place in the list of sessions')
        after = ("", 0, "") if place is None else (place[1], int(place[2]), place[3])
        rows = self._reader.sessions_after(after, SESSIONS_A_PAGE)
        sums = self._reader.sums_of([row.folder for row in rows])
        sessions = []
        for row in rows:
            takes, length_s, size_bytes = sums.get(row.folder, (0, 0.0, 0))
            session = ListedSession(
                folder=row.folder,
                session=row.session,
                date=row.date,
                takes=takes,
                length_s=round(length_s, 3),
                size_bytes=size_bytes,
            )
            sessions.append(session)
        last = rows[-1] if len(rows) == SESSIONS_A_PAGE else None
        return SessionsPage(
            library=str(self._root),
            sessions=tuple(sessions),
            next="" if last is None else f"{last.date}/{last.ordinal}/{last.folder}",
            complete=self._is_complete(),
        )


def _texts_with(text: str, take: Take) -> Iterator[str]:
    """'note: the best bridge', 'marker: chorus'."""
    yield from (f"note: {note}" for note in take.slate.notes if _has(note, text))
    yield from (f"marker: {marker.name}" for marker in take.markers if _has(marker.name, text))


def _has(whole: str, text: str) -> bool:
    return text.casefold() in whole.casefold()
