"""What speaks on a serial line, at which speed: MIDI, a deej box, or a box of rigd's own protocol. One thread.

A serial line belongs to one program at a time. Where that is a rigd that runs, `rigd learn` hears through it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
from collections.abc import Sequence

import serial

from rigd.model.errors import SurfaceError
from rigd.model.units import ClockNs, Ns
from rigd.surfaces.serial.recognised import GREETING, Box, BoxRecogniser
from rigd.wire.midi.links import SERIAL_PREFIX, Heard
from rigd.wire.midi.parser import MidiParser
from rigd.wire.refused_device import why_refused

DIN_BAUD = 31_250
SPEEDS = (DIN_BAUD, 9_600, 115_200, 57_600, 38_400)
"""Of MIDI, deej, rigd's own boxes and MIDI over USB; two that older sketches have."""
_LOOK_NS = 1_200_000_000
"""A box that talks all the time is known after so long at its speed."""
_ENOUGH_BYTES = 24


class LineBusy(SurfaceError):
    """Another program holds the line."""


class LineEar:
    """An open serial line. For one thread. It sends nothing but a greeting to a box of rigd's protocol."""

    def __init__(self, path: str, *, baud: int | None, clock: ClockNs) -> None:
        """`baud` of None: looked for, as soon as something comes that is not understood."""
        self.name = SERIAL_PREFIX + path
        self._path = path
        self._clock = clock
        self._speeds: Sequence[int] = SPEEDS if baud is None else (baud,)
        self._place = 0
        self._has_greeted = False
        self.strange_bytes = 0
        """That were neither MIDI nor a box's line."""
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
        self._parser = MidiParser()
        self._recogniser = BoxRecogniser()
        self._since_ns = self._clock()
        self._bytes = self._understood = 0

    @property
    def baud(self) -> int:
        """The speed at which it listens now."""
        return self._speeds[self._place]

    @property
    def box(self) -> Box | None:
        """The box that speaks; None where it is none."""
        return self._recogniser.box

    def wait(self, timeout_s: float) -> list[Heard]:
        """MIDI messages that came. Raises SurfaceError where the line is gone."""
        try:
            ready, _, _ = select.select([self._line.fileno()], [], [], timeout_s)
            received = os.read(self._line.fileno(), 4096) if ready else None
        except BlockingIOError:
            return []
        except (OSError, ValueError) as error:
            raise SurfaceError(f"serial line {self._path} is gone; plug it in and learn again") from error
        if received == b"":
            raise SurfaceError(f"serial line {self._path} is gone; plug it in and learn again")
        at_ns = self._clock()
        received = received or b""
        self._recogniser.feed(received)
        messages = self._parser.feed(received)
        if (box := self.box) is not None and box.protocol == "rigd" and not self._has_greeted:
            self._greet()
        self._bytes += len(received)
        self._understood += sum(map(len, messages))
        if self.box is None:
            self.strange_bytes = max(0, self.strange_bytes + len(received) - sum(map(len, messages)))
        self._look_for_speed(at_ns)
        return [] if self.box is not None else [(message, Ns(at_ns)) for message in messages]

    def _look_for_speed(self, now_ns: Ns) -> None:
        """Tries the next speed where what comes is neither MIDI nor a box's."""
        if self.box is not None or len(self._speeds) < 2 or now_ns - self._since_ns < _LOOK_NS:
            return
        if self._bytes >= _ENOUGH_BYTES and self._understood * 2 < self._bytes:
            self._place = (self._place + 1) % len(self._speeds)
            with contextlib.suppress(OSError, ValueError):
                self._line.baudrate = self.baud
                self._line.reset_input_buffer()
            self._begin()
            return
        self._since_ns, self._bytes, self._understood = now_ns, 0, 0

    def _greet(self) -> None:
        """A box that is there says what it has."""
        self._has_greeted = True
        with contextlib.suppress(OSError, serial.SerialException):
            self._line.write(GREETING)

    def close(self) -> None:
        """The line is free again."""
        self._line.close()
