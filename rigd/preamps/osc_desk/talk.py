"""A desk's settings over OSC: what the follower wants as packets, and packets as what it reports. Pure.

One DeskTalk a desk, used by that preamp's thread alone. Whatever a packet holds, nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from rigd.model.gain import PreampAbility, PreampSink
from rigd.model.take import Parameter
from rigd.model.units import Ns
from rigd.preamps.follower import Follower, Probe, Read, Subscribe, Write
from rigd.wire.osc import OscError, OscMessage, decode_packet


class Dialect(Protocol):
    """How one family of desks spells it."""

    subscribe: bytes
    """Asks for pushes of every change, for the next ten seconds."""
    probe: bytes
    """Asks the desk who it is."""
    probe_address: str
    called: str
    """ "X32"; for messages to a person."""

    def address(self, socket: int, parameter: Parameter) -> str: ...

    def query(self, socket: int, parameter: Parameter) -> bytes: ...

    def order(self, socket: int, parameter: Parameter, value: float) -> bytes: ...

    def value(self, parameter: Parameter, message: OscMessage) -> float | None:
        """What the desk said, on the preamp's own steps; None where it cannot be so."""


class DeskTalk:
    """A follower with OSC on its wire."""

    def __init__(
        self,
        *,
        name: str,
        kind: str,
        place: str,
        dialect: Dialect,
        ability: PreampAbility,
        held: Iterable[tuple[int, Parameter]],
        sink: PreampSink,
        now: Ns,
    ) -> None:
        held = tuple(held)
        self.follower = Follower(
            name=name,
            kind=kind,
            called=dialect.called,
            place=place,
            ability=ability,
            held=held,
            sink=sink,
            now=now,
        )
        self._dialect = dialect
        self._settings = {dialect.address(*setting): setting for setting in held}
        self.ignored = 0
        """Packets and values that were not what a desk may say."""

    def heard(self, packet: bytes, now: Ns) -> None:
        """A packet from the desk."""
        try:
            messages = decode_packet(packet)
        except OscError:
            self.ignored += 1
            return
        for message in messages:
            if message.address == self._dialect.probe_address:
                words = [word for word in message.arguments if isinstance(word, str) and word.isprintable()]
                self.follower.introduced(" ".join(words)[:80])
            self.follower.answered(now)
            setting = self._settings.get(message.address)
            if setting is None:
                continue
            value = self._dialect.value(setting[1], message)
            if value is None:
                self.ignored += 1
            else:
                self.follower.reported(*setting, value, now)

    def next_packet(self, now: Ns) -> bytes | None:
        """The one packet to send now, if any."""
        match self.follower.next_order(now):
            case Read(socket, parameter):
                return self._dialect.query(socket, parameter)
            case Write(socket, parameter, value):
                return self._dialect.order(socket, parameter, value)
            case Subscribe():
                return self._dialect.subscribe
            case Probe():
                return self._dialect.probe
        return None
