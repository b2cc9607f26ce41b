"""JSON lines over a stream socket that never waits, and a bell that wakes a thread. One thread each."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

LONGEST_LINE = 65_536
MOST_WAITING = 4 << 20


class Gone(Exception):
    """The other end is not there any more, or does not read, or says what is no line."""


class Bell:
    """Rung by any thread; a selector sees it until it is heard."""

    def __init__(self) -> None:
        self.ear, self._clapper = socket.socketpair()
        for each in (self.ear, self._clapper):
            each.setblocking(False)

    def ring(self) -> None:
        with contextlib.suppress(OSError):  # full: it rings already; closed: nobody listens
            self._clapper.send(b"!")

    def heard(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.ear.recv(4096)

    def close(self) -> None:
        self.ear.close()
        self._clapper.close()


class Lines:
    """One connection. What the other end does not take yet is kept, up to a bound."""

    def __init__(self, stream: socket.socket) -> None:
        stream.setblocking(False)
        self.stream = stream
        self._in, self._out = b"", b""

    @property
    def waits(self) -> bool:
        """Something is not out yet."""
        return bool(self._out)

    def send(self, line: bytes) -> None:
        """Raises Gone."""
        self._out += line + b"\n"
        self.flush()
        if len(self._out) > MOST_WAITING:
            raise Gone("it does not read")

    def flush(self) -> None:
        """As much as it takes goes out. Raises Gone."""
        try:
            while self._out:
                self._out = self._out[self.stream.send(self._out) :]
        except BlockingIOError:
            return
        except OSError as error:
            raise Gone(str(error)) from error

    def receive(self) -> list[dict[str, Any]]:
        """What came that is a JSON object; other lines are passed by. Raises Gone."""
        try:
            came = self.stream.recv(65_536)
        except BlockingIOError:
            return []
        except OSError as error:
            raise Gone(str(error)) from error
        if not came:
            raise Gone("it hung up")
        *whole, self._in = (self._in + came).split(b"\n")
        if len(self._in) > LONGEST_LINE:
            raise Gone("a line without end")
        found = []
        for line in whole:
            with contextlib.suppress(ValueError, RecursionError):
                said = json.loads(line)
                if isinstance(said, dict):
                    found.append(said)
        return found

    def close(self) -> None:
        self.stream.close()
