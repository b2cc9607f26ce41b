"""The library's own thread: does what the controller asks of the disk and tells it what came of it.

Every method here is for any thread and returns at once, also while the disk stands still. What the queue
cannot take is refused, or, where it may be made good later, left to catching up. All of `Library` but its
memory is used by this thread alone.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from rigd.library.assembler import Assembler
from rigd.library.hasher import Hasher, HashOrder
from rigd.library.job_queue import Job, JobQueue
from rigd.library.library import Library
from rigd.library.rolling import RollingTake
from rigd.library.sheet import SheetMirror, take_of
from rigd.library.takes import FoundTake
from rigd.library.walking import is_folder, is_gone
from rigd.model.blackbox import Keep
from rigd.model.errors import LibraryError
from rigd.model.inputs import ClockReading, TakeAdopted
from rigd.model.library import (
    LibraryFact,
    LibraryFailed,
    LibraryMended,
    SessionOpened,
    SheetWritten,
    TakePlan,
    TakeRestored,
    TakeTrashed,
)
from rigd.model.state import Take
from rigd.model.take import Slate, Track
from rigd.model.units import TakeId
from rigd.takefile.journal import JOURNAL_NAME

log = logging.getLogger(__name__)

SHEET_INTERVAL_S = 1.0
"""How often at most the take.json of a rolling take is written."""
SETTLE_WITHIN_S = 60.0
"""How long a SHA-256 waits for the writer to put a new slate into the files."""
CATCH_UP_AGAIN_S = 60.0
FIRST_WALK_S = 2.0
"""How long after the start a large library is looked through: the rest of rigd starts first. The check of its index
begins as soon as a session is open."""
TRY_AGAIN_S = 3.0
"""How often a take.json or session.json that could not be written is tried again."""
SAVING = "write session"


class LibraryKeeper(JobQueue):
    """What the controller uses of the library (its LibraryPort, PlanTake and NextTakeNumber).

    `post` gets the facts, on the library's thread; where it raises RigError it is asked again.
    """

    def __init__(
        self,
        library: Library,
        *,
        post: Callable[[LibraryFact | TakeAdopted], None],
        clock: Callable[[], float] = time.monotonic,
        read_clock: Callable[[], ClockReading | None] = lambda: None,
        may_move: Callable[[], bool] = lambda: True,
        assembly: Callable[[Callable[[Keep, Path], None]], Assembler] | None = None,
    ) -> None:
        """`read_clock` is the wall clock; `may_move`: nothing is being recorded. `assembly` makes what puts takes
        together from the black box, given what is to be called once one is closed; without it none can be kept from
        there."""
        super().__init__(post)
        self._library, self._clock = library, clock
        self._read_clock, self._may_move = read_clock, may_move
        self._recording = threading.Event()
        """Set once a take was planned or found open: from then on nothing moves unless it is asked for."""
        self._lock = threading.Lock()
        self._unsaved: set[str] = set()
        self._newest: dict[TakeId, Take] = {}
        """Open takes as the controller knows them, where take.json does not say it yet."""
        self._hasher = Hasher(done=self._hashed)
        self._assembly = assembly(self._kept) if assembly is not None else None
        self._thread = threading.Thread(target=self._run, name="rigd-library", daemon=True)
        # From here on the library thread's own.
        self._rolling: dict[TakeId, RollingTake] = {}
        self._sheet_due: dict[TakeId, float] = {}
        """When the take.json of an open take may be written again."""
        self._unsettled: dict[TakeId, float] = {}
        """Closed takes whose files do not yet say what take.json says, and until when to wait for it."""
        self._unfiled: dict[TakeId, Take] = {}
        """Closed takes whose take.json could not be written: tried again until it can."""
        self._unwritten: set[str] = set()
        """Sessions whose session.json could not be written: tried again until it can."""
        self._walk: Iterator[FoundTake | None] | None = None
        self._next_tick = 0.0
        self._next_walk = self._walk_from = 0.0
        self._fault_told = ""
        self._next_try = 0.0

    def start(self) -> None:
        """Jobs are done from now on, and between them the index is brought in step with the folders."""
        self._hasher.start()
        if self._library.catalogue.unchecked:
            self._next_walk = self._walk_from = self._clock() + FIRST_WALK_S
        self._thread.start()
        if self._assembly is not None:
            self._assembly.start()
        self._do_soon("index", str(self._library.root), self._begin)

    def stop(self, *, within_s: float = 10.0) -> None:
        """What was asked for is done, threads have ended; a disk that stands still is not waited for."""
        if self._assembly is not None:
            self._assembly.stop()
        self._hasher.stop()
        self._stopping.set()
        self._do_soon("stop", "", lambda: None)
        self._thread.join(within_s)
        if self._thread.is_alive():
            log.warning(
                "library: the disk does not answer; left %d jobs to the next start", self._jobs.qsize()
            )

    # --- memory only: answers at once ---

    def plan_take(self, *, session_folder: str, slate: Slate, tracks: tuple[Track, ...]) -> TakePlan:
        """As `Library.plan_take`; session.json follows. Raises LibraryError where the session is not open."""
        self._recording.set()
        plan = self._library.plan_take(session_folder=session_folder, slate=slate, tracks=tracks)
        self._save_soon(session_folder)
        return plan

    def session_of_day(self, *, session_folder: str) -> SessionOpened | None:
        """As `Library.session_of_day`."""
        return self._library.session_of_day(session_folder=session_folder)

    def next_take_number(self, *, session_folder: str, song: str) -> int:
        """As `Library.next_take_number`."""
        return self._library.next_take_number(session_folder=session_folder, song=song)

    def set_song(self, *, session_folder: str, song: str, next_take_number: int) -> None:
        """This song is the current one; session.json follows. Without a session nothing is noted."""
        if not session_folder:
            return
        self._library.choose_song(session_folder=session_folder, song=song, next_take_number=next_take_number)
        self._save_soon(session_folder)

    # --- asked for now, told by a fact ---

    def open_session(self, name: str, *, going_on: bool = False, newest: bool = False) -> None:
        """As `Library.open_session`. Told by SessionOpened or LibraryFailed.

        Raises LibraryError where the library does not keep up.
        """
        open_it = partial(self._library.open_session, name, going_on=going_on, newest=newest)
        self._ask("open session", name, lambda: self._opened(open_it()))

    def write_sheet(self, take: Take) -> None:
        """take.json says what this take says: of an open one soon, of a closed one told by SheetWritten."""
        if take.closed:
            self._library.note_end(take.folder)
            self._do_soon("write take sheet", take.take_id, lambda: self._file(take))
            return
        with self._lock:
            self._newest[take.take_id] = take

    def adopt(self, take_id: TakeId, folder: str) -> None:
        """Told by TakeAdopted; by nothing where there is no journal in the folder."""
        self._do_soon("read take", take_id, lambda: self._adopt(take_id, Path(folder)))

    def trash(self, take: Take) -> None:
        """Not while anything is recorded. Told by TakeTrashed or LibraryFailed. May raise as open_session."""
        self._ask("discard", take.take_id, lambda: self._trash(take.take_id))

    def restore(self, take_id: TakeId) -> None:
        """Out of the trash; as `trash`. Told by TakeRestored or LibraryFailed."""
        self._ask("restore", take_id, lambda: self._restore(take_id))

    def empty_trash(self, before_unix_ns: int, *, is_of_any_age: bool) -> None:
        """What was put in the trash before then is deleted. Told by TrashEmptied. May raise as open_session."""
        self._ask("empty trash", "", lambda: self._empty(before_unix_ns, is_of_any_age))

    def note_copies(
        self,
        folder: Path,
        digests: dict[str, str],
        mirror: SheetMirror,
        *,
        journal_bytes: int,
        done: Callable[[FoundTake | None], None],
    ) -> None:
        """take.json says what came of comparing both copies. `done`, on the library's thread, gets the take,
        or None where it changed meanwhile. Raises as open_session."""
        note = partial(self._library.file_mirror, folder, digests, mirror, journal_bytes=journal_bytes)
        self._ask("note copies of", str(folder), lambda: done(note()))

    def come_back(self) -> None:
        """The library's volume was away. Raises as open_session."""
        self._ask("come back to", str(self._library.root), self._library.come_back)

    def date_takes(self) -> None:
        """Takes of a wrong clock are dated anew, if it is right now. Told by TakesDated where there were any."""
        self._do_soon("date takes anew", str(self._library.root), self._date)

    def keep(self, keep: Keep) -> None:
        """The take is put together from the black box. Told by TakeAdopted once it is closed, or TakeFailed."""
        if self._assembly is None:
            raise LibraryError("there is no black box; set [blackbox] minutes")
        self._assembly.add(keep)

    def _kept(self, keep: Keep, folder: Path) -> None:
        self.adopt(keep.order.take_id, str(folder))

    # --- the queue ---

    def _do_soon(self, doing: str, subject: str, run: Callable[[], None]) -> None:
        try:
            self._ask(doing, subject, run)
        except LibraryError:
            # Journal and folders know it all; catching up reads it from there.
            self._library.catalogue.incomplete = True

    def _save_soon(self, session_folder: str) -> None:
        with self._lock:
            if session_folder in self._unsaved:
                return
            self._unsaved.add(session_folder)
        self._do_soon(SAVING, session_folder, lambda: self._save(session_folder))

    def _hashed(self, order: HashOrder, digests: dict[str, str]) -> None:
        self._do_soon("write SHA-256", str(order.folder), lambda: self._file_digests(order, digests))

    # --- the library thread ---

    def _run(self) -> None:
        while True:
            if self._clock() >= self._next_tick:
                self._next_tick = self._clock() + SHEET_INTERVAL_S
                self._do(Job("write take sheet", "", self._tick))
            walks = self._walk is not None and self._clock() >= self._walk_from
            busy = walks or self._stopping.is_set()
            wait = 0.0 if busy else max(0.001, self._next_tick - self._clock())
            try:
                job = self._jobs.get(block=wait > 0, timeout=wait or None)
            except queue.Empty:
                if self._stopping.is_set():
                    return
                if not walks:
                    continue
                job = Job("index", str(self._library.root), self._step)
            self._do(job)

    def _begin(self) -> None:
        """The folders are looked through; where the index was not checked yet, once the rest of rigd has started: so
        that a start takes no longer in a large library."""
        if not self._library.catalogue.unchecked:
            self._begin_walk()
        self._tell_fault()

    def _tell_fault(self) -> None:
        fault = self._library.catalogue.fault
        if fault and fault != self._fault_told:
            self._tell(LibraryFailed(doing="index", subject=str(self._library.root), reason=fault))
        self._fault_told = fault

    def _opened(self, opened: SessionOpened) -> None:
        """The check of the index begins at once. Of a small one that is all of it, and the walk goes on at once."""
        self._tell(opened)
        if self._library.catalogue.unchecked and self._walk is None:
            self._begin_walk()
            self._step()
            if not self._library.catalogue.unchecked:
                self._walk_from = 0.0

    def _save(self, session_folder: str) -> None:
        with self._lock:
            self._unsaved.discard(session_folder)
        told = session_folder in self._unwritten
        try:
            self._library.save_session(session_folder)
        except LibraryError:
            self._unwritten.add(session_folder)
            if told:
                return
            raise
        self._unwritten.discard(session_folder)
        if told and not self._unwritten:
            self._tell(LibraryMended(doing=SAVING))

    def _file(self, take: Take) -> None:
        self._let_go(take.take_id)
        folder = Path(take.folder)
        if not is_folder(folder):
            folder = self._library.place_of(take.take_id)
        try:
            found = self._library.file_take(
                folder, slate=take.slate, failure=take.failure, durable_frames=take.durable_frames
            )
        except LibraryError:
            # The disk is full, as a rule: tried again until there is room, and told once.
            known, self._unfiled[take.take_id] = take.take_id in self._unfiled, take
            if known:
                return
            raise
        self._unfiled.pop(take.take_id, None)
        self._see_to_digests(found)
        if not found.sheet.rolling:
            self._tell(SheetWritten(take=take_of(found.sheet, found.folder)))

    def _adopt(self, take_id: TakeId, folder: Path) -> None:
        take = self._library.adopt_take(folder)
        if take is None or take.take_id != take_id:
            return
        if not take.closed:
            self._recording.set()
        self._tell(TakeAdopted(take=take))

    def _trash(self, take_id: TakeId) -> None:
        self._let_go(take_id)
        self._unfiled.pop(take_id, None)
        found = self._library.discard(take_id)
        self._see_to_digests(found)
        self._tell(TakeTrashed(take_id=take_id, folder=str(found.folder)))

    def _restore(self, take_id: TakeId) -> None:
        found = self._library.restore(take_id)
        self._see_to_digests(found)
        self._tell(TakeRestored(take=take_of(found.sheet, found.folder)))

    def _empty(self, before_unix_ns: int, is_of_any_age: bool) -> None:
        fact = self._library.empty_trash(
            before_unix_ns, is_of_any_age=is_of_any_age, may_go_on=self._may_move
        )
        for take_id in fact.takes:
            self._let_go(take_id)
            self._unsettled.pop(take_id, None)
        self._tell(fact)

    def _date(self) -> None:
        now = self._read_clock()
        if now is None:
            return
        dated = self._library.date_takes(now, may_go_on=self._may_move)
        if dated is not None:
            for take in dated.takes:
                self._unsettled.setdefault(take.take_id, self._clock() + SETTLE_WITHIN_S)
            self._tell(dated)

    def _let_go(self, take_id: TakeId) -> None:
        self._rolling.pop(take_id, None)
        self._sheet_due.pop(take_id, None)
        with self._lock:
            self._newest.pop(take_id, None)

    def _file_digests(self, order: HashOrder, digests: dict[str, str]) -> None:
        if is_folder(order.folder):  # moved meanwhile: whoever moved it has asked again
            found = self._library.file_digests(order.folder, digests, journal_bytes=order.journal_bytes)
            if found is None:
                self._see_to_digests(self._library.file_take(order.folder))

    def _see_to_digests(self, found: FoundTake) -> None:
        if found.sheet.rolling:
            return
        if not found.settled:
            self._unsettled.setdefault(found.sheet.take_id, self._clock() + SETTLE_WITHIN_S)
        elif found.unhashed:
            self._hash(found)

    def _hash(self, found: FoundTake) -> None:
        self._hasher.add(
            HashOrder(folder=found.folder, names=found.unhashed, journal_bytes=found.sheet.journal_bytes)
        )

    def _tick(self) -> None:
        if (opened := self._library.look_ahead()) is not None:
            self._tell(opened)
        self._library.catalogue.flush()
        for reason in self._library.not_believed():
            self._tell(LibraryFailed(doing="look through", subject=str(self._library.root), reason=reason))
        with self._lock:
            newest, self._newest = self._newest, {}
        for take_id, take in newest.items():
            if self._clock() < self._sheet_due.get(take_id, 0.0):
                with self._lock:
                    self._newest.setdefault(take_id, take)
                continue
            self._do(Job("write take sheet", take_id, partial(self._refresh, take)))
        for take_id in list(self._unsettled):
            self._do(Job("write take sheet", take_id, partial(self._settle, take_id)))
        if (self._unfiled or self._unwritten) and self._clock() >= self._next_try:
            self._next_try = self._clock() + TRY_AGAIN_S
            for folder in list(self._unwritten):
                self._do(Job(SAVING, folder, partial(self._save, folder)))
            for take in list(self._unfiled.values()):
                self._do(Job("write take sheet", take.take_id, partial(self._file, take)))
        if self._walk is None and self._library.catalogue.incomplete and self._clock() >= self._next_walk:
            self._begin_walk()

    def _refresh(self, take: Take) -> None:
        rolling = self._rolling.setdefault(take.take_id, RollingTake())
        found = rolling.refresh(take)
        self._sheet_due[take.take_id] = self._clock() + rolling.pause_s
        if found is not None:
            self._library.catalogue.enter(found)
        else:
            self._rolling.pop(take.take_id)
            if is_gone(Path(take.folder) / JOURNAL_NAME):
                with self._lock:  # not begun yet: tried again with the newest there is
                    self._newest.setdefault(take.take_id, take)

    def _settle(self, take_id: TakeId) -> None:
        until = self._unsettled.pop(take_id)
        found = self._library.file_take(self._library.place_of(take_id))
        if found.settled or self._clock() >= until:
            if found.unhashed:
                self._hash(found)
        else:
            self._unsettled[take_id] = until

    def _begin_walk(self) -> None:
        self._next_walk = self._clock() + CATCH_UP_AGAIN_S
        self._library.catalogue.incomplete = False
        self._walk = self._library.catch_up(may_move=lambda: not self._recording.is_set())

    def _step(self) -> None:
        if self._walk is None:
            return
        try:
            was_unchecked = self._library.catalogue.unchecked
            found = next(self._walk)
            if was_unchecked:
                self._tell_fault()
        except StopIteration:
            self._walk = None
            if (left := self._library.left_to_date(self._read_clock())) is not None:
                self._tell(left)
            return
        if found is not None:
            self._see_to_digests(found)
        for otherwise in self._library.found_otherwise():
            self._tell(otherwise)
