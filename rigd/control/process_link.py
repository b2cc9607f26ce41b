"""Keeps one of rigd's own processes running and talks to it. One thread a process.

The process lives in a session of its own and outlives the daemon: what already runs is attached to, not
started again. A process that is gone is started again at once, then with a growing pause. This thread
never decides anything about takes; it passes messages on and says when the process is lost.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from rigd.model.errors import LinkError
from rigd.model.messages import MESSAGES
from rigd.wire.codec import Codec
from rigd.wire.link import Link, connect

log = logging.getLogger(__name__)

LONGEST_LOG_BYTES = 1 << 20
START_GRACE_S = 10.0
STEADY_AFTER_S = 0.5
"""A process that talked for so long did its work, and is started again at once. One that ends sooner, because the
interface is not there, is tried again with a pause."""
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 2.0


class Stuck(Exception):
    """The process is there but makes no progress: it has to be killed."""


class Follower(Protocol):
    """What the owner of a ProcessLink does with what it hears. All called on the link's thread."""

    def connected(self) -> None: ...

    def received(self, message: Any) -> None: ...

    def tick(self) -> None:
        """Called at least every `tick_s`. Raises Stuck where the process must be killed."""

    def lost(self, reason: str) -> None: ...


class ProcessLink:
    """`rigd-capture` or `rigd-writer`, as the daemon sees it."""

    def __init__(
        self,
        *,
        name: str,
        command: Sequence[str],
        runtime_dir: Path,
        follower: Follower,
        tick_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._command = tuple(command)
        self._socket_path = runtime_dir / f"{name}.sock"
        self._log_path = runtime_dir / f"{name}.log"
        self._follower = follower
        self._tick_s = tick_s
        self._clock = clock
        self._codec = Codec(MESSAGES)
        self._stopping = threading.Event()
        self._link: Link | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._pause_s = 0.0
        self._answered = False
        self._thread = threading.Thread(target=self._run, name=f"rigd-{name}-link", daemon=True)

    def start(self) -> None:
        """The link's thread runs; the process is attached to or started."""
        self._thread.start()

    def stop(self) -> None:
        """The link's thread has ended; the process itself goes on. Any thread."""
        self._stopping.set()
        link = self._link
        if link is not None:
            link.close()
        self._thread.join(timeout=5.0)
        if self._child is not None and not self._answered:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout=1.0)

    def stop_process(self, farewell: object, *, within_s: float) -> None:
        """The process was asked to end and has ended, or was killed after `within_s`. The link is over."""
        link, pid = self._link, self.pid
        if link is not None:
            with contextlib.suppress(LinkError):
                link.send(farewell)
        self._stopping.set()
        deadline = self._clock() + within_s
        while pid and self._alive(pid) and self._clock() < deadline:
            time.sleep(0.01)
        if pid and self._alive(pid):
            log.warning("rigd-%s did not end within %.0f s; killed", self._name, within_s)
            self._kill(pid)
        self.stop()

    def send(self, message: object) -> None:
        """The message is on its way. Raises LinkError while the process is not there. Any thread."""
        link = self._link
        if link is None:
            raise LinkError(f"rigd-{self._name} is not there")
        link.send(message)

    @property
    def pid(self) -> int:
        """The process at the other end; 0 while there is none."""
        link = self._link
        return _peer_pid(link) if link is not None else 0

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                link = self._connect_or_start()
                if link is not None:
                    self._follow(link)
            except Exception:
                log.exception("the link to rigd-%s failed; it goes on", self._name)
                self._stopping.wait(1.0)

    def _follow(self, link: Link) -> None:
        self._link = link
        self._answered = True
        linked_at = self._clock()
        pid = _peer_pid(link)
        reason = f"rigd-{self._name} ended"
        try:
            self._follower.connected()
            while not self._stopping.is_set():
                message = link.receive(self._tick_s)
                while message is not None:
                    self._follower.received(message)
                    message = link.receive(0.0)
                self._follower.tick()
        except LinkError as error:
            log.info("rigd-%s: %s", self._name, error)
        except Stuck as error:
            reason = str(error)
            log.warning("rigd-%s: %s; killed, and started again", self._name, error)
            self._kill(pid)
        finally:
            self._link = None
            link.close()
            self._note_life(self._clock() - linked_at)
        if not self._stopping.is_set():
            self._follower.lost(reason)

    def _note_life(self, seconds: float) -> None:
        worked = seconds >= STEADY_AFTER_S
        self._pause_s = 0.0 if worked else min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, 2 * self._pause_s))

    def _connect_or_start(self) -> Link | None:
        with contextlib.suppress(LinkError):
            return connect(self._socket_path, self._codec)
        child = self._child
        if child is not None and child.poll() is not None and not self._answered:
            self._note_life(0.0)  # it ended before it could be talked to
        elif child is not None and child.poll() is None:
            if self._clock() - self._started_at < START_GRACE_S:
                self._stopping.wait(0.02)
                return None
            log.warning("rigd-%s did not answer within %.0f s; killed", self._name, START_GRACE_S)
            self._kill(child.pid)
        if self._stopping.wait(self._pause_s):
            return None
        self._start_process()
        return None

    def _start_process(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self._log_path.stat().st_size > LONGEST_LOG_BYTES:
                self._log_path.unlink()
        with self._log_path.open("ab") as log_file:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                start_new_session=True,
                cwd="/",
            )
        self._started_at = self._clock()
        self._answered = False
        log.info("rigd-%s started (pid %d)", self._name, self._child.pid)

    def _alive(self, pid: int) -> bool:
        if self._child is not None and self._child.pid == pid:
            return self._child.poll() is None
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    def _kill(self, pid: int) -> None:
        if pid <= 0:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if self._child is not None and self._child.pid == pid:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout=2.0)


def python_module(module: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a module of rigd under this very interpreter."""
    return (sys.executable, "-m", module, *arguments)


def _peer_pid(link: Link) -> int:
    """The process that listens at the other end (SO_PEERCRED, unix(7)); 0 once the link is closed."""
    fileno = link.fileno()
    if fileno < 0:
        return 0
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fileno)) as stream:
        credentials = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid: int = struct.unpack("3i", credentials)[0]
        return pid
    return 0
