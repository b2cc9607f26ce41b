"""What comes over a port that rigd holds, for `rigd learn`: a serial line belongs to one program at a time.

Kept only while somebody listens, and never more than MOST_KEPT. Any thread.
"""

from __future__ import annotations

import threading
from collections import deque

from msgspec import Struct

from rigd.model.units import NS_PER_SECOND, Ns

MOST_KEPT = 512
_LISTENS_NS = 3 * NS_PER_SECOND
"""Who has not asked for so long listens no more."""


class Brought(Struct, frozen=True):
    """Some bytes, a message where the port knows messages, and when they came."""

    at_ns: Ns
    sent: bytes


class Overheard:
    """Of one port."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Brought] = deque(maxlen=MOST_KEPT)
        self._count = 0
        self._asked_ns = -_LISTENS_NS

    def note(self, sent: bytes, at_ns: Ns) -> None:
        """This came. Costs nothing while nobody listens."""
        if at_ns - self._asked_ns > _LISTENS_NS:
            return
        with self._lock:
            self._kept.append(Brought(at_ns, sent))
            self._count += 1

    def since(self, number: int, now_ns: Ns) -> tuple[tuple[Brought, ...], int]:
        """What came after the first `number` pieces, as far as it is kept, and the number to ask with next."""
        with self._lock:
            if now_ns - self._asked_ns > _LISTENS_NS:
                self._kept.clear()
            self._asked_ns = now_ns
            wanted = min(max(0, self._count - number), len(self._kept))
            return tuple(self._kept)[len(self._kept) - wanted :], self._count
