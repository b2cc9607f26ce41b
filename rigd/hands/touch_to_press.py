"""When the values that a control sends mean that a switch went down or up. Pure: no clock, no thread, no MIDI.

A switch made of values may rest at either end, send 127 and 0 or 1 and 0, send the same at every press, or be a
sensor that passes through all values, wavers where it rests and stops at the threshold. Its values show what it is:

- *level*: two values are two levels. More than two are a sensor: it goes high at 5/8 and low at 3/8 of its range, so
  that nothing near the middle is a foot; where it turns back by a quarter of all there is, its range was smaller.
- *polarity*: the side on which it stays shorter than a hold is the pressed side. Where that is not known yet, high is
  pressed, as MIDI 1.0 has it; a pedal's sensor rests where it began to move. Of a pedal's own controllers it is
  doubtful until then: such a press makes no hold, for it may be the foot that went up. One short stay is not enough.
- what the config says (`pressed`, `released`) is believed and not learnt.

Values are 0.0 to 1.0. Edges carry the time of their message, also where they are known only later.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from rigd.hands.bindings import Binding
from rigd.hands.surface import Motion
from rigd.model.units import NS_PER_MS, Ns

STEP = 1 / 127
"""One step of a MIDI controller."""
LONE_NS = 30_000_000
"""A sensor's next value comes within this, so a first value between the ends waits so long."""
REST_NS = 4_000_000_000
"""A foot does not stay down for so long, twice, with less than a hold between."""
_NEAR = 16 * STEP
"""Two values of a switch are further apart; but for a button that sends 1 and 0."""
_TURN = 32 * STEP
"""A sensor that turns back by this was moved there and back by a foot."""
_HIGH_FROM, _LOW_BELOW = 5 / 8, 3 / 8
_FROM_THE_MIDDLE = 64 * STEP


class Level(Enum):
    """The two sides of a switch."""

    LOW = 0
    HIGH = 1

    @property
    def other(self) -> Level:
        """The far side."""
        return Level.LOW if self is Level.HIGH else Level.HIGH


class Edge(Struct, frozen=True):
    """What the switch did: PRESS, RELEASE, or HELD (it is down, and nobody saw it go down)."""

    motion: Motion
    at_ns: Ns
    is_doubtful: bool = False
    """A press that may be a foot that went up: it makes no hold."""


class _Stay(Struct, frozen=True):
    """That it is, or was, on one side."""

    from_ns: Ns
    was_seen_to_come: bool = True
    """False: nobody knows how long before it had come there."""


class _Values:
    """What a control has sent, and the level of a value. `ends`: as the config says."""

    def __init__(self, ends: tuple[float, float] | None, *, is_pedal: bool) -> None:
        self._is_pedal = is_pedal
        self._has_ends = ends is not None
        self.low, self.high = ends or (0.0, 1.0)
        self.seen: tuple[float, ...] = ()
        """The first three that differ."""
        self._sweeps = False

    def note(self, value: float, *, sweeps: bool = False) -> bool:
        """This came, right after another one if it `sweeps`. Whether it is one of the first three."""
        self._sweeps = self._sweeps or sweeps
        if not self._has_ends:
            self.low, self.high = min(self.low, value), max(self.high, value)
        if value in self.seen or len(self.seen) > 2:
            return False
        self.seen = (*self.seen, value)
        return True

    @property
    def is_sensor(self) -> bool:
        """Whether it passes through more values than a switch has."""
        if self._sweeps or len(self.seen) > 2:
            return True
        if len(self.seen) < 2 or self._has_ends:
            return False
        return abs(self.seen[0] - self.seen[1]) < _NEAR and not self._is_button

    @property
    def may_be_other_way_round(self) -> bool:
        """Whether low may be its pressed side: of a pedal's, and of what sends the ends only, as no rubbish does."""
        return self._is_pedal or (min(self.seen) == 0 and max(self.seen) == 1) or self._is_button

    @property
    def _is_button(self) -> bool:
        """One that sends 1 and 0; a pedal that sends these wavers where it rests."""
        return not self._is_pedal and min(self.seen) == 0 and max(self.seen) <= 1.5 * STEP

    def level(self, value: float) -> Level | None:
        """The level that `value` is on; None where it is on none, or nobody can tell yet."""
        if self._has_ends or self.is_sensor:
            place = (value - self.low) / (self.high - self.low)
            return Level.HIGH if place >= _HIGH_FROM else Level.LOW if place < _LOW_BELOW else None
        if len(self.seen) == 2 and min(self.seen) < _FROM_THE_MIDDLE:
            return Level.HIGH if value == max(self.seen) else Level.LOW
        return Level.HIGH if value >= _FROM_THE_MIDDLE else Level.LOW if value == 0 else None

    def guess(self, value: float) -> Level:
        """The same, where it has to be told: a value that comes alone is a press."""
        return self.level(value) or (Level.HIGH if value > 0 else Level.LOW)


class ValueSwitch:
    """One control that is bound as a switch, for one binding. One thread."""

    def __init__(
        self,
        *,
        mode: str,
        hold_ns: int,
        bounce_ns: int,
        ends: tuple[float, float] | None = None,
        pressed: Level | None = None,
        is_pedal: bool = False,
    ) -> None:
        """`ends` and `pressed`: as the config says. `is_pedal`: its controller is one of a pedal's, which may rest at
        either end, and waver."""
        self._mode = mode
        self._hold_ns = hold_ns
        self._bounce_ns = bounce_ns
        self._is_doubtful = is_pedal
        """It may be the other way round, so that a press makes no hold until `_is_sure`."""
        self._is_pedal = is_pedal
        self._is_told = pressed is not None
        self._values = _Values(ends, is_pedal=is_pedal)
        self._pressed = pressed or Level.HIGH
        self._is_sure = self._is_told
        self._against = 0
        self._is_new = True
        """Nothing was known of it before its port was opened."""
        self._level: Level | None = None
        self.let_go()

    def let_go(self) -> None:
        """The port is gone. What the switch is stays known; where it stands does not."""
        self._is_new = self._is_new and self._level is None
        self._level = None
        self._moved_ns = Ns(0)
        self._stays: dict[Level, _Stay] = {}
        """On each side, but for bounce."""
        self._waiting: tuple[float, Ns] | None = None
        """A value between the ends that may be a sensor's first."""
        self._bounced_ns: Ns | None = None
        """When it came, within the bounce of its first edge, to the side that is believed to be pressed. Where it
        stays there, that is a press."""
        self._nearest: float | None = None
        """Of a sensor: the value that was nearest to the end of the level on which it is."""
        self._furthest: tuple[float, Ns] | None = None
        """And since then the one that was furthest from there."""

    @property
    def is_down(self) -> bool:
        """Whether it is down now, as far as anybody knows."""
        return self._level is self._pressed

    def next_deadline_ns(self) -> Ns | None:
        """When `tick` has something to decide; None while only a value can bring news."""
        if self._bounced_ns is not None:
            return Ns(self._bounced_ns + self._bounce_ns)
        if self._waiting is None:
            return None
        value, at_ns = self._waiting
        # Where a release is told, a value that a sensor could have at the start of its way waits for the next one.
        is_start = self._is_pedal or (value < _FROM_THE_MIDDLE and len(self._values.seen) == 1)
        return None if self._mode == "momentary" and is_start else Ns(at_ns + LONE_NS)

    def tick(self, now_ns: Ns) -> tuple[Edge, ...]:
        """Decides what time alone decides, up to and with `now_ns`."""
        deadline_ns = self.next_deadline_ns()
        if deadline_ns is None or now_ns < deadline_ns:
            return ()
        if self._bounced_ns is None or self._level is None:
            return self._end_waiting(deadline_ns)
        at_ns, self._bounced_ns = self._bounced_ns, None
        self._stays[self._level] = _Stay(at_ns)
        return (self._edge(self._level, at_ns),)

    def _end_waiting(self, now_ns: Ns) -> tuple[Edge, ...]:
        """No sensor's: the value that waited is a level. One that waited for longer than a tap was no press."""
        if self._waiting is None:
            return ()
        (value, at_ns), self._waiting = self._waiting, None
        if self._mode == "momentary" and now_ns - at_ns >= self._hold_ns:
            return ()
        return self._came_to(self._values.guess(value), at_ns)

    def stands_at(self, value: float, at_ns: Ns) -> tuple[Edge, ...]:
        """A device reported its state, as at its start: nobody moved it. HELD where it is down."""
        self._values.note(value)
        level = self._values.level(value)
        if level is None or level is self._level:
            return ()
        was_down = self.is_down
        self._level, self._moved_ns = level, at_ns
        self._stays[level] = _Stay(at_ns, was_seen_to_come=False)
        if self.is_down:
            return (Edge(Motion.HELD, at_ns),)
        return (Edge(Motion.RELEASE, at_ns),) if was_down else ()

    def moved_to(self, value: float, at_ns: Ns) -> tuple[Edge, ...]:
        """A value came: the edges that it means, in the order of their time."""
        made = self.tick(at_ns)
        was_sensor = self._values.is_sensor
        is_between = 0 < value < 1
        sweeps = (
            self._waiting is not None
            and is_between
            and value != self._waiting[0]
            and at_ns - self._waiting[1] < LONE_NS
        )
        is_new = self._values.note(value, sweeps=sweeps)
        if self._values.is_sensor:
            if not was_sensor:
                self._begin_as_sensor()
            made += self._sensed(value, at_ns)
            if not was_sensor and not made and not self.is_down and self._mode == "momentary":
                made = (Edge(Motion.RELEASE, at_ns),)  # whatever it was taken for before: it is up now
            return made
        made += self._end_waiting(at_ns)
        if is_new and is_between and not self._is_told:
            self._waiting = (value, at_ns)
            return made
        level = self._values.level(value) if self._is_told else self._values.guess(value)
        return made if level is None else (*made, *self._came_to(level, at_ns))

    # A sensor

    def _begin_as_sensor(self) -> None:
        """What it sent first was no level, but near to where it had rested."""
        self._waiting = None
        if self._level is None:
            rest = self._values.level(self._values.seen[0])
            if rest is None:
                return
            if not self._is_sure and self._is_pedal:
                self._pressed = rest.other
            self._level = rest
        if not self.is_down:
            self._stays[self._level] = _Stay(self._moved_ns, was_seen_to_come=False)

    def _sensed(self, value: float, at_ns: Ns) -> tuple[Edge, ...]:
        made = self._turned_back(value, at_ns)
        level = self._values.level(value)
        if level is None or level is self._level:
            return made
        was_known, self._nearest = self._level is not None, None
        made += self._came_to(level, at_ns)
        if not was_known and not self.is_down:
            self._stays[level] = _Stay(at_ns, was_seen_to_come=False)
        return made

    def _turned_back(self, value: float, at_ns: Ns) -> tuple[Edge, ...]:
        """It went some way to the other level and came back: that was all the way there is."""
        if self._level is None:
            return ()
        away = 1 if self._level is Level.LOW else -1
        if self._nearest is None or (value - self._nearest) * away <= 0:
            self._nearest, self._furthest = value, None
            return ()
        if self._furthest is None or (value - self._furthest[0]) * away >= 0:
            self._furthest = (value, at_ns)
            return ()
        turned, turned_ns = self._furthest
        way, back = (turned - self._nearest) * away, (turned - value) * away
        if min(way, back) < _TURN or self._is_told:
            return ()
        if away > 0:
            self._values.high = turned
        else:
            self._values.low = turned
        self._nearest = None
        return self._came_to(self._level.other, turned_ns)

    # Levels

    def _came_to(self, level: Level, at_ns: Ns) -> tuple[Edge, ...]:
        if self._mode == "latching":
            self._level = level
            return (Edge(Motion.PRESS if level is Level.HIGH else Motion.RELEASE, at_ns),)
        if level is self._level:
            return (self._edge(level, at_ns),)  # the same once more
        if self._mode == "trigger" and not self._is_sure:
            self._expect_presses_only(level, at_ns)
        is_bounce = self._level is not None and at_ns - self._moved_ns < self._bounce_ns
        was_withheld, self._bounced_ns = self._bounced_ns is not None, None
        self._level, self._moved_ns = level, at_ns
        if is_bounce and not self._is_sure and (was_withheld or (self.is_down and level not in self._stays)):
            self._bounced_ns = at_ns if self.is_down else None
            return ()
        if is_bounce:
            return (self._edge(level, at_ns),)
        made = self._learn_polarity(level, at_ns) or (self._edge(level, at_ns),)
        self._stays[level] = _Stay(at_ns)
        return made

    def _edge(self, level: Level, at_ns: Ns) -> Edge:
        if level is not self._pressed:
            return Edge(Motion.RELEASE, at_ns)
        return Edge(Motion.PRESS, at_ns, self._is_doubtful and not self._is_sure)

    def _expect_presses_only(self, level: Level, at_ns: Ns) -> None:
        """What sends presses only is pressed by its first value; by a high one later than a release would come."""
        if self._level is None or (level is Level.HIGH and at_ns - self._moved_ns >= self._hold_ns):
            self._pressed = level

    def _learn_polarity(self, level: Level, at_ns: Ns) -> tuple[Edge, ...]:
        """It leaves the other side. The edges, where that shows that it is the other way round."""
        left = self._stays.get(level.other)
        was_short = left is not None and left.was_seen_to_come and at_ns - left.from_ns < self._hold_ns
        if self._is_told or left is None or not was_short:
            return ()
        if level is not self._pressed:
            self._is_sure = True
            return ()
        if level.other is Level.LOW and not self._values.may_be_other_way_round:
            return ()
        before = self._stays.get(level)
        before_ns: int | None = None
        if before is not None:
            before_ns = left.from_ns - before.from_ns if before.was_seen_to_come else REST_NS
        if not self._is_other_way_round(before_ns):
            return ()
        # A device that sends its zero by itself looks the same, and so does a foot that tries again after a hold that
        # made nothing: one more tap tells.
        self._pressed, self._is_sure, self._is_doubtful, self._against = level.other, False, True, 0
        return (Edge(Motion.PRESS, left.from_ns), Edge(Motion.RELEASE, at_ns))

    def _is_other_way_round(self, before_ns: int | None) -> bool:
        """Whether a short stay on the side that is believed to be up was a press; before it, it had been on the other
        one for `before_ns`, None where nobody saw it there."""
        if not self._is_sure:
            if before_ns is None:
                return self._is_new
            return self._is_doubtful and before_ns >= self._hold_ns
        self._against = self._against + 1 if before_ns is not None and before_ns >= REST_NS else 0
        return self._against >= 2


def switch_for(binding: Binding, *, is_pedal: bool = False) -> ValueSwitch:
    """A switch with what the binding says of it."""
    hold_ns = min(binding.hold_ms, binding.long_hold_ms) * NS_PER_MS
    bounce_ns = binding.debounce_ms * NS_PER_MS
    values = said_values(binding)
    if values is None:
        return ValueSwitch(mode=binding.mode, hold_ns=hold_ns, bounce_ns=bounce_ns, is_pedal=is_pedal)
    pressed, released = (value * STEP for value in values)
    return ValueSwitch(
        mode=binding.mode,
        hold_ns=hold_ns,
        bounce_ns=bounce_ns,
        ends=(min(pressed, released), max(pressed, released)),
        pressed=Level.HIGH if pressed > released else Level.LOW,
        is_pedal=is_pedal,
    )


def said_values(binding: Binding) -> tuple[int, int] | None:
    """The values of a switch that is down and up, as the binding says them; None where it says none of them."""
    if binding.pressed is None and binding.released is None:
        return None
    if binding.pressed is None:
        return (0 if binding.released else 127), binding.released or 0
    return binding.pressed, (0 if binding.pressed else 127) if binding.released is None else binding.released
