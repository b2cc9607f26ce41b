"""A desk's settings over OSC: what the follower wants as packets, and packets as what it reports. Pure.

One DeskTalk a desk, used by that preamp's thread alone. Whatever a packet holds, nothing is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from rigd.model.gain import Abilities, PreampSink
from rigd.model.units import Ns, SettingName
from rigd.preamps.follower import Follower
from rigd.preamps.orders import Probe, Read, ReadSocket, Subscribe, Write
from rigd.wire.osc import OscError, OscMessage, decode_packet

_NODE, _OSC_NODE = b"node\0\0\0\0", b"/node\0\0\0"


class Dialect(Protocol):
    """How one family of desks spells it."""

    subscribe: bytes
    """Asks for pushes of every change, for the next ten seconds."""
    probe: bytes
    """Asks the desk who it is."""
    probe_address: str
    called: str
    """ "X32"; for messages to a person."""
    unserved: str
    """What to say where it answers and pushes nothing."""
    has_nodes: bool
    """It answers "/node" with all settings of a socket in one line."""

    def address(self, socket: int, name: SettingName) -> str: ...

    def query(self, socket: int, name: SettingName) -> bytes: ...

    def node(self, socket: int) -> bytes:
        """Asks for all settings of a socket."""

    def node_values(self, line: str) -> tuple[int, dict[SettingName, float]] | None:
        """What such an answer says of which socket, as far as it can be so; None where it is none."""

    def order(self, socket: int, name: SettingName, value: float) -> bytes: ...

    def value(self, name: SettingName, message: OscMessage) -> float | None:
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
        abilities: Mapping[int, Abilities],
        sink: PreampSink,
        now: Ns,
    ) -> None:
        self.follower = Follower(
            name=name,
            kind=kind,
            called=dialect.called,
            place=place,
            abilities=abilities,
            sink=sink,
            now=now,
            reads_sockets=dialect.has_nodes,
            unserved=dialect.unserved,
        )
        self._dialect = dialect
        self._settings = {
            dialect.address(socket, setting): (socket, setting)
            for socket, of in abilities.items()
            for setting in of
        }
        self.ignored = 0
        """Packets and values that were not what a desk may say."""

    def heard(self, packet: bytes, now: Ns) -> None:
        """A packet from the desk."""
        if packet.startswith(_NODE):  # a desk's own, not quite OSC
            packet = _OSC_NODE + packet[len(_NODE) :]
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
            if message.address == "/node":
                self._node(message, now)
                continue
            setting = self._settings.get(message.address)
            if setting is None:
                continue
            value = self._dialect.value(setting[1], message)
            if value is None:
                self.ignored += 1
            else:
                self.follower.reported(*setting, value, now)

    def _node(self, message: OscMessage, now: Ns) -> None:
        line = message.arguments[0] if len(message.arguments) == 1 else None
        found = self._dialect.node_values(line) if isinstance(line, str) else None
        if found is None:
            self.ignored += 1
            return
        self.follower.socket_reported()
        socket, values = found
        for name, value in values.items():
            self.follower.reported(socket, name, value, now, pushed=False)

    def next_packet(self, now: Ns) -> bytes | None:
        """The one packet to send now, if any."""
        match self.follower.next_order(now):
            case Read(socket, setting):
                return self._dialect.query(socket, setting)
            case ReadSocket(socket):
                return self._dialect.node(socket)
            case Write(socket, setting, value):
                return self._dialect.order(socket, setting, value)
            case Subscribe():
                return self._dialect.subscribe
            case Probe():
                return self._dialect.probe
        return None
