"""How fast orders may follow one another to a device. Pure.

50 a second, which is what a device's control processor takes without dropping any; but not one each 20 ms: an order
that is set and read back would hold up the next turn of the knob by as much. After a rest some may go close together.
"""

from __future__ import annotations

from collections import deque

from rigd.model.units import Ns

_NS_PER_MS = 1_000_000
MOST_AT_ONCE = 5
WINDOW_NS = 100 * _NS_PER_MS
"""No more than MOST_AT_ONCE in any such stretch."""
CLOSEST_NS = 4 * _NS_PER_MS


class OrderPace:
    """Of one device."""

    def __init__(self) -> None:
        self._sent: deque[Ns] = deque(maxlen=MOST_AT_ONCE)

    def next_ns(self, now: Ns) -> int:
        """An order goes now; when the next one may."""
        self._sent.append(now)
        in_window = self._sent[0] + WINDOW_NS if len(self._sent) == MOST_AT_ONCE else 0
        return max(now + CLOSEST_NS, in_window)
