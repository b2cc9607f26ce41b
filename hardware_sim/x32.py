"""The far end of a preamp's wire: an X32 or X Air that answers OSC on UDP as the desk does.

For tests, the demo and a person (`python -m hardware_sim.x32`). One thread answers; `turn` and the faults may
be called by any. Own changes are not echoed, others get them by push for ten seconds after /xremote, and no
more than four clients are served, as on the desk.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import itertools
import random
import select
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from rigd.wire.osc import OscArguments, OscError, OscMessage, OscValue, decode_packet, encode_message

MOST_CLIENTS = 4
CLIENT_SECONDS = 10.0
REMEMBERED = 20_000
Address = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A message that came in, and when (monotonic)."""

    at_ns: int
    address: str
    arguments: OscArguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Make:
    """What tells the two families apart."""

    name: str
    asks_by: str
    first_number: int
    digits: int
    headamps: int


MAKES = {
    "x32": Make(name="X32", asks_by="/info", first_number=0, digits=3, headamps=128),
    "xair": Make(name="XR18", asks_by="/xinfo", first_number=1, digits=2, headamps=16),
}


@dataclass(slots=True)
class Faults:
    """What may go wrong; all may be changed while it runs."""

    deaf: bool = False
    """Answers nothing and changes nothing."""
    locked: bool = False
    """Answers, but keeps its settings."""
    delay_s: float = 0.0
    """Answers so late."""
    wrong_channel: bool = False
    """Answers a question about one socket for the next one."""
    no_nodes: bool = False
    """Knows no "/node", as an old firmware."""
    loss: float = 0.0
    """Loses this part of the packets that come in, 0 to 1; the same ones in every run."""


def _kept_port(host: str, port: int) -> socket.socket:
    """Nobody else gets the port while this is open, be anybody there or not. As it is connected to itself, whatever
    comes from elsewhere goes past it: to who has bound the port as well, or back as refused (udp(7))."""
    place = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        place.bind((host, port))
        place.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # not before: a chosen port is nobody else's
        place.connect(place.getsockname())
    except OSError:
        place.close()
        raise
    return place


class SimulatedX32:
    """A desk on a UDP port of this machine. Sockets are counted from 1, as in rigd's config."""

    def __init__(
        self,
        *,
        make: Literal["x32", "xair"] = "x32",
        port: int = 0,
        host: str = "127.0.0.1",
        on_change: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.make = MAKES[make]
        self.host = host
        self.port = port
        self.faults = Faults()
        self.heard: deque[Heard] = deque(maxlen=REMEMBERED)
        self._on_change = on_change
        self._lock = threading.RLock()
        self._gain = [_steps(12.0 / 72.0)] * self.make.headamps  # 0 dB
        self._phantom = [0] * self.make.headamps
        self._clients: dict[Address, float] = {}
        self._late: list[tuple[float, int, bytes, Address]] = []
        self._order = itertools.count()
        self._dice = random.Random(32)
        self._line: socket.socket | None = None
        self._kept: socket.socket | None = None
        """Keeps the port its own while it is away, and takes no packet."""
        self._running = False
        self._thread: threading.Thread | None = None
        self._bell, self._rung = socket.socketpair()

    def start(self) -> None:
        """It answers at `port`, which is now a real one."""
        self.come_back()
        self._running = True
        self._thread = threading.Thread(target=self._run, name="simulated desk")
        self._thread.start()

    def stop(self) -> None:
        """Its thread has ended and its port is free."""
        self._running = False
        self._bell.send(b"!")
        if self._thread is not None:
            self._thread.join()
        self.vanish()
        if self._kept is not None:
            self._kept.close()
        self._bell.close()
        self._rung.close()

    def __enter__(self) -> SimulatedX32:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def gain_db(self, number: int) -> float:
        """What the preamp of socket `number` is set to."""
        with self._lock:
            return _gain_db(self._gain[number - 1])

    def phantom(self, number: int) -> bool:
        """Whether socket `number` has 48 V."""
        with self._lock:
            return bool(self._phantom[number - 1])

    def turn(self, number: int, gain_db: float) -> None:
        """A person at the desk turns a gain; every client is told."""
        with self._lock:
            self._gain[self._place(number)] = _steps((gain_db + 12.0) / 72.0)
            self._changed(number - 1, "gain", spare=None)

    def switch_phantom(self, number: int, *, on: bool) -> None:
        """A person at the desk switches 48 V; every client is told."""
        with self._lock:
            self._phantom[self._place(number)] = int(on)
            self._changed(number - 1, "phantom", spare=None)

    def _place(self, number: int) -> int:
        if not 1 <= number <= self.make.headamps:
            raise IndexError(f"sockets are 1 to {self.make.headamps}")
        return number - 1

    def forget_clients(self) -> None:
        """As after a restart of the desk that nobody noticed: no pushes until the next /xremote."""
        with self._lock:
            self._clients.clear()

    def clients(self) -> int:
        """How many are being told of changes."""
        with self._lock:
            return len(self._clients)

    def send(self, packet: bytes) -> None:
        """Any bytes, to every client."""
        with self._lock:
            for client in self._clients:
                self._post(packet, client)

    def say(self, number: int, word: Literal["gain", "phantom"], value: OscValue) -> None:
        """A message that the desk would never send (NaN, out of range, another type), to every client."""
        address = self._address(number - 1, word)
        if isinstance(value, float):
            padded = address.encode() + bytes(4 - len(address) % 4)
            self.send(padded + b",f\0\0" + struct.pack(">f", value))
        elif value is not None:
            self.send(encode_message(address, value))

    def vanish(self) -> None:
        """The port is closed, as with the power off. Settings stay, as on the desk."""
        with self._lock:
            if self._line is not None:
                self._line.close()
                self._line = None
            self._clients.clear()
            self._late.clear()

    def come_back(self) -> None:
        """It answers again on the same port."""
        with self._lock:
            if self._kept is None:
                self._kept = _kept_port(self.host, self.port)
                self.port = self._kept.getsockname()[1]
            if self._line is None:
                line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                line.bind((self.host, self.port))
                line.setblocking(False)
                self._line = line
        self._bell.send(b"!")

    def _run(self) -> None:
        while self._running:
            with self._lock:
                line = self._line
                due = self._late[0][0] - time.monotonic() if self._late else 1.0
            watched = [self._rung] if line is None else [self._rung, line]
            try:
                ready, _, _ = select.select(watched, [], [], max(0.0, min(due, 0.05)))
            except (OSError, ValueError):
                continue  # vanished while waiting
            if self._rung in ready:
                self._rung.recv(4096)
            with self._lock:
                self._send_late()
                if line is not None and line is self._line and line in ready:
                    self._receive(line)

    def _receive(self, line: socket.socket) -> None:
        try:
            packet, sender = line.recvfrom(65536)
        except OSError:
            return
        if self.faults.deaf or self._dice.random() < self.faults.loss:
            return
        try:
            messages = decode_packet(packet)
        except OscError:
            return
        for message in messages:
            self.heard.append(
                Heard(at_ns=time.monotonic_ns(), address=message.address, arguments=message.arguments)
            )
            self._answer(message, sender)

    def _answer(self, message: OscMessage, sender: Address) -> None:
        if message.address == "/xremote":
            self._subscribe(sender)
        elif message.address == self.make.asks_by:
            self._post(encode_message(message.address, "V2.07", "osc-server", self.make.name, "4.06"), sender)
        elif message.address == "/status":
            self._post(encode_message("/status", "active", self.host, "osc-server"), sender)
        elif message.address.startswith("/headamp/"):
            self._headamp(message, sender)
        elif message.address == "/node" and message.arguments and not self.faults.no_nodes:
            self._node(str(message.arguments[0]), sender)

    def _subscribe(self, sender: Address) -> None:
        now = time.monotonic()
        self._clients = {client: until for client, until in self._clients.items() if until > now}
        if sender in self._clients or len(self._clients) < MOST_CLIENTS:
            self._clients[sender] = now + CLIENT_SECONDS

    def _headamp(self, message: OscMessage, sender: Address) -> None:
        _, _, digits, word = (*message.address.split("/"), "", "")[:4]
        if len(digits) != self.make.digits or not digits.isdecimal() or word not in ("gain", "phantom"):
            return
        place = int(digits) - self.make.first_number
        if not 0 <= place < self.make.headamps:
            return
        if not message.arguments:
            self._tell(place, word, sender)
            return
        value = message.arguments[0]
        if self.faults.locked:
            return
        if word == "gain" and isinstance(value, float):
            self._gain[place] = _steps(value)
        elif word == "phantom" and isinstance(value, int):
            self._phantom[place] = int(value != 0)
        else:
            return
        self._changed(place, word, spare=sender)

    def _node(self, branch: str, sender: Address) -> None:
        """One line of text, as a scene file has it, at an address without a slash."""
        word, _, digits = branch.partition("/")
        place = int(digits) - self.make.first_number if digits.isdecimal() else -1
        if word != "headamp" or len(digits) != self.make.digits or not 0 <= place < self.make.headamps:
            return
        on = "ON" if self._phantom[place] else "OFF"
        line = f"/headamp/{digits} {_gain_db(self._gain[place]):+.1f} {on}\n"
        packet = encode_message("/node", line)
        self._post(b"node\0\0\0\0" + packet[8:], sender)

    def _tell(self, place: int, word: str, to: Address) -> None:
        said = (place + 1) % self.make.headamps if self.faults.wrong_channel else place
        value = self._gain[place] if word == "gain" else self._phantom[place]
        self._post(encode_message(self._address(said, word), value), to)

    def _changed(self, place: int, word: str, *, spare: Address | None) -> None:
        """Everybody is told but the one who did it, and those whose ten seconds are over."""
        now = time.monotonic()
        for client, until in self._clients.items():
            if client != spare and until > now:
                self._tell(place, word, client)
        told = (
            f"{_gain_db(self._gain[place]):+.1f} dB"
            if word == "gain"
            else ("off", "on")[self._phantom[place]]
        )
        self._on_change(f"socket {place + 1} {word} {told}")

    def _address(self, place: int, word: str) -> str:
        return f"/headamp/{place + self.make.first_number:0{self.make.digits}}/{word}"

    def _post(self, packet: bytes, to: Address) -> None:
        if self.faults.delay_s > 0:
            due = time.monotonic() + self.faults.delay_s
            heapq.heappush(self._late, (due, next(self._order), packet, to))
        elif self._line is not None:
            self._line.sendto(packet, to)

    def _send_late(self) -> None:
        while self._late and self._late[0][0] <= time.monotonic():
            _, _, packet, to = heapq.heappop(self._late)
            if self._line is not None:
                self._line.sendto(packet, to)


def _steps(value: float) -> float:
    """The nearest of the desk's 145 gain values."""
    return round(max(0.0, min(1.0, value)) * 144) / 144


def _gain_db(value: float) -> float:
    return -12.0 + round(value * 144) / 2


def _obey(desk: SimulatedX32, line: str) -> None:
    """What a person typed: "gain 1 30", "phantom 1 on", "vanish", "return", "deaf on"."""
    match line.split():
        case ["gain", number, gain_db]:
            desk.turn(int(number), float(gain_db))
        case ["phantom", number, "on" | "off" as state]:
            desk.switch_phantom(int(number), on=state == "on")
        case ["vanish"]:
            desk.vanish()
        case ["return"]:
            desk.come_back()
        case ["deaf" | "locked" as fault, "on" | "off" as state]:
            setattr(desk.faults, fault, state == "on")
        case []:
            pass
        case _:
            raise ValueError("not known")


def main() -> None:
    """A desk in a terminal; ends at end of input."""
    parser = argparse.ArgumentParser(
        prog="python -m hardware_sim.x32", description="A simulated X32 or X Air."
    )
    parser.add_argument("--make", choices=sorted(MAKES), default="x32")
    parser.add_argument("--port", type=int, help="UDP port; 0 takes a free one (default 10023, X Air 10024)")
    parser.add_argument("--host", default="127.0.0.1")
    wanted = parser.parse_args()
    port = wanted.port if wanted.port is not None else {"x32": 10_023, "xair": 10_024}[wanted.make]
    usage = "gain SOCKET DB | phantom SOCKET on|off | vanish | return | deaf on|off | locked on|off"
    with SimulatedX32(
        make=wanted.make, port=port, host=wanted.host, on_change=lambda text: print(text, flush=True)
    ) as desk:
        print(f"{desk.make.name} on UDP {desk.host}:{desk.port}; type: {usage}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            for line in sys.stdin:
                try:
                    _obey(desk, line)
                except (ValueError, IndexError):
                    print(f"? {usage}", flush=True)


if __name__ == "__main__":
    main()
