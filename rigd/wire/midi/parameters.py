"""Values of more than seven bits, which MIDI sends in several controllers: pairs (14 bit), NRPN and RPN. Pure.

After the MIDI 1.0 specification: controllers 0 to 31 with their low halves at 32 to 63; registered parameters by 101
and 100, others by 99 and 98, their value by data entry, 6 and 38; number 16,383 is none.

A value is whole with its low half, and is reported then. A device that sends the high half first would otherwise seem
to jump by up to 0.8 % of the range and back, each time the high half changes: a gain would be heard to do so.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from mido import Message

TOP_14_BIT = 16_383
NO_PARAMETER = 16_383
"""The number that unselects the parameter: what follows is for none."""
HIGHEST_PAIR = 31
_PAIR_DISTANCE = 32
_DATA, _DATA_LOW = 6, 38
_SELECT: dict[int, tuple[Literal["nrpn", "rpn"], bool]] = {
    99: ("nrpn", True),
    98: ("nrpn", False),
    101: ("rpn", True),
    100: ("rpn", False),
}
"""Controller to the kind of parameter, and whether it is the high half of its number."""


class Parameter(Struct, frozen=True, kw_only=True):
    """One parameter and its value."""

    kind: Literal["nrpn", "rpn"] = "nrpn"
    channel: int
    """From 0."""
    number: int
    value: int
    """0 to 16,383; of a device that sends seven bits the high half only, so 0 to 127."""
    bits: Literal[7, 14] = 14
    """Of the value."""


class PairValue(Struct, frozen=True, kw_only=True):
    """A pair of controllers and its value."""

    channel: int
    control: int
    """The high half's, 0 to 31."""
    value: int


class PairReader:
    """Of the controllers that a device sends in pairs: which those are has to be known, as messages do not tell."""

    def __init__(self, controls: Collection[tuple[int, int]]) -> None:
        """`controls`: channel from 0, and the high half's controller."""
        self._high: dict[tuple[int, int], int | None] = dict.fromkeys(controls)

    def read(self, message: Message) -> PairValue | None:
        """What this message completes. A low half alone counts with the high half that was there."""
        if message.type != "control_change":
            return None
        key = (message.channel, message.control)
        if key in self._high:
            self._high[key] = message.value
            return None
        key = (message.channel, message.control - _PAIR_DISTANCE)
        high = self._high.get(key)
        if high is None:
            return None
        return PairValue(channel=key[0], control=key[1], value=high << 7 | message.value)


@dataclass(slots=True)
class _Selected:
    """Of one channel."""

    kind: Literal["nrpn", "rpn"] = "nrpn"
    high: int | None = None
    low: int | None = None
    data: int | None = None
    waits: bool = False
    """A high half came, and its low half not yet."""
    is_short: bool = False
    """The device sends no low halves."""

    @property
    def number(self) -> int | None:
        if self.high is None or self.low is None:
            return None
        number = self.high << 7 | self.low
        return None if number == NO_PARAMETER else number


class ParameterReader:
    """NRPN and RPN of one port: 16 channels, and nothing that grows."""

    def __init__(self, *, bits: Literal[7, 14] | None = 14) -> None:
        """`bits`: how many the device sends of a value. None: it is asked of what comes, channel by channel. A second
        high half without a low one between them says seven, a low half says 14: so no value of a device that sends
        both is ever taken for half of it."""
        self._bits = bits
        self._channels = [_Selected() for _ in range(16)]

    def read(self, message: Message) -> Parameter | None:
        """What this message completes."""
        if message.type != "control_change":
            return None
        selected = self._channels[message.channel]
        if message.control in _SELECT:
            kind, is_high = _SELECT[message.control]
            if kind != selected.kind:
                selected.kind, selected.high, selected.low = kind, None, None
            if is_high:
                selected.high = message.value
            else:
                selected.low = message.value
            selected.data = None
            return None
        bits: Literal[7, 14]
        number = selected.number
        if number is None or message.control not in (_DATA, _DATA_LOW):
            return None
        if message.control == _DATA:
            selected.is_short = selected.is_short or selected.waits
            selected.waits, selected.data = True, message.value
            if self._bits == 14 or (self._bits is None and not selected.is_short):
                return None
            value, bits = message.value, 7
        elif selected.data is None or self._bits == 7:
            return None
        else:
            selected.waits = selected.is_short = False
            value, bits = selected.data << 7 | message.value, 14
        return Parameter(kind=selected.kind, channel=message.channel, number=number, value=value, bits=bits)
