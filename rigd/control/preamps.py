"""All preamps of the config by name: the controller's way to them, and theirs to it. Each has a thread of its own."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from rigd.config.kinds import PREAMPS, Kinds
from rigd.config.rig_config import PreampConfig
from rigd.model.errors import PreampError
from rigd.model.gain import WISH_S, Preamp, PreampSetting, PreampStatus
from rigd.model.inputs import Fact
from rigd.model.state import Channel
from rigd.model.take import Parameter

log = logging.getLogger(__name__)


class Preamps:
    """Started once, stopped once."""

    def __init__(
        self, preamps: Sequence[PreampConfig], post: Callable[[Fact], None], *, wish_s: float = WISH_S
    ) -> None:
        self._post = post
        self.wish_s = wish_s
        kinds = Kinds(PREAMPS)
        self._preamps: dict[str, Preamp] = {
            each.name: kinds[each.kind](each.name, each.settings, each.sockets, self) for each in preamps
        }

    def start(self) -> None:
        for preamp in self._preamps.values():
            preamp.start()

    def stop(self) -> None:
        for preamp in reversed(self._preamps.values()):
            preamp.stop()

    def named(self, name: str) -> Preamp | None:
        return self._preamps.get(name)

    def with_ability(self, channel: Channel) -> Channel:
        """The channel, and what the preamp of its input can do."""
        preamp = self.named(channel.preamp)
        return replace(channel, ability=preamp.ability(channel.socket)) if preamp is not None else channel

    def request(self, preamp: str, socket: int, parameter: Parameter, value: float) -> None:
        known = self._preamps.get(preamp)
        if known is None:
            raise PreampError(f"there is no [preamp.{preamp}] in the config")
        known.request(socket, parameter, value)

    def preamp_setting(self, setting: PreampSetting) -> None:
        """Of any kind, which may say True for a switch; what is no number is passed by."""
        if setting.value is not None:
            value = float(setting.value)
            if not math.isfinite(value):
                log.error(
                    "[preamp.%s] socket %d: says that its %s is %s, which was passed by",
                    setting.preamp,
                    setting.socket,
                    setting.parameter,
                    value,
                )
                return
            setting = replace(setting, value=value)
        self._post(setting)

    def preamp_status(self, status: PreampStatus) -> None:
        self._post(status)
