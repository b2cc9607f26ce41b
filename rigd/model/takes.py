"""The session's takes in order, and what every step asks of them without a walk. Pure.

An evening may have thousands of takes, nearly all of them closed. A step asks for one by its id, for those that are
still open, and whether a number is used: none of that may cost more the more takes there are.
"""

from __future__ import annotations

from collections.abc import Iterable

from rigd.model.state import CopyState, RigState, Take
from rigd.model.units import TakeId

_Number = tuple[str, str, int]
"""Session, song and number of a take."""


class Takes(tuple[Take, ...]):
    """A tuple of takes, frozen, with its own register. Changing one take copies references, and looks at no take."""

    under_way: tuple[Take, ...]
    """Those that are not closed, or whose second copy still rolls, in their order."""
    _places: dict[TakeId, int]
    """Of the first of each id: a folder that somebody copied has a take of the same id."""
    _numbers: dict[_Number, int]
    """How many have that number."""

    def __new__(cls, takes: Iterable[Take] = ()) -> Takes:
        self = tuple.__new__(cls, takes)
        self._places, self._numbers = {}, {}
        for place, take in enumerate(self):
            self._places.setdefault(take.take_id, place)
            _count(self._numbers, take, 1)
        self.under_way = tuple(take for take in self if _is_under_way(take))
        return self

    @property
    def open(self) -> tuple[Take, ...]:
        """Those that are not closed, in their order."""
        return tuple(take for take in self.under_way if not take.closed)

    def place_of(self, take_id: TakeId) -> int | None:
        """Where the take of that id is."""
        return self._places.get(take_id)

    def find(self, take_id: TakeId) -> Take | None:
        """The take of that id."""
        place = self._places.get(take_id)
        if place is None:
            return None
        take: Take = self[place]
        return take

    def has_number(self, *, session: str, song: str, number: int) -> bool:
        """One of them has that number of that song."""
        return (session, song, number) in self._numbers

    def plus(self, take: Take) -> Takes:
        """The takes with this one behind them."""
        return self._spliced(len(self), len(self), take)

    def put(self, take: Take) -> Takes:
        """The takes with this one in the place of the one of its id, which is there."""
        place = self._places[take.take_id]
        return self._spliced(place, place + 1, take)

    def without(self, take_id: TakeId) -> Takes:
        """The takes but that one."""
        place = self._places.get(take_id)
        if place is None:
            return self
        less = self._spliced(place, place + 1)
        return less.without(take_id)  # a copy of it, too

    def placed(self, take: Take) -> Takes:
        """The takes with this one where its ordinal puts it: a wall clock may be set back."""
        others = self.without(take.take_id)
        place = len(others)
        while place and others[place - 1].ordinal > take.ordinal:
            place -= 1
        return others._spliced(place, place, take)

    def _spliced(self, begin: int, end: int, *new: Take) -> Takes:
        """With `new` in the place of those from `begin` to before `end`."""
        gone = self[begin:end]
        takes = (*self[:begin], *new, *self[end:])
        if len(self._places) != len(self):  # two of one id: looked through anew
            return Takes(takes)
        made = tuple.__new__(Takes, takes)
        made._places = self._places
        if [take.take_id for take in gone] != [take.take_id for take in new]:
            places = made._places = dict(self._places)
            for take in gone:
                del places[take.take_id]
            if any(take.take_id in places for take in new):
                return Takes(takes)
            moved = len(gone) != len(new)
            for place in range(begin, len(made) if moved else begin + len(new)):
                places[made[place].take_id] = place
        made._numbers = self._numbers
        if [_number(take) for take in gone] != [_number(take) for take in new]:
            made._numbers = dict(self._numbers)
            for take in gone:
                _count(made._numbers, take, -1)
            for take in new:
                _count(made._numbers, take, 1)
        made.under_way = self.under_way
        if any(map(_is_under_way, (*gone, *new))):
            left = {take.take_id for take in gone}
            under_way = [take for take in self.under_way if take.take_id not in left]
            under_way += [take for take in new if _is_under_way(take)]
            made.under_way = tuple(sorted(under_way, key=lambda take: made._places[take.take_id]))
        return made


def other_takes(state: RigState) -> Takes:
    """The session's takes but the rolling one."""
    return state.takes if isinstance(state.takes, Takes) else Takes(state.takes)


def closing_takes(state: RigState) -> tuple[Take, ...]:
    """Takes that have ended, oldest first, of which not every byte is safe yet; no false ones."""
    return other_takes(state).open


def _is_under_way(take: Take) -> bool:
    return not take.closed or (take.copy is not None and take.copy.state is CopyState.ROLLING)


def _number(take: Take) -> _Number:
    return take.slate.session, take.slate.song, take.slate.number


def _count(numbers: dict[_Number, int], take: Take, by: int) -> None:
    key = _number(take)
    count = numbers.get(key, 0) + by
    if count > 0:
        numbers[key] = count
    else:
        numbers.pop(key, None)
