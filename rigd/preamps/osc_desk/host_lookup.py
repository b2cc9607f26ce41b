"""The addresses of a host name, asked for on a thread of its own, because a resolver may take half a minute.

`ask` and `answer` belong to one thread, that of the preamp. At most one question is under way; a resolver that
hangs holds up nothing but the next answer. The thread is a daemon: nobody waits for it at the end.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

MOST_ADDRESSES = 8
"""Of one name; what is beyond is not tried."""


class HostAddress(Struct, frozen=True):
    """One address that a name stands for, as `socket` takes it."""

    family: int
    place: tuple[Any, ...]
    """(address, port), for IPv6 with flow and scope."""

    @property
    def text(self) -> str:
        return str(self.place[0])


class Found(Struct, frozen=True, kw_only=True):
    """What came of a question."""

    addresses: tuple[HostAddress, ...] = ()
    trouble: str = ""
    """Why there are none."""


Resolver = Callable[..., Iterable[tuple[Any, ...]]]


def is_literal(host: str) -> bool:
    """True for an address in figures: no resolver has to be asked, and the answer never changes."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


class HostLookup:
    """Questions after one host and UDP port."""

    def __init__(self, host: str, port: int, *, resolver: Resolver = socket.getaddrinfo) -> None:
        self._host = host
        self._port = port
        self._resolver = resolver
        self._lock = threading.Lock()
        self._found: Found | None = None
        self._asking = False

    def ask(self) -> None:
        """The answer comes later; nothing where a question is under way. Figures are answered at once."""
        if is_literal(self._host):
            self._resolve()
            return
        with self._lock:
            if self._asking:
                return
            self._asking = True
        threading.Thread(target=self._resolve, name="rigd-host-lookup", daemon=True).start()

    def answer(self) -> Found | None:
        """What came of the last question, once; None while nothing new has come."""
        with self._lock:
            found, self._found = self._found, None
        return found

    def _resolve(self) -> None:
        try:
            rows = self._resolver(self._host, self._port, type=socket.SOCK_DGRAM)
            addresses = dict.fromkeys(HostAddress(row[0], tuple(row[4])) for row in rows)
            found = Found(addresses=tuple(addresses)[:MOST_ADDRESSES])
        except (OSError, UnicodeError) as error:
            found = Found(trouble=getattr(error, "strerror", None) or str(error))
        with self._lock:
            self._found, self._asking = found, False
