"""Storms on control ports: random, endless, halved and far too many messages. What comes is the same for a seed.

A storm is a row of pieces: bytes to send, or seconds to wait. `Storm` sends them on a thread of its own to whatever
is given: a pedal, a box, a desk (their own `send`), a tty, a MIDI port, a UDP port. It knows nothing of rigd.

By hand: python -m hardware_sim.storms midi /dev/pts/7 --count 100000 --seed 1
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

Piece = bytes | float
"""Bytes that are sent at once, or seconds in which nothing comes."""

PIECE_BYTES = 256
NTP_OF_1970 = 2_208_988_800
"""Seconds from 1900 (OSC's time tags are NTP's)."""
YEAR_S = 31_556_952
NO_TIME_TAG = 1 << 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Poured:
    """What came of a storm so far."""

    pieces: int
    sent_bytes: int
    seconds: float


class Storm:
    """Pours `pieces` into `send` from `with` to its end, or until they are used up; `per_second` at most."""

    def __init__(
        self, send: Callable[[bytes], object], pieces: Iterable[Piece], *, per_second: float = 0.0
    ) -> None:
        self._send = send
        self._pieces = pieces
        self._per_second = per_second
        self._stopping = threading.Event()
        self._poured = Poured(pieces=0, sent_bytes=0, seconds=0.0)
        self._thread = threading.Thread(target=self._pour, name="storm", daemon=True)

    @property
    def poured(self) -> Poured:
        """So far. Any thread."""
        return self._poured

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def wait(self, timeout_s: float) -> Poured:
        """Until it is over. TimeoutError where it is not by then."""
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise TimeoutError(f"the storm is not over after {timeout_s:g} s: {self._poured}")
        return self._poured

    def _pour(self) -> None:
        began, count, sent = time.monotonic(), 0, 0
        for piece in self._pieces:
            if self._stopping.is_set():
                return
            if isinstance(piece, float):
                self._stopping.wait(piece)
                continue
            self._send(piece)
            count, sent = count + 1, sent + len(piece)
            now = time.monotonic()
            self._poured = Poured(pieces=count, sent_bytes=sent, seconds=now - began)
            ahead_s = count / self._per_second - (now - began) if self._per_second else 0.0
            if ahead_s > 0.001:
                self._stopping.wait(ahead_s)


# --- any wire ---


def random_bytes(count: int, *, seed: int) -> Iterator[bytes]:
    """So many bytes that mean nothing, or anything."""
    chance = random.Random(seed)
    for begin in range(0, count, PIECE_BYTES):
        yield chance.randbytes(min(PIECE_BYTES, count - begin))


def endless(byte: bytes, count: int, *, first: bytes = b"") -> Iterator[bytes]:
    """So many times the same byte, which never ends what `first` began: a sysex, a line."""
    yield first
    piece = byte * PIECE_BYTES
    for begin in range(0, count, PIECE_BYTES):
        yield piece[: min(PIECE_BYTES, count - begin)]


def halved(whole: bytes, *, pause_s: float) -> Iterator[Piece]:
    """The first half of a message, and then nothing for so long; never the other half."""
    yield whole[: len(whole) // 2]
    yield float(pause_s)


# --- MIDI ---


def endless_sysex(count: int) -> Iterator[bytes]:
    """A system exclusive message of so many bytes that does not end."""
    return endless(b"\x01", count, first=b"\xf0")


def running_status(count: int, *, seed: int, channel: int = 1) -> Iterator[bytes]:
    """So many control changes under one status byte, with real-time bytes and broken ones in between."""
    chance = random.Random(seed)
    yield bytes((0xB0 | channel - 1,))
    for _ in range(count):
        # Controllers from 102 on have no meaning of their own.
        message = bytes((chance.randrange(102, 120), chance.randrange(128)))
        yield chance.choice((message, b"\xfe" + message, message[:1] + b"\xf8" + message[1:]))


def double_notes(note: int, *, times: int, apart_s: float = 0.003, between_s: float = 0.5) -> Iterator[Piece]:
    """A note that is switched on twice for each press, as by a contact that bounces."""
    on, off = bytes((0x90, note, 100)), bytes((0x80, note, 0))
    for _ in range(times):
        yield on
        yield apart_s
        yield on
        yield 0.05
        yield off
        yield between_s


# --- OSC ---


def osc_message(address: str, *arguments: float) -> bytes:
    """A message with floats."""
    body = _padded(address.encode()) + _padded(b"," + b"f" * len(arguments))
    return body + b"".join(struct.pack(">f", argument) for argument in arguments)


def osc_bundle(*elements: bytes, time_tag: int = 1) -> bytes:
    """A bundle; 1 means at once."""
    body = b"".join(struct.pack(">i", len(element)) + element for element in elements)
    return b"#bundle\0" + struct.pack(">Q", time_tag) + body


def dated_bundles(packet: bytes, *, years: Iterable[int] = (2099, 1970, 1900)) -> Iterator[bytes]:
    """The packet in a bundle that is to be done in another time."""
    for year in years:
        seconds = NTP_OF_1970 + (year - 1970) * YEAR_S
        yield osc_bundle(packet, time_tag=(seconds & 0xFFFF_FFFF) << 32)
    yield osc_bundle(packet, time_tag=NO_TIME_TAG)


def nested_bundles(depth: int) -> bytes:
    """Bundles within bundles, so deep."""
    packet = osc_bundle()
    for _ in range(depth):
        packet = osc_bundle(packet)
    return packet


def mutated(packets: Iterable[bytes], *, count: int, seed: int) -> Iterator[bytes]:
    """So many packets, each one of `packets` with some of its bytes changed, doubled, cut off or moved."""
    chance = random.Random(seed)
    roots = tuple(packets)
    for _ in range(count):
        packet = bytearray(chance.choice(roots))
        for _ in range(chance.randint(1, 4)):
            _mutate(packet, chance)
        yield bytes(packet)


def _mutate(packet: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(packet) + 1)
    match chance.randrange(5):
        case 0:
            packet[place : place + 1] = chance.randbytes(1)
        case 1:
            packet[place:place] = chance.randbytes(chance.randint(1, 8))
        case 2:
            del packet[place:]
        case 3:
            end = place + chance.randint(0, 16)
            packet[place:place] = packet[place:end]
        case _:
            packet[place : place + 4] = struct.pack(">i", chance.choice((-1, 0, 1 << 30, -(1 << 31), 255)))


def _padded(text: bytes) -> bytes:
    return text + bytes(4 - len(text) % 4)


# --- by hand ---


@contextlib.contextmanager
def to_port(port: str) -> Iterator[Callable[[bytes], object]]:
    """Sends to "host:port" by UDP, to "midi:NAME" as a MIDI port of that name, else to a tty or file."""
    if port.startswith("midi:"):
        from hardware_sim.pedal import PortWire

        wire = PortWire(port.removeprefix("midi:"))
        try:
            yield wire.send
        finally:
            wire.close()
    elif ":" in port:
        host, _, number = port.rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            yield lambda packet: line.sendto(packet, (host, int(number)))
    else:
        opened = os.open(port, os.O_WRONLY | os.O_NOCTTY)
        try:
            yield lambda content: os.write(opened, content)
        finally:
            os.close(opened)


def main(arguments: list[str] | None = None) -> int:
    """One storm, until it is over."""
    parser = argparse.ArgumentParser(prog="python -m hardware_sim.storms", description=__doc__)
    parser.add_argument("kind", choices=["midi", "sysex", "serial", "line", "osc"])
    parser.add_argument("port", help='"host:port" (UDP), "midi:NAME", or the path of a tty')
    parser.add_argument("--count", type=int, default=1_000_000, help="bytes; of osc, packets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--per-second", type=float, default=0.0, help="pieces a second; 0: as fast as it goes"
    )
    given = parser.parse_args(arguments)
    roots = [osc_message("/headamp/000/gain", 0.5), *dated_bundles(osc_message("/start"))]
    storms: dict[str, Callable[[], Iterable[Piece]]] = {
        "midi": lambda: random_bytes(given.count, seed=given.seed),
        "sysex": lambda: endless_sysex(given.count),
        "serial": lambda: random_bytes(given.count, seed=given.seed),
        "line": lambda: endless(b"x", given.count),
        "osc": lambda: itertools.chain(roots, mutated(roots, count=given.count, seed=given.seed)),
    }
    with to_port(given.port) as send, Storm(send, storms[given.kind](), per_second=given.per_second) as storm:
        poured = storm.wait(1e9)
    print(f"{poured.pieces:,} pieces, {poured.sent_bytes:,} bytes in {poured.seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
