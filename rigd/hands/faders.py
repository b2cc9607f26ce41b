"""An absolute fader or pedal that sets a preamp's gain without ever making it jump. Pure.

The fader does nothing until it has passed the true gain (soft takeover), and lets go again when somebody
else turns the gain away from it. No clock, no thread: its owner tells it where it stands.
"""

from __future__ import annotations

import math
from collections import deque

from rigd.hands.bindings import Binding
from rigd.model.channels import channels_of
from rigd.model.commands import Command, SetGain
from rigd.model.state import Channel
from rigd.model.units import Ns, Origin

_JITTER = 1.5 / 127
"""A MIDI pedal at rest wavers by one step of 127; turning back must be by more than that."""
_REMEMBERED = 32
"""Gains of our own asking that the preamp may still report: its answers lag behind a fast hand."""


class GainFader:
    """One control with a binding to `gain`."""

    def __init__(self, binding: Binding) -> None:
        self._pickup = binding.pickup
        self._number = binding.gain
        self._asked_db: deque[float] = deque(maxlen=_REMEMBERED)
        self.let_go()

    def let_go(self) -> None:
        """The port is gone: where the fader will stand when it returns, nobody knows."""
        self._picked_up = not self._pickup
        self._place: float | None = None
        self._rising: bool | None = None
        self._asked_db.clear()

    def command(self, value: float, channel: Channel | None, *, origin: Origin, at_ns: Ns) -> Command | None:
        """The command for a fader that now stands at `value`; None for nothing to do."""
        gain_db = self.moved(value, channel)
        if gain_db is None or self._number is None:
            return None
        return SetGain(origin=origin, at_ns=at_ns, channels=channels_of([self._number]), gain_db=gain_db)

    def moved(self, value: float, channel: Channel | None) -> float | None:
        """The gain in dB to ask for, now that the fader stands at `value` (0 to 1); None for nothing to do.

        A channel without a preamp that rigd can set, and a value that is no number, do nothing.
        """
        if channel is None or channel.ability is None or not math.isfinite(value):
            return None
        before = self._place
        self._place = self._without_jitter(min(1.0, max(0.0, value)))
        if self._place == before:
            return None
        ability = channel.ability
        span_db = ability.max_db - ability.min_db
        near_db = max(ability.step_db, _JITTER * span_db)
        true_db = channel.gain.value if channel.gain.asked is None else channel.gain.asked
        here_db = ability.min_db + self._place * span_db
        there_db = here_db if before is None else ability.min_db + before * span_db
        if self._pickup and self._taken_away(true_db, near_db):
            self._picked_up = False
        if not self._picked_up and not self._passes(true_db, here_db, there_db, near_db):
            return None
        if not self._picked_up:
            self._picked_up = True
            self._asked_db.clear()
        if not self._asked_db and true_db is not None:
            self._asked_db.append(true_db)
        wanted_db = ability.quantise(here_db)
        if self._asked_db and wanted_db == self._asked_db[-1]:
            return None
        self._asked_db.append(wanted_db)
        return wanted_db

    def _without_jitter(self, value: float) -> float:
        """Where the fader stands: it moves on freely, and turns back only by more than jitter."""
        if self._place is None or value == self._place:
            return value
        rising = value > self._place
        if rising != self._rising and abs(value - self._place) < _JITTER and 0 < value < 1:
            return self._place
        self._rising = rising
        return value

    def _taken_away(self, true_db: float | None, near_db: float) -> bool:
        """Whether the gain is now one that this fader never asked for."""
        if true_db is None or not self._asked_db:
            return False
        newest_db = self._asked_db[-1]
        if abs(true_db - newest_db) <= near_db:
            self._asked_db.clear()
            self._asked_db.append(newest_db)
            return False
        return all(abs(true_db - asked_db) > near_db for asked_db in self._asked_db)

    @staticmethod
    def _passes(true_db: float | None, here_db: float, there_db: float, near_db: float) -> bool:
        if true_db is None:
            return True  # never heard: there is nothing to pass, and the fader's word is the first one
        return min(here_db, there_db) - near_db <= true_db <= max(here_db, there_db) + near_db
