"""A serial surface against a box on a pty: pyserial on one side, hardware_sim's box on the other."""

from __future__ import annotations

import os
import time

from hardware_sim.faderbox import Build, FaderBox
from rigd.hands.bindings import Binding
from rigd.hands.surface import Motion, Surface
from rigd.model.levels import Levels
from rigd.model.state import Setting, Transport
from rigd.model.units import ChannelNumber, Frame
from rigd.surfaces.serial.settings import LineTiming
from rigd.wire.serial_ports import SerialPort
from tests.support.patience import wait_for
from tests.surfaces.box_bench import Bench
from tests.surfaces.serial_bench import Notebook, channel, rig


def test_it_is_a_surface(bench: Bench) -> None:
    surface: Surface = bench.surface()
    assert not surface.shows_levels


def test_levels_are_read_for_a_box_with_meters_while_it_is_there(bench: Bench) -> None:
    surface, box = bench.met()
    assert surface.shows_levels
    box.mute()
    wait_for(lambda: not surface.shows_levels, "nobody is there")


def test_without_meters_levels_are_read_while_a_display_shows_the_time_of_a_take(bench: Bench) -> None:
    surface, _ = bench.met(Build(meters=0, beat_s=0.1))
    surface.show(rig(), None)
    assert not surface.shows_levels
    surface.show(rig(Transport.ROLLING), None)
    assert surface.shows_levels


def test_a_box_is_met_and_says_what_it_is(bench: Bench) -> None:
    bench.met()
    status = bench.notes.status
    assert (status.name, status.kind, status.port) == ("box", "serial", str(bench.link))
    assert "4 faders, 4 encoders, 8 buttons, 8 LEDs" in status.detail


def test_every_control_arrives_with_the_time_it_was_read(bench: Bench) -> None:
    _, box = bench.met()
    before_ns = time.monotonic_ns()
    box.move(1, 1023)
    box.turn(2, -3)
    box.press(8)
    box.release(8)
    box.do("keep 20")
    wait_for(lambda: bench.notes.commands == ["keep 20"], "the command")
    assert bench.notes.moves() == [
        ("fader 1", Motion.ABSOLUTE, 1.0),
        ("encoder 2", Motion.RELATIVE, -3.0),
        ("button 8", Motion.PRESS, 1.0),
        ("button 8", Motion.RELEASE, 0.0),
    ]
    stamps = [seen.at_ns for seen in bench.notes.inputs]
    assert before_ns <= stamps[0] and stamps == sorted(stamps) and stamps[-1] <= time.monotonic_ns()


def test_where_the_faders_stand_at_connection_moves_nothing(bench: Bench) -> None:
    box = bench.box()
    for fader in (1, 2, 3, 4):
        box.move(fader, 700)
    bench.surface()
    wait_for(lambda: bench.notes.status.connected, "the box is met")
    box.turn(1, 1)
    wait_for(bench.notes.moves, "the encoder")
    assert bench.notes.moves() == [("encoder 1", Motion.RELATIVE, 1.0)]


def test_the_box_shows_the_state_of_the_rig(bench: Bench) -> None:
    surface, box = bench.met(
        values={"fader 2": 3}, bindings=[Binding(control="Fader  1", gain=ChannelNumber(1))]
    )
    levels = Levels(
        at_frame=Frame(1_000_000 + 48_000 * 12),
        peak_dbfs=(-20.0, -8.0),
        rms_dbfs=(-23.0, -11.0),
        clipped=(0, 2),
    )
    surface.show(rig(Transport.ROLLING), levels)
    wait_for(lambda: box.front().meters, "the meters, which come last")
    front = box.front()
    assert front.leds[:4] == ("on", "on", "off", "off")
    assert front.display == ("REC Take 003", "00:00:12")
    assert front.values == {"fader 1": "+30.0", "fader 2": "--"}
    assert front.meters == "AF00"
    assert box.bad_lines == 0


def test_a_gain_is_shown_as_asked_and_then_as_confirmed(bench: Bench) -> None:
    surface, box = bench.met(values={"fader 1": 1})
    asked = Setting(value=30.0, asked=33.0, confirmed=False)
    surface.show(rig(channels=(channel(1, gain=asked),)), None)
    wait_for(lambda: box.front().values == {"fader 1": "?+33.0"}, "the gain that was asked for")
    surface.show(rig(channels=(channel(1, gain=Setting(value=33.0, confirmed=True)),)), None)
    wait_for(lambda: box.front().values == {"fader 1": "+33.0"}, "the confirmed gain")


def test_only_changes_are_sent(bench: Bench) -> None:
    surface, box = bench.met()
    surface.show(rig(), None)
    wait_for(lambda: box.front().display[1] == "Morning", "the display")
    box.received.clear()
    for _ in range(20):
        surface.show(rig(), None)
    surface.show(rig(locked=True), None)
    wait_for(lambda: box.front().leds[3] == "on", "the lock")
    assert [line for line in box.received if line != "beat"] == ["led 4 on"]


def test_an_action_is_answered_where_it_came_from(bench: Bench) -> None:
    surface, box = bench.met()
    surface.answered("button 1", True, "Take 003")
    surface.answered("button 8", False, "locked: hold to stop")
    surface.answered("", True, "")
    wait_for(lambda: len(box.answers()) == 3, "three answers")
    assert box.answers() == ["ok button 1 Take 003", "no button 8 locked: hold to stop", "ok do"]


def test_a_pulled_box_lets_go_and_is_right_again_when_it_returns(bench: Bench) -> None:
    surface, box = bench.met()
    surface.show(rig(), None)
    wait_for(lambda: box.front().display[0] == "READY", "READY")
    box.press(1)
    wait_for(bench.notes.moves, "the press")
    box.vanish()
    wait_for(lambda: bench.notes.lost == ["box"], "gone")
    wait_for(lambda: not bench.notes.status.connected, "not connected")
    wait_for(lambda: "plug the box in" in bench.notes.status.detail, "the cure")
    surface.show(rig(Transport.ROLLING), None)
    box.come_back()
    wait_for(lambda: bench.notes.status.connected, "connected")
    wait_for(lambda: box.front().display == ("REC Take 003", "00:00:00"), "REC")
    assert box.front().leds[0] == "on"
    box.release(1)
    box.press(2)
    wait_for(lambda: ("button 2", Motion.PRESS, 1.0) in bench.notes.moves(), "the next press")
    assert ("button 1", Motion.RELEASE, 0.0) not in bench.notes.moves()


def test_a_box_is_found_by_usb_serial_number_under_another_port_name(bench: Bench) -> None:
    box = bench.box()
    bench.surface(
        usb_serial="8573",
        ports=lambda: (
            (SerialPort(device=os.readlink(bench.link), usb_serial="8573"),)
            if bench.link.is_symlink()
            else ()
        ),
    )
    wait_for(lambda: bench.notes.status.connected, "connected")
    first = bench.notes.status.port
    box.vanish()
    wait_for(lambda: "no serial port has" in bench.notes.status.detail, "gone")
    box.come_back()
    wait_for(lambda: bench.notes.status.connected, "connected again")
    assert bench.notes.status.port != first


def test_the_return_takes_less_than_three_seconds_by_the_real_clockwork(bench: Bench) -> None:
    box = bench.box(Build())
    bench.surface(timing=LineTiming(), greeting_wait_s=2.0)
    wait_for(lambda: bench.notes.status.connected, "connected")
    box.vanish()
    wait_for(lambda: not bench.notes.status.connected, "gone")
    box.come_back()
    wait_for(lambda: bench.notes.status.connected, "connected again", within_s=3.0)


def test_a_mute_box_counts_as_gone_until_it_speaks_again(bench: Bench) -> None:
    surface, box = bench.met()
    box.mute()
    wait_for(lambda: bench.notes.lost == ["box"], "gone")
    wait_for(lambda: not bench.notes.status.connected, "not connected")
    wait_for(lambda: "silent" in bench.notes.status.detail, "why")
    surface.show(rig(locked=True), None)
    box.mute(False)
    wait_for(lambda: bench.notes.status.connected, "connected")
    wait_for(lambda: box.front().leds[3] == "on", "the lock")


def test_a_box_that_missed_the_host_asks_for_everything_again(bench: Bench) -> None:
    surface, box = bench.met()
    surface.show(rig(locked=True), None)
    wait_for(lambda: box.front().leds[3] == "on", "the lock")
    box.deafen()
    wait_for(lambda: box.front().display[0] == "no rigd", "it thinks that rigd is away")
    assert not box.front().host
    assert bench.notes.status.connected
    box.deafen(False)
    wait_for(lambda: box.front().leds[3] == "on", "the lock again")
    wait_for(lambda: box.front().display == ("READY", "Morning"), "the display again")


def test_a_reset_box_is_told_everything_again(bench: Bench) -> None:
    surface, box = bench.met()
    surface.show(rig(Transport.ROLLING), None)
    wait_for(lambda: box.front().leds[0] == "on", "REC")
    box.reboot()
    wait_for(lambda: bench.notes.lost == ["box"], "let go")
    wait_for(lambda: box.front().leds[0] == "on" and box.front().display[0] == "REC Take 003", "REC again")


def test_a_box_that_boots_slowly_is_met_and_a_wrong_box_is_told_apart(bench: Bench) -> None:
    box = bench.box(Build(boot_s=0.5, beat_s=0.1))
    bench.surface()
    wait_for(lambda: "no greeting yet" in bench.notes.status.detail, "an explanation")
    wait_for(lambda: bench.notes.status.connected, "connected")
    box.vanish()
    other = FaderBox(bench.link, Build(version=2, beat_s=0.1))
    with other:
        wait_for(lambda: "version 2" in bench.notes.status.detail, "the version is named")
        assert not bench.notes.status.connected


def test_stopping_leaves_the_box_dark(bench: Bench) -> None:
    surface, box = bench.met()
    surface.show(rig(Transport.ROLLING), None)
    wait_for(lambda: box.front().display[1] == "00:00:00", "REC")
    surface.stop()
    wait_for(lambda: box.front().display[0] == "rigd stopped", "dark")
    assert set(box.front().leds) == {"off"}
    assert not bench.notes.status.connected


def test_a_surface_can_be_started_again(bench: Bench) -> None:
    surface, _ = bench.met()
    surface.stop()
    surface.start()
    wait_for(lambda: bench.notes.status.connected, "connected")


def test_a_port_that_another_program_holds_is_named(bench: Bench) -> None:
    bench.met()
    second = Notebook()
    bench.surface(notes=second)
    wait_for(lambda: "in use by another program" in second.status.detail, "why not")


def test_a_path_that_is_no_serial_port_is_named(bench: Bench) -> None:
    bench.link.write_text("no port")
    bench.surface()
    wait_for(lambda: "could not be opened" in bench.notes.status.detail, "why not")


def test_show_never_waits_for_a_box_that_takes_nothing(bench: Bench) -> None:
    surface, box = bench.met()
    box.deafen()
    spent = []
    for second in range(2000):
        levels = Levels(
            at_frame=Frame(1_000_000 + 48_000 * second), peak_dbfs=(-20.0,), rms_dbfs=(-23.0,), clipped=(0,)
        )
        before = time.perf_counter()
        surface.show(rig(Transport.ROLLING), levels)
        surface.answered("button 1", False, f"no {second}")
        spent.append(time.perf_counter() - before)
    assert sorted(spent)[len(spent) // 2] < 0.005
    box.deafen(False)
    wait_for(lambda: box.front().display == ("REC Take 003", "00:33:19"), "the newest state")


def test_a_deej_box_works_unchanged(bench: Bench) -> None:
    box = bench.box(Build(lines="deej", faders=3))
    box.move(1, 500)
    surface = bench.surface(protocol="deej")
    wait_for(lambda: bench.notes.status.connected, "connected")
    assert "3 faders" in bench.notes.status.detail
    box.move(2, 1022)
    wait_for(lambda: bench.notes.moves() == [("fader 2", Motion.ABSOLUTE, 1.0)], "the slider")
    surface.show(rig(Transport.ROLLING), None)
    box.move(1, 502)  # jitter
    box.move(2, 0)
    wait_for(lambda: len(bench.notes.moves()) == 2, "the slider")
    assert bench.notes.moves()[1] == ("fader 2", Motion.ABSOLUTE, 0.0)
    box.mute()
    wait_for(lambda: bench.notes.lost == ["box"], "gone")
