"""A fader box on a serial port: [surface.<name>] kind = "serial". rigd's line protocol, or deej's.

Two threads: one finds and opens the port, reads it and keeps the line's clockwork; one writes, while a port
is open. Neither ever waits for the rig, and nobody waits for them: `show` and `answered` leave what is newest
and return. Whatever the line brings, it must not raise, spin or grow.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import threading
import time
from collections.abc import Sequence
from typing import ClassVar

import serial

from rigd.hands.bindings import Binding
from rigd.hands.surface import ControlInput, ControlSink
from rigd.model.errors import SurfaceError
from rigd.model.levels import Levels
from rigd.model.state import RigState, SurfaceStatus
from rigd.model.units import NS_PER_SECOND, ClockNs, Ns
from rigd.surfaces.serial.conversation import Met, Outcome, Parted, Resend, RigdTalk, Say, Talk
from rigd.surfaces.serial.deej import DeejTalk
from rigd.surfaces.serial.feedback import Feedback
from rigd.surfaces.serial.found import found_here
from rigd.surfaces.serial.learning import BoxLearner
from rigd.surfaces.serial.line_protocol import NamedCommand, frame_line
from rigd.surfaces.serial.settings import LineTiming, SerialSettings
from rigd.wire.overheard import Overheard
from rigd.wire.refused_device import why_refused
from rigd.wire.serial_ports import PortLister, find_port, list_ports

log = logging.getLogger(__name__)

READ_BYTES = 1024
LOOKED_AT_PER_S = 50_000
"""Bytes; four times what 115200 baud can bring. What floods the line beyond that waits in its own queue."""
READ_TIMEOUT_S = 0.1
WRITE_TIMEOUT_S = 0.2
FAREWELL_S = 0.5


def clock_monotonic_ns() -> Ns:
    return Ns(time.monotonic_ns())


class SerialBox:
    """One box. Its port may come and go; found by path, USB serial number or USB socket."""

    settings_model: ClassVar[type[SerialSettings]] = SerialSettings
    found_here = staticmethod(found_here)
    learner = BoxLearner

    def __init__(
        self,
        name: str,
        settings: SerialSettings,
        bindings: Sequence[Binding],
        sink: ControlSink,
        *,
        clock_ns: ClockNs = clock_monotonic_ns,
        ports: PortLister = list_ports,
        timing: LineTiming | None = None,
    ) -> None:
        self.name = name
        self._settings = settings
        self._sink = sink
        self._clock_ns = clock_ns
        self._ports = ports
        self._timing = timing or LineTiming()
        self._feedback = Feedback(settings, bindings, self._timing)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._status = SurfaceStatus(name=name, kind="serial", connected=False, detail="not started")
        self.overheard = Overheard()
        """For `rigd learn`."""

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=f"rigd-serial-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def shows_levels(self) -> bool:
        return self._feedback.shows_levels

    def show(self, state: RigState, levels: Levels | None) -> None:
        self._feedback.show(state, levels)

    def answered(self, control: str, accepted: bool, text: str) -> None:
        self._feedback.answer(control, accepted=accepted, text=text)

    # --- the reader's thread ---------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            path = ""
            try:
                path = find_port(self._settings, self._ports)
                self._attend(path)
            except SurfaceError as error:
                self._note(connected=False, port=path, detail=str(error))
            except Exception:
                log.exception("surface %s: its thread failed; it starts again", self.name)
                self._note(
                    connected=False, port=path, detail="failed inside rigd (see the log); starting again"
                )
            self._stopping.wait(self._timing.retry_s)
        self._note(connected=False, port="", detail="stopped")

    def _note(self, *, connected: bool, port: str, detail: str) -> None:
        status = SurfaceStatus(name=self.name, kind="serial", connected=connected, port=port, detail=detail)
        before, self._status = self._status, status
        if before != status:
            self._sink.surface_status(status)

    def _note_who_is_there(self, path: str, talk: Talk) -> None:
        """As of now; the refusals of a box that is there are counted in its status."""
        if talk.box is None:
            self._note(connected=False, port=path, detail=talk.trouble())
            return
        remark = talk.remark()
        self._note(connected=True, port=path, detail=talk.box.describe() + (f"; {remark}" if remark else ""))

    def _attend(self, path: str) -> None:
        """Opens the port and follows it until it is gone or `stop`. Raises SurfaceError when it is gone."""
        port = self._open(path)
        broken = threading.Event()
        closing = threading.Event()
        writer = threading.Thread(
            target=self._write,
            args=(port, broken, closing),
            name=f"rigd-serial-{self.name}-out",
            daemon=True,
        )
        talk_kind = DeejTalk if self._settings.protocol == "deej" else RigdTalk
        talk: Talk = talk_kind(self.name, self._settings, self._timing, opened_at_ns=self._clock_ns())
        try:
            writer.start()
            self._converse(port, path, talk, broken)
            self._take_leave(broken)
        finally:
            closing.set()
            self._feedback.part()
            writer.join()
            with contextlib.suppress(OSError, serial.SerialException):
                port.close()
            if talk.box is not None:
                self._sink.gone(self.name)

    def _open(self, path: str) -> serial.Serial:
        settings = self._settings
        port = serial.Serial()
        port.port = path
        port.timeout = READ_TIMEOUT_S
        port.write_timeout = WRITE_TIMEOUT_S
        port.exclusive = True
        try:
            port.baudrate = settings.line_baud
            if not settings.dtr:
                port.dtr = False
                port.rts = False  # ESP32 boards reset on the two together
            port.open()
        except (OSError, ValueError, serial.SerialException) as error:
            port.close()
            raise SurfaceError(_why_not_open(path, error)) from error
        return port

    def _converse(self, port: serial.Serial, path: str, talk: Talk, broken: threading.Event) -> None:
        opened = os.fstat(port.fd).st_rdev
        look_ns = round(self._timing.retry_s * NS_PER_SECOND)
        look_at_ns = self._clock_ns() + look_ns
        self._note(connected=False, port=path, detail=talk.trouble())
        while not self._stopping.is_set() and not broken.is_set():
            brought = self._read(port, path)
            now_ns = self._clock_ns()
            if brought:
                self.overheard.note(brought, now_ns)
            for outcome in [*(talk.hear(brought, now_ns) if brought else ()), *talk.tick(now_ns)]:
                self._follow(outcome, path=path, talk=talk, at_ns=now_ns)
            if now_ns >= look_at_ns:
                look_at_ns = now_ns + look_ns
                self._note_who_is_there(path, talk)
                if talk.box is None:
                    self._check_same_port(opened, path)
            if brought:
                self._stopping.wait(len(brought) / LOOKED_AT_PER_S)
        if broken.is_set():
            raise SurfaceError(f"{path} is gone; waiting for the box to come back")

    def _read(self, port: serial.Serial, path: str) -> bytes:
        """What is there, at most READ_BYTES; empty when nothing comes in time."""
        try:
            first: bytes = port.read(1)
            if not first:
                return b""
            rest: bytes = port.read(min(port.in_waiting, READ_BYTES - 1))
            return first + rest
        except (OSError, TypeError, serial.SerialException) as error:
            raise SurfaceError(f"{path} is gone; waiting for the box to come back") from error

    def _check_same_port(self, opened: int, path: str) -> None:
        """A silent port may be a dead one whose box has come back under another name."""
        try:
            same = find_port(self._settings, self._ports) == path and os.stat(path).st_rdev == opened
        except OSError:
            same = False
        if not same:
            raise SurfaceError(f"{path} is another port now; opening it again")

    def _follow(self, outcome: Outcome, *, path: str, talk: Talk, at_ns: Ns) -> None:
        match outcome:
            case ControlInput():
                self._sink.moved(outcome)
            case NamedCommand():
                self._sink.said(self.name, outcome.text, at_ns)
            case Met():
                self._feedback.meet(outcome.box)
                self._note_who_is_there(path, talk)
            case Parted():
                self._feedback.part()
                self._note(connected=False, port=path, detail=talk.trouble())
                self._sink.gone(self.name)
            case Resend():
                self._feedback.forget()
            case Say():
                self._feedback.say(outcome.line)

    def _take_leave(self, broken: threading.Event) -> None:
        """LEDs dark before the port is closed; a box that does not take it in is left as it is."""
        self._feedback.darken()
        until_ns = self._clock_ns() + round(FAREWELL_S * NS_PER_SECOND)
        while not self._feedback.settled() and not broken.is_set() and self._clock_ns() < until_ns:
            time.sleep(0.005)

    # --- the writer's thread ---------------------------------------------------------------------

    def _write(self, port: serial.Serial, broken: threading.Event, closing: threading.Event) -> None:
        """Sends what is due, no faster than the line and the box take it, until `closing`."""
        byte_s = 10.0 / self._settings.line_baud
        room = select.poll()
        room.register(port.fd, select.POLLOUT)
        cut = b""
        try:
            while not closing.is_set():
                # pyserial's write spins while a full port refuses it, so wait for room before.
                if not room.poll(round(WRITE_TIMEOUT_S * 1000)):
                    continue
                line = self._feedback.next_line(self._clock_ns())
                if line is None:
                    self._feedback.wait(self._clock_ns())
                    continue
                framed = cut + frame_line(line)
                cut = b""
                try:
                    port.write(framed)
                except serial.SerialTimeoutException:
                    cut = b"\n"  # ends the half line that may be on its way
                    self._feedback.forget()
                # Kept out of the kernel's queue: what waits here can still be replaced by what is newer.
                closing.wait(max(self._feedback.pace_s(), len(framed) * byte_s))
        except (OSError, serial.SerialException):
            broken.set()
        except Exception:
            log.exception("surface %s: its writer failed; the port is opened again", self.name)
            broken.set()


def _why_not_open(path: str, error: Exception) -> str:
    number = getattr(error, "errno", None)
    if (refused := why_refused(path, error)) is not None:
        return refused
    if number in (errno.EBUSY, errno.EAGAIN) or "lock" in str(error):
        return f"{path} is in use by another program; close that (a serial monitor, ModemManager)"
    return f"{path} could not be opened ({error}); trying again"
