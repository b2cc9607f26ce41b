"""What a box is to be told next: the newest picture against what it was sent, and what it must hear at once.

Any thread may call it; every call returns at once but `wait`. Bounded: one line a place of the box, and
a few to be said; what is not sent yet is replaced by what is newer, so a slow line is late but never wrong.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from rigd.hands.bindings import Binding, plain_control
from rigd.hands.showing import REFUSED, REFUSED_NS, louder_of
from rigd.model.levels import Levels
from rigd.model.state import RigState
from rigd.model.units import NS_PER_SECOND, ChannelNumber, Frame, Ns
from rigd.surfaces.serial.line_protocol import Greeting, answer_line
from rigd.surfaces.serial.settings import LineTiming, SerialSettings
from rigd.surfaces.serial.show import Picture, dark_picture, meters_of, picture_of

MOST_TO_SAY = 32


def values_of(bindings: Iterable[Binding], more: Mapping[str, int]) -> dict[str, ChannelNumber]:
    """Control to the channel whose gain it shows: what it turns, and what the settings name beyond."""
    values: dict[str, ChannelNumber] = {}
    for binding in bindings:
        channel = binding.gain if binding.gain is not None else binding.nudge
        control = plain_control(binding.control)
        if channel is not None and control.partition(" ")[0] in ("fader", "encoder"):
            values[control] = channel
    return values | {control: ChannelNumber(number) for control, number in more.items()}


class Feedback:
    """The box's side of the rig's state."""

    def __init__(self, settings: SerialSettings, bindings: Iterable[Binding], timing: LineTiming) -> None:
        self._lamps = settings.leds
        self._values = values_of(bindings, settings.values)
        self._meter_channels = tuple(ChannelNumber(number) for number in settings.meters)
        self._meters_ns = round(timing.meters_s * NS_PER_SECOND)
        self._changed = threading.Condition()
        self._box: Greeting | None = None
        self._to_say: dict[str, str] = {}
        self._wanted: Picture = {}
        self._shown: Picture = {}
        self._state: RigState | None = None
        self._drawn = True
        self._dark = False
        self._news = False
        self._levels: Levels | None = None
        self._at_frame: Frame | None = None
        self._meters_at_ns = Ns(0)
        self._refused_anew = False
        self._refused_until_ns: Ns | None = None

    @property
    def shows_levels(self) -> bool:
        """A box is there that has meters, or shows the time of a take that is recorded."""
        with self._changed:
            box, state = self._box, self._state
            return box is not None and bool(
                box.meters or (box.rows and state is not None and state.take is not None)
            )

    def show(self, state: RigState, levels: Levels | None) -> None:
        """The newest state; a reading of levels is added to those that no meter has shown yet."""
        with self._changed:
            self._state, self._drawn = state, False
            if levels is not None:
                self._at_frame = levels.at_frame
                if self._box is not None and self._box.meters:
                    self._levels = louder_of(self._levels, levels)
            self._wake()

    def say(self, line: str) -> None:
        """A line that goes out before all else; the same line twice is one."""
        with self._changed:
            self._add(line, line)

    def answer(self, control: str, *, accepted: bool, text: str) -> None:
        """What came of an action. A fader or an encoder that was obeyed is answered by its value alone."""
        if accepted and control.partition(" ")[0] in ("fader", "encoder"):
            return
        with self._changed:
            self._refused_anew = self._refused_anew or (not accepted and REFUSED in self._lamps)
            if self._box is not None:
                self._add(f"answer {control}", answer_line(control, accepted, text))

    def _wake(self) -> None:
        self._news = True
        self._changed.notify()

    def _add(self, key: str, line: str) -> None:
        self._to_say.pop(key, None)
        if len(self._to_say) >= MOST_TO_SAY:
            del self._to_say[next(iter(self._to_say))]
        self._to_say[key] = line
        self._wake()

    def meet(self, box: Greeting) -> None:
        """A box that knows nothing yet: it is sent everything."""
        with self._changed:
            self._box, self._shown, self._drawn, self._dark = box, {}, False, False
            self._levels = None
            self._wake()

    def part(self) -> None:
        """Nobody is there: nothing is kept for them, and who waits looks again."""
        with self._changed:
            self._box = None
            self._to_say.clear()
            self._wanted, self._shown = {}, {}
            self._levels = self._refused_until_ns = None
            self._wake()

    def forget(self) -> None:
        """A line may have been lost on its way: everything is sent again."""
        with self._changed:
            self._shown, self._drawn = {}, False
            self._wake()

    def darken(self) -> None:
        """LEDs off, and no state is shown any more, until a box is met again."""
        with self._changed:
            if self._box is not None and not self._dark:
                self._wanted, self._dark = dark_picture(self._shown, self._box), True
                self._to_say.clear()
            self._wake()

    def settled(self) -> bool:
        """Nothing is left to be sent."""
        with self._changed:
            return not self._to_say and self._next_difference() is None

    def pace_s(self) -> float:
        """Least time between two lines, by the box's word."""
        with self._changed:
            return self._box.pace_ms / 1000.0 if self._box is not None else 0.0

    def wait(self, now_ns: Ns) -> None:
        """Until something may be due."""
        with self._changed:
            if not self._news:
                due_ns = self._due_ns()
                self._changed.wait(None if due_ns is None else max(0, due_ns - now_ns + 1) / NS_PER_SECOND)
            self._news = False

    def _due_ns(self) -> Ns | None:
        """When there is something to draw though nobody says anything: meters that wait for their pace, the end of a
        moment. None: never."""
        due_ns = [Ns(self._meters_at_ns + self._meters_ns)] if self._levels is not None else []
        if self._refused_until_ns is not None:
            due_ns.append(self._refused_until_ns)
        return min(due_ns, default=None)

    def next_line(self, now_ns: Ns) -> str | None:
        """The line to send now, and from now on taken as sent; None while nothing is due."""
        with self._changed:
            if self._to_say:
                return self._to_say.pop(next(iter(self._to_say)))
            if self._box is None:
                return None
            self._draw(self._box, now_ns)
            place = self._next_difference()
            if place is None:
                return None
            self._shown[place] = self._wanted[place]
            return self._wanted[place]

    def _draw(self, box: Greeting, now_ns: Ns) -> None:
        state = self._state
        if self._dark or state is None:
            return
        if self._refused_anew:
            self._refused_anew, self._refused_until_ns, self._drawn = False, Ns(now_ns + REFUSED_NS), False
        elif self._refused_until_ns is not None and now_ns >= self._refused_until_ns:
            self._refused_until_ns, self._drawn = None, False
        if not self._drawn:
            meters = self._wanted.get("meters")
            self._wanted = picture_of(
                state,
                box=box,
                lamps=self._lamps,
                values=self._values,
                at_frame=self._at_frame,
                refused=self._refused_until_ns is not None,
            )
            if meters is not None:
                self._wanted["meters"] = meters
            self._drawn = True
        # Meters come last and at their own pace: on a slow line they wait, everything else goes first.
        if self._levels is not None and now_ns - self._meters_at_ns >= self._meters_ns:
            self._wanted["meters"] = meters_of(state, self._levels, box=box, channels=self._meter_channels)
            self._levels, self._meters_at_ns = None, now_ns

    def _next_difference(self) -> str | None:
        return next((place for place, line in self._wanted.items() if self._shown.get(place) != line), None)
