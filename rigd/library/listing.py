"""Lists the takes of all sessions, in pages, from the index.

Thread "rigd-listing" alone waits for the index: who asks is answered on it, and whoever serves clients waits for no
disk. It reads what the library's thread has entered, and writes nothing.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from rigd.library.index import IndexReader
from rigd.library.index_rows import TakeRow
from rigd.model.errors import LibraryError
from rigd.model.library import LibraryPage, ListedTake, TakesWanted
from rigd.model.limits import PART_BYTES

log = logging.getLogger(__name__)

MOST_WAITING = 32
ROWS_A_PAGE = 250

Told = Callable[[LibraryPage | LibraryError], None]


class _Job(Struct, frozen=True):
    wanted: TakesWanted
    told: Told


class TakeListing:
    """Of the library at `root`. Started once, stopped once. `is_complete`: the index has all that lies there."""

    def __init__(self, root: Path, reader: IndexReader, *, is_complete: Callable[[], bool]) -> None:
        self._root, self._reader, self._is_complete = root, reader, is_complete
        self._jobs: queue.Queue[_Job | None] = queue.Queue(MOST_WAITING)
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

    def page(self, wanted: TakesWanted, told: Told) -> None:
        """`told` gets the page, on the thread of the listing. Any thread; returns at once. Raises LibraryError where
        too many wait."""
        try:
            self._jobs.put_nowait(_Job(wanted, told))
        except queue.Full:
            raise LibraryError(
                "many ask for the library's takes, or its disk stands still; ask again"
            ) from None

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job.told(self._page(job.wanted))
            except LibraryError as error:
                job.told(error)
            except Exception:
                log.exception("the takes of the library could not be listed")
                job.told(LibraryError("listing the library's takes broke; see the log"))

    def _page(self, wanted: TakesWanted) -> LibraryPage:
        rows = self._reader.page(wanted, ROWS_A_PAGE)
        takes: list[ListedTake] = []
        left = PART_BYTES
        for row in rows:
            take = _listed(row)
            left -= len(msgspec.json.encode(take))
            if left < 0 and takes:
                break
            takes.append(take)
        more = len(takes) < len(rows) or len(rows) == ROWS_A_PAGE
        return LibraryPage(
            library=str(self._root),
            takes=tuple(takes),
            next=f"{takes[-1].ordinal}/{takes[-1].folder}" if more and takes else "",
            complete=self._is_complete(),
        )


def _listed(row: TakeRow) -> ListedTake:
    return ListedTake(**{name: getattr(row, name) for name in ListedTake.__struct_fields__})
