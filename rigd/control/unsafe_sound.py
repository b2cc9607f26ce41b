"""What of the takes is on the tape and not yet safe on the disk, seen from the tape itself.

The holds that writers place on the tape tell how far each take is durable, and they stay when a writer is stopped,
killed, or hangs in a frozen disk: so this is right when the writer says nothing. One thread, four looks a second
while there is something to see; it posts only what changes something that a person sees. It never asks a disk or a
process.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from rigd.model.disk_words import TapeWatched
from rigd.model.errors import RigError
from rigd.model.state import RigState
from rigd.model.units import NS_PER_SECOND, ClockNs, Frame, TakeId
from rigd.rules.disk_room import shown_of
from rigd.rules.step_work import open_takes
from rigd.tape.holds import is_kept
from rigd.tape.view import HeldTape, TapeView

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
LOOK_IDLE_S = 1.0
"""While no take is open and nothing is held. What begins then is owed for longer before anybody is told."""
NOTHING_HELD = TapeWatched(unsafe_s=0.0, waiting_s=0.0, tape_fill=0.0, owed_fill=0.0)
FULL_FILL = 0.9
"""Where the tape is less full it is not why a block was dropped: no block is as long as the rest of it."""
_TAKE_BITS = (1 << 56) - 1
"""Of a hold's key: those that are the take's own, whichever writer took it."""


class UnsafeSoundWatch:
    """`state` is asked for the ends of takes. `now` may be called by any thread."""

    def __init__(
        self,
        tape: TapeView,
        *,
        state: Callable[[], RigState],
        post: Callable[[TapeWatched], None],
        clock_ns: ClockNs,
        sync_s: float,
    ) -> None:
        self._tape, self._state, self._post, self._clock_ns = tape, state, post, clock_ns
        self._sync_s = sync_s
        self._lock = threading.Lock()
        self._since_ns: dict[tuple[int, int], int] = {}
        """When each hold (tape, key) was first seen."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rigd-unsafe-sound", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def now(self) -> TapeWatched:
        """As it is at this moment."""
        held = self._tape.held()
        with self._lock:
            return self._reckon(held) if held is not None else NOTHING_HELD

    def _reckon(self, held: HeldTape) -> TapeWatched:
        firm = [hold for hold in held.holds if not hold.spare and hold.position <= held.written]
        now_ns = self._clock_ns()
        keys = {(held.tape_id, hold.key): hold for hold in firm}
        self._since_ns = {key: self._since_ns.get(key, now_ns) for key in keys}
        ends = self._ends(held)
        unsafe_s = waiting_s = fill = owed_fill = 0.0
        for key, hold in keys.items():
            age_s = (now_ns - self._since_ns[key]) / NS_PER_SECOND
            held_frames = held.written - hold.position
            fill = max(fill, held_frames / held.capacity_frames)
            if is_kept(hold.key):
                # Of a take that failed. Who goes on with it, the mirror or a fresh take, has a hold of its own.
                continue
            end = ends.get(hold.key & _TAKE_BITS)
            sound_s = max(0, held_frames if end is None else end - hold.position) / held.sample_rate_hz
            unsafe_s = max(unsafe_s, sound_s)
            waiting_s = max(waiting_s, min(sound_s, age_s))
            owed = min(held_frames, round(age_s * held.sample_rate_hz))
            owed_fill = max(owed_fill, owed / held.capacity_frames)
        return TapeWatched(
            unsafe_s=unsafe_s,
            waiting_s=waiting_s,
            tape_fill=min(1.0, fill),
            owed_fill=min(1.0, owed_fill),
            losing_s=held.dropped_frames / held.sample_rate_hz if fill >= FULL_FILL else 0.0,
        )

    def _ends(self, held: HeldTape) -> dict[int, int]:
        """Where takes end whose end was told, as positions: what comes behind them is not theirs to save."""
        ends: dict[int, int] = {}
        for take in open_takes(self._state()):
            if take.end_frame is not None:
                position = self._tape.position_of(Frame(take.end_frame), tape_id=held.tape_id)
                if position is not None:
                    ends[take_bits(take.take_id)] = min(position, held.written)
        return ends

    def _has_something(self) -> bool:
        """By the look before, or by the state."""
        return bool(self._since_ns) or bool(open_takes(self._state()))

    def _run(self) -> None:
        shown = shown_of(NOTHING_HELD, sync_s=self._sync_s)
        while not self._stopping.wait(LOOK_EVERY_S if self._has_something() else LOOK_IDLE_S):
            try:
                fact = self.now()
                news = shown_of(fact, sync_s=self._sync_s)
                if news != shown:
                    self._post(fact)
                    shown = news
            except RigError as error:
                log.warning("what is not yet safe could not be told: %s", error)
            except Exception:
                log.exception("watching the tape failed; it goes on")


def take_bits(take_id: TakeId) -> int:
    """What the keys of all holds of a take have in common."""
    return int(take_id[:16], 16) & _TAKE_BITS
