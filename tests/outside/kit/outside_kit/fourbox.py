"""A box of eight preamps on UDP, whose 48 V goes by fours: [preamp.<name>] kind "fourbox".

It carries reads and writes over its wire; what is read and written when is the follower's. Besides gain, pad and 48 V
a channel has a low cut, which rigd knows only by what is said of it here.
"""

from __future__ import annotations

import contextlib
import json
import math
import select
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

from outside_kit.wires import Bell
from rigd.config.options import NEEDED, Options, option
from rigd.model.access import Access
from rigd.model.errors import PreampError
from rigd.model.found import FoundHere
from rigd.model.gain import GAIN, PAD, PHANTOM, Abilities, Ability, PreampSink, SettingKind
from rigd.model.units import NS_PER_SECOND, Ns, SettingName
from rigd.preamps.follower import Follower
from rigd.preamps.orders import Probe, Read, Subscribe, Write

SOCKETS = range(1, 9)
LOW_CUT = SettingName("low_cut")
LOW_CUTS = ("off", "80 Hz", "120 Hz")


def abilities_of(socket: int) -> Abilities:
    """What one of its preamps can do; 48 V is one switch for four."""
    first = (socket - 1) // 4 * 4 + 1
    return {
        GAIN: Ability(kind=SettingKind.DB, min_db=0.0, max_db=60.0, step_db=1.0, settle_ms=20),
        PAD: Ability(kind=SettingKind.SWITCH),
        PHANTOM: Ability(kind=SettingKind.SWITCH, confirm=True, group=tuple(range(first, first + 4))),
        LOW_CUT: Ability(kind=SettingKind.CHOICE, choices=LOW_CUTS),
    }


class FourBoxSettings(Options):
    """A box of eight preamps; 48 V is switched for four of them at a time."""

    host: str = option(NEEDED, "Its address", longest=253)
    port: int = option(10_124, "Its UDP port", least=1, most=65_535)

    def sockets(self) -> range:
        """Its preamps are 1 to 8."""
        return SOCKETS

    def access(self) -> Access:
        """For the units of the service."""
        return Access(hosts=(self.host,))


def found_here() -> FoundHere:
    """Only what to write."""
    return FoundHere(
        title="Boxes of eight preamps",
        pieces=('[preamp.box]\nkind = "fourbox"\nhost = "..."  # as it is printed below it\n',),
        facts={"fourboxes": []},
    )


class FourBox:
    """See rigd.model.gain.Preamp."""

    settings_model = FourBoxSettings
    found_here = staticmethod(found_here)

    def __init__(
        self, name: str, settings: FourBoxSettings, sockets: Sequence[int], sink: PreampSink
    ) -> None:
        self.name = name
        self._address = (settings.host, settings.port)
        self._sockets, self._sink = tuple(sockets), sink
        self._lock = threading.Lock()
        self._abilities = {each: abilities_of(each) for each in self._sockets}
        self._wishes: dict[tuple[int, SettingName], float] = {}
        self._bell = Bell()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"fourbox {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._bell.ring()
        if self._thread.ident is not None:
            self._thread.join()
        self._bell.close()

    def request(self, socket: int, name: SettingName, value: float) -> None:
        if socket not in self._abilities or name not in self._abilities[socket]:
            raise PreampError(f"[preamp.{self.name}] socket {socket} has no {name} in use; it was not asked")
        if not math.isfinite(value):
            raise PreampError(
                f"[preamp.{self.name}] socket {socket}: {value} is no {name}; nothing was changed"
            )
        with self._lock:
            self._wishes[socket, name] = value
        self._bell.ring()

    def _run(self) -> None:
        follower = Follower(
            name=self.name,
            kind="fourbox",
            called="FourBox",
            place=f"{self._address[0]}:{self._address[1]}",
            abilities=self._abilities,
            sink=self._sink,
            now=_now(),
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.setblocking(False)
            while not self._stopping.is_set():
                self._turn(follower, wire)

    def _turn(self, follower: Follower, wire: socket.socket) -> None:
        now = _now()
        with self._lock:
            wishes, self._wishes = self._wishes, {}
        for (each, name), value in wishes.items():
            follower.ask(each, name, value, now)
        follower.tick(now)
        match follower.next_order(now):
            case Read(each, name):
                self._send(wire, {"get": [each, name]})
            case Write(each, name, value):
                self._send(wire, {"set": [each, name, value]})
            case Subscribe():
                self._send(wire, {"push": True})
            case Probe():
                self._send(wire, {"who": True})
        select.select([wire, self._bell.ear], [], [], follower.pause_ns(_now()) / NS_PER_SECOND)
        self._bell.heard()
        with contextlib.suppress(OSError):  # nothing there, or nobody
            for _ in range(64):
                self._hear(follower, wire.recv(2048))

    def _send(self, wire: socket.socket, what: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # an unreachable box is a silent one
            wire.sendto(json.dumps(what).encode(), self._address)

    def _hear(self, follower: Follower, packet: bytes) -> None:
        try:
            said = json.loads(packet)
            follower.answered(_now())
            if "who" in said:
                follower.introduced(str(said["who"])[:80])
            for each, name, value in said.get("is", ()):
                follower.reported(int(each), SettingName(str(name)), float(value), _now())
        except (ValueError, TypeError, AttributeError, RecursionError):
            return  # not what this box says: the follower reads again


def _now() -> Ns:
    return Ns(time.monotonic_ns())
