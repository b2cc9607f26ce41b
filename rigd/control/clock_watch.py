"""Looks at the wall clock: whether it was set, and what it is worth.

Thread "rigd-clock", a look a second. It is compared with CLOCK_BOOTTIME, which nobody can set and which goes on while
the machine sleeps. What it is worth: the kernel says whether somebody keeps it right (adjtimex; in a container that
is the host's word), and what is older than this build or than the library's own newest file is wrong for certain.
`reading` is for any thread and asks neither disk nor kernel for more than the time.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rigd.model.errors import RigError
from rigd.model.inputs import ClockReading, ClockSeen
from rigd.model.units import NS_PER_SECOND
from rigd.rules.wall_clock import JUMP_S, Evidence, state_of

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronised."""
TIMEX_BYTES = 512
"""More than struct timex has on any machine; zeros ask and set nothing."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TIMESYNCD = Path("/run/systemd/timesync/synchronized")
"""For where a sandbox forbids adjtimex: systemd-timesyncd makes it once the clock is right."""


def kernel_says_synchronised() -> bool:
    """By the kernel's own word; False where it may not be asked and nobody else says so."""
    try:
        answer: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (OSError, AttributeError):
        answer = -1
    return os.path.exists(TIMESYNCD) if answer < 0 else answer != TIME_ERROR


class ClockWatch:
    """`traces` are files and folders whose times tell that it was that late already."""

    def __init__(
        self,
        *,
        traces: tuple[Path, ...],
        post: Callable[[ClockSeen], None],
        unix_ns: Callable[[], int] = time.time_ns,
        boottime_ns: Callable[[], int] = lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME),
        synchronised: Callable[[], bool] = kernel_says_synchronised,
    ) -> None:
        self._traces, self._post = traces, post
        self._unix_ns, self._boottime_ns, self._synchronised = unix_ns, boottime_ns, synchronised
        self._boot_id = ""
        with contextlib.suppress(OSError):
            self._boot_id = BOOT_ID.read_text("ascii").strip()
        self._evidence = Evidence(synchronised=False, newest_trace_ns=0)
        self._told: ClockReading | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rigd-clock", daemon=True)

    def start(self) -> None:
        """What it is worth is known from now on, by the kernel's word; the disk is asked by the thread."""
        self._evidence = Evidence(synchronised=self._synchronised(), newest_trace_ns=0)
        self._thread.start()

    def stop(self, *, within_s: float = 5.0) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(within_s)  # longer only in a disk that stands still

    def reading(self) -> ClockReading:
        """Both clocks now, and what the wall clock is worth by what was seen last. Any thread."""
        unix_ns = self._unix_ns()
        return ClockReading(
            unix_ns=unix_ns,
            boottime_ns=self._boottime_ns(),
            boot_id=self._boot_id,
            state=state_of(unix_ns, self._evidence),
        )

    def look(self) -> ClockSeen | None:
        """What is to be told, if anything."""
        self._evidence = Evidence(synchronised=self._synchronised(), newest_trace_ns=self._newest_trace_ns())
        now, before = self.reading(), self._told
        if before is None:
            self._told = now
            return ClockSeen(reading=now)
        offset_ns = (now.unix_ns - now.boottime_ns) - (before.unix_ns - before.boottime_ns)
        jumped_s = offset_ns / NS_PER_SECOND if abs(offset_ns) > JUMP_S * NS_PER_SECOND else 0.0
        self._told = now  # also where nothing is told: one that drifts for weeks has not jumped
        if not jumped_s and now.state is before.state:
            return None
        return ClockSeen(reading=now, jumped_s=jumped_s)

    def _newest_trace_ns(self) -> int:
        newest = 0
        for path in self._traces:
            with contextlib.suppress(OSError):
                newest = max(newest, path.stat().st_mtime_ns)
        return newest

    def _run(self) -> None:
        while True:
            try:
                seen = self.look()
                if seen is not None:
                    self._post(seen)
            except RigError as error:
                log.warning("what was seen of the clock could not be told: %s", error)
                self._told = None
            except Exception:
                log.exception("watching the clock failed; it goes on")
            if self._stopping.wait(LOOK_EVERY_S):
                return
