"""One UDP socket between a preamp's thread and its desk, whatever the network does meanwhile.

Belongs to that thread. It never raises for what the network does: it says so in `trouble` and tries again.
"""

from __future__ import annotations

import contextlib
import select
import socket
from typing import Any

from rigd.model.units import NS_PER_SECOND, Ns
from rigd.wire.osc import LARGEST_PACKET_BYTES

_MOST_AT_ONCE = 64
_REOPEN_NS = NS_PER_SECOND


class DeskLine:
    """A UDP socket that hears nobody but the desk, opened again where the network took it away."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._socket: socket.socket | None = None
        self._retry_ns = 0
        self.trouble = ""
        """Why it is not open; empty when it is."""

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
        """The packets that came within `timeout_s`, at most 64; sooner and empty when the bell rang."""
        watched = [bell] if self._socket is None else [bell, self._socket]
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
