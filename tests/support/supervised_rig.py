"""A whole rig as systemd runs it: daemon, capture and writer are units of a service manager (supervisor.py), the
daemon with --supervised. Use it as a RigRun."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from tests.support.rig import RigRun
from tests.support.supervisor import Kept, Supervisor, Unit, stop_unit

WATCHDOG_S = 4.0
"""systemd/*.service say 10 s and more; a busy machine must not look like a dead process here."""


class SupervisedRig(RigRun):
    """`units` are started in this order, as they are listed."""

    def __init__(
        self,
        config: str,
        *,
        overrides: Sequence[str] = (),
        order: Sequence[str] = ("rigd", "capture", "writer"),
        watchdog_s: float = WATCHDOG_S,
    ) -> None:
        super().__init__(config, overrides=overrides)
        self._order = order
        self._watchdog_s = watchdog_s
        self.units: dict[str, Kept] = {}
        self._manager: Supervisor | None = None

    def start(self) -> None:
        """Every unit is being started; none waits for another."""
        self._manager = Supervisor(self.folder).__enter__()
        for name in self._order:
            self.units[name] = self._manager.keep(
                Unit(name=name, command=self._command(name), watchdog_s=self._watchdog_s)
            )
        self.units["rigd"].await_ready()

    def _command(self, name: str) -> tuple[str, ...]:
        if name != "rigd":
            return (sys.executable, "-m", f"rigd.{name}", str(self.runtime))
        return (*self.daemon_command(), "--supervised", "--plain")

    @property
    def daemon(self) -> subprocess.Popen[bytes]:
        process = self.units["rigd"].process
        assert process is not None
        return process

    def logs(self) -> str:
        return "\n".join(
            f"--- {kept.unit.name}: {kept.statuses[-5:]}\n{kept.said()}" for kept in self.units.values()
        )

    def _end(self) -> None:
        self._hang_up()
        for name in ("rigd", "writer", "capture"):
            if name in self.units:
                stop_unit(self.units[name])
        if self._manager is not None:
            self._manager.__exit__(None, None, None)
        super()._end()
