"""Tells the service manager that a writer gets on with its work. Thread "rigd-writer-life"; it touches no take.

There was progress when the loop went round and, with a take open, came to a durable point. A writer whose loop
stands because the kernel has it wait, for a disk, is no dead one: to kill it would help nobody, it could not even die
before the disk answers. One that computes for ever, or is stopped (SIGSTOP), is killed while the tape still has all.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from rigd.wire.notify import Notifier

LONGEST_LOOK_S = 5.0
ASLEEP = ("D", "S")
"""States of a thread that waits inside a call (proc(5)); in a step of the writer only a disk is waited for."""


class WriterWatchdog:
    """`went_round` and `durable` are called by the writer's loop; nothing else of it is looked at."""

    def __init__(self, notifier: Notifier, *, stat: Path | None = None) -> None:
        self._notifier = notifier
        self._stat = stat or Path(f"/proc/self/task/{threading.get_native_id()}/stat")
        self._rounds = 0
        self._durable = 0
        self._has_takes = False
        self._stopping = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rigd-writer-life", daemon=True)

    def start(self) -> None:
        """Called by the thread that writes."""
        self._notifier.status("ready to write")
        if self._notifier.is_heard:
            self._thread.start()

    def went_round(self, *, has_takes: bool) -> None:
        self._rounds += 1
        self._has_takes = has_takes

    def durable(self) -> None:
        """Everything written before is safe."""
        self._durable += 1

    def stopping(self) -> None:
        """Takes are being closed or made durable, which may take as long as the disk wants."""
        self._stopping = True
        self._notifier.stopping("sees to its takes")

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        every_s = min(LONGEST_LOOK_S, self._notifier.feed_every_s or LONGEST_LOOK_S)
        rounds, durable, since = -1, -1, time.monotonic()
        while True:
            waits = self._waits_for_disk()
            went_on = self._rounds != rounds and (self._durable != durable or not self._has_takes)
            if went_on:
                rounds, durable, since = self._rounds, self._durable, time.monotonic()
            if went_on or waits:
                self._notifier.alive()
                if self._stopping:
                    self._notifier.more_time(4 * every_s)
                waited_s = time.monotonic() - since
                doing = "writes a take" if self._has_takes else "ready to write"
                self._notifier.status(doing if went_on else f"waits for the disk since {waited_s:.0f} s")
            if self._over.wait(every_s):
                return

    def _waits_for_disk(self) -> bool:
        try:
            return self._stat.read_text("ascii", "replace").rpartition(")")[2].split()[0] in ASLEEP
        except (OSError, IndexError):
            return False
