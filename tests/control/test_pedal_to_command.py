"""The whole way of a foot: pedal, MIDI on a wire, surface, gesture, binding, command, and the reply back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from hardware_sim.pedal import Kind, Pedal, PtyWire
from rigd.control.binder import Binder
from rigd.hands.bindings import ONE_SWITCH, TWO_GESTURES, Binding, binding_of
from rigd.model.commands import (
    Accepted,
    CircleTake,
    Command,
    DiscardAndRestart,
    NextTake,
    Rejected,
    Reply,
    ToggleTake,
)
from rigd.model.roles import Role
from rigd.model.state import SurfaceStatus
from rigd.model.units import Ns
from rigd.rules.permissions import Principal, surface_principal
from rigd.surfaces.midi.surface import MidiSurface
from tests.support.patience import wait_for
from tests.surfaces.midi_bench import STATE, midi_settings

# Times of a foot that is quick and a rig that is patient, so that a busy machine changes no gesture.
SLOW = {"double_ms": 600, "hold_ms": 800, "long_hold_ms": 1300}


class Rig:
    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.reply: Reply = Accepted()

    def submit(self, command: Command, by: Principal) -> Future[Reply]:
        self.commands.append(command)
        future: Future[Reply] = Future()
        future.set_result(self.reply)
        return future


class Chain:
    def __init__(self, path: Path, kind: Kind, binding: Binding, number: int = 80) -> None:
        self.rig = Rig()
        self.statuses: list[SurfaceStatus] = []
        self.pedal = Pedal(lambda: PtyWire(path), kind=kind, number=number)
        self.binder = Binder(
            bindings={"pedal": (binding,)},
            principals={"pedal": surface_principal("pedal", Role.OWNER, (binding,), None)},
            submit=self.rig.submit,
            state=lambda: STATE,
            report=self.statuses.append,
            clock=lambda: Ns(time.monotonic_ns()),
        )
        settings = midi_settings(
            port=f"serial:{path}", settle_ms=50, led=[{"on": "refused", "send": "cc 90"}]
        )
        self.surface = MidiSurface("pedal", settings, (binding,), self.binder)
        self.binder.introduce(self.surface)

    @property
    def connected(self) -> bool:
        return bool(self.statuses) and self.statuses[-1].connected

    def __enter__(self) -> Chain:
        self.pedal.plug_in()
        self.binder.start()
        self.surface.start()
        self.surface.show(STATE, None)
        wait_for(lambda: self.connected)
        return self

    def __exit__(self, *_: object) -> None:
        self.surface.stop()
        self.binder.stop()
        self.pedal.unplug()


@pytest.fixture
def one_switch(tmp_path: Path) -> Iterator[Chain]:
    binding = binding_of(control="cc 80", **ONE_SWITCH, **SLOW)
    with Chain(tmp_path / "midi", "momentary", binding) as chain:
        yield chain


def test_one_switch_says_all_four_things(one_switch: Chain) -> None:
    pedal, commands = one_switch.pedal, one_switch.rig.commands
    said: list[tuple[type[Command], bool]] = []
    for act, command, held in (
        (pedal.tap, ToggleTake, False),
        (pedal.double, NextTake, False),
        (lambda: pedal.hold(1.0), DiscardAndRestart, True),
        (lambda: pedal.long_hold(1.5), CircleTake, True),
    ):
        said.append((command, held))
        before_ns = time.monotonic_ns()
        act()
        wait_for(lambda: len(commands) >= len(said))
        assert [(type(each), each.held) for each in commands] == said
        assert 0 <= commands[-1].at_ns - before_ns < 1_000_000_000  # the press, whenever it was told apart
        assert commands[-1].origin == "pedal"


def test_a_latching_switch_acts_at_every_press(tmp_path: Path) -> None:
    binding = binding_of(control="cc 80", mode="latching", **TWO_GESTURES, **SLOW)
    with Chain(tmp_path / "midi", "latching", binding) as chain:
        for count in (1, 2):
            chain.pedal.tap()
            wait_for(lambda count=count: len(chain.rig.commands) == count)  # type: ignore[misc]
        chain.pedal.double()
        wait_for(lambda: len(chain.rig.commands) == 3)
    assert [type(each) for each in chain.rig.commands] == [ToggleTake, ToggleTake, NextTake]


def test_a_refusal_returns_to_the_pedals_lamp(one_switch: Chain) -> None:
    one_switch.rig.reply = Rejected(reason="no channel is armed")
    wait_for(lambda: one_switch.pedal.lamps == {"cc 90": 0})
    one_switch.pedal.tap()
    wait_for(lambda: one_switch.pedal.lamps == {"cc 90": 127})


def test_a_pedal_that_is_pulled_out_while_held_does_nothing(one_switch: Chain) -> None:
    one_switch.pedal.press()
    one_switch.pedal.unplug()
    wait_for(lambda: not one_switch.connected)
    one_switch.pedal.plug_in()
    wait_for(lambda: one_switch.connected)
    one_switch.pedal.release()
    one_switch.pedal.tap()
    wait_for(lambda: bool(one_switch.rig.commands))
    assert [type(each) for each in one_switch.rig.commands] == [ToggleTake]


def test_what_the_device_says_is_not_held_makes_nothing(one_switch: Chain) -> None:
    one_switch.pedal.press()
    one_switch.pedal.send(bytes.fromhex("B07B00"))  # all notes off
    one_switch.pedal.release()
    one_switch.pedal.tap()
    wait_for(lambda: bool(one_switch.rig.commands))
    assert [type(each) for each in one_switch.rig.commands] == [ToggleTake]


def test_the_first_hold_of_a_pedal_whose_polarity_is_not_known_makes_nothing(tmp_path: Path) -> None:
    """It may be the foot that went up; `again` would throw the take away."""
    binding = binding_of(control="cc 64", **ONE_SWITCH, **SLOW)  # type: ignore[arg-type]
    with Chain(tmp_path / "midi", "momentary", binding, number=64) as chain:
        chain.pedal.hold(1.0)
        time.sleep(1.0)  # the foot rests for longer than a hold
        chain.pedal.tap()
        wait_for(lambda: bool(chain.rig.commands))
        chain.pedal.hold(1.0)
        wait_for(lambda: len(chain.rig.commands) == 2)
    assert [type(each) for each in chain.rig.commands] == [ToggleTake, DiscardAndRestart]
