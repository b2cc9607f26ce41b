"""T29: commands with times from before the tape, below zero or still to come. None costs a frame of what comes in,
and each is named as what it is."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from rigd.model.command_text import parse_command
from rigd.model.commands import COMMANDS, Accepted, Rejected
from rigd.model.messages import OpenTake
from rigd.model.units import NS_PER_SECOND, Ns, Origin
from rigd.rules.tape_size import KEEP_SLACK_SECONDS
from rigd.rules.transport import LATEST_START_S
from tests.api.test_control_socket import bench_at
from tests.proof.figures import Figures, count
from tests.proof.load import source, stop_take
from tests.proof.oracle import check_a, check_b
from tests.support.desk import Desk, frame, orders, some_command
from tests.support.rig import RigRun

TAPE_S = 60.0
"""The desk's tape reaches back so far."""
REACH_S = TAPE_S - KEEP_SLACK_SECONDS


@pytest.mark.parametrize("ago_s", [REACH_S, REACH_S + 1, TAPE_S - 0.01, TAPE_S, TAPE_S + 30])
@pytest.mark.parametrize("verb", ["start", "toggle", "next"])
def test_no_take_begins_where_the_tape_is_about_to_be_overwritten(verb: str, ago_s: float) -> None:
    desk = Desk(tape_s=TAPE_S, preroll_s=2.0)
    desk.now_s = 1000.0
    reply = desk.do(verb, at=desk.now_s - ago_s)
    assert isinstance(reply, Accepted), reply
    assert orders(desk)[-1].first_frame == frame(desk.now_s - REACH_S)
    late_s = ago_s - REACH_S
    assert (f"{late_s:.1f} s after the press" in reply.message) == (late_s > 0)


def test_a_start_that_is_too_late_for_anybody_to_mean_it_is_refused() -> None:
    desk = Desk(tape_s=TAPE_S)
    desk.now_s = 1000.0
    reply = desk.do("start", at=desk.now_s - REACH_S - LATEST_START_S - 1)
    assert isinstance(reply, Rejected) and "the tape reaches back 55 s" in reply.reason
    assert desk.state.take is None
    assert isinstance(desk.do("start", at=1.0), Rejected)


def test_a_preroll_that_the_tape_was_made_for_is_kept_whole() -> None:
    desk = Desk(tape_s=TAPE_S, preroll_s=57.0)
    desk.now_s = 1000.0
    desk.do("start")
    assert orders(desk)[-1].first_frame == frame(desk.now_s - 57.0)


def test_keep_with_an_old_time_takes_no_frame_that_is_about_to_go() -> None:
    desk = Desk(tape_s=TAPE_S, keep_s=35.0)
    desk.now_s = 1000.0
    assert isinstance(desk.do("keep 30", at=desk.now_s - 40), Accepted)
    assert orders(desk)[-1].first_frame == frame(desk.now_s - REACH_S)
    late = desk.do("keep 30", at=desk.now_s - REACH_S - 1)
    assert isinstance(late, Rejected) and "any more" in late.reason


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_time_below_zero_is_named_as_what_it_is(verb: str) -> None:
    desk = Desk()
    before = desk.state
    reply = desk.give(parse_command(some_command(verb), origin=Origin("t"), at_ns=Ns(-5)))
    assert isinstance(reply, Rejected) and "-5 ns is no time" in reply.reason
    assert desk.state.take is before.take and desk.state.takes == before.takes


@pytest.mark.parametrize("at_ns", [-1, -(10**30)])
def test_over_the_socket_too(tmp_path_factory: pytest.TempPathFactory, at_ns: int) -> None:
    with bench_at(tmp_path_factory.mktemp("t29")) as bench, bench.client() as client:
        answer = client.command("start", at_ns=Ns(at_ns))
        assert not answer.accepted and f"{at_ns} ns is no time" in answer.text
        later = client.command("start", at_ns=Ns(10**30))
        assert not later.accepted and "future" in later.text
        assert not [told for told in bench.parts.told if isinstance(told, OpenTake)]


@pytest.mark.timeout(count(ci=180, full=300))
def test_a_start_from_before_the_tape_costs_no_frame(rig_of: Callable[..., RigRun], figures: Figures) -> None:
    channels = count(ci=8, full=64)
    rig = rig_of(channels=channels, stall_s=1.0, keep_s=5.0, preroll_s=1.0)
    rig.hear(16.0)  # the tape has been full for a while: its oldest frame goes with each block
    before = source(rig)
    client = rig.client()
    now_ns = time.monotonic_ns()
    assert not client.command("start", at_ns=Ns(1)).accepted or now_ns < 2 * LATEST_START_S * NS_PER_SECOND
    answer = client.command("start", at_ns=Ns(now_ns - 15 * NS_PER_SECOND))
    assert answer.accepted and "after the press" in answer.text, answer.text
    rig.roll(3.0)
    take = stop_take(rig)
    heard = check_a(take.folder)
    check_b(take.folder)
    assert heard.gap_frames == 0 and source(rig).lost_frames == before.lost_frames
    figures.record(
        "T29", "frames lost", bound="0 frames", measured=heard.gap_frames, unit="frames", count="1"
    )
