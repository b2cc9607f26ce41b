"""One UDP socket between a preamp's thread and its desk, whatever the network does meanwhile.

Belongs to that thread. It never raises for what the network does: it says so in `trouble` and tries again.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable
from typing import Any

from rigd.model.units import NS_PER_SECOND, Ns
from rigd.wire.osc import LARGEST_PACKET_BYTES

_MOST_AT_ONCE = 64
_REOPEN_NS = NS_PER_SECOND
WINDOW_S = 0.2
MOST_IN_A_WINDOW = 400
"""So many are looked at, of which DeskIntake takes far fewer: faders that move are pushed as well, and a flood takes
no more than some percent of a processor. What is beyond waits in the kernel's room for the socket, and is dropped
there when that is full."""


class DeskLine:
    """A UDP socket that hears nobody but the desk, opened again where the network took it away."""

    def __init__(self, host: str, port: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._host = host
        self._port = port
        self._socket: socket.socket | None = None
        self._retry_ns = 0
        self._clock = clock
        self._window_s = 0.0
        self._in_window = 0
        self.trouble = ""
        """Why it is not open; empty when it is."""

    @property
    def is_flooded(self) -> bool:
        """In this window as much was read as may be; the kernel may have dropped the rest."""
        return self._in_window >= MOST_IN_A_WINDOW

    def open(self, now: Ns) -> None:
        """Open after this, or `trouble` says why not; tried once a second."""
        if self._socket is not None or now < self._retry_ns:
            return
        self._retry_ns = now + _REOPEN_NS
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self._host, self._port, type=socket.SOCK_DGRAM
            )[0]
            self._socket = _connected(family, kind, protocol, address)
            self.trouble = ""
        except (OSError, UnicodeError) as error:
            self.trouble = getattr(error, "strerror", None) or str(error)

    def send(self, packet: bytes) -> None:
        """Sent if the network takes it. A refusal only says that nobody listens there yet."""
        if self._socket is None:
            return
        try:
            self._socket.send(packet)
        except (ConnectionRefusedError, BlockingIOError):
            return
        except OSError as error:
            self.trouble = error.strerror or str(error)
            self.close()

    def wait(self, bell: socket.socket, timeout_s: float) -> list[bytes]:
        """The packets that came within `timeout_s`, at most 64; sooner and empty when the bell rang, or where
        more came than anybody needs."""
        now_s = self._clock()
        if now_s - self._window_s >= WINDOW_S:
            self._window_s, self._in_window = now_s, 0
        watched = [bell]
        if self.is_flooded:
            timeout_s = min(timeout_s, self._window_s + WINDOW_S - now_s)
        elif self._socket is not None:
            watched.append(self._socket)
        ready, _, _ = select.select(watched, [], [], min(timeout_s, 1.0))
        if bell in ready:
            with contextlib.suppress(BlockingIOError):
                bell.recv(4096)
        packets: list[bytes] = []
        while self._socket in ready and self._socket is not None and len(packets) < _MOST_AT_ONCE:
            try:
                packets.append(self._socket.recv(LARGEST_PACKET_BYTES + 1))
            except BlockingIOError:
                break
            except ConnectionRefusedError:
                continue
            except OSError as error:
                self.trouble = error.strerror or str(error)
                self.close()
        self._in_window += len(packets)
        return packets

    def close(self) -> None:
        """Nothing is open."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _connected(family: int, kind: int, protocol: int, address: Any) -> socket.socket:
    """A connected socket: the kernel hands on what this desk sends and nothing else."""
    line = socket.socket(family, kind, protocol)
    try:
        line.setblocking(False)
        line.connect(address)
    except OSError:
        line.close()
        raise
    return line
