"""What every kind of surface is put through. A kind says how its far end is plugged in, moved and looked at
(`FarEnd`); `SurfaceContract` is then run over it by a class whose fixture `far_end` gives one.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import Any, Protocol

from msgspec.structs import replace

from rigd.hands.showing import Light, light_of
from rigd.hands.surface import ControlInput, ControlSink, Motion, Surface
from rigd.model.commands import Command
from rigd.model.levels import Levels
from rigd.model.state import RigState, SurfaceStatus
from rigd.model.units import Frame, Ns
from tests.hands.test_showing import CALM
from tests.support.patience import wait_for


class Noted:
    """A ControlSink that notes everything."""

    def __init__(self) -> None:
        self.inputs: list[ControlInput] = []
        self.commands: list[tuple[str, Command | str]] = []
        self.lost: list[str] = []
        self.statuses: list[SurfaceStatus] = []

    def moved(self, control_input: ControlInput) -> None:
        self.inputs.append(control_input)

    def said(self, surface: str, text: str, at_ns: Ns) -> None:
        self.commands.append(("", text))

    def do(self, surface: str, command: Command, *, control: str) -> None:
        self.commands.append((control, command))

    def gone(self, surface: str) -> None:
        self.lost.append(surface)

    def surface_status(self, status: SurfaceStatus) -> None:
        self.statuses.append(status)

    @property
    def is_connected(self) -> bool:
        return bool(self.statuses) and self.statuses[-1].connected

    @property
    def detail(self) -> str:
        return self.statuses[-1].detail if self.statuses else "nothing was reported"


class FarEnd(Protocol):
    """The device of a kind, unplugged at first."""

    name: str
    """Of its section."""

    def make(self, sink: ControlSink) -> Surface:
        """A surface for it, whose switch is bound and whose lamp shows "recording"; not started."""

    def plug_in(self) -> None: ...

    def unplug(self) -> None: ...

    def press(self) -> None:
        """The switch goes down."""

    def light(self) -> Light | None:
        """What the lamp does, by what the device was sent; one that is blinked by rigd may be lit or dark. None:
        nothing yet."""

    def stop_reading(self) -> None:
        """It takes nothing any more; and `unplug` still works."""


@contextmanager
def running(far_end: FarEnd, *, plugged_in: bool = True) -> Any:
    """A started surface and what it reports; its threads end with it."""
    before = set(threading.enumerate())
    sink = Noted()
    surface = far_end.make(sink)
    if plugged_in:
        far_end.plug_in()
    surface.start()
    try:
        if plugged_in:
            wait_for(lambda: sink.is_connected, "connecting", instead=lambda: sink.detail)
        yield surface, sink
    finally:
        surface.stop()
        far_end.unplug()
    assert {each for each in threading.enumerate() if each.is_alive()} <= before


def shows(far_end: FarEnd, state: RigState) -> bool:
    """The lamp is as every kind has to show it."""
    light, seen = light_of("recording", state), far_end.light()
    return seen is light or (light is Light.BLINK and seen in (Light.ON, Light.OFF))


class SurfaceContract:
    """Every kind of surface. Its tests are a subclass with a fixture `far_end`."""

    def test_it_bears_its_section_s_name_and_shows_no_levels_without_a_device(self, far_end: FarEnd) -> None:
        surface = far_end.make(Noted())
        assert surface.name == far_end.name
        assert surface.shows_levels is False
        surface.stop()

    def test_a_device_that_is_missing_is_reported_and_found_when_it_comes(self, far_end: FarEnd) -> None:
        with running(far_end, plugged_in=False) as (surface, sink):
            wait_for(lambda: sink.statuses, "a report")
            assert not sink.is_connected and sink.detail
            surface.show(CALM_ROLLING, None)
            far_end.plug_in()
            wait_for(lambda: sink.is_connected, "connecting", instead=lambda: sink.detail)
            wait_for(lambda: shows(far_end, CALM_ROLLING), "the state of before it came")

    def test_a_press_arrives_with_its_name_and_time(self, far_end: FarEnd) -> None:
        with running(far_end) as (_, sink):
            from_ns = time.monotonic_ns()
            far_end.press()
            wait_for(lambda: sink.inputs, "the press")
            press = sink.inputs[0]
            assert press.surface == far_end.name and press.motion in (Motion.PRESS, Motion.TRIGGER)
            assert from_ns <= press.at_ns <= time.monotonic_ns()

    def test_its_lamp_is_as_everywhere_in_every_state(self, far_end: FarEnd) -> None:
        with running(far_end) as (surface, _):
            for transport, state in CALM.items():
                surface.show(state, None)
                wait_for(lambda state=state: shows(far_end, state), f"{transport}", instead=far_end.light)  # type: ignore[misc]

    def test_one_that_is_pulled_lets_go_and_is_right_again_when_it_returns(self, far_end: FarEnd) -> None:
        with running(far_end) as (surface, sink):
            far_end.press()
            wait_for(lambda: sink.inputs, "the press")
            far_end.unplug()
            wait_for(lambda: sink.lost == [far_end.name], "everything on it is let go")
            wait_for(lambda: not sink.is_connected, "not connected")
            surface.show(CALM_ROLLING, None)
            far_end.plug_in()
            wait_for(lambda: sink.is_connected, "connecting", instead=lambda: sink.detail)
            wait_for(lambda: shows(far_end, CALM_ROLLING), "what came meanwhile")

    def test_a_device_that_takes_nothing_holds_up_nobody(self, far_end: FarEnd) -> None:
        with running(far_end) as (surface, _):
            far_end.stop_reading()
            for number in range(2000):
                surface.show(replace(CALM_ROLLING, number=number, song=f"Song {number}"), LOUD)
                surface.answered("", False, "refused")

    def test_reports_are_news(self, far_end: FarEnd) -> None:
        with running(far_end) as (_, sink):
            pass
        assert all(one != other for one, other in zip(sink.statuses, sink.statuses[1:], strict=False))
        assert {status.name for status in sink.statuses} == {far_end.name}
        assert not sink.is_connected


CALM_ROLLING = next(state for state in CALM.values() if light_of("recording", state) is Light.ON)
LOUD = Levels(at_frame=Frame(0), peak_dbfs=(-3.0,) * 64, rms_dbfs=(-9.0,) * 64, clipped=(0,) * 64)
