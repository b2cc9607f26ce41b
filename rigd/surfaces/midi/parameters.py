"""Non-registered parameters (NRPN): four controllers that are one control, "nrpn 136". Pure; one open port.

After MIDI 1.0: controllers 99 and 98 name a parameter of 14 bits, data entry (6) then sets it.
"""

from __future__ import annotations

from rigd.hands.surface import Motion
from rigd.surfaces.midi.controls import Touch

_CONTROL_CHANGE = 0xB0
_DATA, _NUMBER_LOW, _NUMBER_HIGH, _REGISTERED = 6, 98, 99, (100, 101)
_NONE = 0x3FFF
"""127 and 127: no parameter is meant any more."""


class ParameterReader:
    """Keeps which parameter each channel means."""

    def __init__(self) -> None:
        self._high: dict[int, int] = {}
        self._low: dict[int, int] = {}

    def touches_in(self, message: bytes) -> tuple[Touch, ...]:
        """The parameter that this message sets; most set none."""
        if len(message) != 3 or message[0] & 0xF0 != _CONTROL_CHANGE:
            return ()
        channel, number, value = message[0] & 0x0F, message[1], message[2]
        if number == _NUMBER_HIGH:
            self._high[channel] = value
        elif number == _NUMBER_LOW:
            self._low[channel] = value
        elif number in _REGISTERED:
            self._high.pop(channel, None)
            self._low.pop(channel, None)
        elif number == _DATA and channel in self._high and channel in self._low:
            parameter = self._high[channel] << 7 | self._low[channel]
            if parameter != _NONE:
                name = f"nrpn {parameter} ch {channel + 1}"
                return (Touch(control=name, motion=Motion.ABSOLUTE, value=value / 127),)
        return ()
