"""An open MIDI port as the surface sees it, the time at which its messages came, and MIDI on a serial line.

A link belongs to one thread. The serial line is read by rigd's own parser, so that it needs no MIDI system
and keeps no more than one short message, whatever comes in.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import serial

from rigd.model.errors import SurfaceError
from rigd.model.units import NS_PER_SECOND, ClockNs, Ns
from rigd.wire.midi.parser import MidiParser
from rigd.wire.refused_device import why_refused
from rigd.wire.serial_ports import LINKS, SERIAL_PREFIX, SerialPort, lasting_link

Heard = tuple[bytes, Ns]
"""A whole message and when it arrived, CLOCK_MONOTONIC."""


def lasting_serial(port: SerialPort, ports: Sequence[SerialPort], links: Path = LINKS) -> str:
    """The line of the config that means MIDI on this serial port, also after the next plug."""
    link = lasting_link(port.device, ports, links)
    return f'port = "{SERIAL_PREFIX}{link}"' if link else "without a link of udev's that lasts"


class MidiLink(Protocol):
    """An open port. Any method but `wake` is for one thread; SurfaceError means that the port is gone."""

    name: str

    @property
    def output_trouble(self) -> str:
        """Why lamps cannot be reached; empty where they can be, and where none was asked for. An output that comes
        later is taken when it comes."""

    def wait(self, timeout_s: float) -> list[Heard]:
        """What arrived; returns early with the first message, and on `wake`."""

    def wake(self) -> None:
        """Ends a `wait` early. Any thread."""

    def send(self, message: bytes) -> None:
        """The message is on its way to the device; where there is no output, nothing."""

    def check(self) -> None:
        """Raises SurfaceError when the port is no longer there."""

    def close(self) -> None:
        """The port is free again."""


MidiSystemName = Literal["alsa", "jack"]


class MidiSystem(Protocol):
    """The ports of one of the machine's MIDI systems. Any method but `wake` is for one thread; SurfaceError where the
    system cannot be used, with what to do."""

    def names(self) -> list[str]:
        """The ports that can be listened to, as they are called today."""

    def open(self, name: str, *, output: str, sysex: bool, clock: ClockNs) -> MidiLink:
        """Listens on the port of that name and, unless `output` is empty, sends to the output that this means."""

    def wait_for_change(self, timeout_s: float) -> None:
        """Returns when a port may have come or left, at the latest after `timeout_s`; and on `wake`."""

    def wake(self) -> None:
        """Ends a `wait_for_change` early. Any thread."""

    def close(self) -> None:
        """No client is left; it may be used again."""


class DistanceStamps:
    """When messages arrived, from their distances in time to each other and from when they were fetched."""

    _DRIFT_PER_NS = 50e-6
    """How far the driver's clock may run from ours; JACK's is known to drift by 0.1 s in two hours, 14e-6."""

    def __init__(self) -> None:
        self._sum_ns = 0
        self._earliest_ns: int | None = None
        self._latest_ns = 0
        """Between these two lies what has to be added to the sum of distances; each fetch brings them closer."""
        self._now_ns = 0

    def stamp(self, distances_s: Sequence[float], *, after_ns: int, now_ns: int) -> list[Ns]:
        """One time a message, in order, all between `after_ns` (the fetch before) and `now_ns` (this one)."""
        sums: list[int] = []
        for distance_s in distances_s:
            self._sum_ns += round(distance_s * NS_PER_SECOND)
            sums.append(self._sum_ns)
        if not sums:
            return []
        earliest_ns = after_ns - sums[0]  # the fetch before did not find it
        latest_ns = now_ns - sums[-1]  # no message arrived after it was fetched
        if self._earliest_ns is not None:
            drift_ns = round((now_ns - self._now_ns) * self._DRIFT_PER_NS)
            narrower = (
                max(earliest_ns, self._earliest_ns - drift_ns),
                min(latest_ns, self._latest_ns + drift_ns),
            )
            if narrower[0] <= narrower[1]:  # else the driver has skipped a distance: begin anew
                earliest_ns, latest_ns = narrower
        self._earliest_ns, self._latest_ns, self._now_ns = earliest_ns, latest_ns, now_ns
        offset_ns = (earliest_ns + latest_ns) // 2
        return [Ns(min(max(each + offset_ns, after_ns), now_ns)) for each in sums]


def _why_not(path: str, error: OSError | ValueError) -> str:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return f"serial MIDI line {path} is not there; plug it in, rigd opens it by itself"
    why = os.strerror(number) if number else error
    return f"serial MIDI line {path} cannot be opened ({why}); rigd tries again"


class SerialMidiLink:
    """Raw MIDI bytes on a tty: a DIN interface on a UART, or an Arduino."""

    output_trouble = ""

    def __init__(self, path: str, *, baud: int, clock: ClockNs) -> None:
        self.name = SERIAL_PREFIX + path
        self._path = Path(path)
        self._clock = clock
        self._parser = MidiParser()
        try:
            self._line = serial.Serial(path, baudrate=baud, timeout=0, write_timeout=0.5, exclusive=True)
        except (OSError, ValueError) as error:
            raise SurfaceError(why_refused(path, error) or _why_not(path, error)) from error
        self._wake_in, self._wake_out = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def wait(self, timeout_s: float) -> list[Heard]:
        """See MidiLink."""
        try:
            ready, _, _ = select.select([self._line.fileno(), self._wake_in], [], [], timeout_s)
            at_ns = self._clock()
            if self._wake_in in ready:
                os.read(self._wake_in, 64)
            received = os.read(self._line.fileno(), 4096) if self._line.fileno() in ready else None
        except BlockingIOError:
            return []
        except (OSError, ValueError) as error:
            raise SurfaceError(self._gone()) from error
        if received == b"":
            raise SurfaceError(self._gone())
        return [(message, at_ns) for message in self._parser.feed(received or b"")]

    def _gone(self) -> str:
        return f"serial MIDI line {self._path} is gone; plug it in again, rigd opens it by itself"

    def wake(self) -> None:
        """See MidiLink."""
        with contextlib.suppress(OSError):
            os.write(self._wake_out, b"w")

    def send(self, message: bytes) -> None:
        """See MidiLink."""
        try:
            self._line.write(message)
        except OSError as error:
            raise SurfaceError(self._gone()) from error

    def check(self) -> None:
        """See MidiLink."""
        if not self._path.exists():
            raise SurfaceError(self._gone())

    def close(self) -> None:
        """See MidiLink."""
        self._line.close()
        os.close(self._wake_in)
        os.close(self._wake_out)
