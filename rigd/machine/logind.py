"""What rigd asks of systemd-logind over D-Bus, by systemd's own tools: no suspend, and power off. Any thread.

As tools of their own they bring no library and no D-Bus code into the daemon, and the kernel ends what they hold with
them. Who may ask is polkit's affair: a service's user needs systemd/50-rigd.rules (docs/service.md).
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
from types import TracebackType

INHIBIT = "systemd-inhibit"
SLEEPS = ("sleep:idle:handle-lid-switch", "sleep:idle", "idle")
"""From the most that can be held off to the least: who is not at the machine may hold off less."""
HELD = b"held\n"
ANSWER_WITHIN_S = 20.0
"""logind may first have to start polkit, on a slow machine."""
REFUSALS = ("denied", "authentication", "not permitted", "not authorized")
CURE = "a service's user needs systemd/50-rigd.rules in /etc/polkit-1/rules.d, anybody else a session at the machine"


class NotHeld(Exception):
    """The machine may suspend; says why."""


class Inhibitor:
    """From here to `close` the machine does not suspend. It ends with this process, however that ends: the tool holds
    the lock as long as its standard input, which is this process's pipe, is open."""

    def __init__(self, why: str) -> None:
        """Raises NotHeld."""
        if shutil.which(INHIBIT) is None:
            raise NotHeld(f"{INHIBIT} is not here (Debian's package systemd)")
        for what in SLEEPS:
            said = self._asked(what, why)
            if not said:
                return
            if not _is_refusal(said):
                raise NotHeld(f"logind: {said}")
        raise NotHeld(f"logind: {said}; {CURE}")

    def _asked(self, what: str, why: str) -> str:
        """Empty where it is held; else what the tool says."""
        words = (INHIBIT, f"--what={what}", "--who=rigd", f"--why={why}", "--mode=block")
        self.what = what
        process = self._process = subprocess.Popen(
            [*words, "sh", "-c", "echo held; cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        assert process.stdout is not None and process.stderr is not None
        ready, _, _ = select.select([process.stdout], [], [], ANSWER_WITHIN_S)
        if ready and os.read(process.stdout.fileno(), 64) == HELD:
            return ""
        process.kill()
        said = process.stderr.read().decode("utf-8", "replace").strip()
        self.close()
        return said or "no answer"

    @property
    def is_held(self) -> bool:
        """False where the tool was ended by somebody."""
        return self._process.poll() is None

    def close(self) -> None:
        """It may suspend again. Idempotent."""
        process = self._process
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            process.wait(ANSWER_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Inhibitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def switch_off() -> str:
    """The machine goes off: logind was asked, and said yes. Else why not; rigd itself is over either way."""
    manager = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
    command = ["busctl", "--system", "call", *manager, "PowerOff", "b", "false"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_WITHIN_S,
            cwd="/",
        )
    except FileNotFoundError:
        return "the machine stays on: busctl is not here (Debian's package systemd). Every take is safe"
    except subprocess.TimeoutExpired:
        return "the machine stays on: logind did not answer. Every take is safe"
    if done.returncode == 0:
        return ""
    said = done.stderr.strip()
    cure = f"; {CURE}" if _is_refusal(said) else ""
    return f"the machine stays on: logind: {said}{cure}. Every take is safe"


def _is_refusal(said: str) -> bool:
    return any(word in said.lower() for word in REFUSALS)
