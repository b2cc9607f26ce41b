"""The last seconds before a press are kept as a take."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rigd.model.events import Happening
from rigd.model.inputs import CaptureLost
from rigd.model.messages import CapturePhase, CaptureReport, EndTake, TakeProgress
from rigd.model.state import Transport
from tests.support.desk import LISTENING, OPENED, WRITER_IDLE, Desk, frame, orders


def test_keep_makes_a_take_of_the_seconds_before_the_press() -> None:
    desk = Desk()
    desk.ok("keep 20", at=99.0)
    (order,) = orders(desk)
    assert (order.first_frame, order.end_frame) == (frame(79.0), frame(99.0))
    assert desk.stands(Transport.READY)
    assert desk.happened() == [Happening.TAKE_KEPT]


def test_keep_leaves_a_rolling_take_alone() -> None:
    desk = Desk()
    desk.ok("start")
    desk.ok("keep 10")
    assert desk.take.slate.number == 1
    assert desk.state.takes[0].slate.number == 2
    assert desk.stands(Transport.ROLLING)
    assert not desk.told(EndTake)


def test_keep_reaches_no_further_than_the_config_says_and_leaves_the_tape_some_room() -> None:
    desk = Desk(keep_s=30.0)
    message = desk.ok("keep 600")
    assert orders(desk)[0].first_frame == frame(70.0)
    assert "30.0 s" in message and "keep_seconds is 30 s" in message


def test_keep_says_when_the_tape_reaches_back_less() -> None:
    desk = Desk(keep_s=1000.0)
    message = desk.ok("keep 600")
    assert orders(desk)[0].first_frame == frame(40.0)
    assert "60.0 s" in message and "no further" in message


@pytest.mark.parametrize("seconds", ["0", "-5"])
def test_keep_of_no_time_is_refused(seconds: str) -> None:
    assert "no length of time" in Desk().no(f"keep {seconds}")


AWAY = CaptureReport(phase=CapturePhase.FAILED, device="Sim", failure='"Sim" was not found')


@pytest.mark.parametrize("simulated", [False, True])
def test_keep_of_an_interface_that_was_pulled_out_says_until_when_it_was_heard(simulated: bool) -> None:
    desk = Desk()
    desk.hear(replace(LISTENING, simulated=simulated))
    desk.hear(CaptureLost(reason="unplugged"))
    desk.hear(AWAY)  # another capture, which has seen no interface and cannot say what it was
    heard_to = desk.circumstances(0).tape_to
    desk.tape_ends_at_s = desk.now_s
    desk.now_s += 90.0
    message = desk.ok("keep 10")
    (order,) = orders(desk)
    assert (order.end_frame, order.first_frame) == (heard_to, frame(90.0))
    assert message == "the last 10.0 s that were heard, until 23:13:20, are take 1"
    assert order.simulated is simulated and desk.state.takes[-1].simulated is simulated


def test_yesterdays_last_seconds_have_their_date() -> None:
    desk = Desk()
    desk.hear(CaptureLost(reason="unplugged"))
    desk.tape_ends_at_s = desk.now_s
    desk.now_s += 3600.0
    assert "until 2023-11-14 23:13:20, are" in desk.ok("keep 10")


def test_the_tape_of_an_earlier_rig_is_nobodys_take() -> None:
    desk = Desk(ready=False)
    for fact in (OPENED, WRITER_IDLE, AWAY):
        desk.hear(fact)
    reason = desk.no("keep 10")
    assert "nothing was heard since rigd began" in reason and '"Sim" was not found' in reason
    desk.hear(LISTENING)
    desk.hear(AWAY)
    desk.ok("keep 10")


def test_where_a_take_of_before_is_still_open_the_tape_is_its_own_and_as_made_up_as_it() -> None:
    before = Desk()
    before.hear(replace(LISTENING, simulated=True))
    before.ok("start")
    (order,) = orders(before)
    desk = Desk(ready=False)
    desk.next_ids_from(100)
    progress = TakeProgress(order=order, written_frames=0, durable_frames=0)
    for fact in (OPENED, AWAY, replace(WRITER_IDLE, open_takes=(progress,))):
        desk.hear(fact)
    desk.ok("keep 10")
    assert orders(desk)[-1].simulated


def test_keep_begins_with_sound_and_not_inside_a_gap() -> None:
    desk = Desk()
    desk.silent = (80.0, 95.0)
    assert "the last 5.0 s are" in desk.ok("keep 10")
    assert orders(desk)[0].first_frame == frame(95.0)


def test_keep_has_the_sound_before_a_gap() -> None:
    desk = Desk()
    desk.silent = (91.0, 95.0)
    desk.ok("keep 10")
    assert orders(desk)[0].first_frame == frame(90.0)
