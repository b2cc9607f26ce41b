"""The Arduino sketch of the documentation, compiled as it is and run on a pty against the real surface.

The board is a stub (arduino_stub): its pins are set and read by the test, its Serial is a pty.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.hands.surface import Motion
from rigd.model.state import Setting, Transport
from rigd.surfaces.serial.box import SerialBox
from rigd.surfaces.serial.settings import LineTiming, SerialSettings
from tests.support.patience import wait_for
from tests.support.tools import need_tool
from tests.surfaces.serial_bench import Notebook, channel, rig

STUB = Path(__file__).parent / "arduino_stub"
SKETCH = Path(__file__).parents[2] / "docs" / "faderbox" / "faderbox.ino"
FADER_1, ENCODER_2A, ENCODER_2B, BUTTON_3 = 54, 24, 25, 32
CLOCKWISE = ((ENCODER_2A, 0), (ENCODER_2B, 0), (ENCODER_2A, 1), (ENCODER_2B, 1))


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sketch as a program of this computer; built without a warning."""
    compiler = need_tool("g++")
    program = tmp_path_factory.mktemp("firmware") / "faderbox"
    flags = ["-std=gnu++11", "-Wall", "-Wextra", "-Werror", "-O1", f"-I{STUB}", "-include", "Arduino.h"]
    sources = ["-x", "c++", str(SKETCH), str(STUB / "board.cpp")]
    subprocess.run([str(compiler), *flags, *sources, "-o", str(program)], check=True, timeout=120)
    return program


class Board:
    """A powered board."""

    def __init__(self, firmware: Path) -> None:
        self._process = subprocess.Popen(
            [str(firmware)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._process.stdout is not None
        self.port = self._process.stdout.readline().strip()

    def set(self, words: str) -> None:
        """To the stub: "pin 32 0", "analog 54 512"."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{words}\n")

    def look(self) -> tuple[str, str, str]:
        """LEDs as 0 and 1, first row, second row."""
        self.set("look")
        assert self._process.stdout is not None
        leds, first, second, _ = self._process.stdout.readline().split("|")
        return leds, first.rstrip(), second.rstrip()

    def unplug(self) -> None:
        """Power off: the port is gone."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


@pytest.fixture
def board(firmware: Path) -> Iterator[Board]:
    made = Board(firmware)
    yield made
    made.unplug()


@pytest.fixture
def notes() -> Notebook:
    return Notebook()


@pytest.fixture
def surface(board: Board, notes: Notebook) -> Iterator[SerialBox]:
    settings = SerialSettings(port=board.port, values={"fader 1": 1})
    made = SerialBox("box", settings, (), notes, timing=LineTiming(retry_s=0.05))
    made.start()
    wait_for(lambda: notes.status.connected, "the sketch greets")
    yield made
    made.stop()


def test_the_sketch_says_what_it_is(surface: SerialBox, notes: Notebook) -> None:
    said = notes.status.detail
    assert said == "faderbox 1.0: 4 faders, 4 encoders, 8 buttons, 8 LEDs, display 16x2"


def test_its_controls_arrive(surface: SerialBox, board: Board, notes: Notebook) -> None:
    board.set(f"analog {FADER_1} 1023")
    wait_for(lambda: ("fader 1", Motion.ABSOLUTE, 1.0) in notes.moves(), "the fader")
    board.set(f"pin {BUTTON_3} 0")
    wait_for(lambda: ("button 3", Motion.PRESS, 1.0) in notes.moves(), "the press")
    board.set(f"pin {BUTTON_3} 1")
    wait_for(lambda: ("button 3", Motion.RELEASE, 0.0) in notes.moves(), "the release")
    for pin, level in CLOCKWISE:
        board.set(f"pin {pin} {level}")
    wait_for(lambda: notes.moves()[-1] == ("encoder 2", Motion.RELATIVE, 1.0), "one detent")
    for pin, level in ((ENCODER_2B, 0), (ENCODER_2A, 0), (ENCODER_2B, 1), (ENCODER_2A, 1)):
        board.set(f"pin {pin} {level}")
    wait_for(lambda: notes.moves()[-1] == ("encoder 2", Motion.RELATIVE, -1.0), "one detent back")
    assert len(notes.moves()) == 5


def test_a_wavering_fader_and_half_a_detent_are_no_moves(
    surface: SerialBox, board: Board, notes: Notebook
) -> None:
    board.set(f"analog {FADER_1} 500")
    wait_for(lambda: len(notes.moves()) == 1, "the fader")
    for wavering in (501, 499, 502, 498, 500) * 10:
        board.set(f"analog {FADER_1} {wavering}")
    board.set(f"pin {ENCODER_2A} 0")
    board.set(f"pin {ENCODER_2A} 1")
    board.set(f"pin {BUTTON_3} 0")
    wait_for(lambda: len(notes.moves()) > 1, "the press, last of all")
    assert [move[0] for move in notes.moves()] == ["fader 1", "button 3"]


def test_it_shows_the_state_of_the_rig(surface: SerialBox, board: Board) -> None:
    surface.show(rig(Transport.ROLLING, locked=True), None)
    wait_for(
        lambda: board.look()[1:] == ("REC Take 003", "00:00:00"), "the take, and its time after the gain"
    )
    assert board.look()[0] == "11010000"
    gain = Setting(value=33.0, confirmed=True)
    surface.show(rig(channels=(channel(1, gain=gain),)), None)
    wait_for(lambda: board.look()[2] == "fader 1 +33.0", "the gain beside its fader")
    wait_for(lambda: board.look() == ("01000000", "READY", "Morning"), "the song again")


def test_it_blinks_in_the_post_roll(surface: SerialBox, board: Board) -> None:
    surface.show(rig(Transport.POSTROLL), None)
    wait_for(lambda: board.look()[0][0] == "1", "lit")
    wait_for(lambda: board.look()[0][0] == "0", "dark")
    wait_for(lambda: board.look()[0][0] == "1", "lit again")


def test_it_shows_why_an_action_was_refused(surface: SerialBox, board: Board) -> None:
    surface.answered("button 3", False, "locked")
    wait_for(lambda: board.look()[2] == "button 3 locked", "the reason")


def test_it_shows_when_rigd_is_away_and_is_right_when_it_returns(surface: SerialBox, board: Board) -> None:
    surface.show(rig(Transport.ROLLING), None)
    wait_for(lambda: board.look()[1] == "REC Take 003", "REC")
    surface.stop()
    wait_for(lambda: board.look() == ("00000000", "no rigd", ""), "rigd is away")
    surface.start()
    wait_for(lambda: board.look()[:2] == ("11000000", "REC Take 003"), "REC again")
