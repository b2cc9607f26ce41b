"""READY is not shown where a start would be refused, and what is shown is what a start itself says."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rigd.cli.view import Paper, live_view
from rigd.control.watchdog import status_line
from rigd.hands.showing import Light, light_of, state_word
from rigd.model.commands import Rejected
from rigd.model.inputs import WriterLost
from rigd.model.state import RigState, Transport
from tests.support.desk import WRITER_IDLE, Desk


def refusal(desk: Desk) -> str:
    reply = desk.do("start")
    assert isinstance(reply, Rejected)
    return reply.reason


def is_shown(state: RigState) -> None:
    assert state.transport is Transport.READY
    assert state_word(state) == "NOT READY" and light_of("ready", state) is Light.OFF
    assert f"not ready: {state.not_ready}" in status_line(state)
    lines = [line.plain for line in live_view(state, None, (), Paper(width=500, height=20))]
    assert lines[0].startswith(" NOT READY ") and f"a start would be refused: {state.not_ready}" in lines[1]


def test_a_rig_that_could_start_is_ready() -> None:
    desk = Desk()
    desk.hear(WRITER_IDLE)
    assert desk.state.not_ready == "" and state_word(desk.state) == "READY"
    assert light_of("ready", desk.state) is Light.ON
    desk.ok("start")
    assert desk.state.not_ready == ""


def test_without_an_armed_channel_it_is_not_ready() -> None:
    desk = Desk()
    desk.ok("disarm")
    assert "no channel is armed" in desk.state.not_ready
    is_shown(desk.state)
    assert refusal(desk) == desk.state.not_ready
    desk.ok("arm 1")
    assert desk.state.not_ready == ""


@pytest.mark.parametrize("left_s", [2.0, 9.9])
def test_without_room_on_the_disk_it_is_not_ready(left_s: float) -> None:
    desk = Desk()
    assert desk.state.disk is not None
    desk.hear(replace(WRITER_IDLE, free_bytes=round(left_s * desk.state.disk.bytes_per_second)))
    assert "free some space" in desk.state.not_ready
    is_shown(desk.state)
    assert refusal(desk) == desk.state.not_ready
    desk.hear(WRITER_IDLE)
    assert desk.state.not_ready == ""


def test_without_a_writer_it_is_not_ready_and_the_fault_is_shown_once() -> None:
    desk = Desk()
    desk.hear(WriterLost(reason="it crashed"))
    is_shown(desk.state)
    assert refusal(desk) == desk.state.not_ready
    drawn = "\n".join(line.plain for line in live_view(desk.state, None, (), Paper(width=500, height=20)))
    assert drawn.count("it crashed") == 1


def test_a_mirror_that_can_stand_in_makes_it_ready_and_is_not_put_in_charge_by_being_looked_at() -> None:
    desk = Desk(mirror=True)
    before = desk.state.mirror
    assert before is not None
    desk.hear(replace(WRITER_IDLE, problem="it is read-only"))
    assert desk.state.not_ready == ""
    assert desk.state.mirror is not None and desk.state.mirror.phase is before.phase
