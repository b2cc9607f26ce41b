"""The preamp model: what its settings can do, what was asked, what it said. Pure.

A setting has a name (`gain`, `pad`, `phantom`, `polarity`, `instrument`, `air`, `low_cut`, `auto_gain`, ...) and an
ability. Its value is a number: dB, a switch's 0 or 1, or the place of one of its words.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from rigd.model.limits import LONGEST_CHOICE, LONGEST_SETTING_NAME
from rigd.model.units import Ns, SettingName

WISH_S = 10.0
"""So long what was asked of a preamp is tried, where the config says nothing else. Then it is given up: nobody
expects it any more, and a hand may have set it at the device since. 48 V is not kept for a preamp that is away."""
GAIN = SettingName("gain")
PAD = SettingName("pad")
PHANTOM = SettingName("phantom")
POLARITY = SettingName("polarity")
CALLED = {PHANTOM: "48 V"}
"""What a person calls a setting, where it is not its name."""


class ReadBack(StrEnum):
    """How a preamp's true setting is known."""

    PUSH = "push"  # it says so by itself, and is asked now and then
    POLL = "poll"  # it has to be asked
    NEVER = "never"  # it cannot say: what is asked of it stays unconfirmed


class SettingKind(StrEnum):
    """What a setting's value is."""

    DB = "db"  # dB, in a range and in steps
    SWITCH = "switch"  # 1 is on, 0 is off
    CHOICE = "choice"  # the place of one of its words, from 0


class Ability(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one setting of one preamp channel can be."""

    kind: SettingKind
    min_db: float = 0.0
    max_db: float = 0.0
    step_db: float = 0.0
    choices: tuple[str, ...] = ()
    """The words, as the preamp has them."""
    read_back: ReadBack = ReadBack.PUSH
    settle_ms: int = 0
    """So long after a change the preamp is not asked what it is, and the sound is not yet to be trusted."""
    group: tuple[int, ...] = ()
    """Sockets that have this setting together, its own among them: one switch for all. Empty: its own."""
    confirm: bool = False
    """It may harm what is plugged in: switching it on asks for a confirmation, it is not switched while a take rolls,
    and never sent to a preamp that was away."""

    def quantise(self, value: float) -> float:
        """The nearest value that there is, inside its range."""
        if self.kind is SettingKind.DB:
            clamped = min(self.max_db, max(self.min_db, value))
            steps = round((clamped - self.min_db) / self.step_db)
            return round(min(self.max_db, self.min_db + steps * self.step_db), 6)
        if self.kind is SettingKind.SWITCH:
            return float(value >= 0.5)
        return float(min(len(self.choices) - 1, max(0, round(value))))

    def climbed(self, from_db: float, most_db: float) -> float:
        """The highest level that is no more than `most_db` above `from_db`; the next one where steps are larger."""
        steps = math.floor((from_db + most_db - self.min_db) / self.step_db + 1e-9)
        climbed = self.quantise(self.min_db + steps * self.step_db)
        return climbed if climbed > from_db + 1e-9 else self.quantise(from_db + self.step_db)

    @property
    def tolerance(self) -> float:
        """Two values nearer than this are the same."""
        return self.step_db / 2 if self.kind is SettingKind.DB else 0.25

    def value_of(self, text: str) -> float:
        """What a person typed. Raises ValueError with what there is."""
        word = text.strip()
        if self.kind is SettingKind.DB:
            number = float(word.lower().removesuffix("db").strip() or "nothing") if word else math.nan
            if not self.min_db - self.tolerance <= number <= self.max_db + self.tolerance:
                raise ValueError(f"{word} is out of its range of {self.form}")
            return self.quantise(number)
        if self.kind is SettingKind.SWITCH:
            if word.lower() not in ("on", "off", "1", "0"):
                raise ValueError(f'"{word[:LONGEST_CHOICE]}" is neither on nor off')
            return float(word.lower() in ("on", "1"))
        for place, choice in enumerate(self.choices):
            if choice.casefold() == word.casefold():
                return float(place)
        raise ValueError(f'"{word[:LONGEST_CHOICE]}" is none of: {self.form}')

    def text_of(self, value: float | None) -> str:
        """ "+30.0 dB", "on", "80 Hz"."""
        if value is None:
            return "not known"
        if self.kind is SettingKind.DB:
            return f"{value:+.1f} dB"
        if self.kind is SettingKind.SWITCH:
            return "on" if value > 0.5 else "off"
        place = round(value)
        return self.choices[place] if 0 <= place < len(self.choices) else f"choice {place}"

    @property
    def form(self) -> str:
        """ "-12 to 60 dB", "on, off", "off, 80 Hz, 120 Hz"."""
        if self.kind is SettingKind.DB:
            return f"{self.min_db:g} to {self.max_db:g} dB"
        return "on, off" if self.kind is SettingKind.SWITCH else ", ".join(self.choices)


Abilities = dict[SettingName, Ability]
"""What one preamp channel can do, by the name of the setting."""


def ability_fault(name: str, ability: Ability) -> str:
    """Why no setting can be like that; empty where one can. Whoever says it may be a device."""
    if (
        not name.isascii()
        or not name.replace("_", "").isalnum()
        or name != name.lower()
        or len(name) > LONGEST_SETTING_NAME
    ):
        return f"{name[:LONGEST_SETTING_NAME]!r} is no name: small letters, figures and _"
    if ability.kind is SettingKind.DB:
        figures = (ability.min_db, ability.max_db, ability.step_db)
        if not all(map(math.isfinite, figures)) or ability.step_db <= 0 or ability.min_db >= ability.max_db:
            return f"{name}: {ability.min_db:g} to {ability.max_db:g} dB in steps of {ability.step_db:g} is no range"
    if ability.kind is SettingKind.CHOICE:
        words = ability.choices
        if not words or len({word.casefold() for word in words}) != len(words):
            return f"{name}: its words are none, or not all different"
        if not all(
            word.strip() == word and word.isprintable() and 0 < len(word) <= LONGEST_CHOICE for word in words
        ):
            return f"{name}: a word of its choice is empty, too long or not printable"
    return ""


class PreampAbility(Struct, frozen=True, kw_only=True):
    """A channel's gain and switches in brief, for who knows of no others. Gain range in dB."""

    min_db: float
    max_db: float
    step_db: float
    read_back: ReadBack
    pad: bool = False
    phantom: bool = False
    polarity: bool = False
    settle_ms: int = 0

    def quantise(self, gain_db: float) -> float:
        """The nearest gain this preamp has, inside its range."""
        gain = Ability(kind=SettingKind.DB, min_db=self.min_db, max_db=self.max_db, step_db=self.step_db)
        return gain.quantise(gain_db)

    @staticmethod
    def of(abilities: Abilities) -> PreampAbility | None:
        """None where there is no gain that could be set."""
        gain = abilities.get(GAIN)
        if gain is None:
            return None
        return PreampAbility(
            min_db=gain.min_db,
            max_db=gain.max_db,
            step_db=gain.step_db,
            read_back=gain.read_back,
            pad=PAD in abilities,
            phantom=PHANTOM in abilities,
            polarity=POLARITY in abilities,
            settle_ms=gain.settle_ms,
        )


class PreampAbilities(Struct, frozen=True, kw_only=True):
    """preamp -> controller: what the sockets in use can do now, by the device's word. What it does not name is not
    there: a card that was unplugged has nothing."""

    preamp: str
    abilities: dict[int, Abilities]
    """By 1-based socket."""


class PreampSetting(Struct, frozen=True, kw_only=True):
    """preamp -> controller: what one setting of one preamp channel is."""

    preamp: str
    """[preamp.<name>] of the config."""
    socket: int
    """1-based preamp channel on it."""
    name: SettingName
    value: float | None
    """None: it never told."""
    confirmed: bool
    """True: the device itself says so, whatever was asked of it. False: it did not answer in time, or cannot say;
    `value` is what it said last."""
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

    @property
    def wish_s(self) -> float:
        """What is asked for and makes no headway for so long is given up ([control] wish_seconds). It may become
        another one while the preamp runs."""

    def preamp_abilities(self, abilities: PreampAbilities) -> None: ...

    def preamp_setting(self, setting: PreampSetting) -> None: ...

    def preamp_status(self, status: PreampStatus) -> None: ...


class Preamp(Protocol):
    """One [preamp.<name>]. Found by the entry point group "rigd.preamps": a function
    `(name, settings, sockets, sink) -> Preamp`; its `Settings` model is the attribute `settings_model` of it.
    `sockets` are the 1-based preamp channels that the config uses."""

    name: str

    def start(self) -> None:
        """Its thread finds the device, says what it can do, reads every socket in use and follows it, until `stop`.
        What is known without the device is said at once."""

    def stop(self) -> None:
        """Threads joined, sockets closed."""

    def request(self, socket: int, name: SettingName, value: float) -> None:
        """Asks for a setting and returns at once; what came of it arrives at the sink within 250 ms.

        The newest request for the same setting wins; a level in dB is stepped up where a jump is large. Raises
        PreampError for what this device cannot do."""
