"""One serial surface and one box on a pty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from hardware_sim.faderbox import Build, FaderBox
from rigd.hands.bindings import Binding
from rigd.surfaces.serial.box import SerialBox
from rigd.surfaces.serial.settings import LineTiming, SerialSettings
from rigd.wire.serial_ports import SerialPort
from tests.support.patience import wait_for
from tests.surfaces.serial_bench import QUICK, Notebook

QUICK_BUILD = Build(beat_s=0.1, dead_s=0.4, pace_ms=1)


class Bench:
    """One surface and one box on a port whose path stays."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.link = folder / "box"
        self.notes = Notebook()
        self._stack = stack

    def box(self, build: Build = QUICK_BUILD) -> FaderBox:
        """A box, plugged in."""
        return self._stack.enter_context(FaderBox(self.link, build))

    def surface(
        self,
        timing: LineTiming = QUICK,
        ports: Callable[[], tuple[SerialPort, ...]] | None = None,
        bindings: Sequence[Binding] = (),
        notes: Notebook | None = None,
        **settings: object,
    ) -> SerialBox:
        """A surface, started."""
        given = (
            {"port": str(self.link), "greeting_wait_s": 0.3} if ports is None else {"greeting_wait_s": 0.3}
        )
        checked = SerialSettings.model_validate({**given, **settings})
        made = SerialBox(
            "box", checked, bindings, notes or self.notes, timing=timing, ports=ports or (lambda: ())
        )
        made.start()
        self._stack.callback(made.stop)
        return made

    def met(self, build: Build = QUICK_BUILD, **settings: object) -> tuple[SerialBox, FaderBox]:
        """Both, and they know each other."""
        box = self.box(build)
        surface = self.surface(**settings)  # type: ignore[arg-type]
        wait_for(lambda: self.notes.status.connected, "the box is met")
        return surface, box
