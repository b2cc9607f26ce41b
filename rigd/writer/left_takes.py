"""Takes that a writer before this one left open and that cannot go on: they are closed, one a step.

First those that the list in the runtime folder names, then all that the library has. Runs on the writer's one thread.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from rigd.model.errors import TapeError
from rigd.model.messages import TakeClosed
from rigd.model.units import TakeId
from rigd.tape.holds import hold_key
from rigd.writer.folders import OpenFolder, OpenList
from rigd.writer.opentakes import OpenTakes
from rigd.writer.recovery import NotRecovered, not_recovered, recover_library, recover_take
from rigd.writer.tapes import TapeWatch


class LeftTakes:
    """`writer` is whose takes they are; `takes` are open here now and left alone."""

    def __init__(
        self, library_root: Path, *, writer: str, open_list: OpenList, takes: OpenTakes, tapes: TapeWatch
    ) -> None:
        self._library_root, self._writer = library_root, writer
        self._open_list, self._takes, self._tapes = open_list, takes, tapes
        self._named: deque[tuple[OpenFolder, bool]] = deque()
        self._steps = self._search()
        self.is_over = False
        """The search is done: nobody comes for the holds of dead writers any more."""

    def add(self, entry: OpenFolder, *, cache_survived: bool) -> None:
        """A take of the list."""
        self._named.append((entry, cache_survived))

    def close_next(self) -> TakeClosed | NotRecovered | None:
        """One step. None where there was nothing to do, or nothing is left (`is_over`)."""
        try:
            return next(self._steps)
        except StopIteration:
            self.is_over = True
            return None

    def _search(self) -> Iterator[TakeClosed | NotRecovered | None]:
        while self._named:
            entry, survived = self._named.popleft()
            if self._takes.find(entry.take_id) is not None:
                continue  # nothing of it had begun, and it was ordered again
            found: TakeClosed | NotRecovered | None
            try:
                found = recover_take(entry.folder, cache_survived=survived)
            except Exception as error:
                found = not_recovered(entry.folder, error)
            self._release_hold_of(entry.take_id)
            yield found
        self._open_list.save()
        yield from recover_library(self._library_root, skip=self._is_open_here)

    def _is_open_here(self, folder: str) -> bool:
        return any(take.order.folder == folder for take in self._takes)

    def _release_hold_of(self, take_id: TakeId) -> None:
        """The writer before left it, and nobody will go on with its take."""
        if self._tapes.now is not None:
            with contextlib.suppress(TapeError, ValueError):
                self._tapes.now.adopt_hold(hold_key(take_id, self._writer)).release()
