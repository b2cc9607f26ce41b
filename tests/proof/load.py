"""The load of the fault tests: 64 simulated channels at 48 kHz, 24 bit, that play the frame counter; for every
change, where the counts are small, 16."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from hardware_sim.faults import FaultClient, FaultReceipt
from rigd.model.state import Take
from rigd.tape.tape import Tape
from tests.proof.figures import CHANNELS
from tests.support.rig import RigRun
from tests.support.tools import die_with_parent

RATE_HZ = 48_000
PERIOD_FRAMES = 1024


def full_load(
    *,
    channels: int = CHANNELS,
    period_frames: int = PERIOD_FRAMES,
    stall_s: float = 20.0,
    keep_s: float = 5.0,
    preroll_s: float = 1.0,
    more: str = "",
) -> str:
    """The text of a config file; `more` is added to it. A tape for 20 s of stall at 64 channels is 256 MiB."""
    return f"""
[audio]
driver = "simulated"
channels = {channels}
period_frames = {period_frames}
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = {stall_s}
keep_seconds = {keep_s}
[take]
preroll_seconds = {preroll_s}
{more}
"""


def source(rig: RigRun) -> FaultReceipt:
    """The interface's own sums: what it delivered, what it lost, where its counter is. The source's truth."""
    receipt = FaultClient(rig.runtime).give("status")
    assert receipt is not None, "no capture process has the interface open"
    return receipt


def start_take(rig: RigRun, *, seconds: float = 1.0) -> Take:
    """A take rolls and so much of it is durable."""
    rig.say("start")
    rig.roll(seconds)
    take = rig.state().take
    assert take is not None
    return take


def stop_take(rig: RigRun, *, closed: int = 1) -> Take:
    """The rolling take is stopped and closed; `closed` takes are then in the session."""
    rig.say("stop")
    return rig.await_closed(closed)[-1]


class TapeFill:
    """How full the tape was at most, in parts of its length: how far the oldest hold was behind the tape's end.

    Looked at fifty times a second, on a thread, from `with` to its end.
    """

    def __init__(self, rig: RigRun) -> None:
        self._path = rig.runtime / "tape"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="tape-fill", daemon=True)
        self.most = 0.0

    def __enter__(self) -> TapeFill:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        with Tape.attach(self._path, writable=False) as tape:
            capacity = tape.geometry.capacity_frames
            while not self._ended.wait(0.02):
                held = [hold.position for hold in tape.holds()]
                if held:
                    self.most = max(self.most, (tape.written - min(held)) / capacity)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process stands still (SIGSTOP) until the end."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def busy_cores() -> Iterator[None]:
    """Every core has a process of nice 0 that never pauses, until the end."""
    command = [sys.executable, "-c", "while True: pass"]
    hogs = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
        for hog in hogs:
            hog.wait()
