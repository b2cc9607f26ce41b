"""A real rigd-capture process in a runtime folder on tmpfs, as the daemon sees it.

    with CaptureRun(runtime, settings) as capture:
        capture.await_listening()
        tape = capture.tape()

Every wait polls for its condition with a generous deadline.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import msgspec

from rigd.model.errors import LinkError
from rigd.model.messages import CapturePhase, CaptureReport, CaptureSettings, StopCapture, TapeGeometry
from rigd.tape.tape import Tape
from rigd.wire.codec import Codec
from rigd.wire.link import Link, connect
from tests.support.patience import PATIENCE_S, wait_for


@contextmanager
def runtime_folder() -> Iterator[Path]:
    """A runtime folder on tmpfs where there is one, with a path short enough for sockets."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="rigd-test-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def settings_for(
    driver: str,
    *,
    channels: int,
    device: str = "",
    sample_rate_hz: int = 48_000,
    period_frames: int = 1024,
    capacity_frames: int = 1 << 19,
    options: Mapping[str, str | int | float | bool] | None = None,
) -> CaptureSettings:
    """Settings with a tape of some seconds."""
    return CaptureSettings(
        driver=driver,
        device=device,
        period_frames=period_frames,
        tape=TapeGeometry(channels=channels, sample_rate_hz=sample_rate_hz, capacity_frames=capacity_frames),
        options=dict(options or {}),
    )


class CaptureRun:
    """One life of the process, from `with` to its end. Start another in the same folder to come back."""

    def __init__(
        self,
        runtime: Path,
        settings: CaptureSettings,
        *,
        environment: Mapping[str, str] | None = None,
        before_start: Callable[[], None] | None = None,
        program: Sequence[str] = ("-m", "rigd.capture"),
    ) -> None:
        """`before_start` runs in the new process, between fork and exec; `program`: what Python is to run."""
        self.runtime = runtime
        self._environment = {**os.environ, **(environment or {})}
        self._before_start = before_start
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._link: Link | None = None
        self._tape: Tape | None = None
        self._log_path = runtime / "capture.log"
        (runtime / "capture.json").write_bytes(msgspec.json.encode(settings))

    def __enter__(self) -> CaptureRun:
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._program, str(self.runtime)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=self._before_start,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tape is not None:
            self._tape.close()
        if self._link is not None:
            self._link.close()
        self.kill()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def link(self) -> Link:
        """A connection to the process, once it listens."""
        if self._link is None:
            wait_for(self._connects, "rigd-capture listens on its socket")
        assert self._link is not None
        return self._link

    def reconnect(self) -> Link:
        """Another connection in place of the one before, as a restarted daemon would make it."""
        if self._link is not None:
            self._link.close()
            self._link = None
        return self.link()

    def _connects(self) -> bool:
        try:
            self._link = connect(self.runtime / "capture.sock", Codec((CaptureReport, StopCapture)))
        except LinkError:
            assert self.process.poll() is None, f"rigd-capture ended: {self.log()}"
            return False
        return True

    def await_phase(self, phase: CapturePhase) -> CaptureReport:
        """The first report of that phase."""
        while True:
            report = self.link().receive(PATIENCE_S)
            assert isinstance(report, CaptureReport), f"no report of {phase} came: {self.log()}"
            if report.phase is phase:
                return report
            assert report.phase is not CapturePhase.FAILED, f"{report.failure}\n{self.log()}"

    def await_listening(self) -> CaptureReport:
        """The interface is heard."""
        return self.await_phase(CapturePhase.LISTENING)

    def await_failure(self) -> tuple[CaptureReport, int]:
        """It could not be opened: the report, and how the process then ended."""
        report = self.await_phase(CapturePhase.FAILED)
        return report, self.process.wait(timeout=PATIENCE_S)

    def tape(self) -> Tape:
        """The tape that it writes, for reading."""
        if self._tape is None:
            self._tape = Tape.attach(self.runtime / "tape", writable=False)
        return self._tape

    def await_frames(self, frames: int) -> None:
        """So many frames more than there are now are on the tape."""
        until = self.tape().written + frames
        wait_for(lambda: self.tape().written >= until, f"{frames} more frames on the tape")

    def ask_to_stop(self) -> int:
        """StopCapture, and its exit code."""
        self.link().send(StopCapture())
        return self.process.wait(timeout=PATIENCE_S)

    def kill(self) -> None:
        """SIGKILL; no matter if it has ended already."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def log(self) -> str:
        """What all processes of this folder have said."""
        return self._log_path.read_text("utf-8", errors="replace")
