"""A box of eight preamps on UDP, whose 48 V goes by fours: [preamp.<name>] kind "fourbox".

It carries reads and writes over its wire; what is read and written when is the follower's. The box itself also has a
low cut a channel. A channel's settings are gain, pad, 48 V and polarity, so that is left to the box's own key.
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
from rigd.model.gain import PreampAbility, PreampSink, ReadBack
from rigd.model.take import Parameter
from rigd.model.units import NS_PER_SECOND, Ns
from rigd.preamps.follower import Follower, Probe, Read, Subscribe, Write

SOCKETS = range(1, 9)
PARAMETERS: tuple[Parameter, ...] = ("gain_db", "pad", "phantom")
ABILITY = PreampAbility(
    min_db=0.0, max_db=60.0, step_db=1.0, read_back=ReadBack.PUSH, pad=True, phantom=True, settle_ms=20
)


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
        self._wishes: dict[tuple[int, Parameter], float] = {}
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

    def ability(self, socket: int) -> PreampAbility:
        return ABILITY

    def request(self, socket: int, parameter: Parameter, value: float) -> None:
        if parameter not in PARAMETERS:
            raise PreampError(f'[preamp.{self.name}] kind "fourbox" has no {parameter}; it was not asked')
        if not math.isfinite(value):
            raise PreampError(
                f"[preamp.{self.name}] socket {socket}: {value} is no {parameter}; nothing was changed"
            )
        wanted = ABILITY.quantise(value) if parameter == "gain_db" else float(value >= 0.5)
        with self._lock:
            self._wishes[socket, parameter] = wanted
        self._bell.ring()

    def _run(self) -> None:
        follower = Follower(
            name=self.name,
            kind="fourbox",
            called="FourBox",
            place=f"{self._address[0]}:{self._address[1]}",
            ability=ABILITY,
            held=[(each, parameter) for each in self._sockets for parameter in PARAMETERS],
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
        for (each, parameter), value in wishes.items():
            follower.ask(each, parameter, value, now)
        follower.tick(now)
        match follower.next_order(now):
            case Read(each, parameter):
                self._send(wire, {"get": [each, parameter]})
            case Write(each, parameter, value):
                self._send(wire, {"set": [each, parameter, value]})
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
            for each, parameter, value in said.get("is", ()):
                if parameter in PARAMETERS:  # its low cut is none of them
                    follower.reported(int(each), parameter, float(value), _now())
        except (ValueError, TypeError, AttributeError, RecursionError):
            return  # not what this box says: the follower reads again


def _now() -> Ns:
    return Ns(time.monotonic_ns())
