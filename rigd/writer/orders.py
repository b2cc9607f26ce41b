"""The writer's desk: takes that are open and that wait, the tape they follow, and what is to be recovered.
Carries out orders, reports facts, decides nothing.

One thread calls everything. An error of one take ends that take, cleanly, and never another's.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from rigd.model.errors import TakeError
from rigd.model.messages import (
    Annotate,
    EndTake,
    KeepFirm,
    OpenTake,
    Retag,
    RetagFailed,
    TakeClosed,
    TakeFailed,
    TakeOpened,
    WriterReport,
    WriterSettings,
)
from rigd.model.take import TakeNote, TakeOrder
from rigd.model.units import Frame, TakeId
from rigd.takefile.beneath import make_folders
from rigd.takefile.failures import failed, unforeseen, why_not_opened
from rigd.takefile.folders import OpenFolder, OpenList, is_inside, make_durable
from rigd.takefile.journal import has_begun, is_begun
from rigd.takefile.recovery import (
    closed_before,
    retag_take,
)
from rigd.takefile.volume import Volume
from rigd.tape.holds import PRIMARY_WRITER, Hold, NoFreeHoldError
from rigd.tape.mapping import await_name
from rigd.tape.tape import Tape
from rigd.writer.current_tape import CurrentTape
from rigd.writer.dead_holds import DeadStrangers
from rigd.writer.group_sync import sync_together
from rigd.writer.held_for_the_next_take import KeptSound
from rigd.writer.left_takes import LeftTakes
from rigd.writer.open_takes import OpenTakes
from rigd.writer.reporting import report_of
from rigd.writer.take_opening import Holder, TakeOpening, check, open_take, remove_empty, resume_take
from rigd.writer.take_writer import TakeWriter
from rigd.writer.waiting_orders import WaitingList

TAPE_NAME = "tape"
REMEMBERED_TAKES = 1000
OPENED_TOGETHER = 8
"""Takes that share a durable point when they are opened. A few, so that those that roll are written on."""
LEAVE_SECONDS = 5.0

log = logging.getLogger(__name__)


class WriterOrders:
    """`tell` gets every fact as it becomes true. `name` is the writer's: its lists and holds go by it."""

    def __init__(
        self,
        settings: WriterSettings,
        runtime: Path,
        tell: Callable[[Struct], None],
        *,
        name: str = PRIMARY_WRITER,
    ) -> None:
        self._holder = Holder(writer=name, spare=settings.spare, beside=settings.beside)
        self._library_root = Path(settings.library_root)
        self._volume = Volume(self._library_root)
        self._tell = tell
        self._kept = KeptSound(writer=name, clock=time.monotonic)
        self._strangers = DeadStrangers(writer=name, clock=time.monotonic)
        self._takes = OpenTakes(tell=tell, left=self._has_left, keep=self._keep)
        self._waiting = WaitingList(runtime / f"{name}.waiting", writer=name, spare=settings.spare)
        self._firm: set[TakeId] = set()
        """Of those that wait, the ones that are not to be let go of once they are open."""
        self._opened_again: set[TakeId] = set()
        """Of those that wait, the ones whose first files a sync has failed for."""
        self._folders: dict[TakeId, str] = {}
        """Of takes closed here, the last ones, for notes that come after."""
        self._tapes = CurrentTape(runtime / TAPE_NAME)
        self._out_of_holds = False
        """Others than this writer have the last ones; asked again when a take is closed, and each second."""
        self._open_list = OpenList(runtime / f"{name}.open")
        self._left = LeftTakes(
            self._library_root,
            writer=name,
            open_list=self._open_list,
            takes=self._takes,
            tapes=self._tapes,
            keep=self._keep_hold,
        )

    # At the start.

    def take_up(self) -> None:
        """Takes that a killed writer left open go on, and those that waited wait on. What cannot go on is
        left to `recover_some`."""
        with contextlib.suppress(OSError):  # the report says so, and tries again
            self._volume.make()
        await_name(self._tapes.path)
        self.look_for_tape()
        gone = self._waiting.take_up(self._tapes.now)
        for entry in self._open_list.read():
            if not is_inside(entry.folder, self._library_root):
                log.warning('take "%s" is not in the library; it was left alone', entry.folder)
            elif self._waiting.find(entry.take_id) is None or is_begun(entry.folder):
                self._go_on_with(entry)
        for waiting in self._waiting:
            if is_begun(waiting.order.folder):  # killed before it was taken off the list
                notes, take = waiting.notes, self._takes.find(waiting.take_id)
                if take is not None:
                    self._takes.annotate(take, *notes)
                self._waiting.remove(waiting.take_id)
        for order in gone:
            if is_inside(order.folder, self._library_root) and not is_begun(order.folder):
                remove_empty(self._library_root, Path(order.folder))
                why = f'take "{order.folder}": its tape is gone; nothing was written'
                self._refuse(order, TakeError(why))

    def _go_on_with(self, entry: OpenFolder) -> None:
        survived = False
        take: TakeWriter | None = None
        try:
            survived = entry.cache_survived(self._library_root)
            if self._tapes.now is not None:
                take = resume_take(
                    entry,
                    tape=self._tapes.now,
                    library_root=self._library_root,
                    open_list=self._open_list,
                    holder=self._holder,
                )
        except Exception as error:
            log.warning('take "%s" cannot go on: %s', entry.folder, error, exc_info=unforeseen(error))
        if take is None:
            self._left.add(entry, cache_survived=survived)
        else:
            self._takes.add(take)
            log.info('take "%s" goes on behind %d frames', entry.folder, take.written_frames)

    def recover_some(self) -> bool:
        """One step of the search for takes left open. False once it is done."""
        if self._left.is_over:
            return False
        found = self._left.close_next()
        if isinstance(found, TakeClosed):
            log.info('take "%s" is closed: %d frames', found.folder, found.frames)
            self._remember(found.take_id, found.folder)
            self._tell(found)
        elif isinstance(found, TakeFailed):
            self._tell(found)
        if self._left.is_over:
            self._release_dead_holds()
        return not self._left.is_over

    # The tape.

    def look_for_tape(self) -> None:
        """Attaches to the tape that is there now, if it is another one. The old one is left to its takes."""
        self._out_of_holds = False
        for tape in self._kept.look():
            self._close_unused(tape)
        before = self._tapes.now
        old = self._tapes.look()
        if old is not None:
            self._close_unused(old)
        if self._tapes.now is not before and self._left.is_over:
            self._release_dead_holds()
        if self._tapes.now is not None and not self._holder.spare:
            self._strangers.look(self._tapes.now)

    def map_tape_in(self) -> None:
        """The tape's pages are mapped, where they are all there and no take waits for this writer."""
        if not self.has_takes:
            self._tapes.map_in()

    def keep_lists(self) -> None:
        """What the next writer has to know is in the runtime folder, also where somebody took that away."""
        self._open_list.keep()
        self._waiting.keep()

    def _release_dead_holds(self) -> None:
        """After the search nobody adopts them any more: takes that go on and those that wait have theirs, and
        the tape would stand still for the others for ever."""
        if self._tapes.now is not None:
            count = self._tapes.now.reclaim_dead_holds(self._holder.writer)
            if count:
                log.warning("%d holds of writers that are dead were released", count)

    def _close_unused(self, tape: Tape) -> None:
        if tape is not self._tapes.now and not any(
            users.uses(tape) for users in (self._waiting, self._takes, self._kept)
        ):
            tape.close()

    # Orders.

    def open(self, message: OpenTake) -> None:
        """The take waits for `open_some`, and its sound with it. Said twice, it is one take."""
        order = message.order
        take = self._takes.find(order.take_id)
        if take is not None:
            self._tell(TakeOpened(take_id=order.take_id, first_frame=take.order.first_frame))
        elif self._waiting.find(order.take_id) is None:
            try:
                self._let_wait(order)
            except Exception as error:
                self._refuse(order, error)

    def _let_wait(self, order: TakeOrder) -> None:
        self.look_for_tape()
        tape = self._tapes.now
        if tape is None:
            why = self._tapes.trouble or "there is no tape yet: capture has not begun to listen"
            raise TakeError(f'take "{order.folder}": {why}; nothing was written')
        check(order, tape=tape, library_root=self._library_root)
        if has_begun(Path(order.folder)):
            # A writer before had it open. One that is not closed is in the hands of the search.
            closed = closed_before(order.folder, order.take_id)
            if closed is not None:
                self._remember(order.take_id, order.folder)
                self._tell(closed)
            return
        self._volume.check(order)
        make_folders(self._library_root, Path(order.folder))  # so that nobody else gets its name meanwhile
        self._waiting.add(order, tape)
        self._kept.is_taken_over(tape, order.first_frame)

    def _refuse(self, order: TakeOrder, error: Exception) -> None:
        """Nothing is left of it but its sound on the tape, for a while."""
        waiting = self._waiting.find(order.take_id)
        if waiting is not None:
            self._keep(waiting.tape, order.first_frame)
            self._waiting.remove(order.take_id)
            remove_empty(self._library_root, Path(order.folder))
        reason = why_not_opened(order, error)
        log.error("%s", reason, exc_info=unforeseen(error))
        self._tell(failed(order, error, frames=0, reason=reason))

    def _keep(self, tape: Tape, frame: Frame) -> None:
        """A copy that fails is no reason to keep sound that the primary has."""
        if not self._holder.spare:
            self._kept.keep(tape, frame)

    def _keep_hold(self, tape: Tape, hold: Hold) -> None:
        if self._holder.spare:
            hold.release()
        else:
            self._kept.keep_hold(tape, hold)

    def end(self, message: EndTake) -> None:
        take = self._takes.find(message.take_id)
        if take is not None:
            self._takes.end(take, message.end_frame)
        elif self._waiting.find(message.take_id) is not None:
            self._waiting.end(message)
        else:
            log.warning("take %s is not open: its end was not changed", message.take_id)

    def annotate(self, message: Annotate) -> None:
        take, folder = self._takes.find(message.take_id), self._folders.get(message.take_id)
        if take is not None:
            self._takes.annotate(take, message.note)
        elif self._waiting.find(message.take_id) is not None:
            self._waiting.annotate(message)
        elif folder is not None:
            self._retag(message.take_id, folder, message.note)
        else:
            log.warning("take %s is not known here: a note for it was left out", message.take_id)

    def keep_firm(self, message: KeepFirm) -> None:
        """That take is the only copy now. One that waits waits on under a spare hold until it is open."""
        take = self._takes.find(message.take_id)
        if take is not None:
            take.keep_firm()
        elif self._waiting.find(message.take_id) is not None:
            self._firm.add(message.take_id)

    def retag(self, message: Retag) -> None:
        here = (self._takes.find(message.take_id), self._waiting.find(message.take_id))
        if here == (None, None):
            self._retag(message.take_id, message.folder, message.slate)
        else:
            self.annotate(Annotate(take_id=message.take_id, note=message.slate))

    def _retag(self, take_id: TakeId, folder: str, note: TakeNote) -> None:
        try:
            if not is_inside(folder, self._library_root):
                raise TakeError(f'take "{folder}": not in the library "{self._library_root}"; left alone')
            retag_take(folder, take_id, note, root=self._library_root)
            self._remember(take_id, folder)
        except Exception as error:
            log.warning('take "%s" was not tagged: %s', folder, error, exc_info=unforeseen(error))
            self._tell(RetagFailed(take_id=take_id, reason=str(error)))

    # What it does by itself, as time goes on.

    @property
    def has_takes(self) -> bool:
        return len(self._takes) + len(self._waiting) > 0

    def can_open(self) -> bool:
        """The take that waits longest has room."""
        first = self._waiting.first()
        return first is not None and not self._out_of_holds and self._takes.has_room_for(first.order)

    def open_some(self) -> None:
        """The takes that wait longest are open and durable, a few together, as far as there is room."""
        openings: list[TakeOpening] = []
        for waiting in list(self._waiting)[:OPENED_TOGETHER]:
            if self._out_of_holds or not self._takes.has_room_for(waiting.order):
                break
            try:
                self._volume.check(waiting.order)
                opening = open_take(
                    waiting.order,
                    waiting.notes,
                    tape=waiting.tape,
                    library_root=self._library_root,
                    open_list=self._open_list,
                    holder=self._holder,
                )
            except NoFreeHoldError as error:
                if self._takes:
                    self._out_of_holds = True
                    break
                self._refuse(waiting.order, error)
            except Exception as error:
                self._refuse(waiting.order, error)
            else:
                self._takes.add(opening.take)
                openings.append(opening)
        for opening in self._made_durable(openings):
            take = opening.keep()
            if take.take_id in self._firm:
                self._firm.remove(take.take_id)
                take.keep_firm()
            self._waiting.remove(take.take_id)
            self._tell(TakeOpened(take_id=take.take_id, first_frame=take.order.first_frame))

    def _made_durable(self, openings: list[TakeOpening]) -> list[TakeOpening]:
        """Those of them that will be there after a power cut, by one sync for all of a file system. Of the
        others nothing is left behind; each is opened once more, in fresh files."""
        good: list[TakeOpening] = []
        for device in {opening.take.device for opening in openings}:
            together = [opening for opening in openings if opening.take.device == device]
            durable, not_so = sync_together(
                together, folder_fd=lambda opening: opening.take.folder_fd, sync_one=self._make_durable_alone
            )
            good += durable
            for opening, error in not_so:
                order = opening.take.order
                self._takes.forget(opening.take)
                opening.undo()
                if order.take_id in self._opened_again:
                    self._refuse(order, error)
                else:
                    log.warning("%s; it is opened once more", why_not_opened(order, error))
                    self._opened_again.add(order.take_id)
        self._opened_again.intersection_update(waiting.take_id for waiting in self._waiting)
        return good

    def _make_durable_alone(self, opening: TakeOpening) -> None:
        opening.take.make_durable()
        make_durable(Path(opening.take.order.folder), self._library_root)

    def write_on(self) -> bool:
        """Each take is written on by at most a slice; what is complete is closed. True: there is more."""
        return self._takes.write_on(self._tapes.now)

    def make_durable(self) -> bool:
        """What is written, and how far the tape may go on. True where something is durable now that was not."""
        gained = self._takes.make_durable()
        self._waiting.protect()
        return gained

    def report(self) -> WriterReport:
        return report_of(self._takes, self._waiting, volume=self._volume, tape_trouble=self._tapes.trouble)

    def stop(self) -> None:
        """Every take ends where its tape ends now, or before if it was to, and is closed."""
        for take in (*self._takes, *self._waiting):
            ends = [take.tape.next_frame]
            if take.end_frame is not None:
                ends.append(take.end_frame)
            self.end(EndTake(take_id=take.take_id, end_frame=Frame(max(take.order.first_frame, min(ends)))))
        while self.has_takes:
            self.open_some()
            if not self.write_on() and not self.can_open():
                self._takes.close_here()
        self._kept.close()
        if self._tapes.now is not None:
            self._tapes.now.close()

    def leave(self) -> None:
        """What the tape has is on the disk and durable, and every take is open for the next writer, which finds
        holds and lists as a killed one leaves them. A slow disk is not waited for: the tape has the rest."""
        until = time.monotonic() + LEAVE_SECONDS
        more = self.has_takes
        while more and time.monotonic() < until:
            self.open_some()
            more = self.write_on() or self.can_open()
        self.write_on()  # once more: where capture has ended too, its last, uneven frames
        self.make_durable()

    # How a take ends.

    def _has_left(self, take: TakeWriter) -> None:
        self._out_of_holds = False
        self._open_list.remove(take.order.folder)
        self._remember(take.take_id, take.order.folder)
        self._close_unused(take.tape)

    def _remember(self, take_id: TakeId, folder: str) -> None:
        self._folders.pop(take_id, None)
        self._folders[take_id] = folder
        while len(self._folders) > REMEMBERED_TAKES:
            del self._folders[next(iter(self._folders))]
