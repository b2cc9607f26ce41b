"""A rig that runs for as long as a person answers questions: what it listens to is the truth about an interface.

A process of its own with folders of its own in shared memory; it records nothing and leaves nothing behind, also
where whoever asks is killed. Where a rig of this user runs already and has the interface, that one is looked at
instead, and left as it is. Main thread.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from rigd.api.client import SOCKET_NAME, ControlClient
from rigd.cli.trial_keeper import ENDS_WITHIN_S
from rigd.config.writing import with_value
from rigd.model.errors import LinkError, NotRunning, RigError
from rigd.model.levels import Levels
from rigd.model.requests import StatusAnswer

STARTS_WITHIN_S = 20.0
LOOK_S = 0.1
SHARED_MEMORY = Path("/dev/shm")


class TrialRig:
    """`config` is the text of one. Raises RigError where it cannot run."""

    def __init__(self, config: str) -> None:
        # As short as can be: the tape is memory, and nothing is to be kept.
        for section, key, value in (("tape", "stall_seconds", 1), ("tape", "keep_seconds", 0)):
            config = with_value(config, section, key, value)
        self._folder = Path(
            tempfile.mkdtemp(prefix="rigd-trial-", dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None)
        )
        config = with_value(config, "rig", "library", str(self._folder / "takes"))
        config = with_value(config, "disk", "measure_at_start", False)
        self._process: subprocess.Popen[bytes] | None = None
        self._client: ControlClient | None = None
        try:
            self._start(config)
        except BaseException:
            self.close()
            raise

    def _start(self, config: str) -> None:
        file = self._folder / "rig.toml"
        file.write_text(config, encoding="utf-8")
        runtime = self._folder / "run"
        environment = os.environ | {"RIGD_RUNTIME_DIR": str(runtime)}
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rigd.cli.trial_keeper", str(self._folder), str(file)],
                stdin=subprocess.PIPE,  # its end is how the keeper knows that nobody asks any more
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C is the person's answer to a question, and not this rig's end
            )
        until = time.monotonic() + STARTS_WITHIN_S
        while self._client is None:
            if self._process.poll() is not None:
                raise RigError(f"it cannot be tried out: {self._last_words()}")
            if time.monotonic() > until:
                raise RigError(f"it cannot be tried out: it did not start within {STARTS_WITHIN_S:g} s")
            with contextlib.suppress(NotRunning, LinkError):
                self._client = ControlClient(runtime / SOCKET_NAME)
            time.sleep(LOOK_S)

    def _last_words(self) -> str:
        lines = (self._folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else "it ended at once"

    def look(self) -> StatusAnswer:
        """The state, and the levels since the last look. Raises RigError where it is gone."""
        assert self._client is not None
        return self._client.status(levels=True)

    def levels(self, *, within_s: float) -> Levels | None:
        """The first levels that there are; None where nothing is heard for so long."""
        until = time.monotonic() + within_s
        while True:
            answer = self.look()
            if answer.levels is not None or time.monotonic() > until:
                return answer.levels
            time.sleep(LOOK_S)

    def trouble(self) -> str:
        """Why nothing is heard, where nothing is."""
        interface = self.look().state.interface
        failure = interface.failure or interface.mismatch if interface is not None else ""
        return failure or "the interface was not opened in time"

    def close(self) -> None:
        """It has ended, and its folders are gone."""
        if self._client is not None:
            self._client.close()
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(2 * ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> TrialRig:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
