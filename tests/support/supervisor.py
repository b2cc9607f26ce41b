"""A small service manager over systemd's own protocol (sd_notify(3)): it starts processes, hears READY, STATUS and
WATCHDOG on a datagram socket, aborts one that is silent for too long, kills it where that does not end it, and
starts again whatever ends.

    with Supervisor(folder) as manager:
        daemon = manager.keep(Unit(name="rigd", command=(...), watchdog_s=1.0))
        daemon.await_ready()

One thread ("supervisor") does it all. What systemd does with the units themselves is tested on systemd.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.support.patience import PATIENCE_S, wait_for
from tests.support.tools import die_with_parent

TICK_S = 0.02
ABORT_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What a unit file says, as far as it matters here."""

    name: str
    command: tuple[str, ...]
    watchdog_s: float
    restart_s: float = 0.1
    environment: Mapping[str, str] = field(default_factory=dict)


class Kept:
    """A unit that is kept running."""

    def __init__(self, unit: Unit, folder: Path) -> None:
        self.unit = unit
        self.statuses: list[str] = []
        self.states: list[str] = []
        """READY, RELOADING, as they were said."""
        self.starts = 0
        self.killed: list[str] = []
        """Which signal ended it, each time the watchdog had to."""
        self.process: subprocess.Popen[bytes] | None = None
        self.ready = False
        self.deadline: float | None = None
        self.start_at = 0.0
        self.wanted = True
        self.aborted_at: float | None = None
        self.log_path = folder / f"{unit.name}.log"

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None and self.process.poll() is None else 0

    def await_ready(self, *, starts: int = 1, within_s: float = PATIENCE_S) -> None:
        """It has been started so often at least, and the newest one said READY=1."""
        wait_for(
            lambda: self.starts >= starts and self.ready,
            f"{self.unit.name} ready, start {starts}; {self.said()}",
            within_s=within_s,
        )

    def said(self) -> str:
        return self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""


class Supervisor:
    """Started and ended by `with`; every process it started is gone afterwards."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._path))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._units: list[Kept] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor")

    def __enter__(self) -> Supervisor:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        for kept in self._units:
            if kept.process is not None:
                kept.process.kill()
                kept.process.wait()
            if kind is not None:
                print(f"--- {kept.unit.name}: {kept.statuses[-3:]}\n{kept.said()}")
        self._socket.close()

    def keep(self, unit: Unit) -> Kept:
        """It runs, and is started again whenever it ends."""
        kept = Kept(unit, self._folder)
        self._units.append(kept)
        return kept

    def _run(self) -> None:
        while not self._over.is_set():
            if select.select([self._socket], [], [], TICK_S)[0]:
                self._hear()
            for kept in list(self._units):
                self._look_after(kept)

    def _hear(self) -> None:
        words, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(struct.calcsize("3i")))
        pid = struct.unpack("3i", ancillary[0][2])[0]
        kept = next((each for each in self._units if each.pid == pid), None)
        if kept is None:
            return
        now = time.monotonic()
        for line in words.decode().splitlines():
            name, _, value = line.partition("=")
            if name in ("READY", "RELOADING"):
                kept.states.append(name)
            if name == "READY":
                kept.ready, kept.deadline = True, now + kept.unit.watchdog_s
            elif name == "WATCHDOG" and kept.ready:
                kept.deadline = now + kept.unit.watchdog_s
            elif name == "STATUS":
                kept.statuses.append(value)

    def _look_after(self, kept: Kept) -> None:
        now = time.monotonic()
        process = kept.process
        if process is None or process.poll() is not None:
            if process is not None and kept.start_at <= 0.0:
                kept.start_at = now + kept.unit.restart_s
            if kept.wanted and now >= kept.start_at:
                self._start(kept)
        elif kept.aborted_at is not None:
            if now - kept.aborted_at > ABORT_WITHIN_S:
                kept.killed.append("SIGKILL")
                process.kill()
                kept.aborted_at = None
        elif kept.deadline is not None and now > kept.deadline:
            kept.deadline, kept.aborted_at = None, now
            kept.killed.append("SIGABRT")
            process.send_signal(signal.SIGABRT)

    def _start(self, kept: Kept) -> None:
        kept.ready, kept.deadline, kept.aborted_at, kept.start_at = False, None, None, 0.0
        environment = {
            **os.environ,
            **kept.unit.environment,
            "NOTIFY_SOCKET": str(self._path),
            "WATCHDOG_USEC": str(round(kept.unit.watchdog_s * 1e6)),
        }
        with kept.log_path.open("ab") as log:
            kept.process = subprocess.Popen(
                kept.unit.command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )
        kept.starts += 1


def stop_unit(kept: Kept, number: int = signal.SIGTERM, *, within_s: float = PATIENCE_S) -> None:
    """The signal was sent, the process has ended, and no other is started."""
    kept.wanted = False
    with contextlib.suppress(ProcessLookupError):
        if kept.pid:
            os.kill(kept.pid, number)
    wait_for(lambda: kept.pid == 0, f"{kept.unit.name} to end", within_s=within_s)


def start_unit(kept: Kept) -> None:
    """It is kept running again."""
    kept.start_at, kept.wanted = 0.0, True
