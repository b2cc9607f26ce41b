"""Takes that a writer before this one left open and that cannot go on: they are closed, one a step.

First those that the list in the runtime folder names, then all that the library has. Of each of the list it is told
what came of it: the writer before may have been killed before it could say so. Runs on the writer's one thread.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from rigd.model.errors import TapeError
from rigd.model.messages import TakeClosed, TakeFailed
from rigd.model.units import TakeId
from rigd.takefile.folders import OpenFolder, OpenList
from rigd.takefile.journal import JOURNAL_NAME, has_begun, read_ledger
from rigd.takefile.recovery import (
    NotRecovered,
    closed_before,
    not_recovered,
    recover_library,
    recover_take,
)
from rigd.tape.holds import Hold, hold_key
from rigd.tape.tape import Tape
from rigd.writer.current_tape import CurrentTape
from rigd.writer.open_takes import OpenTakes


class LeftTakes:
    """`writer` is whose takes they are; `takes` are open here now and left alone. `keep` gets the hold that one of
    them had on the tape: what follows its end is there only."""

    def __init__(
        self,
        library_root: Path,
        *,
        writer: str,
        open_list: OpenList,
        takes: OpenTakes,
        tapes: CurrentTape,
        keep: Callable[[Tape, Hold], None],
    ) -> None:
        self._library_root, self._writer, self._keep = library_root, writer, keep
        self._open_list, self._takes, self._tapes = open_list, takes, tapes
        self._named: deque[tuple[OpenFolder, bool]] = deque()
        self._steps = self._search()
        self.is_over = False
        """The search is done: nobody comes for the holds of dead writers any more."""

    def add(self, entry: OpenFolder, *, cache_survived: bool) -> None:
        """A take of the list."""
        self._named.append((entry, cache_survived))

    def close_next(self) -> TakeClosed | TakeFailed | NotRecovered | None:
        """One step. None where there was nothing to do, or nothing is left (`is_over`)."""
        try:
            return next(self._steps)
        except StopIteration:
            self.is_over = True
            return None

    def _search(self) -> Iterator[TakeClosed | TakeFailed | NotRecovered | None]:
        while self._named:
            entry, survived = self._named.popleft()
            if self._takes.find(entry.take_id) is not None:
                continue  # nothing of it had begun, and it was ordered again
            found = _end(entry, root=self._library_root, cache_survived=survived)
            self._let_go_of_its_sound(entry.take_id)
            yield found
        self._open_list.save()
        yield from recover_library(self._library_root, skip=self._is_open_here)

    def _is_open_here(self, folder: str) -> bool:
        return any(take.order.folder == folder for take in self._takes)

    def _let_go_of_its_sound(self, take_id: TakeId) -> None:
        """The writer before left its hold, and nobody goes on with this take: but with what follows, perhaps."""
        if self._tapes.now is not None:
            with contextlib.suppress(TapeError, ValueError):
                self._keep(self._tapes.now, self._tapes.now.adopt_hold(hold_key(take_id, self._writer)))


def _end(entry: OpenFolder, *, root: Path, cache_survived: bool) -> TakeClosed | TakeFailed | None:
    """The take is closed, or was already, or cannot be now. None where nothing of it had begun."""
    try:
        found = recover_take(entry.folder, root=root, cache_survived=cache_survived)
        if found is None and has_begun(Path(entry.folder)):
            return closed_before(entry.folder, entry.take_id)
        return found
    except Exception as error:
        reason = not_recovered(entry.folder, error).reason
        frames, rolled = 0, True
        with contextlib.suppress(Exception):  # a volume that may not be written may often be read
            ledger = read_ledger(Path(entry.folder) / JOURNAL_NAME)
            frames, rolled = ledger.durable_frames, ledger.end_frame is None
        return TakeFailed(
            take_id=entry.take_id,
            folder=entry.folder,
            frames_kept=frames,
            reason=f"{reason}. What is written of it stays; the next start of rigd closes it",
            disk_full=False,
            rolled=rolled,
        )
