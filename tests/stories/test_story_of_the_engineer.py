"""The engineer: 32 inputs with names, a desk whose gains are set from the keyboard, and a take of yesterday. From an
empty home; the sound comes by a real JACK server, the desk is on the network of this machine."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware_sim.x32 import SimulatedX32
from tests.proof.wall_clock import WallClock
from tests.support.capture_run import runtime_folder
from tests.support.jack_server import JackServer
from tests.support.patience import wait_for
from tests.support.person import Person
from tests.support.tools import need_tool

pytestmark = [pytest.mark.slow, pytest.mark.jack, pytest.mark.timeout(300)]
RIGD = [sys.executable, "-m", "rigd"]
DRUMS = ["Kick In", "Kick Out", "Snare Top", "Snare Bottom", "Hat", "Rack Tom", "Floor Tom", "OH L", "OH R"]
NAMES = [*DRUMS, *(f"Strings {desk}" for desk in range(1, 33 - len(DRUMS)))]
DAY_S = 86_400


class Engineer:
    """Types one command after the other, and reads what came of each."""

    def __init__(self, home: Path, own: dict[str, str], clock: WallClock) -> None:
        self.home, self.own, self.clock = home, own, clock

    def at(self, *words: str) -> Person:
        """A command that asks, or goes on."""
        return Person([*RIGD, *words], home=self.home, **self.own)

    def does(self, *words: str) -> str:
        """It ends well, and says this."""
        with self.at(*words) as person:
            assert person.ended() == 0, f"rigd {words}: {person.shown}"
            return person.shown.replace("\r\n", "\n")

    def is_refused(self, *words: str) -> str:
        """It ends with 1 or 2, and says this."""
        with self.at(*words) as person:
            assert person.ended() in (1, 2), person.shown
            return " ".join(person.shown.split())


@pytest.fixture
def desk() -> Iterator[SimulatedX32]:
    """At the port that desks have, at an address that only this process uses."""
    pid = os.getpid()
    with SimulatedX32(host=f"127.77.{pid >> 8 & 255}.{1 + pid % 254}", port=10023) as desk:
        yield desk


@pytest.fixture
def engineer(tmp_path: Path) -> Iterator[Engineer]:
    need_tool("gcc")
    home = tmp_path / "home"
    home.mkdir()
    clock = WallClock(tmp_path)
    with JackServer(channels=32) as server, runtime_folder() as runtime:
        own = {**server.jack_environment, **clock.environment, "RIGD_RUNTIME_DIR": str(runtime)}
        yield Engineer(home, own, clock)


def test_32_names_and_gains_and_a_take_of_yesterday(engineer: Engineer, desk: SimulatedX32) -> None:
    with engineer.at("init") as person:
        person.answers("What is this rig called", "Studio")
        person.answers("Takes go to [", "")
        person.answers("Which one records", "")
        person.answers("How many of its inputs does rigd listen to [32]", "")
        person.answers(" 1 ....", "")
        person.answers("input 1", ", ".join(NAMES))
        person.answers("The network address of a desk", desk.host)
        person.answers("Is input 1 its socket 1, and so on to 32", "")
        assert person.ended() == 0, person.shown

    with engineer.at("run", "--plain") as rig:  # which will be yesterday
        rig.sees("READY: ")
        engineer.does("session", "song", "Blue Train")
        engineer.does("take", "number", "4")
        engineer.does("take", "start")
        assert "every byte is on the disk" in engineer.does("take", "stop")
        engineer.does("shut-down")
        assert rig.ended() == 0, rig.shown

    engineer.clock.set_ahead(DAY_S)
    with engineer.at("run", "--plain") as rig:  # today
        rig.sees("READY: ")
        wait_for(lambda: "when it was last" not in engineer.does("gain"), "the desk has told its gains")
        engineer.does("gain", "1-8", "20")
        engineer.does("gain", "9", "-2.5")
        engineer.does("gain", "10-32", "30.5")
        wanted = [20.0] * 8 + [-2.5] + [30.5] * 23
        wait_for(lambda: [desk.gain_db(number) for number in range(1, 33)] == wanted, "the desk has them")
        said = 'Kick In": +20.0 dB', 'OH R": -2.5 dB', 'Strings 23": +30.5 dB'
        wait_for(lambda: all(line in engineer.does("gain") for line in said), "the desk has confirmed them")
        assert "-2.5" in engineer.does("gain", "9")
        assert "33" in engineer.is_refused("gain", "33", "10"), "there is none"

        shown = engineer.does("takes", "show", "yesterday", "4")
        assert re.search(r"4", shown.splitlines()[0]) and "Blue Train" in shown
        assert len(re.findall(r"\.wav ", shown)) == 32
        assert "OH R.wav" in shown
        engineer.does("gain", "Kick In", "+3")
        wait_for(lambda: desk.gain_db(1) == 23.0, "3 dB more")
        assert "write 2.5" in engineer.is_refused("gain", "1", "2,5")
        assert "is circled" in engineer.does("take", "circle", "yesterday", "4")
        (sheet,) = (engineer.home / "rigd-takes").glob("*/Blue Train/Take 004/take.json")
        assert engineer.does("takes", "path", "yesterday", "4").replace("\n", "") == str(sheet.parent)
        wait_for(lambda: '"circled": true' in sheet.read_text("utf-8"), "take.json has it")
        engineer.does("shut-down")
        assert rig.ended() == 0, rig.shown
