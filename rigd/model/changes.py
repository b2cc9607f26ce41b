"""What became of the rig's state, for those that follow it: the fields that changed, and never a whole list. Pure.

One that follows gets the state as it is followed (`followed_state`), and after that what differs. Both are as long as
what changed, however many takes the session has: the last ones and the last eight that are open are followed, and the
rest is counted. Lists change by key. Nothing that differs is left out, be there an event of it or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import fields, replace

from rigd.model.brief import MOST_FAULTS, short_fault, short_take
from rigd.model.errors import LinkError
from rigd.model.events import Snapshot
from rigd.model.state import RigState
from rigd.model.takes import other_takes

LAST_TAKES = 3
MOST_OPEN = 8
"""Of those that are not closed yet, which are few: the last ones."""
LAST_OTHERS = 8
"""Of the lists that only a person's undo looks into, and of songs."""

KEYS: dict[str, Callable[[Any], Any]] = {
    "channels": lambda channel: channel.number,
    "clips": lambda clips: clips.channel,
    "takes": lambda take: take.take_id,
    "discarding": lambda false: false.take.take_id,
    "faults": lambda fault: fault.key,
    "preamps": lambda preamp: preamp.name,
    "surfaces": lambda surface: surface.name,
}
"""The lists that change by key, and which key."""


class Change(Struct, frozen=True, kw_only=True):
    """What differs from the state that was told before. It may be ahead of events that follow it."""

    number: int
    """That of the last event that the state contains."""
    fields: dict[str, Any] = field(default_factory=dict)
    """These have this value now."""
    items: dict[str, list[Any]] = field(default_factory=dict)
    """Of lists by key: items that are new or differ, whole."""
    order: dict[str, list[Any]] = field(default_factory=dict)
    """Of lists by key, where items came, went or moved: the keys of all that are in it now."""
    change: int = 0
    """Its own number: it grows by one, and no field ever differs without one. 0: of a rig of an older build."""


def followed_state(state: RigState) -> RigState:
    """The state as it is followed: of the session's takes the last ones and the last that are open, in brief."""
    takes = other_takes(state)
    last = {take.take_id for take in takes[-LAST_TAKES:]}
    open_takes = (take for take in takes.open[-MOST_OPEN:] if take.take_id not in last)
    told = (*open_takes, *takes[-LAST_TAKES:])
    discarding = (replace(false, take=short_take(false.take)) for false in state.discarding[-LAST_TAKES:])
    return replace(
        state,
        take=None if state.take is None else short_take(state.take),
        takes=tuple(map(short_take, told)),
        earlier_takes=len(takes) - len(told),
        trashed=state.trashed[-LAST_OTHERS:],
        coming_back=state.coming_back[-LAST_OTHERS:],
        discarding=tuple(discarding),
        song_numbers=state.song_numbers[-LAST_OTHERS:],
        faults=tuple(map(short_fault, state.faults[-MOST_FAULTS:])),
        preamp_history=None,
        discarded_names=(),
        elsewhere=(),
    )


def change_between(before: RigState, after: RigState) -> Change | None:
    """What made `after` of `before`, both as they are followed; None where nothing did."""
    plain: dict[str, Any] = {}
    items: dict[str, list[Any]] = {}
    order: dict[str, list[Any]] = {}
    for name in RigState.__struct_fields__:
        was, now = getattr(before, name), getattr(after, name)
        if name == "number" or was is now or was == now:
            continue
        if name not in KEYS:
            plain[name] = now
            continue
        key = KEYS[name]
        known = {key(item): item for item in was}
        if len(known) != len(was) or len({key(item) for item in now}) != len(now):
            plain[name] = now  # two of one key: the list is told whole
            continue
        differs = [item for item in now if known.get(key(item)) != item]
        if differs:
            items[name] = differs
        if list(known) != (keys := [key(item) for item in now]):
            order[name] = keys
    if not (plain or items or order) and before.number == after.number:
        return None
    return Change(number=after.number, fields=plain, items=items, order=order)


def changed(state: RigState, change: Change) -> RigState:
    """The state after the change, as it came over a wire. Raises LinkError where it does not fit."""
    new: dict[str, Any] = {"number": change.number}
    try:
        for name, value in change.fields.items():
            if name in _TYPES:  # a newer build's are passed by
                new[name] = msgspec.convert(value, _TYPES[name])
        for name in {*change.items, *change.order} & KEYS.keys():
            key = KEYS[name]
            here = {key(item): item for item in getattr(state, name)}
            here |= {key(item): item for item in msgspec.convert(change.items.get(name, []), _TYPES[name])}
            new[name] = tuple(here[each] for each in change.order.get(name, here))
    except (KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
        raise LinkError(f"a change of the state does not fit: {error}") from error
    return replace(state, **new)


class Followed:
    """What one that follows has: the state, and the number that it asks for the next changes with. One thread."""

    def __init__(self) -> None:
        self.state: RigState | None = None
        self.change = 0
        self.run = ""
        """Empty: of a rig that does not number its changes."""

    def take_in(self, news: Snapshot | Change) -> None:
        """Raises LinkError where a change is missing, or does not fit: only a snapshot helps, and the next request
        asks for one."""
        if isinstance(news, Snapshot):
            self.state, self.change, self.run = news.state, news.change, news.run
            return
        state, self.state = self.state, None
        if state is None or (news.change and news.change != self.change + 1):
            raise LinkError("a change of the state is missing")
        self.state, self.change = changed(state, news), news.change


_TYPES = {each.name: each.type for each in fields(RigState)}
