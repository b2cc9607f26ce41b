"""Sound of takes that could not go on: it stays on the tape until somebody has ordered what comes after.

A take that fails gives its hold back, and what of it was not durable is on the tape only. After a long stall the tape
is nearly full and would go over it at once. Held until the next take is ordered, or for a few seconds, that take
begins exactly where the failed one ends. Runs on the writer's one thread.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from msgspec import Struct

from rigd.model.errors import TapeError
from rigd.model.units import Frame
from rigd.tape.holds import Hold, kept_key
from rigd.tape.tape import Tape

KEPT_SECONDS = 5.0
"""Longer than a daemon takes to come back when it was killed. For so long a tape that is full may lose what comes
next instead of what was there."""
MOST_KEPT = 4
"""The last ones: a storm of failures does not take every hold there is."""

log = logging.getLogger(__name__)


class _Kept(Struct, frozen=True, kw_only=True):
    tape: Tape
    hold: Hold
    frame: Frame
    until: float


class KeptSound:
    """`writer` is whose takes failed; `clock` is monotonic, in seconds."""

    def __init__(self, *, writer: str, clock: Callable[[], float]) -> None:
        self._writer = writer
        self._clock = clock
        self._kept: list[_Kept] = []
        self._count = 0

    def keep(self, tape: Tape, frame: Frame) -> None:
        """What the tape has from `frame` on stays for a while. Where no hold is free, only as long as it stays."""
        while len(self._kept) >= MOST_KEPT:
            self._kept.pop(0).hold.release()
        self._count += 1
        try:
            hold = tape.take_hold(frame, key=kept_key(self._writer, self._count))
        except TapeError as error:
            log.warning("%s; what was not durable is on the tape for as long as the tape is long", error)
            return
        self._kept.append(_Kept(tape=tape, hold=hold, frame=frame, until=self._clock() + KEPT_SECONDS))

    def keep_hold(self, tape: Tape, hold: Hold) -> None:
        """What that hold keeps stays for a while; from which frame on is not known, so only time ends it."""
        self._kept.append(_Kept(tape=tape, hold=hold, frame=Frame(0), until=self._clock() + KEPT_SECONDS))

    def uses(self, tape: Tape) -> bool:
        return any(kept.tape is tape for kept in self._kept)

    def is_taken_over(self, tape: Tape, frame: Frame) -> None:
        """Somebody else holds that tape from `frame` on."""
        self._release([kept for kept in self._kept if kept.tape is tape and kept.frame >= frame])

    def look(self) -> list[Tape]:
        """Lets go of what was kept for long enough. Returns the tapes that it lay on."""
        over = [kept for kept in self._kept if kept.until <= self._clock()]
        return self._release(over)

    def close(self) -> None:
        """Nothing is kept any more."""
        self._release(list(self._kept))

    def _release(self, over: list[_Kept]) -> list[Tape]:
        for kept in over:
            self._kept.remove(kept)
            with contextlib.suppress(TapeError):
                kept.hold.release()
        return [kept.tape for kept in over]
