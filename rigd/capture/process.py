"""rigd-capture: the process that listens. `python -m rigd.capture RUNTIME_DIR`

It reads RUNTIME_DIR/capture.json, locks RUNTIME_DIR/capture.lock, writes to RUNTIME_DIR/tape and talks to
whoever connects to RUNTIME_DIR/capture.sock: a CaptureReport at once and at every change. StopCapture,
SIGTERM or SIGINT end it; nothing else does, least of all the daemon's death. PortAudio's list of interfaces
is frozen when it is initialised, so a failed opening ends the process (exit codes: `CaptureExit`) and
the daemon starts it again.

The main thread sleeps until a socket or a signal wakes it, and never touches audio.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from rigd.capture.driver import StreamLeft, load_driver
from rigd.capture.interface_opening import CaptureExit, InterfaceOpening
from rigd.capture.lost_interface import what_there_is
from rigd.capture.matching import keep_interface
from rigd.capture.settings import FILE_NAME, read_settings
from rigd.model.errors import InterfaceError, LinkError
from rigd.model.messages import CapturePhase, CaptureReport, CaptureSettings, StopCapture
from rigd.model.units import NS_PER_SECOND
from rigd.wire.held_lock import HeldLock, LockTaken
from rigd.wire.link import Link, ListeningSocket
from rigd.wire.notify import Notifier
from rigd.wire.own_folder import remove_own
from rigd.wire.plain_output import write_exception, write_line
from rigd.wire.start_progress import STANDS_STILL_S, StartFeed, StartProgress

if TYPE_CHECKING:
    from rigd.capture.driver import AudioDriver

SOCKET_NAME = "capture.sock"
LOCK_NAME = "capture.lock"
STOP_WITHIN_S = 0.5
"""PortAudio may hang on stop; the server cleans up after a client that is gone."""
OPENING_WITHIN_S = 1.0
"""An opening that takes longer is reported as such; a shorter one is over before anybody is told."""
FAREWELL_S = 2.0
"""How long a failed capture waits for somebody to tell it to."""
LEAST_FAILED_S = 1.0
"""A service manager that starts it again at once is not to make it try more often."""
LOOK_AGAIN_S = 0.5
"""How often it is looked whether the runtime folder still has what this process needs there; 60 us."""
OPENING_AT_MOST_S = 20.0
"""An opening that takes longer than this has to compute, or read from a disk, to count as progress."""


class CaptureProcess:
    """One life of rigd-capture."""

    def __init__(self, runtime: Path, settings: CaptureSettings, notifier: Notifier, lock: HeldLock) -> None:
        self._runtime = runtime
        self._lock = lock
        self._look_at = time.monotonic()
        self._notifier = notifier
        self._feed_at = time.monotonic()
        self._opening_until = self._feed_at + OPENING_AT_MOST_S
        self._delivered: list[tuple[int, int]] = []
        self._progress = StartProgress()
        self._there_was = what_there_is()
        self._opening = InterfaceOpening(settings, runtime, make_driver=_make_driver)
        self._opened = threading.Event()
        self._is_over = threading.Event()
        self._links: dict[int, Link] = {}
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._stop_asked = False
        self._sent = self._opening.report
        self._was_heard = False

    def run(self) -> CaptureExit:
        """Listens until it is told to stop or opening fails. Main thread."""
        feed = StartFeed(self._notifier, os.getpid())
        opener = threading.Thread(target=self._open, name="rigd-opening", daemon=True)
        self._obey_signals()
        opener.start()
        # PortAudio waits for its servers meanwhile, so this import costs no time before the first block.
        importlib.import_module("rigd.tape.capture_core")
        self._opened.wait(OPENING_WITHIN_S)
        feed.over()
        door = ListeningSocket(self._runtime / SOCKET_NAME)
        try:
            self._selector.register(door.socket, selectors.EVENT_READ, door.socket)
            self._selector.register(self._woken, selectors.EVENT_READ, None)
            self._talk(door)
            return self._end()
        finally:
            self._is_over.set()
            door.close()

    def _open(self) -> None:
        try:
            self._opening.run()
        finally:
            self._opened.set()
            self._wake()
        if self._opening.heard is not None:
            self._opening.take_memory()
            self._wake()
            self._is_over.wait()  # the kernel notes this thread as the card's owner (/proc/asound/*/status)

    def _obey_signals(self) -> None:
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # whose terminal is gone is nothing to a recording

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop_asked = True

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def _talk(self, door: ListeningSocket) -> None:
        give_up_at = failed_at = None
        while not self._stop_asked:
            self._show_life()
            self._stay_found(door)
            heard = self._opening.heard
            # The look at the runtime folder goes with one at the rate: a wake-up costs more than both.
            dues = [self._look_at if heard is None else heard.rate.due_ns / NS_PER_SECOND]
            dues += [self._feed_at] if self._notifier.feed_every_s else []
            dues += [] if give_up_at is None else [give_up_at]
            timeout = max(0.0, min(dues) - time.monotonic())
            for key, _ in self._selector.select(timeout):
                if key.fileobj is self._woken:
                    with contextlib.suppress(BlockingIOError):
                        self._woken.recv(4096)
                elif isinstance(key.data, socket.socket):
                    self._welcome(door)
                else:
                    self._hear(key.data)
            report = self._newest_report()
            if report != self._sent:
                self._sent = report
                self._tell_all(report)
            if _is_over(report):
                now = time.monotonic()
                failed_at = failed_at or now
                give_up_at = failed_at + self._stays_s()
                if now >= give_up_at or (now >= failed_at + LEAST_FAILED_S and self._is_worth_a_try()):
                    return

    def _stays_s(self) -> float:
        """How long a capture that has failed stays before the next one tries."""
        supervised = self._notifier.is_heard
        least_s = 0.0 if self._was_heard and not supervised else LEAST_FAILED_S if supervised else FAREWELL_S
        return max(least_s, self._opening.report.stays_s)

    def _is_worth_a_try(self) -> bool:
        """Something that the interface may have waited for is another one now."""
        return what_there_is() != self._there_was

    def _newest_report(self) -> CaptureReport:
        heard = self._opening.heard
        if heard is None or _is_over(self._opening.report):
            return self._opening.report
        report = heard.rate.look(time.monotonic_ns())
        if _is_over(report):
            self._opening.exit_code = CaptureExit.INTERFACE
        return report

    def _stay_found(self, door: ListeningSocket) -> None:
        """What this process has in the runtime folder is there, also where somebody took the folder away."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_AGAIN_S
        before = door.socket
        if self._lock.has_vanished():
            _say("the runtime folder, or files in it, vanished; capture makes its own again")
        if door.open_again() is not None:
            self._selector.unregister(before)
            self._selector.register(door.socket, selectors.EVENT_READ, door.socket)
        heard = self._opening.heard
        if heard is not None:
            heard.tape.name_again()
            with contextlib.suppress(OSError):
                keep_interface(self._runtime, heard.found)

    def _show_life(self) -> None:
        """The service manager hears of progress: frames that came in, or an opening that is not yet too long."""
        now = time.monotonic()
        if not self._notifier.feed_every_s or now < self._feed_at:
            return
        self._feed_at = now + self._notifier.feed_every_s
        heard = self._opening.heard
        if heard is None:
            if now < self._opening_until or self._progress.stands_for_s(os.getpid()) < STANDS_STILL_S:
                self._notifier.alive()
            return
        delivered = heard.core.wakes(since_ns=0)[-1:]
        if delivered != self._delivered:
            self._delivered = delivered
            self._notifier.alive()

    def _welcome(self, door: ListeningSocket) -> None:
        from rigd.wire.codec import Codec
        from rigd.wire.link import Link

        stream = door.let_in()
        if stream is None:
            _say("somebody who is not this rig's user wanted in; he was told nothing")
            return
        link = Link(stream, Codec((StopCapture,), across_builds=True))
        self._links[link.fileno()] = link
        self._selector.register(link.fileno(), selectors.EVENT_READ, link)
        self._tell(link, self._sent)

    def _hear(self, link: Link) -> None:
        try:
            while (message := link.receive(0.0)) is not None:
                if isinstance(message, StopCapture):
                    self._stop_asked = True
        except LinkError:
            self._drop(link)

    def _tell_all(self, report: CaptureReport) -> None:
        for warning in report.warnings:
            _say(f"warning: {warning}")
        if report.phase is CapturePhase.FAILED:
            if self._opening.is_news:
                _say(f"failed: {report.failure}")
            self._notifier.status(f"no interface: {report.failure}")
        if report.phase is CapturePhase.LISTENING:
            _rest_from_garbage()
            text = f"listening to {report.device}, {report.channels} inputs at {report.sample_rate_hz} Hz"
            _say(text)
            self._notifier.status(text)
        for link in list(self._links.values()):
            self._tell(link, report)

    def _tell(self, link: Link, report: CaptureReport) -> None:
        try:
            link.send(report)
        except LinkError:
            self._drop(link)
        else:
            self._was_heard = self._was_heard or _is_over(report)

    def _drop(self, link: Link) -> None:
        for number, known in list(self._links.items()):
            if known is link:
                self._selector.unregister(number)
                del self._links[number]
        link.close()

    def _end(self) -> CaptureExit:
        """The stream is closed, if the interface lets itself be closed in time; else the process is left."""
        code = self._opening.exit_code
        ended_in_time = self._stop_stream()
        for link in list(self._links.values()):
            self._drop(link)
        if not ended_in_time:
            with contextlib.suppress(OSError):
                remove_own(self._runtime / SOCKET_NAME)
            os._exit(code)
        return code

    def _stop_stream(self) -> bool:
        heard = self._opening.heard
        if heard is None:
            self._opened.wait(STOP_WITHIN_S)
            # Whatever a failed opening left behind in PortAudio is not worth waiting for.
            return False
        is_closed = threading.Event()
        stopper = threading.Thread(
            target=_stop, args=(heard.driver, is_closed), name="rigd-stopping", daemon=True
        )
        stopper.start()
        stopper.join(STOP_WITHIN_S)
        if not is_closed.is_set():
            return False
        heard.memory.stop()
        heard.core.close()
        heard.tape.close()
        return True


def _is_over(report: CaptureReport) -> bool:
    """Nothing more will come of this process."""
    return report.phase is CapturePhase.FAILED and not report.measuring


def _make_driver(settings: CaptureSettings, runtime: Path) -> AudioDriver:
    return load_driver(settings.driver)(settings, runtime)


def _stop(driver: AudioDriver, is_closed: threading.Event) -> None:
    try:
        driver.stop()
    except StreamLeft:
        return
    except Exception:
        write_exception("rigd-capture")
    is_closed.set()


def _rest_from_garbage() -> None:
    """All that is needed exists now; a collection would hold the GIL for nothing."""
    gc.collect()
    gc.freeze()
    gc.disable()


def _say(line: str) -> None:
    """For the log that the daemon keeps of this process. A log that is full or gone ends nothing."""
    with contextlib.suppress(OSError):
        write_line(f"rigd-capture: {line}")


def take_lock(path: Path) -> HeldLock:
    """The lock of this runtime folder. InterfaceError if another has it."""
    try:
        return HeldLock(path)
    except LockTaken as error:
        raise InterfaceError(
            f"another rigd-capture (process {error.owner}) already listens in {path.parent}. "
            "This one ended and changed nothing"
        ) from error
    except OSError as error:
        raise InterfaceError(
            f"runtime folder {path.parent}: {error.strerror}. Nothing was opened. "
            "Start rigd-capture through: rigd run"
        ) from error


def main(arguments: Sequence[str] | None = None) -> CaptureExit:
    """Runs the process; returns how it ended."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1:
        _say("usage: python -m rigd.capture RUNTIME_DIR")
        return CaptureExit.USAGE
    runtime = Path(arguments[0]).absolute()
    try:
        lock = take_lock(runtime / LOCK_NAME)
    except InterfaceError as error:
        _say(str(error))
        return CaptureExit.ALREADY_RUNNING if runtime.is_dir() else CaptureExit.USAGE
    with lock:
        notifier = Notifier()
        notifier.ready("opens the interface")
        try:
            notifier.await_settings(runtime / FILE_NAME)
            settings = read_settings(runtime)
        except InterfaceError as error:
            _say(str(error))
            return CaptureExit.USAGE
        return CaptureProcess(runtime, settings, notifier, lock).run()
