"""`rigd learn` hears a simulated pedal and writes a config that works with it."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from hardware_sim.pedal import Kind, Pedal, PtyWire
from rigd.cli.learn import kinds_that_learn
from rigd.cli.learning import learn
from rigd.hands.bindings import binding_of, check_binding
from rigd.hands.learning import LearnedControl
from rigd.model.errors import SurfaceError
from rigd.model.units import NS_PER_SECOND, Ns
from rigd.surfaces.midi.learning import Learned, MidiLearner, render
from rigd.surfaces.midi.learnt import Kind as Sort
from rigd.surfaces.midi.learnt import judge
from rigd.surfaces.midi.settings import MidiSettings
from tests.support.jack_server import JackServer
from tests.support.tools import need_tool
from tests.surfaces.pedal_process import PedalProcess


def learned_while(act: Callable[[], None], *, port: str = "") -> LearnedControl:
    """What is learned while a person does as they are told: `act` at each thing said."""
    feet: list[threading.Thread] = []

    def say(text: str) -> None:
        feet.append(threading.Thread(target=act))
        feet[-1].start()

    try:
        kind, learned = learn(kinds_that_learn(), port, seconds=20, say=say)
        assert kind == "midi"
        return learned
    finally:
        for foot in feet:
            foot.join()


@pytest.mark.parametrize(
    ("kind", "control", "mode"),
    [
        ("momentary", "cc 80 ch 2", "momentary"),
        ("note", "note 80 ch 2", "momentary"),
        ("latching", "cc 80 ch 2", "latching"),
        ("fixed", "cc 80 ch 2", "trigger"),
        ("program", "program 80 ch 2", "trigger"),
    ],
)
def test_every_kind_of_switch_is_told_by_its_presses(
    tmp_path: Path, kind: Kind, control: str, mode: str
) -> None:
    with Pedal(lambda: PtyWire(tmp_path / "midi"), kind=kind, channel=2) as pedal:
        learned = learned_while(pedal.tap, port=pedal.port)
    facts = learned.facts
    assert (facts["port"], facts["control"], facts["mode"]) == (pedal_port(tmp_path), control, mode)
    pasted = tomllib.loads(learned.lines)["surface"]["pedal"]
    binding = pasted.pop("binding")[0]
    assert check_binding(binding_of(**binding)) == []
    assert binding["tap"] == "toggle"
    assert ("hold" in binding) == (mode == "momentary")
    assert pasted.pop("kind") == "midi"
    assert MidiSettings(**pasted).port == pedal_port(tmp_path)


def pedal_port(folder: Path) -> str:
    return f"serial:{folder / 'midi'}"


def test_an_expression_pedal_is_told_by_its_many_places(tmp_path: Path) -> None:
    with Pedal(lambda: PtyWire(tmp_path / "midi")) as pedal:
        sweep = b"".join(bytes((0xB0, 11, value)) for value in range(0, 128, 4))
        learned = learned_while(lambda: pedal.send(sweep), port=pedal.port)
    assert learned.facts["absolute"]
    binding = tomllib.loads(learned.lines)["surface"]["pedal"]["binding"][0]
    assert binding == {"control": "cc 11 ch 1", "gain": 1}


def test_a_fader_that_sends_pitch_is_learned_as_one(tmp_path: Path) -> None:
    with Pedal(lambda: PtyWire(tmp_path / "midi")) as pedal:
        learned = learned_while(lambda: pedal.send(bytes.fromhex("E20040")), port=pedal.port)
    assert (learned.facts["control"], learned.facts["absolute"]) == ("pitch ch 3", True)


def test_machine_control_is_learned(tmp_path: Path) -> None:
    with Pedal(lambda: PtyWire(tmp_path / "midi")) as pedal:
        learned = learned_while(lambda: pedal.send(bytes.fromhex("F07F7F0606F7")), port=pedal.port)
    pasted = tomllib.loads(learned.lines)["surface"]["pedal"]
    assert pasted["binding"][0]["control"] == "mmc record"


@pytest.mark.jack
def test_without_a_port_every_port_is_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    need_tool("jackd")
    with JackServer(channels=2) as server:
        for name, value in server.jack_environment.items():
            monkeypatch.setenv(name, value)
        with PedalProcess("Left"), PedalProcess("Right") as right:
            learned = learned_while(right.tap)
    facts = learned.facts
    assert (facts["port"], facts["control"], facts["mode"]) == ("Right:switches", "cc 80 ch 1", "momentary")


def test_when_nothing_is_pressed_that_is_said(tmp_path: Path) -> None:
    with (
        Pedal(lambda: PtyWire(tmp_path / "midi")) as pedal,
        pytest.raises(SurfaceError, match=r"nothing was pressed within 0\.1 s"),
    ):
        learn(kinds_that_learn(), pedal.port, seconds=0.1)


def test_a_line_that_is_not_there_is_told_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(SurfaceError, match="cannot be opened"):
        learn(kinds_that_learn(), f"serial:{tmp_path / 'nothing'}", seconds=0.1)


def test_one_message_alone_is_taken_for_a_latching_switch_and_said_to_be_a_guess() -> None:
    found = judge("cc 80 ch 1", [(0, 127)], number=80)
    assert (found.kind, found.mode, found.is_sure) == (Sort.PRESSES, "latching", False)
    assert "learn it again" in found.remark


def test_a_name_with_quotes_is_pasted_safely() -> None:
    learned = Learned(port='Bob\'s "pedal" \\ 1', control="cc 80 ch 1", mode="momentary")
    assert tomllib.loads(render(learned))["surface"]["pedal"]["port"] == learned.port


def test_of_two_equal_pedals_the_one_that_was_pressed_is_pasted_with_its_usb_socket() -> None:
    learned = Learned(
        port="FCB:FCB MIDI 1", control="cc 80 ch 1", mode="momentary", place=('usb_path = "1-1.4"',)
    )
    pasted = tomllib.loads(render(learned))["surface"]["pedal"]
    assert pasted.pop("kind") == "midi"
    assert (MidiSettings(**{key: pasted[key] for key in ("port", "usb_path")})).usb_path == "1-1.4"


def test_what_noise_at_another_speed_spells_is_no_control() -> None:
    learner = MidiLearner(lambda: Ns(0))
    learner.begin_line("/dev/line", 31_250, lambda said: None)
    pressed = bytes.fromhex("B0507F")
    learner.feed(b"\x7e\x1c\x00\x61" * 4 + pressed, Ns(0))
    assert learner.finding(Ns(2 * NS_PER_SECOND)) is None
    learner.begin_line("/dev/line", 115_200, lambda said: None)
    learner.feed(pressed, Ns(0))
    found = learner.finding(Ns(2 * NS_PER_SECOND))
    assert found is not None and found.learned is not None
    assert (found.learned.facts["control"], found.learned.facts["baud"]) == ("cc 80 ch 1", 115_200)


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("D040", "channel pressure on channel 1"),
        ("A23C40", "the pressure of note 60 on channel 3"),
        ("F07E000901F7", "a system exclusive message (f0 7e 00 09 01 f7 ...)"),
    ],
)
def test_what_rigd_does_not_act_on_is_told_with_the_cure_and_another_switch_is_asked_for(
    message: str, what: str
) -> None:
    learner = MidiLearner(lambda: Ns(0))
    learner.begin_line("/dev/line", 31_250, lambda said: None)
    learner.feed(bytes.fromhex(message), Ns(0))
    found = learner.finding(Ns(2 * NS_PER_SECOND))
    assert found is not None and found.learned is None
    assert found.ask == f"that is {what}, on which rigd does not act: press another switch"
    assert found.trouble.startswith(f"what came is {what}, on which rigd does not act; have the pedal send")
    learner.feed(bytes.fromhex("B0507FB05000"), Ns(3 * NS_PER_SECOND))
    found = learner.finding(Ns(5 * NS_PER_SECOND))
    assert found is not None and found.learned is not None, "what can be used is meant, whatever else came"
    assert found.learned.facts["control"] == "cc 80 ch 1"
