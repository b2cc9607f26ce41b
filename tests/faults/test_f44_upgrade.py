"""F44: the daemon is restarted by another build of rigd while a take rolls.

The same layout of the tape: it attaches, and nothing is lost. Another layout: the older capture and writer go on with
the take until it is stopped, then the new build's own begin. The other build is a real one, compiled in a folder of
its own.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.model.state import RigState, Take, Transport
from rigd.tape._core import lib
from tests.proof.figures import Figures
from tests.support.builds import TwoBuilds, other_build
from tests.support.patience import wait_for
from tests.support.rig import check_take

CONFIG = """
[audio]
driver = "simulated"
channels = 8
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 20
keep_seconds = 5
[take]
preroll_seconds = 1
"""
OTHER_LAYOUT = lib.RIGD_LAYOUT_VERSION + 90
LONGER_THAN_A_CAPTURE_MAY_BE_SILENT_S = 9.0


@pytest.fixture(scope="module")
def same_layout() -> Iterator[Path]:
    with other_build() as folder:
        yield folder


@pytest.fixture(scope="module")
def other_layout() -> Iterator[Path]:
    with other_build(layout=OTHER_LAYOUT) as folder:
        yield folder


@pytest.fixture
def rig() -> Iterator[TwoBuilds]:
    with TwoBuilds(CONFIG) as rig:
        yield rig


def start_take(rig: TwoBuilds) -> dict[str, int]:
    rig.say("start")
    rig.await_transport(Transport.ROLLING)
    rig.roll(1)
    return {name: rig.pid_of(name) for name in ("capture", "writer")}


def record(figures: Figures, take: Take, promise: str, *, count: str) -> None:
    lost = sum(gap.length_frames for gap in take.gaps)
    load = "8 ch/48 kHz/24 bit"
    figures.record("F44", promise, bound="0 frames", measured=lost, unit="frames", count=count, load=load)


def fault_of(state: RigState) -> str:
    return next((fault.what for fault in state.faults if fault.key == "version"), "")


def refusal_of(rig: TwoBuilds, text: str) -> str:
    answer = rig.client().say(text)
    assert not answer.accepted, f"{text} was accepted: {answer.text}"
    return answer.text


def await_own_processes(rig: TwoBuilds, build: Path) -> None:
    rig.await_ready()
    state = rig.await_state(lambda state: not state.faults, "no fault stands any more")
    assert state.other_build == ""
    for name in ("capture", "writer"):
        assert rig.build_of(name).startswith(str(build)), rig.build_of(name)


def record_one_more(rig: TwoBuilds, count: int) -> None:
    rig.say("start")
    rig.await_transport(Transport.ROLLING)
    rig.roll(1)
    rig.say("stop")
    check_take(rig.await_closed(count)[-1])


@pytest.mark.timeout(240)
def test_another_build_with_the_same_tape_takes_over_and_back_and_no_frame_is_lost(
    rig: TwoBuilds, same_layout: Path, figures: Figures
) -> None:
    pids = start_take(rig)
    before = rig.state().take
    assert before is not None
    for build in (same_layout, None):
        rig.change_build(build)
        state = rig.await_transport(Transport.ROLLING)
        assert state.take is not None and state.take.take_id == before.take_id
        assert state.other_build == ""
        rig.roll(1)
    rig.say("stop")
    (take,) = rig.await_closed(1)
    check_take(take)
    assert {name: rig.pid_of(name) for name in pids} == pids
    record(figures, take, "frames lost, the same layout of the tape", count="1 upgrade, 1 rollback")


@pytest.mark.timeout(240)
def test_a_build_with_another_tape_lets_the_old_writer_finish_and_then_begins_its_own(
    rig: TwoBuilds, other_layout: Path, figures: Figures
) -> None:
    pids = start_take(rig)
    rig.change_build(other_layout)
    state = rig.await_state(lambda state: state.take is not None and bool(state.other_build), "the old take")
    assert f"layout {lib.RIGD_LAYOUT_VERSION}" in fault_of(state)
    assert "rigd take stop" in fault_of(state)
    rig.roll(LONGER_THAN_A_CAPTURE_MAY_BE_SILENT_S)
    assert {name: rig.pid_of(name) for name in pids} == pids, "the old processes were left alone"
    for command in ("next", "keep 1"):
        assert "another build of rigd" in refusal_of(rig, command)

    state = rig.state()
    assert state.take is not None
    written_before_the_stop = state.take.written_frames
    rig.say("stop")
    (take,) = rig.await_closed(1)
    check_take(take)
    assert take.end_frame is not None
    assert take.end_frame - take.first_frame >= written_before_the_stop
    record(figures, take, "frames lost, another layout of the tape", count="1 upgrade")
    await_own_processes(rig, other_layout)
    record_one_more(rig, 2)


@pytest.mark.timeout(240)
def test_without_a_take_the_new_build_replaces_the_old_processes_at_once(
    rig: TwoBuilds, other_layout: Path
) -> None:
    rig.change_build(other_layout)
    await_own_processes(rig, other_layout)
    record_one_more(rig, 1)


@pytest.mark.timeout(240)
def test_a_rollback_while_the_old_take_still_rolls_finds_it_as_it_was(
    rig: TwoBuilds, other_layout: Path
) -> None:
    pids = start_take(rig)
    rig.change_build(other_layout)
    rig.await_state(lambda state: bool(state.other_build), "the new build sees the old one")
    rig.change_build(None)
    state = rig.await_transport(Transport.ROLLING)
    assert state.other_build == ""
    rig.roll(1)
    rig.say("stop")
    (take,) = rig.await_closed(1)
    check_take(take)
    assert {name: rig.pid_of(name) for name in pids} == pids


@pytest.mark.timeout(240)
def test_an_old_writer_that_is_killed_loses_nothing_that_was_safe_and_the_new_one_closes_its_take(
    rig: TwoBuilds, other_layout: Path
) -> None:
    pids = start_take(rig)
    rig.change_build(other_layout)
    state = rig.await_state(lambda state: state.take is not None and bool(state.other_build), "the old take")
    assert state.take is not None
    safe_frames = state.take.durable_frames
    os.kill(pids["writer"], signal.SIGKILL)
    (take,) = rig.await_closed(1)
    check_take(take)
    assert take.end_frame is not None
    assert take.end_frame - take.first_frame >= safe_frames
    wait_for(lambda: rig.pid_of("capture") not in (0, pids["capture"]), "a capture of the new build")
    rig.await_state(lambda state: any(fault.key == "recording" for fault in state.faults), "it is an alarm")
    rig.say("clear-fault")
    await_own_processes(rig, other_layout)
