"""MIDI on a serial line, and all that is the same on every port: a pty stands for the tty."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from hardware_sim.pedal import Kind, Pedal, PtyWire
from rigd.hands.surface import Motion
from rigd.model.units import Frame
from rigd.surfaces.midi.settings import MidiSettings
from rigd.surfaces.midi.surface import MidiSurface
from tests.support.patience import wait_for
from tests.surfaces.midi_bench import ROLLING, STATE, Sink, Stopwatch, midi_settings, running
from tests.surfaces.serial_bench import take

PRESS, RELEASE = ("cc 80 ch 1", Motion.PRESS), ("cc 80 ch 1", Motion.RELEASE)
ENDED = take(end_frame=Frame(1_000_000 + 96_000))
LAMPS = ({"on": "recording", "send": "cc 80"}, {"on": "ready", "send": "note 61", "lit": 5})


def pedal_on(path: Path, kind: Kind = "momentary", number: int = 80) -> Pedal:
    return Pedal(lambda: PtyWire(path), kind=kind, number=number)


@pytest.fixture
def pedal(tmp_path: Path) -> Iterator[Pedal]:
    with pedal_on(tmp_path / "midi") as pedal:
        yield pedal


def test_a_press_and_its_release_arrive_with_the_time_of_their_arrival(pedal: Pedal) -> None:
    with running(pedal) as (_, sink):
        before_ns = time.monotonic_ns()
        pedal.press()
        wait_for(lambda: sink.switches == [PRESS])  # what is read at once came at once
        pedal.release()
        wait_for(lambda: sink.switches == [PRESS, RELEASE])
        after_ns = time.monotonic_ns()
    times = [each.at_ns for each in sink.inputs]
    assert before_ns <= times[0] < times[-1] <= after_ns
    assert {each.surface for each in sink.inputs} == {"pedal"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("latching", [("cc 80 ch 1", Motion.PRESS), ("cc 80 ch 1", Motion.RELEASE)]),
        ("fixed", [("cc 80 ch 1", Motion.PRESS)] * 2),
        ("program", [("program 80 ch 1", Motion.TRIGGER)] * 2),
        ("note", [("note 80 ch 1", Motion.PRESS), ("note 80 ch 1", Motion.RELEASE)] * 2),
    ],
)
def test_every_kind_of_switch_is_heard(
    tmp_path: Path, kind: Kind, expected: list[tuple[str, Motion]]
) -> None:
    with pedal_on(tmp_path / "midi", kind) as pedal, running(pedal) as (_, sink):
        pedal.double()
        wait_for(lambda: sink.switches == expected)


def test_machine_control_is_heard(pedal: Pedal) -> None:
    with running(pedal) as (_, sink):
        pedal.send(bytes.fromhex("F07F7F060607F7"))
        wait_for(lambda: sink.switches == [("mmc record", Motion.TRIGGER), ("mmc exit", Motion.TRIGGER)])


def test_an_expression_pedal_tells_its_place(pedal: Pedal) -> None:
    with running(pedal) as (_, sink):
        pedal.send(bytes.fromhex("B00B00 0B20 0B7F"))
        wait_for(lambda: sum(each.motion is Motion.ABSOLUTE for each in sink.inputs) == 3)
    places = [each.value for each in sink.inputs if each.motion is Motion.ABSOLUTE]
    assert places == [0.0, 32 / 127, 1.0]


def test_a_fader_of_fourteen_bits_tells_its_place_where_it_is_bound(pedal: Pedal) -> None:
    with running(pedal, controls=("nrpn 300", "cc14 7")) as (_, sink):
        pedal.send(bytes.fromhex("B06302 B0622C B0067F B0267F B0077F B02700"))
        wait_for(lambda: any(each.control == "cc14 7 ch 1" for each in sink.inputs))
    places = {each.control: each.value for each in sink.inputs}
    assert places["nrpn 300 ch 1"] == 1.0
    assert places["cc14 7 ch 1"] == 16256 / 16383


def test_a_switch_that_is_down_at_start_is_held_and_never_pressed(pedal: Pedal) -> None:
    with running(pedal, wait=False, settle_ms=700) as (_, sink):

        def is_seen() -> bool:
            pedal.press()  # its state, as a device tells it when its port is opened
            return bool(sink.inputs)

        wait_for(is_seen, "the switch is seen", every_s=0.01)
        wait_for(lambda: sink.status.connected)
        assert {motion for _, motion in sink.switches} == {Motion.HELD}
        pedal.release()
        pedal.tap()
        wait_for(lambda: sink.switches[-3:] == [RELEASE, PRESS, RELEASE])


def test_a_program_that_is_told_at_start_is_no_press(tmp_path: Path) -> None:
    with pedal_on(tmp_path / "midi", "program") as pedal:
        pedal.press()  # waits in the line until it is opened
        with running(pedal) as (_, sink):
            pedal.press()
            wait_for(lambda: bool(sink.switches))
            assert sink.switches == [("program 80 ch 1", Motion.TRIGGER)]


def test_lamps_show_the_state_from_the_connection_on_and_change_only_with_it(pedal: Pedal) -> None:
    with running(pedal, led=LAMPS) as (surface, _):
        surface.show(STATE, None)
        wait_for(lambda: pedal.lamps == {"cc 80": 0, "note 61": 5})
        surface.show(ROLLING, None)
        wait_for(lambda: pedal.lamps == {"cc 80": 127, "note 61": 0})
        surface.stop()
        wait_for(lambda: pedal.lamps == {"cc 80": 0, "note 61": 0})


def test_a_take_that_is_not_yet_safe_blinks_until_it_is_closed(pedal: Pedal) -> None:
    led = [{"on": "recording", "send": "cc 80"}, {"on": "closing", "send": "cc 81"}]
    with running(pedal, led=led) as (surface, _):
        surface.show(replace(STATE, takes=(ENDED,)), None)
        for value in (127, 0, 127, 0):
            wait_for(lambda value=value: pedal.lamps == {"cc 80": value, "cc 81": 127})  # type: ignore[misc]
        surface.show(replace(STATE, takes=(replace(ENDED, closed=True),)), None)
        wait_for(lambda: pedal.lamps == {"cc 80": 0, "cc 81": 0})


def test_a_refused_command_lights_its_lamp_for_a_moment(pedal: Pedal) -> None:
    with running(pedal, led=[{"on": "refused", "send": "cc 90"}]) as (surface, _):
        surface.show(STATE, None)
        wait_for(lambda: pedal.lamps == {"cc 90": 0})
        surface.answered("cc 80 ch 1", False, "no channel is armed")
        wait_for(lambda: pedal.lamps == {"cc 90": 127})
        wait_for(lambda: pedal.lamps == {"cc 90": 0})


def test_an_echo_of_a_lamp_is_no_press(pedal: Pedal) -> None:
    """However busy the machine is: the time stands still, as an echo that comes too late is a press."""
    clock, lamp = Stopwatch(), [{"on": "recording", "send": "cc 80"}]
    with running(pedal, wait=False, clock=clock, led=lamp) as (surface, sink):
        wait_for(lambda: bool(clock.pass_time(100) or sink.status.connected))
        for state, value in ((STATE, 0), (ROLLING, 127), (STATE, 0)):
            surface.show(state, None)
            wait_for(lambda value=value: pedal.lamps == {"cc 80": value})  # type: ignore[misc]
        pedal.send(bytes.fromhex("B05000 B0517F"))  # the echo, then another switch
        wait_for(lambda: ("cc 81 ch 1", Motion.PRESS) in sink.switches)
        assert not [switch for switch in sink.switches if switch[0] == "cc 80 ch 1"]


def test_a_vanished_port_lets_go_and_is_opened_again_with_its_lamps(pedal: Pedal) -> None:
    with running(pedal, led=LAMPS) as (surface, sink):
        surface.show(ROLLING, None)
        wait_for(lambda: pedal.lamps == {"cc 80": 127, "note 61": 0})
        for count in (1, 2):
            pedal.press()
            pedal.unplug()
            wait_for(lambda: not sink.status.connected)
            assert "opens it by itself" in sink.status.detail
            wait_for(lambda count=count: sink.lost == ["pedal"] * count)  # type: ignore[misc]
            pedal.plug_in()
            wait_for(lambda: sink.status.connected)
            wait_for(lambda: pedal.lamps == {"cc 80": 127, "note 61": 0})
        sink.inputs.clear()
        pedal.tap()
        wait_for(lambda: sink.switches == [PRESS, RELEASE])
    assert [one.connected for one in sink.statuses].count(True) == 3
    assert all(one != other for one, other in pairwise(sink.statuses)), "reported only when it is another one"
    assert sink.status.detail == "stopped"


def test_a_port_that_is_missing_at_start_is_no_error_and_is_found_later(tmp_path: Path) -> None:
    pedal = pedal_on(tmp_path / "midi")
    sink = Sink()
    surface = MidiSurface("pedal", MidiSettings(port=f"serial:{tmp_path / 'midi'}"), (), sink)
    surface.start()
    try:
        wait_for(lambda: sink.status.detail.endswith("is not there; plug it in, rigd opens it by itself"))
        with pedal:
            wait_for(lambda: sink.status.connected)
    finally:
        surface.stop()


def test_after_any_rubbish_the_next_press_works_and_memory_is_bounded(pedal: Pedal) -> None:
    chance = random.Random(1)
    with running(pedal) as (_, sink):
        pedal.tap()
        wait_for(lambda: sink.switches[-2:] == [PRESS, RELEASE])
        for _ in range(25):
            pedal.send(chance.randbytes(4096))
            sink.inputs.clear()
        tracemalloc.start()
        pedal.send(b"\xf0")
        for _ in range(64):
            pedal.send(b"\x01" * 16_384)  # 1 MiB of a sysex without end
        sink.inputs.clear()
        kept_bytes, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert kept_bytes < 64 * 1024
        pedal.tap()
        wait_for(lambda: sink.switches[-2:] == [PRESS, RELEASE])


@pytest.mark.parametrize(
    "settings",
    [
        {"port": ""},
        {"port": " "},
        {"port": "x", "led": [{"on": "phantom 0", "send": "cc 3"}]},
        {"port": "x", "led": [{"on": "recording"}]},
        {"port": "x", "baud": 1},
        {"port": "x", "sysex": True},
        {"port": "x", "led": [{"on": "recording", "send": "program 3"}]},
        {"port": "x", "led": [{"on": "smiling", "send": "cc 3"}]},
        {"port": "x", "led": [{"on": "fault", "send": "cc 200"}]},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        midi_settings(**settings)


def test_two_lamps_on_one_message_are_lit_when_one_of_them_is(pedal: Pedal) -> None:
    lamps = [{"on": "fault", "send": "cc 80", "lit": 3}, {"on": "recording", "send": "cc 80", "lit": 1}]
    with running(pedal, led=lamps) as (surface, _):
        surface.show(ROLLING, None)
        wait_for(lambda: pedal.lamps == {"cc 80": 1})
