"""The console of 16 strips: what every surface is put through, and what banks and motors are for."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from outside_kit.strips import Strips, StripsSettings

from rigd.hands.bindings import Binding
from rigd.hands.showing import Light
from rigd.hands.surface import ControlSink, Surface
from rigd.model.state import Setting
from tests.outside.far_ends import Console
from tests.support.patience import wait_for
from tests.surfaces.serial_bench import channel, rig
from tests.surfaces.surface_contract import FarEnd, SurfaceContract, running


class AConsole:
    name = "console"

    def __init__(self) -> None:
        self.console = Console()

    def make(self, sink: ControlSink) -> Surface:
        given = json.dumps({"host": "127.0.0.1", "port": self.console.port})
        settings = StripsSettings.model_validate_json(given)
        return Strips(self.name, settings, [Binding(control="button 1", tap="toggle")], sink)

    def plug_in(self) -> None:
        self.console.plug_in()

    def unplug(self) -> None:
        self.console.unplug()

    def press(self) -> None:
        self.console.press(1)

    def light(self) -> Light | None:
        shown = self.console.shown("lamp", "recording")
        return None if shown is None else Light(shown)

    def stop_reading(self) -> None:
        self.console.reads.clear()


class TestStrips(SurfaceContract):
    @pytest.fixture
    def far_end(self) -> FarEnd:
        return AConsole()


WIDE = replace(
    rig(),
    channels=tuple(
        channel(number, gain=Setting(value=30.0, confirmed=True) if number == 18 else None)
        for number in range(1, 25)
    ),
)
"""24 channels: a bank and a half."""


@pytest.fixture
def strips() -> Iterator[tuple[AConsole, Surface, list[tuple[str, object]]]]:
    far_end = AConsole()
    with running(far_end) as (surface, sink):
        surface.show(WIDE, None)
        wait_for(lambda: far_end.console.shown("display", 1) == "Channel 1 --")
        yield far_end, surface, sink.commands


def test_a_bank_shows_other_channels_and_its_faders_and_keys_mean_those(
    strips: tuple[AConsole, Surface, list[tuple[str, object]]],
) -> None:
    (far_end, _, commands), console = strips, strips[0].console
    console.bank(1)
    wait_for(lambda: console.shown("display", 2) == "Channel 18 +30.0", instead=console.texts)
    assert console.shown("motor", 2) == pytest.approx((30 + 12) / 72, abs=1e-4)
    assert console.texts()[8:] == [""] * 8, "channel 25 and further are not there"
    console.fader(2, 0.0)
    wait_for(lambda: [control for control, _ in commands] == ["fader 2"], "a gain")
    console.arm(3)
    wait_for(lambda: [control for control, _ in commands] == ["fader 2", "arm 3"], "an arm key")
    gain, arm = (command for _, command in commands)
    assert (gain.verb, arm.verb, gain.origin) == ("gain", "disarm", far_end.name)  # type: ignore[attr-defined]


def test_of_a_sweep_the_last_place_counts(
    strips: tuple[AConsole, Surface, list[tuple[str, object]]],
) -> None:
    (_, _, commands), console = strips, strips[0].console
    console.bank(1)
    wait_for(lambda: console.shown("display", 2) == "Channel 18 +30.0")
    for step in range(400):
        console.fader(2, step / 400)
    console.fader(2, 1.0)
    wait_for(lambda: commands and commands[-1][1].gain_db == 60.0, "the top")  # type: ignore[attr-defined]
    assert len(commands) < 200, "some of the way, and not each step of it"


def test_a_refusal_stands_at_the_control_that_asked(
    strips: tuple[AConsole, Surface, list[tuple[str, object]]],
) -> None:
    (_, surface, _), console = strips, strips[0].console
    surface.answered("fader 2", False, "channel 2 has no preamp")
    surface.answered("arm 2", True, "")
    wait_for(lambda: console.refused == [("fader 2", "channel 2 has no preamp")])
