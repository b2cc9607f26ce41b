"""All preamps of the config by name: the controller's way to them, and theirs to it. Each has a thread of its own."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from rigd.config.kinds import PREAMPS, Kinds
from rigd.config.rig_config import PreampConfig, RigConfig
from rigd.control.parts import NamedParts
from rigd.model.errors import PreampError
from rigd.model.gain import (
    WISH_S,
    Abilities,
    Ability,
    Preamp,
    PreampAbilities,
    PreampSetting,
    PreampStatus,
    ability_fault,
)
from rigd.model.inputs import Fact
from rigd.model.limits import LONGEST_ABILITIES_BYTES, MOST_SETTINGS
from rigd.model.units import SettingName

log = logging.getLogger(__name__)

MOST_KEPT = 1000
"""Of what a preamp says before it is in force. A kind has nothing to say before it is started."""


class _Way:
    """The PreampSink of one preamp. What it says before it is in force is kept for then; what it says once another
    one has its name counts no more."""

    def __init__(self, preamps: Preamps) -> None:
        self._preamps = preamps
        self._lock = threading.Lock()
        self._kept: list[Callable[[], None]] | None = []
        """None: it is in force."""
        self._is_over = False

    @property
    def wish_s(self) -> float:
        return self._preamps.wish_s

    def open(self) -> None:
        """What was kept is handed on, and what comes from now on as it comes."""
        with self._lock:
            for handed_on in self._kept or ():
                handed_on()
            self._kept = None

    def close(self) -> None:
        """Returns at once."""
        self._is_over = True

    def preamp_abilities(self, abilities: PreampAbilities) -> None:
        self._hand_on(lambda: self._preamps.preamp_abilities(abilities))

    def preamp_setting(self, setting: PreampSetting) -> None:
        self._hand_on(lambda: self._preamps.preamp_setting(setting))

    def preamp_status(self, status: PreampStatus) -> None:
        self._hand_on(lambda: self._preamps.preamp_status(status))

    def _hand_on(self, what: Callable[[], None]) -> None:
        if self._is_over:
            return
        if self._kept is not None:
            with self._lock:
                if self._kept is not None:
                    if len(self._kept) < MOST_KEPT:
                        self._kept.append(what)
                    return
        what()


class _Made(Struct, frozen=True):
    preamp: Preamp
    way: _Way


class Preamps:
    """A part, the PreampsPort of the controller, and where every preamp's word comes in."""

    name = "preamps"

    def __init__(
        self, preamps: Sequence[PreampConfig], post: Callable[[Fact], None], *, wish_s: float = WISH_S
    ) -> None:
        self._post = post
        self.wish_s = wish_s
        self._preamps = self._made(preamps)
        for made in self._preamps.values():
            made.way.open()
        parts = {name: made.preamp for name, made in self._preamps.items()}
        self._parts = NamedParts(self.name, parts, called='preamp "{}"')

    def start(self) -> None:
        self._parts.start()

    def stop(self, *, leave_running: bool) -> None:
        self._parts.stop(leave_running=leave_running)

    def exchange(self, before: RigConfig, after: RigConfig) -> PreampExchange:
        """What differs, or has other channels, is made anew; the others go on. Raises ConfigError."""
        anew, gone = restarted(before, after), exchanged(before, after)
        new = [each for each in after.preamps if each.name in {*anew, *gone, *_new_names(before, after)}]
        return PreampExchange(
            self,
            after=[each.name for each in after.preamps],
            old=[each.name for each in before.preamps if each.name in {*anew, *gone}],
            made=self._made(new),
            wish_s=after.control.wish_seconds,
        )

    def end(self, names: Sequence[str]) -> None:
        """These have ended; what is asked of them comes to nothing."""
        self._parts.end(names)

    def take_up(self, names: Sequence[str], made: Mapping[str, _Made], *, wish_s: float) -> None:
        """From now on these are asked."""
        before, self.wish_s = self._preamps, wish_s
        self._preamps = {name: made[name] if name in made else before[name] for name in names}
        for name, old in before.items():
            if self._preamps.get(name) is not old:
                old.way.close()

    def begin(self, made: Mapping[str, _Made]) -> list[str]:
        for each in made.values():
            each.way.open()
        return self._parts.begin({name: each.preamp for name, each in made.items()})

    def _made(self, configs: Sequence[PreampConfig]) -> dict[str, _Made]:
        kinds = Kinds(PREAMPS)
        found: dict[str, _Made] = {}
        for each in configs:
            way = _Way(self)
            preamp = kinds.make(
                f"[preamp.{each.name}]", each.kind, each.name, each.settings, each.sockets, way
            )
            found[each.name] = _Made(preamp, way)
        return found

    def request(self, preamp: str, socket: int, name: SettingName, value: float) -> None:
        known = self._preamps.get(preamp)
        if known is None:
            raise PreampError(f"there is no [preamp.{preamp}] in the config")
        known.preamp.request(socket, name, value)

    def preamp_abilities(self, abilities: PreampAbilities) -> None:
        """Of any kind, by a device's word: a setting that cannot be so is passed by."""
        sockets = {
            socket: self._checked(abilities.preamp, socket, of) for socket, of in abilities.abilities.items()
        }
        self._post(replace(abilities, abilities=sockets))

    def _checked(self, preamp: str, socket: int, abilities: Abilities) -> Abilities:
        kept: dict[SettingName, Ability] = {}
        for name, ability in abilities.items():
            more = {**kept, name: ability}
            fault = ability_fault(name, ability)
            if len(more) > MOST_SETTINGS or len(msgspec.json.encode(more)) > LONGEST_ABILITIES_BYTES:
                fault = fault or f"{name}: a channel has no room for so many settings and words"
            if fault:
                log.error(
                    "[preamp.%s] socket %d: says what cannot be, which was passed by: %s",
                    preamp,
                    socket,
                    fault,
                )
            else:
                kept[name] = ability
        return kept

    def preamp_setting(self, setting: PreampSetting) -> None:
        """Of any kind, which may say True for a switch; what is no number is passed by."""
        if setting.value is not None:
            value = float(setting.value)
            if not math.isfinite(value):
                log.error(
                    "[preamp.%s] socket %d: says that its %s is %s, which was passed by",
                    setting.preamp,
                    setting.socket,
                    setting.name,
                    value,
                )
                return
            setting = replace(setting, value=value)
        self._post(setting)

    def preamp_status(self, status: PreampStatus) -> None:
        self._post(status)


class PreampExchange:
    """See rigd.control.parts.Exchange."""

    def __init__(
        self,
        preamps: Preamps,
        *,
        after: Sequence[str],
        old: Sequence[str],
        made: Mapping[str, _Made],
        wish_s: float,
    ) -> None:
        self._preamps, self._after, self._old, self._made = preamps, after, old, made
        self._wish_s = wish_s

    def end_old(self) -> None:
        self._preamps.end(self._old)

    def take_up(self) -> None:
        self._preamps.take_up(self._after, self._made, wish_s=self._wish_s)

    def begin_new(self) -> list[str]:
        return self._preamps.begin(self._made)


def exchanged(before: RigConfig, after: RigConfig) -> tuple[str, ...]:
    """Preamps that are another device from then on, or none any more."""
    are = {each.name: (each.kind, each.settings) for each in after.preamps}
    return tuple(each.name for each in before.preamps if are.get(each.name) != (each.kind, each.settings))


def restarted(before: RigConfig, after: RigConfig) -> tuple[str, ...]:
    """Preamps that are the same device, and other channels are plugged in there: it is asked anew."""
    are = {each.name for each in after.preamps} - set(exchanged(before, after))
    return tuple(
        each.name
        for each in before.preamps
        if each.name in are and _plugged_in(before, each.name) != _plugged_in(after, each.name)
    )


def _new_names(before: RigConfig, after: RigConfig) -> set[str]:
    return {each.name for each in after.preamps} - {each.name for each in before.preamps}


def _plugged_in(config: RigConfig, preamp: str) -> set[tuple[int, int]]:
    return {(channel.number, channel.socket) for channel in config.channels if channel.preamp == preamp}
