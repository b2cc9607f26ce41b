"""The preamp model: what it can do, what was asked, what it confirmed (gain-backends 0). Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from rigd.model.take import Parameter
from rigd.model.units import Ns

WISH_S = 10.0
"""So long what was asked of a preamp is tried, where the config says nothing else. Then it is given up: nobody
expects it any more, and a hand may have set it at the device since. 48 V is not kept for a preamp that is away."""


class ReadBack(StrEnum):
    """How a preamp's true setting is known."""

    PUSH = "push"
    POLL = "poll"
    NONE = "none"


class PreampAbility(Struct, frozen=True, kw_only=True):
    """What one preamp channel can do. Gain range in dB."""

    min_db: float
    max_db: float
    step_db: float
    read_back: ReadBack
    pad: bool = False
    phantom: bool = False
    polarity: bool = False
    settle_ms: int = 0
    """How long after a change the sound is not yet to be trusted."""

    def quantise(self, gain_db: float) -> float:
        """The nearest gain this preamp has, inside its range."""
        clamped = min(self.max_db, max(self.min_db, gain_db))
        steps = round((clamped - self.min_db) / self.step_db)
        return round(min(self.max_db, self.min_db + steps * self.step_db), 6)


class PreampSetting(Struct, frozen=True, kw_only=True):
    """preamp -> controller: what one setting of one preamp channel is."""

    preamp: str
    """[preamp.<name>] of the config."""
    socket: int
    """1-based preamp channel on it."""
    parameter: Parameter
    value: float | None
    """Gain in dB; switches 0.0 or 1.0. None: it never told, and what was asked for is given up."""
    confirmed: bool
    """True: the device itself says so, whatever was asked of it. False: it did not answer in time; `value` is what it
    said last."""
    at_ns: Ns
    asked: float | None = None
    """The wish that this is about: still open, or (`given_up`) dropped. None: the device spoke by itself, or did what
    was asked."""
    given_up: bool = False
    """True: what was asked for is no longer tried: the device keeps to `value`, 48 V was asked of one that is away,
    or it did not come true in time. A person has to ask again."""


class PreampStatus(Struct, frozen=True, kw_only=True):
    """Whether a preamp answers."""

    name: str
    kind: str
    answering: bool
    detail: str = ""


class PreampSink(Protocol):
    """rigd's side of a preamp. Never blocks; any thread may call it."""

    wish_s: float
    """What is asked for and makes no headway for so long is given up ([control] wish_seconds)."""

    def preamp_setting(self, setting: PreampSetting) -> None: ...

    def preamp_status(self, status: PreampStatus) -> None: ...


class Preamp(Protocol):
    """One [preamp.<name>]. Found by the entry point group "rigd.preamps": a function
    `(name, settings, sockets, sink) -> Preamp`; its `Settings` model is the attribute `settings_model` of it.
    `sockets` are the 1-based preamp channels that the config uses."""

    name: str

    def start(self) -> None:
        """Its thread finds the device, reads every socket in use and follows it, until `stop`."""

    def stop(self) -> None:
        """Threads joined, sockets closed."""

    def ability(self, socket: int) -> PreampAbility:
        """Known without the device."""

    def request(self, socket: int, parameter: Parameter, value: float) -> None:
        """Asks for a setting and returns at once; what came of it arrives at the sink within 250 ms.

        The newest request for the same setting wins; gain is stepped where a jump is large (F39)."""
