"""What speaks on a serial line: `rigd learn` knows deej's boxes and rigd's own, and what it prints moves a gain."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from hardware_sim.faderbox import Build, FaderBox
from hardware_sim.pedal import PtyWire
from rigd.cli.learn import kinds_that_learn
from rigd.cli.learning import learn
from rigd.cli.learning_line import Line, LineBusy, speeds_of
from rigd.config.load import load_config
from rigd.hands.learning import LearnedControl, Learner
from rigd.hands.surface import Motion
from rigd.model.errors import SurfaceError
from rigd.model.units import Ns
from rigd.surfaces.serial.box import SerialBox
from rigd.surfaces.serial.recognised import Box, BoxRecogniser
from tests.support.patience import wait_for
from tests.surfaces.learn_bench import RIG
from tests.surfaces.serial_bench import Notebook


def learned_while(port: str, act: Callable[[], None]) -> LearnedControl:
    """What is learnt while a person moves a control again and again."""
    over = threading.Event()

    def move() -> None:
        while not over.wait(0.05):
            act()

    hand = threading.Thread(target=move)

    def say(text: str) -> None:
        if not hand.ident:
            hand.start()

    try:
        kind, learned = learn(kinds_that_learn(), port, seconds=30, say=say)
        assert kind == "serial"
        return learned
    finally:
        over.set()
        hand.join()


def acts(
    learned: LearnedControl, box: FaderBox, folder: Path, act: Callable[[], None], motion: Motion
) -> None:
    """What was printed is a config, and the control that was learnt reaches what it is bound to."""
    path = folder / "rig.toml"
    path.write_text(RIG.format(library=folder) + learned.lines)
    (surface_config,) = load_config(path).surfaces
    (binding,) = surface_config.bindings
    notes = Notebook()
    surface = SerialBox("box", surface_config.settings, (binding,), notes)  # type: ignore[arg-type]
    surface.start()
    try:
        wait_for(lambda: notes.status.connected, "the box is met")

        def has_moved() -> bool:
            act()
            return any(move[:2] == (binding.control, motion) for move in notes.moves())

        wait_for(has_moved, "the control moves", every_s=0.05)
    finally:
        surface.stop()


def sweeping(box: FaderBox, fader: int) -> Callable[[], None]:
    places = iter(range(10**6))

    def act() -> None:
        box.move(fader, 900 if next(places) % 16 < 8 else 100)

    return act


def test_a_deej_box_is_known_by_its_lines_and_its_slider_by_its_move(tmp_path: Path) -> None:
    with FaderBox(tmp_path / "box", Build(lines="deej")) as box:
        act = sweeping(box, 2)
        learned = learned_while(str(tmp_path / "box"), act)
        assert learned.facts["box"]["protocol"] == "deej"
        assert (learned.facts["control"], learned.facts["absolute"]) == ("fader 2", True)
        acts(learned, box, tmp_path, act, Motion.ABSOLUTE)


@pytest.mark.parametrize(
    ("touch", "control", "motion"),
    [
        (lambda box: box.tap(3, 0.01), "button 3", Motion.PRESS),
        (lambda box: box.turn(2, 1), "encoder 2", Motion.RELATIVE),
    ],
)
def test_a_box_of_rigds_own_protocol_is_known(
    tmp_path: Path, touch: Callable[[FaderBox], None], control: str, motion: Motion
) -> None:
    with FaderBox(tmp_path / "box", Build(beat_s=0.1)) as box:
        learned = learned_while(f"serial:{tmp_path / 'box'}", lambda: touch(box))
        assert learned.facts["box"]["protocol"] == "rigd"
        assert learned.facts["control"] == control
        acts(learned, box, tmp_path, lambda: touch(box), motion)


def test_a_box_that_nobody_touches_is_named_all_the_same(tmp_path: Path) -> None:
    with (
        FaderBox(tmp_path / "box", Build(lines="deej", faders=3)),
        pytest.raises(SurfaceError, match=r"deej, 3 sliders is there, and nothing was moved within 1 s"),
    ):
        learn(kinds_that_learn(), str(tmp_path / "box"), seconds=1)


def recognised(*brought: bytes) -> Box | None:
    recogniser = BoxRecogniser()
    for each in brought:
        recogniser.feed(each)
    return recogniser.box


def test_twelve_bits_are_told_by_what_a_slider_sends() -> None:
    box = recognised(b"23|4\r\n", *[b"4095|20\r\n", b"4090|20\r\n", b"2000|21\r\n"] * 3)
    assert box == Box(protocol="deej", control="fader 1", fader_max=4095, what="deej, 2 sliders")


@pytest.mark.parametrize(
    "brought", [b"\x90\x3c\x64" * 40, b"Grbl 1.1h ['$' for help]\r\n" * 9, b"1023|\r\n" * 9]
)
def test_what_is_no_box_is_none(brought: bytes) -> None:
    assert recognised(brought) is None


def test_jitter_of_a_slider_is_no_hand() -> None:
    box = recognised(b"x\n", *[b"500|500\r\n", b"503|498\r\n"] * 9)
    assert box is not None and box.control == ""


def learners() -> list[Learner]:
    return [maker(Clock()) for maker in kinds_that_learn().values()]


class Clock:
    now_ns = 0

    def __call__(self) -> Ns:
        self.now_ns += 50_000_000
        return Ns(self.now_ns)


def test_another_speed_is_tried_where_nothing_is_understood(tmp_path: Path) -> None:
    wire = PtyWire(tmp_path / "line")
    line = Line(str(tmp_path / "line"), learners(), baud=None, clock=Clock())
    try:
        seen = {line.baud}

        def is_tried() -> bool:
            wire.send(bytes((0x7E, 0x1C, 0x00, 0x61)) * 8)  # deej's lines, at another speed
            line.wait(0.01)
            seen.add(line.baud)
            return seen == set(speeds_of(learners()))

        wait_for(is_tried, "every speed")
    finally:
        line.close()
        wire.close()


def test_a_speed_that_was_given_is_kept_and_midi_needs_no_other(tmp_path: Path) -> None:
    wire = PtyWire(tmp_path / "line")
    for baud, sent in ((57_600, b"\x7e\x1c\x00\x61" * 8), (None, b"\xb0\x50\x7f\xb0\x50\x00" * 8)):
        line = Line(str(tmp_path / "line"), learners(), baud=baud, clock=Clock())
        try:
            first = line.baud
            for _ in range(60):
                wire.send(sent)
                line.wait(0.01)
            assert line.baud == first
        finally:
            line.close()
    wire.close()


def test_a_line_that_another_program_holds_is_said_to_be(tmp_path: Path) -> None:
    wire = PtyWire(tmp_path / "line")
    line = Line(str(tmp_path / "line"), learners(), baud=None, clock=Clock())
    try:
        with pytest.raises(LineBusy, match="in use by another program"):
            Line(str(tmp_path / "line"), learners(), baud=None, clock=Clock())
        with pytest.raises(LineBusy):
            learn(kinds_that_learn(), f"serial:{tmp_path / 'line'}", seconds=1)
    finally:
        line.close()
        wire.close()


def test_bytes_that_are_no_midi_are_said_to_be_of_another_speed(tmp_path: Path) -> None:
    wire = PtyWire(tmp_path / "line")
    try:
        with pytest.raises(
            SurfaceError, match=r"3 bytes came that are no MIDI at this speed \(--baud 115200"
        ):
            learn(
                kinds_that_learn(),
                f"serial:{tmp_path / 'line'}",
                seconds=1,
                baud=31_250,
                say=lambda text: wire.send(b"\x1c\x06\x00"),
            )
    finally:
        wire.close()
