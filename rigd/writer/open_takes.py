"""All open takes of the writer: written on, made durable, closed. Each step that many of them take at once
shares one sync of the file system.

One thread calls everything. An error of one take, foreseen or not, ends that take, cleanly, and never
another's.
"""

from __future__ import annotations

import contextlib
import logging
import resource
from collections.abc import Callable, Iterator

from msgspec import Struct

from rigd.model.clips import clips_of
from rigd.model.messages import TakeClosed
from rigd.model.take import TakeNote, TakeOrder
from rigd.model.units import Frame, TakeId
from rigd.takefile.failures import failed, unforeseen, why_it_ended
from rigd.takefile.take_files import FilesGoneError
from rigd.tape.tape import Tape
from rigd.writer.group_sync import sync_together
from rigd.writer.take_writer import TakeWriter
from rigd.writer.waiting_orders import MOST_OPEN

SPARE_DESCRIPTORS = 64

log = logging.getLogger(__name__)


class OpenTakes:
    """`tell` gets every fact as it becomes true; `left` is called with a take that is open no more; `keep` with the
    frame from which on a take that failed is on its tape only."""

    def __init__(
        self,
        *,
        tell: Callable[[Struct], None],
        left: Callable[[TakeWriter], None],
        keep: Callable[[Tape, Frame], None],
    ) -> None:
        self._tell = tell
        self._keep = keep
        self._left = left
        self._takes: dict[TakeId, TakeWriter] = {}

    def __len__(self) -> int:
        return len(self._takes)

    def __iter__(self) -> Iterator[TakeWriter]:
        return iter(list(self._takes.values()))

    def find(self, take_id: TakeId) -> TakeWriter | None:
        return self._takes.get(take_id)

    def add(self, take: TakeWriter) -> None:
        self._takes[take.take_id] = take

    def forget(self, take: TakeWriter) -> None:
        """It was never really open."""
        del self._takes[take.take_id]

    def uses(self, tape: Tape) -> bool:
        """True while a take is on that tape."""
        return any(take.tape is tape for take in self)

    def has_room_for(self, order: TakeOrder) -> bool:
        """One more may be open: there are holds and descriptors for it. The only one always may."""
        if not self._takes:
            return True
        orders = [order, *(take.order for take in self)]
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        opened = sum(take.files.file_count for take in self) + len(order.files)
        descriptors = opened + 2 * len(orders) + SPARE_DESCRIPTORS
        return len(orders) <= MOST_OPEN and (limit == resource.RLIM_INFINITY or descriptors <= limit)

    # What it is told.

    def end(self, take: TakeWriter, end_frame: Frame | None) -> None:
        try:
            take.end_at(end_frame)
        except Exception as error:
            self._fail(take, error, take.written_frames)

    def annotate(self, take: TakeWriter, *notes: TakeNote) -> None:
        try:
            for note in notes:
                take.annotate(note)
        except Exception as error:
            self._fail(take, error, take.written_frames)

    # What it does by itself, as time goes on.

    def write_on(self, tape: Tape | None) -> bool:
        """Each take is written on by at most a slice; what is complete is closed. `tape` is the one that
        capture writes now. True: there is more."""
        more = False
        complete: list[tuple[TakeWriter, int]] = []
        for take in self:
            try:
                goes_on, found = take.write_on()
            except Exception as error:
                self._fail(take, error, take.written_frames)
                continue
            for fact in found:
                self._tell(fact)
            if take.is_complete:
                end = take.ledger.end_frame
                complete.append((take, take.written_frames if end is None else end - take.order.first_frame))
            elif take.tape is not tape and not goes_on and take.behind_frames() == 0:
                # The tape it was on is gone and has nothing more: no frame of the new one belongs to it.
                complete.append((take, take.written_frames))
            else:
                more = more or goes_on
        self._close(complete)
        return more

    def close_here(self) -> None:
        """Every take is closed behind what is written of it."""
        self._close([(take, take.written_frames) for take in self])

    def make_durable(self) -> bool:
        """One durable point for all takes of a file system; True where any take gained by it. One syncfs takes
        0.4 ms of CPU for the 64 files of a take, 64 fdatasync 6.5 ms (a journal commit each)."""
        gained = False
        for takes in _by_device(list(self)):
            frames = {take.take_id: take.written_frames for take in takes}
            if any(frames[take.take_id] > take.ledger.durable_frames for take in takes):
                takes = self._synced(takes)
                gained = True
            for take in takes:
                try:
                    take.mark_durable(frames[take.take_id])
                except Exception as error:
                    self._fail(take, error, take.written_frames)
        return gained

    def _synced(self, takes: list[TakeWriter]) -> list[TakeWriter]:
        """Those of them whose files are durable; a take whose files are not has failed."""
        good, bad = sync_together(
            takes, folder_fd=lambda take: take.folder_fd, sync_one=TakeWriter.make_durable
        )
        for take, error in bad:
            take.doubt()
            self._fail(take, error, take.safe_frames)  # only what was durable before counts
        return good

    # How a take ends.

    def _close(self, complete: list[tuple[TakeWriter, int]]) -> None:
        """These takes are closed, each behind so many frames."""
        if not complete:
            return
        frames = {take.take_id: max(0, count) for take, count in complete}
        for takes in _by_device([take for take, _ in complete]):
            takes = self._synced(self._each(takes, lambda take: take.end_sound(frames=frames[take.take_id])))
            takes = self._synced(self._each(takes, self._write_tails))
            self._each(self._synced(self._each(takes, TakeWriter.seal)), self._leave_closed)

    def _leave_closed(self, take: TakeWriter) -> None:
        files = take.files.closed_files(take.written_frames)
        folder, frames = take.order.folder, take.written_frames
        # Told before it is off the list: killed in between, the next writer tells it once more.
        self._tell(
            TakeClosed(
                take_id=take.take_id,
                folder=folder,
                frames=frames,
                files=files,
                xruns=take.ledger.xrun_count,
                clips=clips_of(take.ledger.levels()),
            )
        )
        self._leave(take)

    def _each(self, takes: list[TakeWriter], step: Callable[[TakeWriter], None]) -> list[TakeWriter]:
        """The step is done. Returns those with which it went well; the others have failed."""
        good = []
        for take in takes:
            try:
                step(take)
                good.append(take)
            except Exception as error:
                self._fail(take, error, take.written_frames)
        return good

    @staticmethod
    def _write_tails(take: TakeWriter) -> None:
        for text in take.write_tails():
            log.warning('take "%s": no room for the metadata of %s', take.order.folder, text)

    def _fail(self, take: TakeWriter, error: Exception, frames: int) -> None:
        """The take ends at `frames`, which every file has, with headers that say so as far as can be; where the
        disk does not take that either, at the last frame that a sync has vouched for. What follows is kept on the
        tape for whoever goes on from there."""
        reason = why_it_ended(take.order, error, frames)
        trouble = ""
        try:
            take.finish(frames=frames, failure=reason)
        except Exception as second:
            trouble = f"; it could not be closed either ({second}), the next start does it"
            frames = min(frames, take.safe_frames)
            with contextlib.suppress(Exception):
                take.give_up(failure=reason)
        log.error("%s; kept %d frames%s", reason, frames, trouble, exc_info=unforeseen(error))
        if take.end_frame is None or take.order.first_frame + frames < take.end_frame:
            self._keep(take.tape, Frame(take.order.first_frame + frames))
        kept = 0 if isinstance(error, FilesGoneError) and error.all_gone else frames
        rolled = take.end_frame is None
        self._tell(failed(take.order, error, frames=kept, reason=reason, rolled=rolled))
        self._leave(take)

    def _leave(self, take: TakeWriter) -> None:
        del self._takes[take.take_id]
        try:
            take.let_go()
        except Exception:  # its files are as they are to be
            log.exception('take "%s" was not let go of in order', take.order.folder)
        self._left(take)


def _by_device(takes: list[TakeWriter]) -> list[list[TakeWriter]]:
    """Takes of one file system together: they share a sync."""
    devices: dict[int, list[TakeWriter]] = {}
    for take in takes:
        devices.setdefault(take.device, []).append(take)
    return list(devices.values())
