"""The last seconds before a press are kept as a take."""

from __future__ import annotations

import pytest

from rigd.model.events import Happening
from rigd.model.inputs import CaptureLost
from rigd.model.messages import EndTake
from rigd.model.state import Transport
from tests.support.desk import Desk, frame, orders


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


def test_keep_still_has_the_last_seconds_of_an_interface_that_was_pulled_out() -> None:
    desk = Desk()
    desk.hear(CaptureLost(reason="unplugged"))
    desk.ok("keep 10")
    assert orders(desk)[0].end_frame == frame(100.0)


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
