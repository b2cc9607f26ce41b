"""A whole rig as a person runs it: `rigd run` in a process of its own, with its capture and writer processes.

    with RigRun(config) as rig:
        rig.client().command("start")

The runtime folder is on tmpfs, the library on a real disk; after `with` nothing of it runs or lies around.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from rigd.api.client import ControlClient
from rigd.model.errors import LinkError
from rigd.model.state import RigState, Take, Transport
from tests.support.counter import check_counter
from tests.support.patience import PATIENCE_S, wait_for


class RigRun:
    """`config` is the text of the TOML file, without [rig]."""

    def __init__(
        self,
        config: str,
        *,
        overrides: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        config_file: Path | None = None,
    ) -> None:
        self.runtime = Path(tempfile.mkdtemp(prefix="rigd-test-", dir="/dev/shm"))
        self.folder = Path(tempfile.mkdtemp(prefix="rigd-test-"))
        self.library = self.folder / "takes"
        self._config_file = config_file or self.folder / "rig.toml"
        if config_file is None:
            self._config_file.write_text('[rig]\nname = "Test rig"\n' + config, "utf-8")
        self._overrides = [
            f"rig.library={json.dumps(str(self.library))}",
            f"rig.runtime_dir={json.dumps(str(self.runtime))}",
            *overrides,
        ]
        self._environment = {**os.environ, **(environment or {})}
        self._daemon: subprocess.Popen[bytes] | None = None
        self._client: ControlClient | None = None

    def __enter__(self) -> RigRun:
        try:
            self.start()
            self.await_ready()
        except BaseException:
            print(self.logs())
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            print(self.logs())
        self._end()

    # --- the daemon ---

    def daemon_command(self) -> list[str]:
        """What starts the daemon."""
        command = [sys.executable, "-m", "rigd", "run", "--config", str(self._config_file)]
        for override in self._overrides:
            command += ["--set", override]
        return command

    def start(self) -> None:
        """`rigd run` has been started."""
        command = self.daemon_command()
        with (self.folder / "daemon.log").open("ab") as log:
            self._daemon = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def daemon(self) -> subprocess.Popen[bytes]:
        assert self._daemon is not None
        return self._daemon

    def kill_daemon(self) -> None:
        """SIGKILL; capture and writer go on."""
        self.daemon.kill()
        self.daemon.wait()

    def pid_of(self, name: str) -> int:
        """Of "capture", "writer", "mirror" or "blackbox"; 0 while there is none."""
        ending = f"rigd.capture {self.runtime}" if name == "capture" else f"rigd.writer {self.runtime} {name}"
        found = [pid for pid, words in _processes() if words.rstrip().endswith(ending)]
        return found[0] if found else 0

    def kill(self, name: str) -> None:
        """SIGKILL of "capture" or "writer", and another one is there."""
        before = self.pid_of(name)
        assert before, f"no rigd-{name} runs"
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: self.pid_of(name) not in (0, before), f"another rigd-{name}")

    def kill_everything(self) -> None:
        """SIGKILL of daemon, capture and every writer, as near to at once as it goes."""
        names = ("capture", "writer", "mirror", "blackbox")
        for pid in filter(None, [self.daemon.pid, *(self.pid_of(name) for name in names)]):
            os.kill(pid, signal.SIGKILL)
        self.daemon.wait()
        self._hang_up()

    def client(self) -> ControlClient:
        """A connection to the daemon that answers; the same one as long as the daemon lives."""
        return wait_for(self._answering, "rigd to answer", every_s=0.02, instead=self.logs)

    def _answering(self) -> ControlClient | None:
        try:
            if self._client is None:
                self._client = ControlClient(self.runtime / "rigd.sock", origin="test")
            self._client.status()
        except LinkError:
            self._hang_up()
            assert self.daemon.poll() is None, f"rigd ended\n{self.logs()}"
        return self._client

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def state(self) -> RigState:
        """The state now."""
        return self.client().status().state

    def await_state(
        self, condition: Callable[[RigState], bool], what: str, *, within_s: float = PATIENCE_S
    ) -> RigState:
        """The first state seen for which the condition holds."""
        client = self.client()

        def seen() -> RigState | None:
            state = client.status().state
            return state if condition(state) else None

        return wait_for(
            seen, what, within_s=within_s, every_s=0.01, instead=lambda: told(client.status().state)
        )

    def await_transport(self, transport: Transport) -> RigState:
        return self.await_state(lambda state: state.transport is transport, f"transport {transport}")

    def await_ready(self) -> RigState:
        """A take can be started: sound comes in, the writer is there, a session is open."""
        return self.await_state(
            lambda state: (
                state.transport is Transport.READY and state.disk is not None and state.session_folder != ""
            ),
            "a rig that is ready",
        )

    def await_closed(self, count: int) -> tuple[Take, ...]:
        """So many takes are closed and none is open; whole, oldest first."""
        self.await_state(
            lambda state: (
                state.take is None and state.earlier_takes + sum(take.closed for take in state.takes) == count
            ),
            f"{count} closed takes",
        )
        client = self.client()
        return tuple(client.take(take.take_id) for take in client.takes())

    def say(self, text: str) -> None:
        """The command is accepted."""
        answer = self.client().say(text)
        assert answer.accepted, f"{text}: {answer.text}"

    def roll(self, seconds: float) -> None:
        """The rolling take has grown by so much audio on disk: time is told by the sound, not by a clock."""
        state = self.state()
        assert state.take is not None
        until = state.take.durable_frames + round(seconds * state.sample_rate_hz)
        self.await_state(
            lambda now: now.take is not None and now.take.durable_frames >= until,
            f"{seconds} s more on disk",
            within_s=PATIENCE_S + 2 * seconds,
        )

    def await_surfaces(self) -> RigState:
        """Every surface of the config is connected; there is one at least."""
        return self.await_state(
            lambda state: bool(state.surfaces) and all(each.connected for each in state.surfaces),
            "the surfaces are connected",
        )

    def heard_frames(self) -> int:
        """Where the tape ends now."""
        levels = self.client().status(levels=True).levels
        return levels.at_frame if levels is not None else 0

    def await_heard(self, seconds: float) -> None:
        """So much is on the tape."""
        rate = self.state().sample_rate_hz
        wait_for(
            lambda: self.heard_frames() >= seconds * rate,
            f"{seconds} s on the tape",
            within_s=PATIENCE_S + seconds,
        )

    def hear(self, seconds: float) -> None:
        """So much more is on the tape, wherever the writer is."""
        until = self.heard_frames() + seconds * self.state().sample_rate_hz
        wait_for(
            lambda: self.heard_frames() >= until,
            f"{seconds} s more on the tape",
            within_s=PATIENCE_S + seconds,
        )

    def logs(self) -> str:
        """What every process said."""
        logs = ("capture.log", "writer.log", "mirror.log", "blackbox.log")
        parts = [self.folder / "daemon.log", *(self.runtime / name for name in logs)]
        return "\n".join(
            f"--- {part.name}\n{part.read_text('utf-8', 'replace')}" for part in parts if part.exists()
        )

    def _end(self) -> None:
        self._hang_up()
        if self._daemon is not None:
            self._daemon.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._daemon.wait(timeout=PATIENCE_S)
            self._daemon.kill()
            self._daemon.wait()
        left = {pid: words for pid, words in _processes() if str(self.runtime) in words}
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.runtime, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not left, f"rigd left processes behind: {left}"


def told(state: RigState) -> str:
    """The state in a few lines, for a message."""
    takes = [(take.slate.number, take.closed, take.durable_frames) for take in state.takes]
    faults = [fault.what for fault in state.faults]
    return f"{state.transport}, rolling {state.take}, takes (number, closed, frames) {takes}, faults {faults}"


def _processes() -> Iterator[tuple[int, str]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                if "Z" not in (entry / "stat").read_text().rpartition(")")[2][:3]:
                    yield int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()


def take_codes(take: Take) -> npt.NDArray[np.int64]:
    """Every sample of a closed take's mono 24-bit files, channels x frames, read by libsndfile."""
    rows = []
    for file in take.files:
        samples, _ = soundfile.read(Path(take.folder) / file.name, dtype="int32")
        rows.append(samples.astype(np.int64) >> 8)
    lengths = {len(row) for row in rows}
    assert len(lengths) == 1, f"files of different length: {lengths}"
    return np.stack(rows)


def check_take(take: Take, *, first: int | None = None) -> int:
    """Every sample is the counter's, of every channel, without a gap; returns the value that must follow."""
    assert not take.gaps, f"{take.gaps}"
    return check_counter(take_codes(take), first=first, what=f"take {take.slate.number}")


def is_settled(take: Take) -> bool:
    """Nothing is left to do to the closed take: take.json has the SHA-256 of its files."""
    files = sheet_of(take).get("files", ())
    return bool(files) and all(file["sha256"] for file in files)


def sheet_of(take: Take) -> dict[str, Any]:
    """take.json, as it lies there now; empty where there is none yet."""
    path = Path(take.folder) / "take.json"
    plain: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return plain
