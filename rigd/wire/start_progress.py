"""Does a process that is being started get on? A slow machine's first start takes half a minute, and killing it only
makes the next one as slow: progress is what counts, and not seconds.

It gets on where it computes, or would if it were given a processor (schedstat), where it brings pages in from a disk,
and where the kernel has it wait for one. A process that sleeps, or is stopped, does not. Cheap enough for every tick.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from rigd.wire.notify import Notifier

STANDS_STILL_S = 10.0
"""A start that has made no progress for so long is given up."""
LONGEST_START_S = 300.0
"""One that computes for longer than this will never be done."""
LOOK_EVERY_S = 1.0
LEAST_SHARE = 0.1
"""Of a processor. Less is a loop that waits for something."""
MORE_TIME_S = 30.0


class _Effort(Struct, frozen=True):
    busy_ns: int
    pages_read: int
    waits_for_disk: bool


class StartProgress:
    """Of one process at a time; the first look at another one begins anew. One thread."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, proc: Path = Path("/proc")) -> None:
        self._clock = clock
        self._proc = proc
        self._pid = 0
        self._began_at = self._looked_at = self._moved_at = 0.0
        self._effort = _Effort(0, 0, False)

    def stands_for_s(self, pid: int) -> float:
        """For how long it has made no progress, as far as was looked; without end for one that starts for ever."""
        now = self._clock()
        if pid != self._pid:
            self._pid = pid
            self._began_at = self._looked_at = self._moved_at = now
            self._effort = self._effort_of(pid)
        elapsed_s = now - self._looked_at
        if elapsed_s >= LOOK_EVERY_S:
            before, self._effort = self._effort, self._effort_of(pid)
            self._looked_at = now
            busy_ns = self._effort.busy_ns - before.busy_ns  # less than 0: a thread has ended
            if (
                not 0 <= busy_ns < LEAST_SHARE * elapsed_s * 1e9
                or self._effort.pages_read > before.pages_read
                or self._effort.waits_for_disk
            ):
                self._moved_at = now
        return math.inf if now - self._began_at > LONGEST_START_S else now - self._moved_at

    def _effort_of(self, pid: int) -> _Effort:
        busy_ns = pages = 0
        waits = False
        with contextlib.suppress(OSError):
            for task in (self._proc / str(pid) / "task").iterdir():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    fields = (task / "stat").read_text().rpartition(")")[2].split()
                    waits = waits or fields[0] == "D"
                    pages += int(fields[9])
                    on_cpu_ns, in_queue_ns, _ = (task / "schedstat").read_text().split()
                    busy_ns += int(on_cpu_ns) + int(in_queue_ns)
        return _Effort(busy_ns, pages, waits)


class StartFeed:
    """The service manager gives this process as long to start as it gets on. Thread "rigd-start", until `over`."""

    def __init__(self, notifier: Notifier, pid: int) -> None:
        self._notifier = notifier
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rigd-start", daemon=True)
        if notifier.is_heard:
            self._thread.start()

    def over(self) -> None:
        """It has started, or failed to."""
        self._over.set()

    def __enter__(self) -> StartFeed:
        return self

    def __exit__(self, *_: object) -> None:
        self.over()

    def _run(self) -> None:
        progress = StartProgress()
        while not self._over.wait(LOOK_EVERY_S):
            if progress.stands_for_s(self._pid) < STANDS_STILL_S:
                self._notifier.more_time(MORE_TIME_S)
                if self._notifier.feed_every_s:
                    self._notifier.alive()
