"""A rig that a person started in a terminal: in a shell on a pseudo-terminal, in tmux, or over a connection of pipes.

    with TerminalRig(config, Started.FOREGROUND) as rig:
        rig.hang_up()

The rig outlives the terminal; after `with` neither is left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shlex
import signal
import subprocess
import termios
import threading
import time
from enum import Enum
from typing import Any

from rigd.wire.process_handle import ProcessHandle
from tests.support.patience import wait_for
from tests.support.rig import PATIENCE_S, RigRun


class Started(Enum):
    """How the person started it."""

    FOREGROUND = "in the foreground"
    NOHUP = "with nohup"
    NOHUP_LIVE = "with nohup --plain, in the background"
    PIPES = "over a connection without a terminal"
    TMUX = "in tmux"


class FoundProcess:
    """A process that is no child of the tests, with as much of Popen as a RigRun needs."""

    def __init__(self, pid: int) -> None:
        """OSError where there is none."""
        self.pid = pid
        self._handle = ProcessHandle.of_number(pid)

    def poll(self) -> int | None:
        return 0 if self._handle.has_ended() else None

    def terminate(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        self._handle.kill()

    def wait(self, timeout: float = PATIENCE_S) -> int:
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("rigd", timeout)
            time.sleep(0.01)
        return 0


class TerminalRig(RigRun):
    """`how` says which terminal; the rest is a RigRun's."""

    def __init__(self, config: str, how: Started, **more: Any) -> None:
        super().__init__(config, **more)
        self._how = how
        self._master = -1
        self._shell: subprocess.Popen[bytes] | None = None
        self._shown = bytearray()
        self._hung_up = threading.Event()
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        match self._how:
            case Started.PIPES:
                self._start_with_pipes()
            case Started.TMUX:
                command = shlex.join(self.daemon_command())
                self._tmux("new-session", "-d", "-s", "rig", "-x", "100", "-y", "30", "bash --norc")
                self._tmux("send-keys", "-t", "rig", command, "Enter")
            case _:
                self._start_in_shell()
        lock = self.runtime / "rigd.lock"
        wait_for(lambda: lock.exists() and lock.read_text().strip().isdecimal(), "rigd runs")
        self._daemon = FoundProcess(int(lock.read_text()))  # type: ignore[assignment]

    def _start_with_pipes(self) -> None:
        self._shell = subprocess.Popen(
            self.daemon_command(),
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _start_in_shell(self) -> None:
        self._master, line = os.openpty()
        environment = {**self._environment, "PS1": "$ ", "TERM": "xterm", "HOME": str(self.folder)}
        self._shell = subprocess.Popen(
            ["bash", "--norc", "-i"],
            env=environment,
            cwd=self.folder,
            stdin=line,
            stdout=line,
            stderr=line,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(line)
        self._reader = threading.Thread(target=self._read_screen, name="screen", daemon=True)
        self._reader.start()
        command = shlex.join(self.daemon_command())
        self.type(
            {
                Started.NOHUP: f"nohup {command} > /dev/null 2>&1 &\n",
                Started.NOHUP_LIVE: f"nohup {command} --plain &\n",
            }.get(self._how, f"{command}\n")
        )

    def _read_screen(self) -> None:
        """A read that waits would keep the terminal open when it is to be closed: so it never waits."""
        while not self._hung_up.is_set():
            with contextlib.suppress(OSError):
                if select.select([self._master], [], [], 0.05)[0]:
                    self._shown += os.read(self._master, 65536)

    @property
    def screen(self) -> str:
        """All that was drawn until now."""
        return bytes(self._shown).decode("utf-8", "replace")

    @property
    def reads_keys(self) -> bool:
        """Each key as it comes, and not a line: the terminal shows none of them by itself."""
        return not termios.tcgetattr(self._master)[3] & termios.ECHO

    def type(self, text: str) -> None:
        """The person types this; "\\x03" is Ctrl-C."""
        os.write(self._master, text.encode())

    def hang_up(self) -> None:
        """The terminal is gone: its other end is closed, as sshd or a terminal window does it."""
        match self._how:
            case Started.PIPES:
                assert (
                    self._shell is not None
                    and self._shell.stdout is not None
                    and self._shell.stdin is not None
                )
                self._shell.stdout.close()
                self._shell.stdin.close()
            case Started.TMUX:
                self._tmux("kill-server")
            case _:
                self._close_terminal()

    def _close_terminal(self) -> None:
        self._hung_up.set()
        if self._reader is not None:
            self._reader.join()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def _tmux(self, *words: str) -> None:
        socket = str(self.folder / "tmux")
        subprocess.run(["tmux", "-S", socket, *words], env=self._environment, check=True, capture_output=True)

    def _end(self) -> None:
        if self._how is Started.TMUX:
            with contextlib.suppress(subprocess.CalledProcessError):
                self._tmux("kill-server")
        super()._end()
        self._close_terminal()
        if self._shell is not None:
            self._shell.kill()
            self._shell.wait()


def _take_terminal() -> None:
    """As a login does it, whatever whoever runs the tests has ignored."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
