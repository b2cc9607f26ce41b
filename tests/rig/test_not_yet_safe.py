"""A writer that stands still: what is not yet safe is told from the tape, by the daemon, and nothing is lost."""

from __future__ import annotations

import os
import signal

from rigd.model.events import Event, Happening
from rigd.model.state import RigState
from tests.support.events import EventLog
from tests.support.rig import RigRun, check_take

CONFIG = """
[audio]
driver = "simulated"
channels = 4
period_frames = 480
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 12
keep_seconds = 5
[take]
preroll_seconds = 0
"""


def fault_keys(state: RigState) -> set[str]:
    return {fault.key for fault in state.faults}


def of_key(events: list[Event], what: Happening, key: str) -> int:
    return sum(event.what is what and event.subject == key for event in events)


def test_a_writer_that_is_stopped_raises_both_alarms_once_and_loses_nothing() -> None:
    with RigRun(CONFIG) as rig, EventLog(rig.runtime / "rigd.sock") as log:
        rig.say("start")
        rig.roll(2)
        assert not fault_keys(rig.state()) & {"not safe", "disk slow"}
        writer = rig.pid_of("writer")
        os.kill(writer, signal.SIGSTOP)
        try:
            state = rig.await_state(lambda now: "not safe" in fault_keys(now), "the alarm: not safe")
            assert state.unsafe_s > 1.5
            state = rig.await_state(lambda now: "disk slow" in fault_keys(now), "the alarm: disk slow")
            assert 0.1 <= state.tape_fill < 0.9
            assert state.take is not None and state.disk is not None, "the take rolls, the writer is not lost"
            seen = state.unsafe_s
            rig.await_state(lambda now: now.unsafe_s > seen + 0.5, "the figure grows while nobody reports")
        finally:
            os.kill(writer, signal.SIGCONT)
        state = rig.await_state(
            lambda now: not fault_keys(now) & {"not safe", "disk slow"}, "the alarms are over by themselves"
        )
        rig.roll(1)
        rig.say("stop")
        (take,) = rig.await_closed(1)
        check_take(take)
        rig.await_state(lambda now: now.unsafe_s == 0 and now.tape_fill == 0, "nothing is held any more")
        for key in ("not safe", "disk slow"):
            assert of_key(log.so_far(), Happening.FAULT_RAISED, key) == 1
            assert of_key(log.so_far(), Happening.FAULT_CLEARED, key) == 1


def test_a_take_that_was_stopped_counts_until_it_is_durable_and_no_further_than_its_end() -> None:
    with RigRun(CONFIG) as rig:
        rig.say("start")
        rig.roll(1)
        writer = rig.pid_of("writer")
        os.kill(writer, signal.SIGSTOP)
        try:
            rig.hear(1)
            rig.say("stop")
            rig.hear(0.5)
            first = rig.state()
            rig.hear(1)
            second = rig.state()
        finally:
            os.kill(writer, signal.SIGCONT)
        assert 1.0 <= first.unsafe_s == second.unsafe_s, "what came after its end is not its own"
        assert second.tape_fill > first.tape_fill, "though the tape cannot be used again meanwhile"
        (take,) = rig.await_closed(1)
        check_take(take)


def test_seconds_that_are_kept_are_no_alarm() -> None:
    with RigRun(CONFIG) as rig, EventLog(rig.runtime / "rigd.sock") as log:
        rig.await_heard(6)
        rig.say("keep 5")
        (take,) = rig.await_closed(1)
        check_take(take)
        assert of_key(log.so_far(), Happening.FAULT_RAISED, "not safe") == 0
