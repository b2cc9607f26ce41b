"""A hand at the desk turns a gain before the press: it stands at its frame in the take, after what was true before.

A real rig, and a desk that answers on UDP.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hardware_sim.x32 import SimulatedX32
from rigd.model.state import Take
from tests.support.patience import wait_for
from tests.support.rig import RigRun, is_settled, sheet_of

pytestmark = pytest.mark.slow
CONFIG = """
[audio]
driver = "simulated"
channels = 2
period_frames = 256
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = {stall}
keep_seconds = {keep}
[take]
preroll_seconds = {preroll}
[[channel]]
name = "Kick In"
preamp = "desk:1"
[[channel]]
name = "Keys"
[preamp.desk]
kind = "x32"
host = "127.0.0.1"
port = {port}
"""


@contextmanager
def rig_and_desk(
    *, stall: float = 5, keep: float = 5, preroll: float = 0, more: str = ""
) -> Iterator[tuple[RigRun, SimulatedX32]]:
    with SimulatedX32() as desk:
        desk.turn(1, 10.0)
        text = CONFIG.format(port=desk.port, stall=stall, keep=keep, preroll=preroll) + more
        with RigRun(text) as rig:
            knows(rig, 10.0)
            wait_for(lambda: desk.clients() == 1, "the desk pushes")
            yield rig, desk


def knows(rig: RigRun, gain: float) -> None:
    rig.await_state(
        lambda state: state.channels[0].gain.value == gain and state.channels[0].gain.confirmed, f"{gain} dB"
    )


def turned(rig: RigRun, desk: SimulatedX32, gain: float) -> tuple[int, int]:
    """Between which frames the desk was turned."""
    before = rig.heard_frames()
    desk.turn(1, gain)
    knows(rig, gain)
    return before, rig.heard_frames() + 1024


def check_ledger(take: Take, *, start: float, turns: list[tuple[float, tuple[int, int]]]) -> None:
    sheet = sheet_of(take)
    assert sheet["channels"][0]["gain_db"] == start
    assert sheet["channels"][1]["gain_db"] is None
    changes = [each for each in sheet["gain_changes"] if each["parameter"] == "gain_db"]
    assert [each["value"] for each in changes] == [gain for gain, _ in turns]
    for each, (_, (first, last)) in zip(changes, turns, strict=True):
        assert first <= sheet["tape_frame"] + each["frame"] <= last and each["frame"] > 0


def test_a_turn_inside_the_preroll_is_in_the_take_at_its_frame() -> None:
    with rig_and_desk(preroll=3) as (rig, desk):
        rig.await_heard(3)
        rig.hear(0.5)
        at = turned(rig, desk, 16.0)
        rig.say("start")
        later = turned(rig, desk, 22.0)
        rig.say("stop")
        (take,) = rig.await_closed(1)
        wait_for(lambda: is_settled(take), "the sheet of the closed take")
        check_ledger(take, start=10.0, turns=[(16.0, at), (22.0, later)])


def test_turns_inside_what_is_kept_are_in_the_take_and_survive_the_daemon() -> None:
    with rig_and_desk() as (rig, desk):
        rig.await_heard(4)
        at = turned(rig, desk, 16.0)
        rig.hear(0.2)
        rig.say("keep 3")
        (take,) = rig.await_closed(1)
        wait_for(lambda: is_settled(take), "the sheet of the closed take")
        check_ledger(take, start=10.0, turns=[(16.0, at)])
        rig.kill_daemon()
        rig.start()
        again = rig.await_closed(1)[0]
        assert [each.value for each in rig.client().take(again.take_id).gain_changes] == [16.0]


def test_turns_from_before_a_restart_of_the_daemon_are_in_what_is_kept_after_it() -> None:
    with rig_and_desk(keep=30, stall=5) as (rig, desk):
        rig.await_heard(3)
        at = turned(rig, desk, 16.0)
        rig.hear(0.2)
        rig.kill_daemon()
        desk.turn(1, 22.0)  # nobody is there to see it
        rig.start()
        knows(rig, 22.0)
        later = rig.heard_frames() + 1024
        rig.say("keep 30")
        (take,) = rig.await_closed(1)
        wait_for(lambda: is_settled(take), "the sheet of the closed take")
        check_ledger(take, start=10.0, turns=[(16.0, at), (22.0, (at[1], later))])


def test_turns_inside_what_is_kept_from_the_black_box_are_in_the_take() -> None:
    box = "[blackbox]\nminutes = 2\nsegment_seconds = 1\n"
    with rig_and_desk(stall=1, keep=1, more=box) as (rig, desk):
        rig.await_heard(2)
        rig.hear(3)
        at = turned(rig, desk, 16.0)
        rig.hear(3)
        answer = rig.client().command("keep", seconds=5.0)
        assert "black box" in answer.text, answer.text
        (take,) = rig.await_closed(1)
        wait_for(lambda: is_settled(take), "the sheet of the closed take")
        check_ledger(take, start=10.0, turns=[(16.0, at)])
