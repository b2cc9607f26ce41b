"""Keys of the terminal, one by one as they are pressed, without Enter. One thread; Ctrl-C stays a signal.

A key that is held down repeats itself, and what is pasted comes at once: neither is a hand that presses, so neither
starts and stops takes.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Any

from msgspec import Struct

from rigd.model.units import Ns

REPEAT_NS = 120_000_000
"""A key that is held down sends the next one sooner than this; a hand does not."""
HELD_AFTER_NS = 900_000_000
"""Longest wait before a held key begins to repeat. A second press inside it acts once it is known to be one."""
CLOSE_WITHIN_S = 1.0
_NAMED = {
    b"\x1b[C": ">",
    b"\x1b[B": ">",
    b"\x1b[6~": ">",
    b"\x1b[D": "<",
    b"\x1b[A": "<",
    b"\x1b[5~": "<",
    b"\x1bOC": ">",
    b"\x1bOD": "<",
}


class Press(Struct, frozen=True):
    """`key` was pressed at `at_ns`."""

    key: str
    at_ns: Ns


class Presses:
    """Tells presses from the repeats of a held key. One owner."""

    def __init__(self) -> None:
        self._last: Press | None = None
        self._waiting: Press | None = None

    def came(self, key: str, now_ns: Ns) -> Press | None:
        """The press that acts at once, if it is one."""
        last, self._last = self._last, Press(key, now_ns)
        if last is None or last.key != key or now_ns - last.at_ns > HELD_AFTER_NS:
            self._waiting = None if self._waiting is None or self._waiting.key == key else self._waiting
            return self._last
        if now_ns - last.at_ns < REPEAT_NS:
            self._waiting = None
        else:
            self._waiting = self._last
        return None

    def due(self, now_ns: Ns) -> Press | None:
        """The press that was no repeat after all, once; it acts with the time at which it came."""
        waiting = self._waiting
        if waiting is None or now_ns - waiting.at_ns < REPEAT_NS:
            return None
        self._waiting = None
        return waiting

    @property
    def waits(self) -> bool:
        return self._waiting is not None


def key_of(came: bytes) -> str:
    """The key that sent these bytes; empty where it is none, or several came at once."""
    if came in _NAMED:
        return _NAMED[came]
    return came.decode("ascii", "replace") if len(came) == 1 and came.isascii() else ""


class Keys:
    """Reads standard input from `start` on until `stop`. `pressed` is called on this thread."""

    def __init__(self, pressed: Callable[[Press], None], *, is_whole: bool = False) -> None:
        """`is_whole`: also Ctrl-Z is a key, and stops nothing."""
        self._pressed = pressed
        self._is_whole = is_whole
        self._before: list[Any] | None = None
        self._thread = threading.Thread(target=self._read, name="rigd-keys", daemon=True)
        self._over, self._wake = os.pipe()

    @staticmethod
    def are_there() -> bool:
        """Somebody sits at this terminal, and this program has its keys: it is not in the background."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            fd = sys.stdin.fileno()
            return sys.stdout.isatty() and os.isatty(fd) and os.tcgetpgrp(fd) == os.getpgrp()
        return False

    def start(self) -> None:
        """Keys come one by one. Nothing is done where the terminal does not do it."""
        with contextlib.suppress(termios.error, OSError):
            fd = sys.stdin.fileno()
            self._before = termios.tcgetattr(fd)
            tty.setcbreak(fd, termios.TCSANOW)
            if self._is_whole:
                mode = termios.tcgetattr(fd)
                mode[6][termios.VSUSP] = b"\0"
                termios.tcsetattr(fd, termios.TCSANOW, mode)
            self._thread.start()

    def stop(self) -> None:
        """The terminal is as it was."""
        before, self._before = self._before, None
        if before is None:
            return
        os.write(self._wake, b".")
        if threading.current_thread() is not self._thread:
            self._thread.join(CLOSE_WITHIN_S)
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, before)

    def __enter__(self) -> Keys:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _read(self) -> None:
        presses, fd = Presses(), sys.stdin.fileno()
        while True:
            within_s = REPEAT_NS / 1e9 if presses.waits else None
            try:
                ready, _, _ = select.select([fd, self._over], [], [], within_s)
                if self._over in ready:
                    return
                came = os.read(fd, 1024) if ready else b""
            except OSError:
                return
            now_ns = Ns(time.monotonic_ns())
            if ready and not came:
                return
            key = key_of(came)
            for press in (presses.came(key, now_ns) if key else None, presses.due(now_ns)):
                if press is not None:
                    self._pressed(press)
