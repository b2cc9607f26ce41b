"""One client of the control socket, as the server sees it: bounded bytes in, bounded bytes out.

The server's thread reads and writes; any thread may put answers in. Never waits for the other end.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque

from rigd.model.errors import LinkError
from rigd.model.limits import LONGEST_REQUEST_BYTES, MOST_WAITING_BYTES, SERVED_BELOW_BYTES

READ_BYTES = 64 << 10


class SocketClient:
    """A connection. Once `is_over` it is only good for `close`."""

    def __init__(self, stream: socket.socket) -> None:
        stream.setblocking(False)
        self.stream = stream
        self.is_over = False
        self.ends_when_told = False
        """Nothing more is read; the connection is over when what waits has been written."""
        self._in = bytearray()
        self._out: deque[bytes] = deque()
        self._out_bytes = 0
        self._lock = threading.Lock()

    def fileno(self) -> int:
        return self.stream.fileno()

    @property
    def has_waiting(self) -> bool:
        """There are bytes to be written."""
        with self._lock:
            return bool(self._out)

    def put(self, line: bytes) -> None:
        """The line will be written; a client that lets MOST_WAITING_BYTES wait is over instead."""
        with self._lock:
            if self.is_over:
                return
            if self._out_bytes > MOST_WAITING_BYTES:
                self.is_over = True
                self._out.clear()
                return
            self._out.append(line)
            self._out_bytes += len(line)

    @property
    def has_line(self) -> bool:
        """A request waits to be taken, and there is room for its answer: whoever asks has to read, too."""
        return not self.ends_when_told and b"\n" in self._in and self.has_room

    @property
    def has_room(self) -> bool:
        """So little waits to be read that the longest answer can be put in."""
        with self._lock:
            return self._out_bytes <= SERVED_BELOW_BYTES

    def receive(self) -> None:
        """What has come in waits to be taken; the client is over once it is gone."""
        try:
            got = self.stream.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        if not got:
            self.is_over = True
            return
        self._in += got

    def take_line(self) -> bytes | None:
        """The next line that came in, if one is whole. LinkError on a line too long."""
        end = self._in.find(b"\n")
        if (end if end >= 0 else len(self._in)) > LONGEST_REQUEST_BYTES:
            raise LinkError(f"a request is at most {LONGEST_REQUEST_BYTES >> 10} KiB long")
        if end < 0:
            return None
        line = bytes(self._in[:end])
        del self._in[: end + 1]
        return line

    def write(self) -> bool:
        """What the kernel takes now is written. True where it took something."""
        took = False
        while True:
            with self._lock:
                if not self._out:
                    self.is_over = self.is_over or self.ends_when_told
                    return took
                line = self._out[0]
            try:
                sent = self.stream.send(line)
            except BlockingIOError:
                return took
            except OSError:
                self.is_over = True
                return took
            took = True
            with self._lock:
                self._out_bytes -= sent
                if not self._out:
                    return took
                if sent == len(line):
                    self._out.popleft()
                else:
                    self._out[0] = line[sent:]

    def close(self) -> None:
        self.is_over = True
        with contextlib.suppress(OSError):
            self.stream.shutdown(socket.SHUT_RDWR)
        self.stream.close()
