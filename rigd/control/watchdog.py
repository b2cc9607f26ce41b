"""Tells the service manager that the daemon works, and in one line what the rig does.

Thread "rigd-life". It says so only when the controller has answered a probe that went through its own queue: a
daemon whose controller hangs is started again, and no frame depends on it.
"""

from __future__ import annotations

import logging
import threading

from rigd.control.controller import Controller
from rigd.hands.showing import time_text
from rigd.model.state import RigState, Transport
from rigd.wire.notify import Notifier

log = logging.getLogger(__name__)

STATUS_EVERY_S = 1.0


class DaemonWatchdog:
    """Start once everything runs, stop first of all."""

    def __init__(self, controller: Controller, notifier: Notifier) -> None:
        self._controller = controller
        self._notifier = notifier
        self._stopping = threading.Event()
        self._answered = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rigd-life", daemon=True)

    def start(self) -> None:
        """The service manager knows that the rig is ready; what depends on it is started."""
        self._notifier.ready(status_line(self._controller.state))
        if self._notifier.is_heard:
            self._controller.probe(self._answered.set)
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._notifier.stopping("ends")

    def _run(self) -> None:
        every_s = min(STATUS_EVERY_S, self._notifier.feed_every_s or STATUS_EVERY_S)
        while not self._stopping.wait(every_s):
            if self._answered.is_set():
                self._answered.clear()
                if self._notifier.feed_every_s:
                    self._notifier.alive()
                self._controller.probe(self._answered.set)
            self._notifier.status(status_line(self._controller.state))


def status_line(state: RigState) -> str:
    """What the rig does, and the first trouble, for `systemctl status`."""
    words = []
    if state.take is not None:
        slate = state.take.slate
        on_disk = time_text(state.take.written_frames, state.sample_rate_hz)
        words.append(f"records {slate.song} take {slate.number:03}, {on_disk} on disk")
        if state.take.gaps:
            words.append(f"{len(state.take.gaps)} gaps")
    elif state.not_ready:
        words.append(f"not ready: {state.not_ready}")
    elif state.transport is Transport.READY:
        words.append(f"ready for {state.song or 'the first song'} take {state.next_take_number:03}")
    else:
        words.append(str(state.transport))
    if state.faults:
        more = f" (and {len(state.faults) - 1} more)" if len(state.faults) > 1 else ""
        words.append(f"! {state.faults[0].what}{more}")
    return "; ".join(words)
