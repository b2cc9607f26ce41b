"""All preamps of the config by name: the controller's way to them, and theirs to it. Each has a thread of its own."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from rigd.config.kinds import PREAMPS, Kinds
from rigd.config.rig_config import PreampConfig
from rigd.control.parts import DaemonPart, RigPart
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


class Preamps:
    """The PreampsPort of the controller and the PreampSink of every preamp."""

    def __init__(
        self, preamps: Sequence[PreampConfig], post: Callable[[Fact], None], *, wish_s: float = WISH_S
    ) -> None:
        self._post = post
        self.wish_s = wish_s
        kinds = Kinds(PREAMPS)
        self._preamps: dict[str, Preamp] = {
            each.name: kinds.make(
                f"[preamp.{each.name}]", each.kind, each.name, each.settings, each.sockets, self
            )
            for each in preamps
        }

    def parts(self) -> Iterator[RigPart]:
        """Each preamp, to be started by itself."""
        for name, preamp in self._preamps.items():
            yield DaemonPart(f'preamp "{name}"', preamp)

    def request(self, preamp: str, socket: int, name: SettingName, value: float) -> None:
        known = self._preamps.get(preamp)
        if known is None:
            raise PreampError(f"there is no [preamp.{preamp}] in the config")
        known.request(socket, name, value)

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
