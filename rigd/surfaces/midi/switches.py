"""The switches of one MIDI port: which of its controls are down. Pure.

What a value means is decided in `rigd.hands.touch_to_press`, by what is bound. Here is which controller has which
switch, and which controls are held.
"""

from __future__ import annotations

import itertools
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence

from msgspec import Struct

from rigd.hands.bindings import Binding, control_fits, plain_control
from rigd.hands.surface import Motion
from rigd.hands.touch_to_press import Edge, ValueSwitch, switch_for
from rigd.model.units import Ns
from rigd.surfaces.midi.controls import Touch

MOST_CONTROLS = 64
"""That are bound to nothing: more than any pedal has. Rubbish on a line names all 2,048 there can be."""


PEDALS = frozenset({1, 2, 4, 7, 11, *range(64, 70)})
"""Controllers that are pedals in MIDI 1.0: wheel, breath, foot, volume, expression, and the six from 64, which are
switches: a keyboard's jack sends them by a sustain pedal of either polarity, or by a half-damper in many steps."""
_CONTROLLER = re.compile(r"cc (\d+)(?: ch \d+)?", re.ASCII)


class Switched(Struct, frozen=True):
    """What a switch of the port did."""

    control: str
    edge: Edge
    value: float = 0.0


def is_pedals(control: str) -> bool:
    """Whether that control is a controller of a pedal's."""
    known = _CONTROLLER.fullmatch(plain_control(control))
    return known is not None and int(known[1]) in PEDALS


class PortSwitches:
    """Of one surface. One thread. What is bound is never forgotten; of more than MOST_CONTROLS others the one that
    was quiet longest is."""

    def __init__(self, bindings: Sequence[Binding]) -> None:
        self._bindings = [each for each in bindings if each.gain is None and each.nudge is None]
        self._bound: dict[str, ValueSwitch] = {}
        self._others: OrderedDict[str, ValueSwitch] = OrderedDict()
        self._down: OrderedDict[str, None] = OrderedDict()
        """The controls that are held, by any message."""

    def touched(self, touch: Touch, at_ns: Ns, *, is_state: bool) -> list[Switched]:
        """What a touch means to the switch that it moved. `is_state`: a device tells where it stands, as at its
        start: what is down is held, and nothing is a press."""
        if touch.motion is Motion.ABSOLUTE:
            switch = self._switch(touch.control)
            edges = switch.stands_at(touch.value, at_ns) if is_state else switch.moved_to(touch.value, at_ns)
        elif not is_state:
            edges = (Edge(touch.motion, at_ns),)
        elif touch.motion is Motion.PRESS:
            edges = (Edge(Motion.HELD, at_ns),)
        else:
            is_release = touch.motion is Motion.RELEASE and touch.control in self._down
            edges = (Edge(Motion.RELEASE, at_ns),) if is_release else ()
        return self._did(touch.control, edges, touch.value)

    def tick(self, now_ns: Ns) -> list[Switched]:
        """What time alone decides."""
        made: list[Switched] = []
        for control, switch in self._all():
            made += self._did(control, switch.tick(now_ns), 0.0)
        return made

    def next_deadline_ns(self) -> Ns | None:
        """When `tick` has something to decide; None while only a message can bring news."""
        deadlines = [switch.next_deadline_ns() for _, switch in self._all()]
        return min((each for each in deadlines if each is not None), default=None)

    def held(self, channel: int | None = None) -> list[str]:
        """The controls that are down, of that MIDI channel or of all; they count as let go from now on."""
        found = [each for each in self._down if channel is None or each.endswith(f" ch {channel}")]
        for control in found:
            del self._down[control]
        return found

    def let_go(self) -> None:
        """The port is gone, or its device: what its switches are stays known, where they stand does not."""
        self._down.clear()
        for _, switch in self._all():
            switch.let_go()

    def _all(self) -> Iterator[tuple[str, ValueSwitch]]:
        return itertools.chain(self._bound.items(), self._others.items())

    def _switch(self, control: str) -> ValueSwitch:
        if control in self._bound:
            return self._bound[control]
        if control in self._others:
            self._others.move_to_end(control)
            return self._others[control]
        binding = next((each for each in self._bindings if control_fits(each.control, control)), None)
        switch = switch_for(binding or Binding(control=control), is_pedal=is_pedals(control))
        if binding is not None:
            self._bound[control] = switch
            return switch
        self._others[control] = switch
        if len(self._others) > MOST_CONTROLS:
            self._others.popitem(last=False)
        return switch

    def _did(self, control: str, edges: Sequence[Edge], value: float) -> list[Switched]:
        for edge in edges:
            if edge.motion in (Motion.PRESS, Motion.HELD):
                self._down[control] = None
                if len(self._down) > MOST_CONTROLS:
                    self._down.popitem(last=False)
            else:
                self._down.pop(control, None)
        return [Switched(control, edge, value) for edge in edges]
