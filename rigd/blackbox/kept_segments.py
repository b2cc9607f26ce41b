"""Which segments of the black box a take is being put together from: those are not removed. Any thread."""

from __future__ import annotations

import threading

from rigd.model.units import TakeId


class Pins:
    """One a black box; shared by those who remove and those who need."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._from: dict[TakeId, int] = {}

    def pin(self, take_id: TakeId, from_number: int = 0) -> None:
        """No segment from this number on is removed until `let_go`; 0 while nobody knows which are needed."""
        with self._lock:
            self._from[take_id] = from_number

    def let_go(self, take_id: TakeId) -> None:
        """The take is there, or will never be."""
        with self._lock:
            self._from.pop(take_id, None)

    def allow_removal_of(self, number: int) -> bool:
        """True where no take needs that segment."""
        with self._lock:
            return all(number < needed for needed in self._from.values())
