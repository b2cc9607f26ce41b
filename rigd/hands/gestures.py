"""Tells tap, double tap, hold and long hold of one control apart, from its edges and the time alone. Pure.

No thread, no clock: whoever owns a recogniser tells it edges and time, in the order of time. A gesture
carries the time of its first press, so that the wait for "was it a double?" costs no frame of a take.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from msgspec import Struct

from rigd.hands.bindings import Binding
from rigd.model.units import NS_PER_MS, Ns


class Gesture(StrEnum):
    """What a foot or finger did. The value is the field of Binding that holds its command."""

    PRESS = "press"  # at once, before anything is told apart
    RELEASE = "release"
    TAP = "tap"
    DOUBLE = "double"
    HOLD = "hold"
    LONG_HOLD = "long_hold"


HELD_GESTURES = frozenset({Gesture.HOLD, Gesture.LONG_HOLD})
"""Those that the lock accepts: a finger that slips does not make them."""


class Recognised(Struct, frozen=True, kw_only=True):
    """One gesture. `at_ns` is its first press; of RELEASE, the release."""

    gesture: Gesture
    at_ns: Ns


class GestureTimes(Struct, frozen=True, kw_only=True):
    """How long is bounce, and how long may a gesture take. Double is counted from press to press."""

    debounce_ns: int
    double_ns: int
    hold_ns: int
    long_hold_ns: int


class GestureRecogniser:
    """One control. It waits only for gestures in `bound`; the others cannot happen and cost no time.

    momentary: press and release are told. latching: every message is one press, whatever its value.
    trigger: only presses are told. The last two make tap and double tap only.
    """

    def __init__(
        self,
        *,
        mode: Literal["momentary", "latching", "trigger"],
        bound: frozenset[Gesture],
        times: GestureTimes,
    ) -> None:
        self._mode = mode
        self._bound = bound
        self._times = times
        self.refused = 0
        """Presses that made nothing: bounce, or a second one without a release between. A press that proves
        to be no bounce once it is over is taken off again."""
        self._edge_ns = Ns(0)
        self._let_go()

    def _let_go(self) -> None:
        self._down = False  # accepted
        self._heard_down = False  # as the wire last said, bounce and all
        self._heard_ns = Ns(0)
        self._accepted_ns: Ns | None = None
        self._first_ns: Ns | None = None  # the first press of a gesture that is not yet told apart
        self._released = False  # that press is over; only a second one can still come
        self._stuck = False
        self._is_doubtful = False

    def press(self, at_ns: Ns, *, is_doubtful: bool = False) -> tuple[Recognised, ...]:
        """The control went down. `is_doubtful`: it may be a foot that went up, so it is a tap or nothing."""
        made = self.tick(at_ns)
        self._is_doubtful = is_doubtful and self._mode == "momentary"
        return made + self._edge(down=True, at_ns=at_ns)

    def release(self, at_ns: Ns) -> tuple[Recognised, ...]:
        """The control came up. On a latching switch that is a press like any other; a trigger has none."""
        return () if self._mode == "trigger" else self._edge(down=self._mode == "latching", at_ns=at_ns)

    def held(self, at_ns: Ns) -> None:
        """The control is down and nobody saw it go down: it makes nothing until it was released once."""
        if self._mode == "momentary":
            self._edge_ns = max(self._edge_ns, at_ns)
            self._let_go()
            self._stuck = self._down = self._heard_down = True

    def let_go(self) -> None:
        """The port is gone: what was held or half told is released, without an action."""
        self._let_go()

    def next_deadline_ns(self) -> Ns | None:
        """When `tick` has something to decide; None while only an edge can bring news."""
        deadlines = []
        if self._mode == "momentary" and self._heard_down != self._down and self._accepted_ns is not None:
            deadlines.append(self._accepted_ns + self._times.debounce_ns)
        if self._first_ns is not None:
            gesture_ns = self._gesture_deadline_ns(self._first_ns)
            if gesture_ns is not None:
                deadlines.append(gesture_ns)
        return Ns(min(deadlines)) if deadlines else None

    def _gesture_deadline_ns(self, first_ns: Ns) -> int | None:
        if self._released:
            return first_ns + self._times.double_ns
        if self._mode != "momentary":
            return None
        if self._is_doubtful:
            return first_ns + self._times.hold_ns
        if Gesture.LONG_HOLD in self._bound:
            return first_ns + self._times.long_hold_ns
        return first_ns + self._times.hold_ns if Gesture.HOLD in self._bound else None

    def tick(self, now_ns: Ns) -> tuple[Recognised, ...]:
        """Decides all that time alone decides, up to and with `now_ns`."""
        made: list[Recognised] = []
        while (deadline_ns := self.next_deadline_ns()) is not None and deadline_ns <= now_ns:
            made += self._at_deadline(deadline_ns)
        return tuple(made)

    def _at_deadline(self, deadline_ns: Ns) -> tuple[Recognised, ...]:
        first_ns = self._first_ns
        if first_ns is None or self._gesture_deadline_ns(first_ns) != deadline_ns:
            # The bounce is over and the switch is not where it was believed to be.
            self.refused -= self._heard_down
            return self._accept(down=self._heard_down, at_ns=self._heard_ns, settled_ns=deadline_ns)
        if self._released:
            return self._decide(Gesture.TAP)
        if self._heard_down and self._is_doubtful:
            self.held(deadline_ns)
            return ()
        if self._heard_down:
            return self._decide(Gesture.LONG_HOLD if Gesture.LONG_HOLD in self._bound else Gesture.HOLD)
        return self._accept(down=False, at_ns=self._heard_ns, settled_ns=deadline_ns)

    def _edge(self, *, down: bool, at_ns: Ns) -> tuple[Recognised, ...]:
        self._edge_ns = at_ns = max(at_ns, self._edge_ns)
        made = self.tick(at_ns)
        if self._mode == "momentary" and down == self._heard_down:
            self.refused += down
            return made
        self._heard_down, self._heard_ns = down, at_ns
        unchanged = self._mode == "momentary" and down == self._down
        bounce = self._accepted_ns is not None and at_ns - self._accepted_ns < self._times.debounce_ns
        if unchanged or bounce:
            self.refused += down
            return made
        return made + self._accept(down=down, at_ns=at_ns, settled_ns=at_ns)

    def _accept(self, *, down: bool, at_ns: Ns, settled_ns: Ns) -> tuple[Recognised, ...]:
        self._down = self._heard_down = down
        self._accepted_ns = settled_ns
        if self._stuck:
            self._stuck = False
            return ()
        return self._pressed(at_ns) if down else self._let_up(at_ns)

    def _pressed(self, at_ns: Ns) -> tuple[Recognised, ...]:
        if self._first_ns is not None:
            return self._decide(Gesture.DOUBLE)
        if Gesture.PRESS in self._bound:
            return (Recognised(gesture=Gesture.PRESS, at_ns=at_ns),)
        self._first_ns = at_ns
        self._released = self._mode != "momentary"
        others = {Gesture.DOUBLE} if self._released else {Gesture.DOUBLE, *HELD_GESTURES}
        return () if self._bound & others or self._is_doubtful else self._decide(Gesture.TAP)

    def _let_up(self, at_ns: Ns) -> tuple[Recognised, ...]:
        made: tuple[Recognised, ...] = ()
        if self._first_ns is not None:
            held_ns = at_ns - self._first_ns
            if Gesture.HOLD in self._bound and held_ns >= self._times.hold_ns:
                made = self._decide(Gesture.HOLD)
            elif Gesture.DOUBLE in self._bound and held_ns < self._times.double_ns:
                self._released = True
            else:
                made = self._decide(Gesture.TAP)
        if Gesture.RELEASE in self._bound:
            made = (*made, Recognised(gesture=Gesture.RELEASE, at_ns=at_ns))
        return made

    def _decide(self, gesture: Gesture) -> tuple[Recognised, ...]:
        first_ns, self._first_ns, self._released = self._first_ns, None, False
        if first_ns is None or gesture not in self._bound:
            return ()
        return (Recognised(gesture=gesture, at_ns=first_ns),)


def bound_gestures(binding: Binding) -> frozenset[Gesture]:
    """The gestures that a binding has a command for."""
    return frozenset(gesture for gesture in Gesture if getattr(binding, gesture.value) is not None)


def recogniser_for(binding: Binding) -> GestureRecogniser:
    """A recogniser with the binding's mode, gestures and times."""
    return GestureRecogniser(
        mode=binding.mode,
        bound=bound_gestures(binding),
        times=GestureTimes(
            debounce_ns=binding.debounce_ms * NS_PER_MS,
            double_ns=binding.double_ms * NS_PER_MS,
            hold_ns=binding.hold_ms * NS_PER_MS,
            long_hold_ns=binding.long_hold_ms * NS_PER_MS,
        ),
    )
