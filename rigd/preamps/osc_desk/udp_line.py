"""The UDP line between a preamp's thread and its desk, whatever the network does meanwhile.

Belongs to that thread. It never raises for what the network does: it says so in `trouble` and tries again.
While the desk is away its name is asked for again and every address of it is spoken to; the one from which the
desk answers is the line from then on.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import time
from collections.abc import Callable

from rigd.model.units import NS_PER_SECOND, Ns
from rigd.preamps.osc_desk.host_lookup import HostAddress, HostLookup, Resolver
from rigd.wire.osc import LARGEST_PACKET_BYTES

_MOST_AT_ONCE = 64
_REOPEN_NS = NS_PER_SECOND
LOOK_UP_NS = 2 * NS_PER_SECOND
"""How often the name is asked for again while the desk is away: a desk that has a new address is found within 5 s of
its silence, unless the resolver itself takes longer."""
WINDOW_S = 0.2
MOST_IN_A_WINDOW = 400
"""So many are looked at, of which DeskIntake takes far fewer: faders that move are pushed as well, and a flood takes
no more than some percent of a processor. What is beyond waits in the kernel's room for the socket, and is dropped
there when that is full."""


class DeskLine:
    """UDP sockets that hear nobody but the desk, one an address of it, opened again where the network took them
    away. Once the desk has answered there is only the one from which it did."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        resolver: Resolver = socket.getaddrinfo,
    ) -> None:
        self._host = host
        self._port = port
        self._lookup = HostLookup(host, port, resolver=resolver)
        self._addresses: tuple[HostAddress, ...] = ()
        self._sockets: dict[HostAddress, socket.socket] = {}
        self._speaker: HostAddress | None = None
        """From which the last packets came."""
        self._look_up_ns = 0
        self._reopen_ns = 0
        self._clock = clock
        self._window_s = 0.0
        self._in_window = 0
        self.trouble = ""
        """Why it is not open; empty when it is."""
        self._refusal = ""
        """Stays over a new try, since a socket opens and only what is sent is refused; until the desk is heard."""

    @property
    def is_flooded(self) -> bool:
        """In this window as much was read as may be; the kernel may have dropped the rest."""
        return self._in_window >= MOST_IN_A_WINDOW

    @property
    def place(self) -> str:
        """Whom it speaks to: the host as the config has it, with the address where that is a name."""
        texts = [address.text for address in self._sockets]
        there = f" ({', '.join(texts)})" if texts and texts != [self._host] else ""
        return f"{self._host}:{self._port}{there}"

    def open(self, now: Ns, *, answering: bool) -> None:
        """Open after this, or `trouble` says why not. `answering`: the desk does, so the address is the right one."""
        if answering and self._speaker in self._sockets:
            for address in [each for each in self._sockets if each != self._speaker]:
                self._sockets.pop(address).close()
            self._addresses = tuple(self._sockets)
            self._look_up_ns = now
            return
        if now >= self._look_up_ns:
            self._look_up_ns = now + LOOK_UP_NS
            self._lookup.ask()
        found = self._lookup.answer()
        if found is not None and found.addresses:
            self._take(found.addresses)
            self._reopen_ns = now
        elif found is not None and not self._sockets:
            self.trouble = found.trouble
        if now >= self._reopen_ns:
            self._reopen_ns = now + _REOPEN_NS
            self._connect()

    def _take(self, addresses: tuple[HostAddress, ...]) -> None:
        """These are what the name stands for now. The one that answered last is kept, too: the name may be wrong."""
        if self._speaker is not None and self._speaker not in addresses:
            addresses = (*addresses, self._speaker)
        self._addresses = addresses
        for gone in [each for each in self._sockets if each not in addresses]:
            self._sockets.pop(gone).close()

    def _connect(self) -> None:
        """An address that the network cannot reach is no trouble where another can be."""
        troubles = []
        for address in self._addresses:
            if address not in self._sockets:
                try:
                    self._sockets[address] = _connected(address)
                except OSError as error:
                    troubles.append(error.strerror or str(error))
        if self._sockets:
            self.trouble = self._refusal
        elif troubles:
            self.trouble = troubles[0]

    def send(self, packet: bytes) -> None:
        """Sent if the network takes it. A refusal only says that nobody listens there yet."""
        for address, line in list(self._sockets.items()):
            try:
                line.send(packet)
            except (ConnectionRefusedError, BlockingIOError):
                continue
            except OSError as error:
                self._broken(address, error)

    def wait(self, bell: socket.socket, timeout_s: float) -> list[bytes]:
        """The packets that came within `timeout_s`, at most 64, all from one address; sooner and empty when the
        bell rang, or where more came than anybody needs."""
        now_s = self._clock()
        if now_s - self._window_s >= WINDOW_S:
            self._window_s, self._in_window = now_s, 0
        watched = [bell]
        if self.is_flooded:
            timeout_s = min(timeout_s, self._window_s + WINDOW_S - now_s)
        else:
            watched += self._sockets.values()
        ready, _, _ = select.select(watched, [], [], min(timeout_s, 1.0))
        if bell in ready:
            with contextlib.suppress(BlockingIOError):
                bell.recv(4096)
        packets: list[bytes] = []
        for address, line in list(self._sockets.items()):
            if line in ready and not packets:
                packets = self._receive(address, line)
        self._in_window += len(packets)
        return packets

    def _receive(self, address: HostAddress, line: socket.socket) -> list[bytes]:
        packets: list[bytes] = []
        while len(packets) < _MOST_AT_ONCE:
            try:
                packets.append(line.recv(LARGEST_PACKET_BYTES + 1))
            except BlockingIOError:
                break
            except ConnectionRefusedError:
                continue
            except OSError as error:
                self._broken(address, error)
                break
        if packets:
            self._speaker = address
            self._refusal = ""
        return packets

    def _broken(self, address: HostAddress, error: OSError) -> None:
        self._sockets.pop(address).close()
        if error.errno == errno.EPERM:
            self._refusal = (
                f"what is sent to {address.text} is refused on this machine, by the service's address filter or a "
                "firewall. Of the service: sudo rigd units, then: sudo systemctl restart rigd"
            )
        if not self._sockets:
            self.trouble = self._refusal or error.strerror or str(error)

    def close(self) -> None:
        """Nothing is open."""
        for line in self._sockets.values():
            line.close()
        self._sockets.clear()


def _connected(address: HostAddress) -> socket.socket:
    """A connected socket: the kernel hands on what this desk sends and nothing else."""
    line = socket.socket(address.family, socket.SOCK_DGRAM)
    try:
        line.setblocking(False)
        line.connect(address.place)
    except OSError:
        line.close()
        raise
    return line
