"""Makes library and mirror agree after the takes, and checks a volume that was away. One thread, at idle priority.

It does nothing while anything is recorded: `may_copy` is asked before each piece, and what is under way then is
dropped and done again later. Nothing is remembered: what is to do is what the folders say.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from rigd.library.durable import make_folders, move_folder
from rigd.library.hasher import be_idle
from rigd.library.keeper import LibraryKeeper
from rigd.library.session import SESSION_NAME, remove_if_empty, take_folders
from rigd.library.sheet import SheetMirror, take_of
from rigd.library.takes import FoundTake
from rigd.library.volumes import VolumePair
from rigd.library.walking import folders_in, is_file, is_gone
from rigd.mirror.copies import (
    CannotTell,
    NotYet,
    Side,
    copy_small,
    copy_take,
    has_more,
    look,
    make_alike,
    take_in,
)
from rigd.mirror.take_places import TakePlaces
from rigd.model.errors import LibraryError, RigError
from rigd.model.library import CopiesLeft, LibraryFact, TakeCompared, VolumeChecked, WhichVolume
from rigd.model.units import TakeId
from rigd.takefile.journal import JOURNAL_NAME

log = logging.getLogger(__name__)

LOOK_S = 0.25
REST_S = 5.0
"""How often it looks up while there is nothing to do: each time costs the rig a moment of the interpreter."""
AGAIN_S = 2.0
"""How soon a take is looked at again that could not be compared yet; twice as late each time, as each time reads
all of it, up to:"""
LATEST_AGAIN_S = 60.0
LEFT_OPEN_S = 5.0
"""After so long nobody is closing it any more."""
FAILED_AGAIN_S = 20.0
NOTE_WITHIN_S = 30.0


class _Stop(Exception):
    """Somebody else wants the disk, or rigd ends."""


class MirrorKeeper:
    """The controller's VolumesPort. `post` gets the facts, on this thread."""

    def __init__(
        self,
        *,
        library: Path,
        mirror: Path,
        keeper: LibraryKeeper,
        may_copy: Callable[[], bool],
        post: Callable[[LibraryFact], None],
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`may_copy`: nothing is being recorded, and both volumes are fit. Any thread may be asked."""
        self._library, self._mirror, self._keeper = library.absolute(), mirror.absolute(), keeper
        self._may_copy, self._post, self._now, self._clock = may_copy, post, now, clock
        self._wake = threading.Condition()
        self._stopping = threading.Event()
        self._to_check: set[WhichVolume] = set()
        self._filed: dict[TakeId, Path] = {}
        self._walk_due = True
        self._volumes = VolumePair(self._library, self._mirror)
        self._thread = threading.Thread(target=self._run, name="rigd-mirror", daemon=True)
        # From here on this thread's own.
        self._due: dict[TakeId, float] = {}
        """Takes to be compared, and when."""
        self._waits: dict[TakeId, float] = {}
        self._missed: set[TakeId] = set()
        """Those of them that one volume has not where it should be."""
        self._begun: dict[TakeId, Path] = {}
        """Copies that were cut short."""
        self._places = TakePlaces(self._library, self._mirror, go_on=self._go_on)
        self._moved_out_of: set[Path] = set()
        """Sessions that takes were moved out of, after the other volume's: the clock has come, as a rule."""
        self._open_since: dict[TakeId, float] = {}
        self._told: CopiesLeft | None = None
        self._problem = ""

    def start(self) -> None:
        """Volumes are checked as asked, and takes compared whenever they may be."""
        self._volumes.learn()
        self._thread.start()

    def stop(self) -> None:
        """The thread has ended, within a piece."""
        with self._wake:
            self._stopping.set()
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(10.0)

    def check(self, volume: WhichVolume) -> None:
        """VolumeChecked, as soon as it was looked at."""
        with self._wake:
            self._to_check.add(volume)
            self._wake.notify_all()

    def filed(self, found: FoundTake) -> None:
        """A take was closed, moved or tagged: its copies are compared. Any thread."""
        if found.sheet.rolling or found.sheet.mirror is not None:
            return
        with self._wake:
            self._filed[found.sheet.take_id] = found.folder
            self._wake.notify_all()

    # --- this thread ---

    def _run(self) -> None:
        be_idle()
        while not self._stopping.is_set():
            with self._wake:
                self._wake.wait_for(
                    lambda: self._to_check or self._filed or self._stopping.is_set(),
                    LOOK_S if self._due or self._walk_due else REST_S,
                )
                to_check, self._to_check = self._to_check, set()
            try:
                for volume in sorted(to_check):
                    self._check(volume)
                self._take_note()
                if self._may_copy():
                    self._do_some()
            except _Stop:
                continue
            except Exception:
                log.exception("comparing library and mirror failed; it goes on")
                self._stopping.wait(AGAIN_S)

    def _take_note(self) -> None:
        with self._wake:
            filed, self._filed = self._filed, {}
        for take_id, place in filed.items():
            self._due[take_id] = 0.0
            self._waits.pop(take_id, None)
            self._missed.discard(take_id)
            self._places.put(take_id, place)
        if filed:
            self._tell_left()

    def _do_some(self) -> None:
        if self._walk_due:
            self._look_for_volumes()
            self._walk()
            self._walk_due = False  # not where somebody wanted the disk meanwhile
        for take_id, due in list(self._due.items()):
            if due <= self._clock():
                self._look_for_volumes()
                self._compare(take_id)
                self._tell_left()
        self._remove_emptied()
        self._tell_left()

    def _remove_emptied(self) -> None:
        """A session that is gone from the one volume, and has nothing left on the other, is gone there, too."""
        for session in list(self._moved_out_of):
            here = session.is_relative_to(self._library)
            root, other = (self._library, self._mirror) if here else (self._mirror, self._library)
            if is_gone(other / session.relative_to(root)):
                remove_if_empty(session)
                self._moved_out_of.discard(session)

    def _go_on(self) -> None:
        if self._stopping.is_set() or not self._may_copy():
            raise _Stop

    def _look_for_volumes(self) -> None:
        """Nothing is written where a disk was."""
        self._go_on()
        if not self._volumes.are_there():
            self._stopping.wait(AGAIN_S)
            raise _Stop

    def _tell(self, fact: LibraryFact) -> None:
        while not self._stopping.is_set():
            try:
                self._post(fact)
                return
            except RigError as error:
                log.warning("mirror: %s", error)
                self._stopping.wait(AGAIN_S)

    def _tell_left(self) -> None:
        left = CopiesLeft(count=len(self._due), problem=self._problem if self._due else "")
        if left != self._told:
            self._told = left
            self._tell(left)

    # --- checking a volume ---

    def _check(self, volume: WhichVolume) -> None:
        try:
            problem = self._volumes.why_unfit(volume)
        except LibraryError as error:
            problem = str(error)
        if not problem:
            self._walk_due = True
            if volume is WhichVolume.LIBRARY and self._volumes.library_is_another_mount():
                with contextlib.suppress(LibraryError):
                    self._keeper.come_back()
        self._told = None
        self._tell(VolumeChecked(volume=volume, problem=problem))

    # --- finding takes ---

    def _walk(self) -> None:
        """Every take of both volumes that is not known to be the same on both is to be compared."""
        for take_id in self._places.look_through():
            self._go_on()
            if not self._places.are_compared(take_id):
                self._due.setdefault(take_id, 0.0)
        for root, other in ((self._library, self._mirror), (self._mirror, self._library)):
            for session in folders_in(root):
                self._look_for_volumes()
                twin = other / session.name
                if root is self._library or (is_gone(twin / SESSION_NAME) and self._is_missed(session, twin)):
                    self._copy_session(session, twin)
                elif is_gone(twin) and is_file(session / SESSION_NAME):
                    self._moved_out_of.add(session)  # before an earlier end; gone where nothing is left in it

    def _is_missed(self, session: Path, twin: Path) -> bool:
        """Takes of this session of the mirror belong into the library's, of which session.json is gone: they lie
        there, or nowhere in the library. A session that its takes were moved out of is not brought back."""
        if next(take_folders(twin), None) is not None:
            return True
        known = (take_in(place) for place in take_folders(session))
        return any(take_id is not None and self._places.known(take_id)[0] is None for take_id in known)

    def _copy_session(self, source: Path, target: Path) -> None:
        if is_file(source / SESSION_NAME):
            try:
                make_folders(target, root=target.parent)
                copy_small(source / SESSION_NAME, target / SESSION_NAME, root=target.parent)
            except (OSError, LibraryError) as error:
                log.warning("%s was not copied to %s: %s", source / SESSION_NAME, target, error)

    # --- one take ---

    def _compare(self, take_id: TakeId) -> None:
        here, there = self._places.of(take_id)
        if (here is None or there is None) and take_id not in self._missed:
            # Moved, by hand or to another day? The folders are looked through before it counts as gone.
            self._missed.add(take_id)
            self._walk_due = True
            return
        if here is None and there is None:
            self._missed.discard(take_id)
            self._due.pop(take_id, None)
            return
        try:
            self._agree(take_id, here, there)
        except NotYet:
            self._later(take_id)
        except CannotTell as error:
            if self._note(take_id, "differs", {}, str(error)):
                self._due.pop(take_id, None)
        except (LibraryError, OSError) as error:
            log.warning("take %s: its copies could not be made the same: %s", take_id, error)
            if self._problem != str(error):
                self._note(take_id, "incomplete", {}, str(error))
            self._problem = str(error)
            self._due[take_id] = self._clock() + FAILED_AGAIN_S

    def _later(self, take_id: TakeId) -> None:
        wait_s = self._waits.get(take_id, AGAIN_S)
        self._waits[take_id] = min(2 * wait_s, LATEST_AGAIN_S)
        self._due[take_id] = self._clock() + wait_s

    def _agree(self, take_id: TakeId, here: Path | None, there: Path | None) -> None:
        ours = look(here) if here is not None else None
        theirs = look(there) if there is not None else None
        for place, side in ((here, ours), (there, theirs)):
            if place is not None and side is None:
                if not is_gone(place):
                    raise LibraryError(f"{place}: its journal is gone; neither copy was touched")
                raise NotYet  # moved to or from the trash at this moment: it is not gone
        if ours is not None and theirs is not None:
            self._wait_for_open_ones(take_id, ours, theirs)
            if has_more(theirs, ours):
                ours = self._placed(ours, theirs, self._library, self._mirror)
            else:
                theirs = self._placed(theirs, ours, self._mirror, self._library)
            digests = make_alike(ours, theirs, self._go_on)
            here, there = ours.folder, theirs.folder
        elif ours is not None:
            there = self._places.free(take_id, ours.folder, self._library, self._mirror)
            digests = self._copy(take_id, ours, there)
            here = ours.folder
        elif theirs is not None:
            here = self._places.free(take_id, theirs.folder, self._mirror, self._library)
            digests = self._copy(take_id, theirs, here)
            there = theirs.folder
        else:
            raise NotYet
        assert here is not None and there is not None
        self._places.put(take_id, here, there)
        self._copy_session(_session_of(here), _session_of(there))
        if self._note(take_id, "same", digests, ""):
            self._due.pop(take_id, None)
            self._problem = ""

    def _copy(self, take_id: TakeId, source: Side, target: Path) -> dict[str, str]:
        """As copy_take. What there is of the copy from before the take was moved is taken along."""
        begun = self._begun.get(take_id)
        if begun is not None and begun != target and is_gone(target) and not is_gone(begun):
            root = self._mirror if target.is_relative_to(self._mirror) else self._library
            if begun.is_relative_to(root) and take_in(begun) is None:
                make_folders(target.parent, root=root)
                move_folder(begun, target, root=root)
                self._moved_out_of.add(_session_of(begun))
        self._begun[take_id] = target
        digests = copy_take(source, target, self._go_on)
        del self._begun[take_id]
        return digests

    def _wait_for_open_ones(self, take_id: TakeId, *sides: Side) -> None:
        """A writer may be about to close it, or have left it so because its disk was gone. NotYet."""
        if all(side.record.closed for side in sides):
            self._open_since.pop(take_id, None)
        elif self._clock() - self._open_since.setdefault(take_id, self._clock()) < LEFT_OPEN_S:
            raise NotYet

    def _placed(self, moved: Side, leads: Side, root: Path, of: Path) -> Side:
        """The take that `moved` is lies where `leads` does on the other volume, if that place is free there."""
        target = root / leads.folder.relative_to(of)
        if target == moved.folder or not is_gone(target):
            return moved
        make_folders(target.parent, root=root)
        move_folder(moved.folder, target, root=root)
        self._moved_out_of.add(_session_of(moved.folder))
        found = look(target)
        return moved if found is None else found

    def _note(
        self,
        take_id: TakeId,
        state: Literal["same", "incomplete", "differs"],
        digests: dict[str, str],
        reason: str,
    ) -> bool:
        """take.json says it, then the controller does. False where the take has changed meanwhile."""
        here, there = self._places.known(take_id)
        on_mirror = here is None or (state == "incomplete" and self._mirror_has_more(here, there))
        place = there if on_mirror else here
        assert place is not None
        other = here if on_mirror else there
        if other is None:
            roots = (self._mirror, self._library)
            other = roots[on_mirror] / place.relative_to(roots[not on_mirror])
        mirror = SheetMirror(
            folder=str(other), state=state, verified_at=self._now().isoformat(timespec="seconds")
        )
        found = self._noted(place, digests, mirror)
        if found is None:
            self._later(take_id)
            return False
        self._waits.pop(take_id, None)
        take = replace(take_of(found.sheet, found.folder), on_mirror=on_mirror)
        self._tell(TakeCompared(take=take, reason=reason))
        return True

    def _mirror_has_more(self, here: Path | None, there: Path | None) -> bool:
        with contextlib.suppress(NotYet, LibraryError):
            ours = look(here) if here is not None else None
            theirs = look(there) if there is not None else None
            return theirs is not None and (ours is None or has_more(theirs, ours))
        return False

    def _noted(self, place: Path, digests: dict[str, str], mirror: SheetMirror) -> FoundTake | None:
        answers: list[FoundTake | None] = []
        answered = threading.Event()

        def done(found: FoundTake | None) -> None:
            answers.append(found)
            answered.set()

        try:
            journal_bytes = (place / JOURNAL_NAME).stat().st_size
        except OSError:  # moved meanwhile
            return None
        self._keeper.note_copies(place, digests, mirror, journal_bytes=journal_bytes, done=done)
        until = self._clock() + NOTE_WITHIN_S
        while not answered.wait(LOOK_S) and self._clock() < until:
            if self._stopping.is_set():
                raise _Stop
        return answers[0] if answers else None


def _session_of(place: Path) -> Path:
    """A take lies two below its session, in the trash, too."""
    return place.parent.parent
