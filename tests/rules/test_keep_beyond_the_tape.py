"""Keep reaches back beyond the tape where there is a black box: the take is ordered of it and not of the writer."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from rigd.model.blackbox import BlackBox, KeepUnderWay
from rigd.model.effects import EndRig, KeepFromBlackBox
from rigd.model.events import Happening
from rigd.model.inputs import CaptureLost, TakeAdopted
from rigd.model.messages import EndTake, TakeFailed
from rigd.model.state import Transport
from rigd.model.units import Frame
from tests.support.desk import RATE_HZ, WRITER_IDLE, Desk, frame, orders


def box(reaches_to_s: float, **more: Any) -> BlackBox:
    """A black box whose oldest frame is that of this second; the tape began at 0 s."""
    plain: dict[str, Any] = {
        "minutes": 40.0,
        "tape_id": "tape now",
        "tape_to": frame(100.0),
        "newest_frame": frame(99.0),
    }
    return BlackBox(oldest_frame=frame(reaches_to_s), **{**plain, **more})


def desk_with(reaches_to_s: float, *, keep_s: float = 30.0, **more: Any) -> Desk:
    desk = Desk(keep_s=keep_s)
    desk.hear(box(reaches_to_s, **more))
    desk.events.clear()
    return desk


def kept(desk: Desk) -> Any:
    (effect,) = desk.done(KeepFromBlackBox)
    return effect.keep


def test_what_the_tape_does_not_give_comes_from_the_black_box() -> None:
    desk = desk_with(5.0)
    assert "put together from the black box" in desk.ok("keep 80", at=99.0)
    keep = kept(desk)
    assert (keep.order.first_frame, keep.order.end_frame) == (frame(19.0), frame(99.0))
    assert (keep.tape_id, keep.tape_frame) == ("tape now", frame(19.0))
    assert keep.order.started_at == "2023-11-14T23:11:59.000+01:00"
    assert not orders(desk), "the writer has nothing to do with it"
    (take,) = desk.state.takes
    assert take.from_blackbox and not take.closed and take.slate.number == 1
    assert desk.state.next_take_number == 2
    assert desk.happened() == [Happening.TAKE_KEPT]


def test_what_the_tape_gives_comes_from_the_tape() -> None:
    desk = desk_with(5.0)
    desk.ok("keep 20")
    assert not desk.done(KeepFromBlackBox) and len(orders(desk)) == 1


def test_before_a_tape_that_is_young_the_black_box_has_more_also_of_a_short_keep() -> None:
    desk = desk_with(-300.0, keep_s=70.0)
    desk.ok("keep 65")  # the tape holds 60 s
    assert kept(desk).tape_frame == frame(35.0)


def test_a_take_that_begins_before_the_tape_did_has_frames_from_0_on() -> None:
    desk = desk_with(-300.0)
    desk.ok("keep 5m")
    keep = kept(desk)
    assert keep.tape_frame == frame(-200.0)
    assert (keep.order.first_frame, keep.order.end_frame) == (0, 300 * RATE_HZ)
    assert keep.order.started_at == "2023-11-14T23:08:20.000+01:00"


def test_the_answer_says_how_far_back_it_really_reaches() -> None:
    message = desk_with(-20.0).ok("keep 2h")
    assert "the last 2.0 min are take 1" in message
    assert "no further (2.0 h were asked for)" in message


def test_only_armed_channels_are_in_it() -> None:
    desk = desk_with(-300.0)
    desk.ok("disarm 2")
    desk.ok("keep 200")
    assert [track.channel for track in kept(desk).order.tracks] == [1, 3, 4]


def test_a_rolling_take_is_left_alone() -> None:
    desk = desk_with(-300.0)
    desk.ok("start")
    desk.ok("keep 200")
    assert desk.stands(Transport.ROLLING) and desk.take.slate.number == 1
    assert desk.state.takes[0].slate.number == 2
    assert not desk.told(EndTake)


@pytest.mark.parametrize("seconds", ["1e300", "99999999h"])
def test_no_length_breaks_it(seconds: str) -> None:
    desk = desk_with(-300.0)
    desk.ok(f"keep {seconds}")
    assert kept(desk).tape_frame == frame(-300.0)


@pytest.mark.parametrize(
    "other",
    [
        box(0.0, tape_to=frame(5000.0), newest_frame=frame(5000.0)),
        box(0.0, newest_frame=frame(80.0), problem="its disk stands still"),
        replace(box(0.0), oldest_frame=None, newest_frame=None),
    ],
    ids=["of another tape", "that stands still", "that has nothing yet"],
)
def test_the_tape_is_kept_where_a_black_box_could_not_give_what_came_last(other: BlackBox) -> None:
    desk = Desk(keep_s=30.0)
    desk.hear(other)
    assert "the black box has nothing to add" in desk.ok("keep 80")
    assert not desk.done(KeepFromBlackBox)
    assert orders(desk)[0].first_frame == frame(70.0)


def test_it_is_refused_where_the_disk_has_no_room_for_it_and_no_number_is_used_up() -> None:
    desk = desk_with(-300.0)
    desk.hear(replace(WRITER_IDLE, free_bytes=100_000_000))
    assert "free some space" in desk.no("keep 300")
    assert desk.state.next_take_number == 1


def test_the_sound_of_an_interface_that_was_pulled_out_is_still_had() -> None:
    desk = desk_with(-300.0)
    desk.hear(CaptureLost(reason="unplugged"))
    desk.ok("keep 200")
    assert kept(desk).order.end_frame == frame(100.0) + 100 * RATE_HZ


def test_it_is_one_of_the_takes_while_it_is_put_together_and_after() -> None:
    desk = desk_with(-300.0)
    desk.ok("keep 200")
    desk.ok("rename the good one")
    desk.hear(CaptureLost(reason="unplugged"))
    (take,) = desk.state.takes
    assert not desk.told(EndTake), "the writer does not know it"
    whole = replace(take, closed=True, from_blackbox=False, written_frames=200 * RATE_HZ)
    desk.hear(TakeAdopted(take=whole))
    (closed,) = desk.state.takes
    assert closed.closed and not closed.from_blackbox and closed.slate.name == "the good one"
    assert Happening.TAKE_CLOSED in desk.happened()


def test_one_that_cannot_be_made_is_a_fault_and_no_take() -> None:
    desk = desk_with(-300.0)
    desk.ok("keep 200")
    (take,) = desk.state.takes
    desk.hear(
        TakeFailed(take_id=take.take_id, folder=take.folder, frames_kept=0, reason="no room", disk_full=True)
    )
    assert not desk.state.takes and desk.stands(Transport.READY)
    assert any("no room" in fault.what for fault in desk.state.faults)


def test_the_next_daemon_shows_what_is_still_being_put_together() -> None:
    desk = desk_with(-300.0)
    desk.ok("keep 200")
    again = Desk()
    again.hear(KeepUnderWay(order=kept(desk).order))
    (take,) = again.state.takes
    assert take.from_blackbox and not take.closed
    again.hear(KeepUnderWay(order=kept(desk).order))
    assert len(again.state.takes) == 1


def test_rigd_ends_without_waiting_for_it() -> None:
    desk = desk_with(-300.0)
    desk.ok("keep 200")
    desk.ok("shut-down")
    assert desk.done(EndRig)


def test_a_black_box_in_trouble_is_one_fault_that_clears_itself() -> None:
    desk = Desk()
    for _ in range(3):
        desk.hear(box(0.0, problem="its disk stands still"))
    assert [fault.key for fault in desk.state.faults] == ["blackbox"]
    assert desk.happened() == [Happening.FAULT_RAISED]
    desk.ok("clear-fault")
    assert [fault.key for fault in desk.state.faults] == ["blackbox"]
    desk.hear(box(0.0))
    assert not desk.state.faults
    assert desk.state.blackbox == box(0.0) and desk.state.blackbox.tape_to == Frame(frame(100.0))
