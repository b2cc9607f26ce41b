"""The far ends of the kit's wires: a console on TCP, a box of preamps on UDP, a client of the feed."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
import weakref
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.patience import wait_for


class Console:
    """16 strips. What was put on them last is kept; `fader`, `arm`, `bank`, `press` are a person's hands."""

    def __init__(self) -> None:
        self._server: socket.socket | None = None
        self._stream: socket.socket | None = None
        self._lock = threading.Lock()
        self._shown: dict[tuple[str, Any], Any] = {}
        self.refused: list[tuple[str, str]] = []
        self.reads = threading.Event()
        self.reads.set()
        self._stopping = threading.Event()
        self._place = socket.socket()
        """Keeps the port its own while nobody listens on it."""
        self._place.bind(("127.0.0.1", 0))
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.port: int = self._place.getsockname()[1]
        weakref.finalize(self, self._place.close)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.plug_in()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()

    def plug_in(self) -> None:
        """It listens."""
        self._stopping.clear()
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind(("127.0.0.1", self.port))
        server.listen()
        self._server = server
        self._thread = threading.Thread(target=self._run, args=(server,), daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Nobody is there any more, and nothing is remembered."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._shown.clear()

    def shown(self, what: str, which: object) -> Any:
        with self._lock:
            return self._shown.get((what, which))

    def texts(self) -> list[str]:
        return [self.shown("display", strip) for strip in range(1, 17)]

    def fader(self, strip: int, to: float) -> None:
        self.say({"fader": strip, "to": to})

    def arm(self, strip: int) -> None:
        self.say({"arm": strip})

    def bank(self, by: int) -> None:
        self.say({"bank": by})

    def press(self, button: int, *, down: bool = True) -> None:
        self.say({"button": button, "down": down})

    def say(self, what: Any) -> None:
        stream = wait_for(lambda: self._stream, "somebody connects to the console")
        stream.sendall(json.dumps(what).encode() + b"\n")

    def _run(self, server: socket.socket) -> None:
        with server:
            while not self._stopping.is_set():
                if select.select([server], [], [], 0.02)[0]:
                    stream = server.accept()[0]
                    with stream:
                        self._stream = stream
                        with contextlib.suppress(OSError):
                            self._listen(stream)
                        self._stream = None
                        if self._stopping.is_set():
                            server.close()  # first of all: nobody is to come in while it is pulled out

    def _listen(self, stream: socket.socket) -> None:
        rest = b""
        while not self._stopping.is_set():
            if not self.reads.is_set() or not select.select([stream], [], [], 0.02)[0]:
                self._stopping.wait(0.0 if self.reads.is_set() else 0.02)
                continue
            came = stream.recv(65_536)
            if not came:
                return
            *lines, rest = (rest + came).split(b"\n")
            for line in lines:
                self._note(json.loads(line))

    def _note(self, said: dict[str, Any]) -> None:
        with self._lock:
            if "refused" in said:
                self.refused.append((said["refused"], said["text"]))
                return
            value = said.pop("is")
            ((what, which),) = said.items()
            self._shown[what, which] = value


class PreampBox:
    """Eight preamps: gain, pad, 48 V by fours, and a low cut."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values = {
            (each, parameter): 0.0
            for each in range(1, 9)
            for parameter in ("gain", "pad", "phantom", "low_cut")
        }
        self._listeners: set[Any] = set()
        self.is_there = True
        """False: it hears nothing and says nothing."""
        self._orders: list[tuple[int, str, float]] = []
        self.takes = True
        """False: what is asked of it is passed over, as by a box whose panel is locked."""
        self._wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._wire.bind(("127.0.0.1", 0))
        self.port: int = self._wire.getsockname()[1]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._wire.close()

    def value(self, each: int, parameter: str) -> float:
        with self._lock:
            return self._values[each, parameter]

    def turn(self, each: int, parameter: str, value: float) -> None:
        """A hand at the box."""
        with self._lock:
            changed = self._set(each, parameter, value)
            self._push(changed)

    # As the contract of all preamps sees it

    value_of = value

    def vanish(self) -> None:
        self.is_there = False

    def come_back(self) -> None:
        self.is_there = True

    def obeys(self, yes: bool) -> None:
        self.takes = yes

    def orders(self, socket: int, name: str) -> list[float]:
        with self._lock:
            return [value for each, what, value in self._orders if (each, what) == (socket, name)]

    def _set(self, each: int, parameter: str, value: float) -> list[int]:
        """The sockets that have it now: 48 V goes to four at a time."""
        first = (each - 1) // 4 * 4 + 1
        changed = list(range(first, first + 4)) if parameter == "phantom" else [each]
        for one in changed:
            self._values[one, parameter] = value
        return [(one, parameter) for one in changed]  # type: ignore[misc]

    def _push(self, changed: list[Any]) -> None:
        told = [[each, parameter, self._values[each, parameter]] for each, parameter in changed]
        for address in self._listeners if self.is_there else ():
            self._wire.sendto(json.dumps({"is": told}).encode(), address)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not select.select([self._wire], [], [], 0.02)[0]:
                continue
            packet, address = self._wire.recvfrom(2048)
            if not self.is_there:
                continue
            said = json.loads(packet)
            with self._lock:
                if "who" in said:
                    self._wire.sendto(b'{"who": "FourBox 8"}', address)
                if "push" in said:
                    self._listeners.add(address)
                if "set" in said:
                    self._orders.append(tuple(said["set"]))
                    if self.takes:
                        self._push(self._set(*said["set"]))
                if "get" in said:
                    each, parameter = said["get"]
                    told = [[each, parameter, self._values[each, parameter]]]
                    self._wire.sendto(json.dumps({"is": told}).encode(), address)


class FeedClient:
    """Somebody who follows the feed; what was received is kept in order."""

    def __init__(self, path: Path) -> None:
        self._stream = socket.socket(socket.AF_UNIX)
        self._stream.connect(str(path))
        self._rest = b""
        self.received: deque[dict[str, Any]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def say(self, **what: Any) -> None:
        self._stream.sendall(json.dumps(what).encode() + b"\n")

    def until(self, key: str, **fields: Any) -> dict[str, Any]:
        """The next line with that key whose value has these fields."""

        def came() -> dict[str, Any] | None:
            self._read()
            while self.received:
                line = self.received.popleft()
                inside = line if "id" in line else line.get(key)
                if key in line and isinstance(inside, dict) and fields.items() <= inside.items():
                    return line
            return None

        return wait_for(came, f"{key} {fields} on the feed")

    def _read(self) -> None:
        while select.select([self._stream], [], [], 0)[0]:
            came = self._stream.recv(65_536)
            if not came:
                raise EOFError("the feed hung up")
            *lines, self._rest = (self._rest + came).split(b"\n")
            self.received += [json.loads(line) for line in lines]
