"""What speaks on a serial line, at which speed: it is brought to the kinds whose devices speak on lines. One thread.

A serial line belongs to one program at a time. Where that is a rigd that runs, `rigd learn` listens through it.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import select
from collections.abc import Sequence

import serial

from rigd.hands.learning import Learner
from rigd.model.errors import SurfaceError
from rigd.model.units import ClockNs, Ns
from rigd.wire.refused_device import why_refused

_LOOK_NS = 1_200_000_000
"""A box that talks all the time is known after so long at its speed."""
_ENOUGH_BYTES = 24


class LineBusy(SurfaceError):
    """Another program holds the line."""


def speeds_of(learners: Sequence[Learner]) -> Sequence[int]:
    """The usual one of each kind, then the others."""
    by_turns = itertools.chain(*itertools.zip_longest(*(each.speeds for each in learners)))
    return list(dict.fromkeys(speed for speed in by_turns if speed is not None))


class Line:
    """An open serial line. It sends nothing but what a kind says to a box that it knows."""

    def __init__(self, path: str, learners: Sequence[Learner], *, baud: int | None, clock: ClockNs) -> None:
        """`baud` of None: looked for, as soon as something comes that is not understood."""
        self._path = path
        self._learners = learners
        self._clock = clock
        self._speeds: Sequence[int] = speeds_of(learners) if baud is None else (baud,)
        self._place = 0
        self.strange_bytes = 0
        """That no kind understood."""
        try:
            self._line = serial.Serial(path, baudrate=self.baud, timeout=0, write_timeout=0.5, exclusive=True)
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) in (errno.EBUSY, errno.EAGAIN) or "lock" in str(error):
                raise LineBusy(
                    f"{path} is in use by another program, and by no rigd that this user may ask; close that"
                ) from error
            why = getattr(error, "strerror", None) or error
            raise SurfaceError(
                why_refused(path, error) or f"serial line {path} cannot be opened ({why}); plug it in"
            ) from error
        self._begin()

    def _begin(self) -> None:
        for learner in self._learners:
            learner.begin_line(self._path, self.baud, self._send)
        self._since_ns = self._clock()
        self._bytes = self._understood = 0

    @property
    def baud(self) -> int:
        """The speed at which it listens now."""
        return self._speeds[self._place]

    def wait(self, timeout_s: float) -> None:
        """See learning.Source."""
        try:
            ready, _, _ = select.select([self._line.fileno()], [], [], timeout_s)
            received = os.read(self._line.fileno(), 4096) if ready else None
        except BlockingIOError:
            return
        except (OSError, ValueError) as error:
            raise SurfaceError(f"serial line {self._path} is gone; plug it in and learn again") from error
        if received == b"":
            raise SurfaceError(f"serial line {self._path} is gone; plug it in and learn again")
        at_ns = self._clock()
        if received:
            self._bytes += len(received)
            understood = max(learner.feed(received, at_ns) for learner in self._learners)
            self._understood += understood
            self.strange_bytes += max(0, len(received) - understood)
        self._look_for_speed(at_ns)

    def _look_for_speed(self, now_ns: Ns) -> None:
        """Tries the next speed where what comes is understood by nobody."""
        if len(self._speeds) < 2 or now_ns - self._since_ns < _LOOK_NS:
            return
        if self._bytes >= _ENOUGH_BYTES and self._understood * 2 < self._bytes:
            self._place = (self._place + 1) % len(self._speeds)
            with contextlib.suppress(OSError, ValueError):
                self._line.baudrate = self.baud
                self._line.reset_input_buffer()
            self._begin()
            return
        self._since_ns, self._bytes, self._understood = now_ns, 0, 0

    def _send(self, said: bytes) -> None:
        with contextlib.suppress(OSError, serial.SerialException):
            self._line.write(said)

    def close(self) -> None:
        """The line is free again."""
        self._line.close()
