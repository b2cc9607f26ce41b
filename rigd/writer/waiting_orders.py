"""Orders whose takes are not open yet: in order, under a hold, and remembered in the runtime folder.

An open take costs one of the tape's few holds and a descriptor a file, so a storm of orders has to wait.
What is said of a take meanwhile changes its order. Runs on the writer's one thread; opens nothing itself.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from rigd.model.errors import LinkError, TapeError
from rigd.model.messages import Annotate, EndTake, TakeProgress
from rigd.model.take import Slate, TakeNote, TakeOrder
from rigd.model.units import Frame, TakeId
from rigd.tape.holds import MOST_FIRM_HOLDS, Hold, HoldLetGoError, NoFreeHoldError, waiting_keys
from rigd.tape.tape import Tape
from rigd.wire.codec import Codec, encode
from rigd.wire.own_folder import append_own, read_own, replace_own

MOST_OPEN = MOST_FIRM_HOLDS - 2
"""Takes that one writer may have open at once, so that there is always a hold for those that wait. Of spare holds
there are as many for each of two writers."""

log = logging.getLogger(__name__)


class Waits(Struct, frozen=True, kw_only=True):
    """A line of the list: an order came in."""

    tape_id: str
    order: TakeOrder


class Left(Struct, frozen=True, kw_only=True):
    """A line of the list: the take waits no more. It is open, or it was told that it failed."""

    take_id: TakeId


class WaitingTake(Struct, kw_only=True):
    """One of them. `order` has the end as told last; its frames are those of `tape`."""

    order: TakeOrder
    tape: Tape
    notes: list[TakeNote] = field(default_factory=list)

    @property
    def take_id(self) -> TakeId:
        return self.order.take_id

    @property
    def end_frame(self) -> Frame | None:
        return self.order.end_frame

    def behind_frames(self) -> int:
        """How much of it is on the tape and nowhere else."""
        end, tape_end = self.order.end_frame, self.tape.next_frame
        return max(0, (tape_end if end is None else min(end, tape_end)) - self.order.first_frame)

    @property
    def slate(self) -> Slate:
        """As told last."""
        slates = [note for note in self.notes if isinstance(note, Slate)]
        return (self.order.slate, *slates)[-1]

    def progress(self) -> TakeProgress:
        order = replace(self.order, slate=self.slate, gain_changes=())
        return TakeProgress(order=order, written_frames=0, durable_frames=0)


class WaitingList:
    """`path` is on tmpfs: it only has to outlive this process. Lines are added, and all go when none waits.

    `writer` is whose orders wait, and whether what holds their sound is `spare`."""

    def __init__(self, path: Path, *, writer: str, spare: bool) -> None:
        self._path = path
        self._keys = waiting_keys(writer)
        """Two, because a hold never goes back: for an earlier frame the other one is taken first."""
        self._spare = spare
        self._codec = Codec((Waits, EndTake, Annotate, Left))
        self._takes: dict[TakeId, WaitingTake] = {}
        self._holds: list[tuple[Tape, Hold]] = []

    def __len__(self) -> int:
        return len(self._takes)

    def __iter__(self) -> Iterator[WaitingTake]:
        return iter(list(self._takes.values()))

    def find(self, take_id: TakeId) -> WaitingTake | None:
        return self._takes.get(take_id)

    def first(self) -> WaitingTake | None:
        """The one that waits longest."""
        return next(iter(self._takes.values()), None)

    def uses(self, tape: Tape) -> bool:
        """True while an order waits whose sound is on that tape."""
        return any(take.tape is tape for take in self._takes.values())

    # What is said of them.

    def add(self, order: TakeOrder, tape: Tape) -> None:
        """It waits behind all others, and nothing of it is overwritten meanwhile."""
        self._write(Waits(tape_id=f"{tape.tape_id:016x}", order=order))
        self._takes[order.take_id] = WaitingTake(order=order, tape=tape)
        self.protect()

    def end(self, message: EndTake) -> None:
        self._write(message)
        self._end(message)

    def annotate(self, message: Annotate) -> None:
        self._write(message)
        self._annotate(message)

    def remove(self, take_id: TakeId) -> None:
        """It waits no more: its take is open, under its own hold, or will never be."""
        del self._takes[take_id]
        if self._takes:
            self._write(Left(take_id=take_id))
        else:
            self._save()
        self.protect()

    def _end(self, message: EndTake) -> None:
        take = self._takes[message.take_id]
        take.order = replace(take.order, end_frame=message.end_frame)

    def _annotate(self, message: Annotate) -> None:
        self._takes[message.take_id].notes.append(message.note)

    # From one process to the next.

    def take_up(self, tape: Tape | None) -> list[TakeOrder]:
        """What waited for a killed writer waits for this one. Returns the orders whose tape is gone."""
        gone: dict[TakeId, TakeOrder] = {}
        try:
            lines = read_own(self._path).splitlines()
        except OSError:
            lines = []
        for line in lines:
            with contextlib.suppress(LinkError, KeyError):  # a torn line, or a word on a take that has left
                match self._codec.decode(line):
                    case Waits() as waits if tape is not None and waits.tape_id == f"{tape.tape_id:016x}":
                        self._takes[waits.order.take_id] = WaitingTake(order=waits.order, tape=tape)
                    case Waits() as waits:
                        gone[waits.order.take_id] = waits.order
                    case EndTake() as message:
                        self._end(message)
                    case Annotate() as message:
                        self._annotate(message)
                    case Left() as left:
                        gone.pop(left.take_id, None)
                        self._takes.pop(left.take_id, None)
        if tape is not None:
            for key in self._keys:
                with contextlib.suppress(TapeError):
                    self._holds.append((tape, tape.adopt_hold(key)))
        self.protect()
        self._save()
        return list(gone.values())

    def keep(self) -> None:
        """The list is there, if anybody waits."""
        if self._takes and not self._path.exists():
            self._save()

    def _save(self) -> None:
        """The list anew, without what a killed writer tore or left."""
        lines: list[bytes] = []
        for take in self._takes.values():
            lines.append(encode(Waits(tape_id=f"{take.tape.tape_id:016x}", order=take.order)))
            lines += [encode(Annotate(take_id=take.take_id, note=note)) for note in take.notes]
        with contextlib.suppress(OSError):
            replace_own(self._path, b"".join(lines))

    def _write(self, line: Waits | EndTake | Annotate | Left) -> None:
        self.keep()
        try:
            append_own(self._path, encode(line))
        except OSError as error:
            log.warning("%s: %s; a writer that is killed now forgets what waits", self._path, error.strerror)

    # The tape.

    def protect(self) -> None:
        """Each tape is held from the first frame that an order waits for, and no earlier."""
        tapes = [tape for tape, _ in self._holds] + [take.tape for take in self._takes.values()]
        for tape in {id(tape): tape for tape in tapes}.values():
            self._protect(tape)

    def _protect(self, tape: Tape) -> None:
        held = sorted((hold for its, hold in self._holds if its is tape), key=lambda hold: hold.position)
        frames = [take.order.first_frame for take in self._takes.values() if take.tape is tape]
        if frames:
            first = min(frames)
            position = tape.frame_to_position(Frame(first))
            if not held or position < held[0].position:
                free = next((key for key in self._keys if key not in [hold.key for hold in held]), None)
                try:
                    if free is not None:
                        held.insert(0, tape.take_hold(Frame(first), key=free, spare=self._spare))
                except NoFreeHoldError as error:
                    log.warning("%s; what waits is only safe behind the takes that are open", error)
            if held:
                try:
                    held[0].advance(position)
                except HoldLetGoError:
                    held[0].renew(Frame(first))
        for hold in held[1:] if frames else held:
            hold.release()
        others = [(its, hold) for its, hold in self._holds if its is not tape]
        self._holds = others + [(tape, hold) for hold in held[:1] if frames]
