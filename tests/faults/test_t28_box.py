"""T28: a box names commands that its config does not allow, and begins takes faster than a hand could."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from hardware_sim.faderbox import FaderBox, frame
from hardware_sim.storms import Storm
from rigd.model.events import Happening
from rigd.model.state import Transport
from rigd.rules.permissions import TAKES_AT_ONCE, TAKES_PER_S
from tests.proof.figures import Figures, count
from tests.proof.load import start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.proof.storming import log_lines
from tests.support.events import EventLog
from tests.support.patience import wait_for
from tests.support.rig import RigRun

CHANNELS = 4
LOAD = f"{CHANNELS} ch/48 kHz/24 bit"
FLOOD_S = count(ci=3, full=6)
TIMES = count(ci=10, full=100)
PER_SECOND = 150
"""As the attack was: 872 takes in 6 s."""
GRAVE = (
    "unlock", "stop", "discard", "again", "session elsewhere", "continue-session", "song elsewhere", "next",
    "gain 2 60", "phantom 1 on confirm", "clear-fault", "shut-down", "shut-down",
)  # fmt: skip
DESK = """
[[channel]]
name = "Kick"
preamp = "desk:1"
[[channel]]
name = "Snare"
preamp = "desk:2"
[preamp.desk]
kind = "x32"
host = "127.0.0.1"
port = 9
"""


def box_section(port: Path, *, more: str = "") -> str:
    return f"""{DESK}
[surface.box]
kind = "serial"
port = "{port}"
{more}
[[surface.box.binding]]
control = "fader 1"
gain = 1
[[surface.box.binding]]
control = "button 1"
mode = "trigger"
press = "next"
debounce_ms = 0
"""


def told_to(box: FaderBox, word: str) -> int:
    return sum(line.startswith(f"no do {word}") for line in box.received)


@pytest.mark.timeout(count(ci=180, full=300))
def test_a_box_names_nothing_that_its_config_does_not_allow_and_a_locked_take_rolls_on(
    rig_of: Callable[..., RigRun], figures: Figures, tmp_path: Path
) -> None:
    with FaderBox(tmp_path / "box") as box:
        rig = rig_of(channels=CHANNELS, more=box_section(tmp_path / "box", more='allow = ["mark"]'))
        rig.await_surfaces()
        rolling = start_take(rig)
        rig.say("lock")
        before = rig.state()
        lines = log_lines(rig)
        with EventLog(rig.runtime / "rigd.sock") as events:
            named = [frame(f"do {text}") for text in GRAVE] * TIMES
            with Storm(box.send_raw, named, per_second=PER_SECOND) as storm:
                storm.wait(120)
            refused = events.await_count(len(named), Happening.COMMAND_REJECTED)
            box.do("mark chorus")
            events.await_event(Happening.MARKER_ADDED)
        state = rig.state()
        assert all("not allowed" in event.text for _, event in refused)
        assert state.take is not None and state.take.take_id == rolling.take_id
        assert (state.locked, state.session, state.song) == (True, before.session, before.song)
        assert state.channels[0].phantom.asked is None and state.channels[1].gain.asked is None
        assert rig.daemon.poll() is None
        wait_for(lambda: told_to(box, "not allowed") > 0, "the box is told")
        # Each command once, whatever it was asked for.
        told = log_lines(rig) - lines
        assert told <= len(GRAVE) + 10, rig.logs()
        rig.say("unlock")
        take = stop_take(rig)
    assert not check_a(take.folder).gaps
    check_b(take.folder)
    figures.record(
        "T28",
        "commands carried out that the config does not allow the box",
        bound="0",
        measured=len(named) - len(refused),
        unit="commands",
        load=LOAD,
        count=f"{len(named)} named by a box, the rig locked, a take rolling",
    )


@pytest.mark.timeout(count(ci=180, full=300))
@pytest.mark.parametrize("line", ["do next", "button 1 down"])
def test_a_box_begins_no_more_takes_than_a_hand_would(
    rig_of: Callable[..., RigRun], figures: Figures, tmp_path: Path, line: str
) -> None:
    with FaderBox(tmp_path / "box") as box:
        rig = rig_of(channels=CHANNELS, preroll_s=0.0, more=box_section(tmp_path / "box"))
        rig.await_surfaces()
        start_take(rig)
        lines = log_lines(rig)
        presses = FLOOD_S * PER_SECOND
        with EventLog(rig.runtime / "rigd.sock") as events:
            flood = itertools.repeat(frame(line), presses)
            with Storm(box.send_raw, flood, per_second=PER_SECOND) as storm:
                storm.wait(120)
            events.await_count(presses, Happening.TAKE_STARTED, Happening.COMMAND_REJECTED)
            begun = [event for _, event in events.of(Happening.TAKE_STARTED, origin="box")]
        took_s = (begun[-1].at_ns - begun[0].at_ns) / 1e9
        most = TAKES_AT_ONCE + TAKES_PER_S * (took_s + 1)
        assert 0 < len(begun) <= most
        state = rig.state()
        assert state.transport is Transport.ROLLING
        # Every take is told with some lines by the writer's link; the refusals are not.
        assert log_lines(rig) - lines < presses / 3
        rig.say("stop")
        for take in rig.await_closed(len(begun) + 1):
            assert not check_a(take.folder).gaps
    figures.record(
        "T28",
        f"takes that a box begins by a flood of `{line}`",
        bound=f"<= {TAKES_AT_ONCE} and {TAKES_PER_S} a second",
        limit=float(most),
        measured=len(begun),
        unit="takes",
        load=LOAD,
        count=f"{presses} in {FLOOD_S} s",
    )
