"""A JACK server of one's own: `jackd -d dummy` under a name nobody else has, ended by process id.

    with JackServer(channels=64) as server:
        subprocess.Popen(command, env=server.environment)

Programs started with `server.environment` talk to this server and never start another one. The server's own
inputs are silent; `CounterPlayer` (counter.py) is what there is to hear.

It runs in real time where that is allowed: with four busy loops on two cores, a server without it lost
periods several times a second (really lost: "client was not finished"), one with it none.

JACK has places for 8 servers on a machine, and a killed one keeps its place until a server of its name ends in
good order. So names are few, locked while in use, and used again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from tests.support.patience import wait_for
from tests.support.tools import die_with_parent, need_tool

READY_WITHIN_S = 20.0
NO_PLACE = "Too many servers already active"
NAMES = tuple(f"rigd-test-{number}" for number in range(6))
NAME_WITHIN_S = 60.0


class JackServer:
    """Runs from `with` to its end. `kill`, `stall` and `go_on` are the faults of a real one."""

    def __init__(
        self,
        *,
        channels: int,
        sample_rate_hz: int = 48_000,
        period_frames: int = 1024,
        name: str = "",
    ) -> None:
        """`name` is for a server that follows another one; by default a free one is taken."""
        self._lock: IO[str] | None = None
        self.name = name
        if not name:
            self._lock, self.name = _take_name()
        self.sample_rate_hz = sample_rate_hz
        self.period_frames = period_frames
        self._channels = channels
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__

    @property
    def environment(self) -> dict[str, str]:
        """For programs that are to use this server."""
        return {**os.environ, **self.jack_environment}

    @property
    def jack_environment(self) -> dict[str, str]:
        """Only what JACK's library reads."""
        return {"JACK_DEFAULT_SERVER": self.name, "JACK_NO_START_SERVER": "1"}

    def start(self) -> None:
        """The server runs and takes clients; also again, after `kill`."""
        try:
            self._start()
        except RuntimeError:
            if NO_PLACE not in self.log() or not _forget_dead_servers():
                raise
            self._start()

    def _start(self) -> None:
        jackd = need_tool("jackd")
        scheduling = ["-R", "-m"] if may_be_realtime() else ["-r"]
        command = [str(jackd), "-n", self.name, *scheduling]
        command += ["-d", "dummy", "-r", str(self.sample_rate_hz), "-p", str(self.period_frames)]
        command += ["-C", str(self._channels), "-P", str(self._channels)]
        self._process = subprocess.Popen(
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            preexec_fn=die_with_parent,
        )
        wait_for(
            self._is_up, f"jackd -n {self.name}", within_s=READY_WITHIN_S, every_s=0.02, instead=self.log
        )

    def _is_up(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"jackd -n {self.name} did not start: {self.log()}")
        return _answers(self.name)

    def kill(self) -> None:
        """The server is gone at once, as if it had crashed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def stall(self) -> None:
        """No period goes by any more, and nobody is told."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Ends `stall`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """The server has ended in its own way; killed after 5 s."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5.0)
            self.kill()

    def log(self) -> str:
        """What the server printed."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def __enter__(self) -> JackServer:
        try:
            self.start()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        self.stop()
        self._log.close()
        if self._lock is not None:
            self._lock.close()


def _take_name() -> tuple[IO[str], str]:
    """A name that no other test on this machine has, as long as the returned file is open."""
    what = f"one of {len(NAMES)} names of JACK servers for tests; all are in use"
    return wait_for(_free_name, what, within_s=NAME_WITHIN_S, every_s=0.1)


def _free_name() -> tuple[IO[str], str] | None:
    for name in NAMES:
        lock = (Path(tempfile.gettempdir()) / f"{name}.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
        else:
            return lock, name
    return None


def name_of_nobody() -> str:
    """Of a server that there is not, nor will be one by another test."""
    return f"rigd-test-{os.urandom(6).hex()}"


def may_be_realtime() -> bool:
    """Whether a process started from here may make its threads SCHED_FIFO; tried in a child."""
    trial = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))"
    return subprocess.run([sys.executable, "-c", trial], capture_output=True, check=False).returncode == 0


def _forget_dead_servers() -> bool:
    """JACK has places for 8 servers, and a killed one keeps its place for ever. Where none runs any more,
    the register of them is removed, and True is returned."""
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdecimal() and (process / "comm").read_text().strip() == "jackd":
                return False
    for left in Path("/dev/shm").glob("jack*"):
        left.unlink(missing_ok=True)
    return True


def open_client(name: str, server_name: str) -> Any:
    """A jack.Client on that server (JACK-Client package), which does not start one and prints nothing."""
    import jack

    jack.set_error_function(_ignore)
    jack.set_info_function(_ignore)
    return jack.Client(name, no_start_server=True, servername=server_name)


def _ignore(message: str) -> None:
    """JACK's library would print it."""


def _answers(server_name: str) -> bool:
    import jack

    try:
        client = open_client("rigd-test-probe", server_name)
    except jack.JackError:
        return False
    client.close()
    return True
