"""One look at the levels for everybody who shows them, merged for each taker until it takes.

A taker that looks seldom has the loudest peak and every clip of the time between. There is no thread: whoever takes
looks for all, and looks that come close together are one. Any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from rigd.hands.showing import louder_of
from rigd.model.levels import Levels
from rigd.model.units import NS_PER_SECOND, ClockNs

LEVELS_HZ = 25
"""How often somebody who shows levels may have them."""
ONE_LOOK_NS = NS_PER_SECOND // (2 * LEVELS_HZ)
"""Two takers that ask within this share a look."""


class LevelsFan:
    """`read` gives the levels since it was asked last, or the same ones again where no sound has come since."""

    def __init__(self, read: Callable[[], Levels | None], clock_ns: ClockNs) -> None:
        self._read, self._clock_ns = read, clock_ns
        self._lock = threading.Lock()
        self._takers: list[LevelsTaker] = []
        self._looked_ns = -ONE_LOOK_NS
        self._newest: Levels | None = None

    @property
    def newest(self) -> Levels | None:
        """What was seen at the last look."""
        return self._newest

    def taker(self) -> LevelsTaker:
        """Has the levels from now on."""
        made = LevelsTaker(self)
        with self._lock:
            self._look()
            self._takers.append(made)
        return made

    def look(self) -> None:
        """What there is to see is put by for every taker: to be called where one that should take cannot."""
        with self._lock:
            self._look()

    def _look(self) -> None:
        now_ns = self._clock_ns()
        if 0 <= now_ns - self._looked_ns < ONE_LOOK_NS:
            return
        self._looked_ns, before = now_ns, self._newest
        self._newest = self._read()
        if self._newest is not None and self._newest is not before:
            for taker in self._takers:
                taker.waiting = louder_of(taker.waiting, self._newest)

    def take(self, taker: LevelsTaker) -> Levels | None:
        """As `LevelsTaker.take`."""
        with self._lock:
            self._look()
            levels, taker.waiting = taker.waiting, None
            return levels

    def leave(self, taker: LevelsTaker) -> None:
        """Nothing is put by for it any more."""
        with self._lock:
            self._takers = [each for each in self._takers if each is not taker]


class LevelsTaker:
    """Somebody who shows levels. Made by `LevelsFan.taker`."""

    def __init__(self, fan: LevelsFan) -> None:
        self._fan = fan
        self.waiting: Levels | None = None
        """Guarded by the fan's lock."""

    def take(self) -> Levels | None:
        """The levels since the last take; None where there are none."""
        return self._fan.take(self)

    @property
    def newest(self) -> Levels | None:
        """As `LevelsFan.newest`."""
        return self._fan.newest

    def look(self) -> None:
        """As `LevelsFan.look`."""
        self._fan.look()

    def close(self) -> None:
        """It takes no more."""
        self._fan.leave(self)
