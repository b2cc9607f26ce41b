"""The controller: one owner of the state, many who ask, and no part that can end it."""

from __future__ import annotations

import itertools
import logging
import threading
from typing import Any

import pytest
from msgspec.structs import replace

from rigd.control.controller import Controller
from rigd.control.inbox import MOST_COMMANDS_WAITING
from rigd.model.command_text import parse_command
from rigd.model.commands import Accepted, Rejected, Reply
from rigd.model.errors import LinkError, TapeError
from rigd.model.events import Event, Happening, Snapshot
from rigd.model.inputs import CaptureLost
from rigd.model.messages import EndTake, OpenTake
from rigd.model.state import RigState, SurfaceStatus, Transport
from rigd.model.units import NS_PER_SECOND, Frame, Ns, Origin
from rigd.rules.permissions import RIG_ITSELF
from tests.support.desk import LISTENING, WRITER_IDLE, frame
from tests.support.parts import ObedientParts, WoundTape, controller_of, running_controller, until
from tests.support.patience import PATIENCE_S


def do(controller: Controller, text: str, tape: WoundTape, *, at_s: float | None = None) -> Reply:
    at_ns = tape.clock_ns() if at_s is None else Ns(round(at_s * 1e9))
    command = parse_command(text, origin=Origin("test"), at_ns=at_ns)
    return controller.submit(command, RIG_ITSELF).result(PATIENCE_S)


def test_a_take_is_placed_by_the_time_of_the_presses_and_filed_when_closed() -> None:
    tape, parts = WoundTape(), ObedientParts()
    with running_controller(tape, parts) as controller:
        assert isinstance(do(controller, "start", tape, at_s=99.9), Accepted)
        tape.now_s = 110.0
        assert isinstance(do(controller, "stop", tape, at_s=109.7), Accepted)
        state = until(controller, lambda state: bool(state.takes) and state.takes[-1].closed)
    opened, ended = parts.told
    assert isinstance(opened, OpenTake) and opened.order.first_frame == frame(97.9)
    assert isinstance(ended, EndTake) and ended.end_frame == frame(109.7)
    assert state.takes[-1].written_frames == frame(109.7) - frame(97.9)


def test_the_writer_was_told_before_the_reply_came() -> None:
    tape, parts = WoundTape(), ObedientParts()
    with running_controller(tape, parts) as controller:
        told: list[int] = []
        answered = threading.Event()

        def reply_came(reply: Reply) -> None:
            told.append(len(parts.told))
            answered.set()

        command = parse_command("start", origin=Origin("test"), at_ns=tape.clock_ns())
        controller.submit_then(command, RIG_ITSELF, reply_came)
        assert answered.wait(PATIENCE_S)
    assert told == [1]


def test_the_end_of_a_take_and_the_begin_of_the_next_are_said_in_one_breath() -> None:
    """Between two a daemon could be killed, and nothing would roll any more."""
    said: list[tuple[type, ...]] = []

    class Breaths(ObedientParts):
        def send(self, *messages: Any) -> None:
            said.append(tuple(type(message) for message in messages))
            super().send(*messages)

    tape, parts = WoundTape(), Breaths()
    with running_controller(tape, parts) as controller:
        do(controller, "start", tape)
        tape.now_s += 1
        do(controller, "next", tape)
    assert said == [(OpenTake,), (EndTake, OpenTake)]


def test_a_postroll_is_over_once_the_tape_has_passed_it() -> None:
    tape, parts = WoundTape(), ObedientParts()
    parts.closes_takes = False
    with running_controller(tape, parts, postroll_s=2.0) as controller:
        do(controller, "start", tape)
        tape.now_s += 1
        do(controller, "stop", tape)
        assert controller.state.transport is Transport.POSTROLL
        tape.now_s += 1.9
        do(controller, "circle", tape)
        assert controller.state.transport is Transport.POSTROLL
        tape.now_s += 0.2
        state = until(controller, lambda state: state.transport is Transport.READY)
    assert state.takes[-1].end_frame == frame(103.0)


def test_a_listener_gets_the_state_and_then_every_event_after_it() -> None:
    tape = WoundTape()
    with running_controller(tape, ObedientParts()) as controller:
        do(controller, "lock", tape)
        listener = controller.listen()
        do(controller, "unlock", tape)
        do(controller, "stop", tape)
        snapshot = listener.next(PATIENCE_S)
        assert isinstance(snapshot, Snapshot) and snapshot.state.locked
        first, second = listener.next(PATIENCE_S), listener.next(PATIENCE_S)
        assert isinstance(first, Event) and isinstance(second, Event)
        assert [first.number, second.number] == [snapshot.state.number + 1, snapshot.state.number + 2]
        assert [first.what, second.what] == [Happening.LOCK_CHANGED, Happening.COMMAND_REJECTED]
        assert second.origin == "test"
        assert listener.next(0.0) is None


def test_who_watches_is_called_when_the_state_is_another_one_event_or_not() -> None:
    tape, parts = WoundTape(), ObedientParts()
    with running_controller(tape, parts) as controller:
        until(controller, lambda state: state.transport is Transport.READY)
        seen: list[RigState] = []
        controller.watch(lambda: seen.append(controller.state))
        assert isinstance(do(controller, "lock", tape), Accepted)
        status = SurfaceStatus(name="pedal", kind="midi", connected=False, detail="one")
        told = replace(status, detail="two")
        for each in (status, told):
            controller.post(each)
        until(controller, lambda state: state.surfaces == (told,))
        assert isinstance(do(controller, "unlock", tape), Accepted)
    assert any(state.locked for state in seen) and not seen[-1].locked
    assert any(state.surfaces == (told,) and state.locked for state in seen), "no event tells of a detail"
    assert all(one is not other for one, other in itertools.pairwise(seen))


def test_a_listener_that_does_not_keep_up_is_cut_off_and_slows_nobody() -> None:
    tape = WoundTape()
    with running_controller(tape, ObedientParts()) as controller:
        slow, quick = controller.listen(longest=10), controller.listen()
        for _ in range(20):
            do(controller, "lock", tape)
            do(controller, "unlock", tape)
        with pytest.raises(LinkError, match="cut off"):
            slow.next(PATIENCE_S)
        assert sum(isinstance(quick.next(PATIENCE_S), Event) for _ in range(41)) == 40


def test_a_part_that_fails_is_a_fault_and_the_controller_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    tape, parts = WoundTape(), ObedientParts()
    with running_controller(tape, parts) as controller, caplog.at_level(logging.CRITICAL):
        parts.breaks = {"preamps"}
        assert isinstance(do(controller, "gain 1 20", tape), Accepted)
        state = until(controller, lambda state: bool(state.faults))
        assert "preamps is broken" in state.faults[0].what
        parts.breaks = {"writer", "library"}
        do(controller, "start", tape)
        until(controller, lambda state: len(state.faults) == 2)
        assert isinstance(do(controller, "lock", tape), Accepted)


def test_a_discard_that_the_library_cannot_take_leaves_the_take(caplog: pytest.LogCaptureFixture) -> None:
    tape, parts = WoundTape(), ObedientParts()
    with running_controller(tape, parts) as controller, caplog.at_level(logging.CRITICAL):
        do(controller, "start", tape)
        tape.now_s += 1
        do(controller, "stop", tape)
        until(controller, lambda state: state.takes[-1].closed)
        parts.breaks = {"library"}
        do(controller, "discard", tape)
        state = until(controller, lambda state: bool(state.takes))
    assert state.trashed == () and state.discarding == ()


def test_a_step_that_breaks_is_refused_and_the_controller_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def broken_plan(**_: object) -> None:
        raise ZeroDivisionError

    tape = WoundTape()
    with (
        running_controller(tape, ObedientParts(), plan_take=broken_plan) as controller,
        caplog.at_level(logging.CRITICAL),
    ):
        before = controller.state
        reply = do(controller, "start", tape)
        assert isinstance(reply, Rejected) and "log" in reply.reason
        assert controller.state is before
        assert isinstance(do(controller, "lock", tape), Accepted)


def test_a_tape_that_does_not_answer_refuses_a_start_and_nothing_else() -> None:
    class NoTape(WoundTape):
        def frame_at(self, at_ns: Ns, *, fitted_within_ns: int = 0) -> Frame | None:
            raise TapeError("gone")

        def extent(self) -> tuple[Frame, Frame] | None:
            raise TapeError("gone")

    tape = NoTape()
    with running_controller(tape, ObedientParts()) as controller:
        reply = do(controller, "start", tape)
        assert isinstance(reply, Rejected) and "no tape" in reply.reason
        assert isinstance(do(controller, "song Tango", tape), Accepted)


@pytest.mark.parametrize("at_ns", [-1, -(10**30), 1 << 63, 10**40])
def test_a_time_that_is_no_time_is_refused(at_ns: int) -> None:
    tape = WoundTape()
    with running_controller(tape, ObedientParts()) as controller:
        command = parse_command("start", origin=Origin("x"), at_ns=Ns(at_ns))
        reply = controller.submit(command, RIG_ITSELF).result(PATIENCE_S)
    assert isinstance(reply, Rejected)


def test_a_storm_of_presses_is_answered_press_by_press() -> None:
    tape, parts = WoundTape(), ObedientParts()
    controller = controller_of(tape, parts)
    command = parse_command("toggle", origin=Origin("x"), at_ns=tape.clock_ns())
    replies = [controller.submit(command, RIG_ITSELF) for _ in range(MOST_COMMANDS_WAITING + 50)]
    refused_at_once = [reply for reply in replies if reply.done()]
    assert len(refused_at_once) == 50
    controller.post(LISTENING)  # facts still have room
    controller.start()
    try:
        assert all(isinstance(reply.result(PATIENCE_S), Rejected) for reply in replies)
        until(controller, lambda state: state.transport is Transport.READY)
    finally:
        controller.stop()


def test_what_was_submitted_before_the_stop_is_done_and_later_is_refused() -> None:
    tape = WoundTape()
    controller = controller_of(tape, ObedientParts())
    command = parse_command("lock", origin=Origin("x"), at_ns=tape.clock_ns())
    early = controller.submit(command, RIG_ITSELF)
    listener = controller.listen()
    controller.start()
    controller.stop()
    assert isinstance(early.result(PATIENCE_S), Accepted)
    assert isinstance(controller.submit(command, RIG_ITSELF).result(PATIENCE_S), Rejected)
    with pytest.raises(LinkError, match="closed"):
        listener.next(PATIENCE_S)


def test_a_caller_that_gives_up_does_not_break_the_step() -> None:
    tape = WoundTape()
    controller = controller_of(tape, ObedientParts())
    future = controller.submit(parse_command("lock", origin=Origin("x"), at_ns=tape.clock_ns()), RIG_ITSELF)
    assert not future.cancel()
    controller.start()
    try:
        assert until(controller, lambda state: state.locked)
    finally:
        controller.stop()


def test_shut_down_ends_the_rig_after_the_takes_are_closed() -> None:
    tape, parts = WoundTape(), ObedientParts()
    parts.closes_takes = False
    with running_controller(tape, parts) as controller:
        do(controller, "start", tape)
        tape.now_s += 1
        do(controller, "shut-down", tape)
        assert not parts.ended.is_set()
        take = controller.state.takes[-1]
        assert take.end_frame is not None
        parts.close(take.take_id, take.end_frame)
        assert parts.ended.wait(PATIENCE_S)


def test_a_probe_comes_back_behind_all_that_was_in_the_queue_and_not_from_a_controller_that_hangs() -> None:
    tape, parts = WoundTape(), ObedientParts()
    order: list[str] = []
    reached, go_on = threading.Event(), threading.Event()
    with running_controller(tape, parts) as controller:
        command = parse_command("start", origin=Origin("test"), at_ns=tape.clock_ns())

        def hang(reply: Reply) -> None:
            order.append("command")
            go_on.wait(PATIENCE_S)

        def arrived() -> None:
            order.append("probe")
            reached.set()

        controller.submit_then(command, RIG_ITSELF, hang)
        controller.probe(arrived)
        assert not reached.is_set()
        go_on.set()
        assert reached.wait(PATIENCE_S)
    assert order == ["command", "probe"]


def test_a_press_is_placed_by_a_fresh_timeline_and_a_fact_by_a_recent_one() -> None:
    class Asked(WoundTape):
        within: list[int]

        def frame_at(self, at_ns: Ns, *, fitted_within_ns: int = 0) -> Frame | None:
            self.within.append(fitted_within_ns)
            return super().frame_at(at_ns)

    tape = Asked()
    tape.within = []
    with running_controller(tape, ObedientParts()) as controller:
        do(controller, "lock", tape)
        tape.within.clear()
        do(controller, "unlock", tape)
        assert tape.within == [0]
        controller.post(WRITER_IDLE)
        do(controller, "lock", tape)
    assert tape.within == [0, NS_PER_SECOND, 0]


def test_a_fault_is_in_the_log_once(caplog: pytest.LogCaptureFixture) -> None:
    with running_controller(WoundTape(), ObedientParts()) as controller, caplog.at_level(logging.WARNING):
        for _ in range(3):
            controller.post(CaptureLost(reason="the interface was pulled out"))
        until(controller, lambda state: any(fault.key == "interface" for fault in state.faults))
        do(controller, "lock", WoundTape())
    assert caplog.text.count("the interface was pulled out") == 1
