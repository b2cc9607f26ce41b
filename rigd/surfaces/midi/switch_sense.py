"""When a controller's value means that a switch went down or up, though it may be a sensor's. Pure; one open port.

A switch has two values far apart, and is on from 64 (MIDI 1.0, controllers 64 to 69). A half-damper or an expression
pedal passes through all of them and may rest, and waver, at 64: as soon as a control has shown that it is such a
sensor it goes down at 80 and up below 48, once each way.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from rigd.hands.surface import Motion
from rigd.surfaces.midi.controls import SWITCH_ON_FROM, Touch

SENSOR_ON_FROM = 80
SENSOR_OFF_BELOW = 48
_WAVERS_BY = 16
"""Two values of a switch are further apart than this."""
_TOP = 127


MOST_CONTROLS = 64
"""More than any pedal has; rubbish on a line names all 2,048 there can be."""


@dataclass(slots=True)
class _Shown:
    """What one control has shown so far."""

    values: tuple[int, ...] = ()
    """The first three that differ."""
    down: bool = False

    @property
    def is_sensor(self) -> bool:
        values = self.values
        return len(values) > 2 or (len(values) == 2 and abs(values[0] - values[1]) < _WAVERS_BY)


class SwitchSense:
    """What the controls of one port have shown; of more than MOST_CONTROLS the one that was quiet longest is
    forgotten."""

    def __init__(self) -> None:
        self._shown: OrderedDict[str, _Shown] = OrderedDict()

    def counts(self, touch: Touch) -> bool:
        """Whether this touch of a controller's switch is a press or a release; others always count."""
        if not touch.control.startswith("cc ") or touch.motion not in (Motion.PRESS, Motion.RELEASE):
            return True
        value = round(touch.value * _TOP)
        shown = self._shown.setdefault(touch.control, _Shown())
        self._shown.move_to_end(touch.control)
        if len(self._shown) > MOST_CONTROLS:
            self._shown.popitem(last=False)
        is_first = not shown.values
        if value not in shown.values and len(shown.values) < 3:
            shown.values = (*shown.values, value)
        if (is_first or shown.is_sensor) and SENSOR_OFF_BELOW <= value < SENSOR_ON_FROM:
            return False
        down = value >= SWITCH_ON_FROM
        # A sensor that is there already is the same foot, or none; a switch may send one value only.
        counts = not (shown.is_sensor and shown.down == down)
        shown.down = down
        return counts
