"""The switches of a port over its wire: what is bound decides, and what is held is let go when its device says so."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hardware_sim.pedal import Pedal, PtyWire
from rigd.hands.bindings import binding_of
from rigd.hands.surface import Motion
from rigd.model.units import Ns
from rigd.surfaces.midi.controls import touches_in
from rigd.surfaces.midi.nothing_held import lets_go
from rigd.surfaces.midi.surface import SENSING_NS
from rigd.surfaces.midi.switches import MOST_CONTROLS, PortSwitches, is_pedals
from tests.support.patience import wait_for
from tests.surfaces.midi_bench import ROLLING, STATE, Stopwatch, running

P, R, H, LET_GO = Motion.PRESS, Motion.RELEASE, Motion.HELD, Motion.LET_GO


@pytest.fixture
def pedal(tmp_path: Path) -> Pedal:
    return Pedal(lambda: PtyWire(tmp_path / "midi"), kind="momentary", number=80)


def did(switches: PortSwitches, *messages: str, is_state: bool = False) -> list[tuple[str, Motion]]:
    made = []
    for message in messages:
        for touch in touches_in(bytes.fromhex(message)):
            made += switches.touched(touch, Ns(time.monotonic_ns()), is_state=is_state)
    return [(each.control, each.edge.motion) for each in made]


def test_what_is_bound_decides_what_a_value_is() -> None:
    bindings = [
        binding_of(control="cc 80 ch 2", tap="toggle", pressed=0, released=127),
        binding_of(control="cc 81", mode="latching", tap="toggle"),
        binding_of(control="cc 82", gain=None, nudge=None, mode="trigger", tap="toggle"),
    ]
    switches = PortSwitches(bindings)
    assert did(switches, "B15000", "B1507F") == [("cc 80 ch 2", P), ("cc 80 ch 2", R)]
    assert did(switches, "B0517F", "B0517F") == [("cc 81 ch 1", P), ("cc 81 ch 1", P)]
    assert did(switches, "B05200", "B05200") == [("cc 82 ch 1", P), ("cc 82 ch 1", P)]


def test_notes_programs_and_machine_control_are_what_they_are() -> None:
    switches = PortSwitches(())
    assert did(switches, "903C40", "803C00", "C003", "F07F7F0606F7") == [
        ("note 60 ch 1", P),
        ("note 60 ch 1", R),
        ("program 3 ch 1", Motion.TRIGGER),
        ("mmc record", Motion.TRIGGER),
    ]


def test_a_state_is_no_press_and_what_is_down_is_held() -> None:
    switches = PortSwitches(())
    assert did(switches, "B0507F", "903C40", "C003", "B05100", is_state=True) == [
        ("cc 80 ch 1", H),
        ("note 60 ch 1", H),
    ]
    assert did(switches, "B05000", "803C00", is_state=True) == [("cc 80 ch 1", R), ("note 60 ch 1", R)]


def test_rubbish_that_names_every_control_leaves_little_behind() -> None:
    switches = PortSwitches((binding_of(control="cc 80", tap="toggle"),))
    for channel in range(16):
        for number in range(128):
            for status in (0xB0, 0x90):
                for touch in touches_in(bytes((status | channel, number, 100))):
                    switches.touched(touch, Ns(0), is_state=False)
                    switches.touched(touch, Ns(10**9), is_state=False)
    assert (len(switches._bound), len(switches._others)) == (16, MOST_CONTROLS)
    assert len(switches.held()) == MOST_CONTROLS


def test_what_is_held_is_of_a_channel() -> None:
    switches = PortSwitches(())
    did(switches, "B0507F", "B1507F", "9A3C40")
    assert switches.held(2) == ["cc 80 ch 2"]
    assert switches.held(2) == []
    assert sorted(switches.held()) == ["cc 80 ch 1", "note 60 ch 11"]


@pytest.mark.parametrize("says", ["B07B00", "B07800", "B07900", "FF"])
def test_what_is_held_is_let_go_when_the_device_says_that_nothing_is(pedal: Pedal, says: str) -> None:
    with pedal, running(pedal) as (_, sink):
        pedal.press()
        pedal.send(bytes.fromhex("913C40"))
        wait_for(lambda: ("note 60 ch 2", P) in sink.switches)
        pedal.send(bytes.fromhex(says))
        wait_for(lambda: ("cc 80 ch 1", LET_GO) in sink.switches)
        pedal.send(bytes.fromhex("913C00"))
        wait_for(lambda: ("note 60 ch 2", R) in sink.switches)
    assert (("note 60 ch 2", LET_GO) in sink.switches) == (says == "FF"), "only what is on that channel"


def test_a_device_that_falls_silent_after_active_sensing_lets_go(pedal: Pedal) -> None:
    clock = Stopwatch()
    with pedal, running(pedal, wait=False, clock=clock) as (_, sink):
        wait_for(lambda: bool(clock.pass_time(100) or sink.status.connected))
        for count in range(1, 11):  # signs of life as late as they may be
            pedal.send(b"\xfe")
            pedal.send(bytes((0xC0, count)))
            wait_for(lambda count=count: sink.switches[-1:] == [(f"program {count} ch 1", Motion.TRIGGER)])
            clock.pass_time(300)
        assert sink.lost == []
        pedal.press()
        wait_for(lambda: ("cc 80 ch 1", P) in sink.switches)
        clock.pass_time(SENSING_NS // 1_000_000 + 1)
        wait_for(lambda: sink.lost == ["pedal"])
        sink.inputs.clear()
        pedal.tap()
        wait_for(lambda: [motion for _, motion in sink.switches] == [P, R])
        clock.pass_time(60_000)
        assert sink.status.connected, "its port is there all the same"
        pedal.press()
        wait_for(lambda: sink.switches[-1] == ("cc 80 ch 1", P))
        assert sink.lost == ["pedal"], "without another sign of life silence is nothing"


def test_a_switch_of_one_value_between_the_ends_is_pressed_soon(pedal: Pedal) -> None:
    with pedal, running(pedal) as (_, sink):
        pedal.send(bytes.fromhex("B05064"))
        wait_for(lambda: ("cc 80 ch 1", P) in sink.switches)


def test_a_press_at_the_very_time_of_its_lamp_is_heard_by_its_release(pedal: Pedal) -> None:
    clock = Stopwatch()
    lamp = [{"on": "recording", "send": "cc 80"}]
    with pedal, running(pedal, wait=False, clock=clock, led=lamp) as (surface, sink):
        wait_for(lambda: bool(clock.pass_time(100) or sink.status.connected))
        surface.show(STATE, None)
        wait_for(lambda: pedal.lamps == {"cc 80": 0})
        surface.show(ROLLING, None)
        wait_for(lambda: pedal.lamps == {"cc 80": 127})
        pressed_ns = clock.now_ns
        pedal.press()  # the same message, within no time: it looks like the lamp's echo
        pedal.send(bytes.fromhex("C001"))
        wait_for(lambda: ("program 1 ch 1", Motion.TRIGGER) in sink.switches)
        assert ("cc 80 ch 1", P) not in sink.switches
        clock.pass_time(150)
        pedal.release()
        wait_for(lambda: sink.switches[-2:] == [("cc 80 ch 1", P), ("cc 80 ch 1", R)])
    (press,) = [each for each in sink.inputs if each.motion is P]
    assert press.at_ns == pressed_ns


@pytest.mark.parametrize(
    ("message", "channel"),
    [
        ("B0787F", 1),
        ("B37900", 4),
        ("BF7B00", 16),
        ("B07D00", 1),
        ("FF", 0),
        ("B07A00", None),
        ("C07B", None),
    ],
)
def test_a_device_says_that_nothing_is_held_on_a_channel_or_on_all(message: str, channel: int | None) -> None:
    assert lets_go(bytes.fromhex(message)) == channel


def test_a_pedals_controllers_are_known() -> None:
    assert is_pedals("cc 64 ch 3") and is_pedals("CC 11")
    assert not is_pedals("cc 80 ch 1") and not is_pedals("note 64 ch 1")
