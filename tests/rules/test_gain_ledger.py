"""What a preamp said and what was asked of it, apart; and the ledger of a take, true from its first frame on."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from rigd.model.blackbox import BlackBox
from rigd.model.effects import KeepFromBlackBox
from rigd.model.events import Happening
from rigd.model.gain import PreampSetting, PreampStatus
from rigd.model.inputs import TakeAdopted
from rigd.model.messages import Annotate, TakeFailed
from rigd.model.take import GainChange, TakeOrder, Track
from rigd.model.units import ChannelNumber, Frame
from tests.support.desk import RATE_HZ, Desk, frame, ns, orders

UP = PreampStatus(name="desk", kind="x32", answering=True)
DOWN = replace(UP, answering=False)


def says(desk: Desk, value: float | None, **more: Any) -> None:
    """The desk's word on the gain of channel 3, as of now."""
    given = {"socket": 3, "name": "gain", "confirmed": True} | more
    desk.hear(PreampSetting(preamp="desk", value=value, at_ns=ns(desk.now_s), **given))


def row(
    at_s: float, value: float | None, *, confirmed: bool = True, asked: float | None = None
) -> GainChange:
    return GainChange(
        at_frame=frame(at_s),
        channel=ChannelNumber(3),
        parameter="gain_db",
        value=value,
        confirmed=confirmed,
        asked=asked,
    )


def bass(order: TakeOrder) -> Track:
    return next(track for track in order.tracks if track.name == "Bass")


# --- said and asked ---------------------------------------------------------------------------------


def test_a_desk_that_comes_back_elsewhere_is_in_the_ledger_as_what_it_says_with_the_wish_beside_it() -> None:
    desk = Desk()
    desk.hear(UP)
    says(desk, 0.0)
    desk.ok("start")
    desk.hear(DOWN)
    desk.ok("gain 3 25")
    desk.now_s = 103.0
    desk.hear(UP)
    says(desk, -12.0, asked=25.0)
    gain = desk.state.channels[2].gain
    assert (gain.value, gain.asked, gain.confirmed) == (-12.0, 25.0, True)
    assert desk.take.gain_changes[-1] == row(103.0, -12.0, asked=25.0)
    assert "-12.0 dB, +25.0 dB is asked for" in desk.events[-1].text


def test_the_loss_of_a_desk_is_one_row_one_event_and_no_setting_is_confirmed_any_more() -> None:
    desk = Desk()
    desk.hear(UP)
    for socket in (1, 2, 3):
        for name in ("gain", "phantom"):
            says(desk, 0.0, socket=socket, name=name)
    desk.ok("start")
    desk.events.clear()
    desk.hear(DOWN)
    assert desk.happened() == [Happening.PREAMP_CHANGED]
    assert not any(each.gain.confirmed or each.phantom.confirmed for each in desk.state.channels)
    assert [(each.channel, each.parameter, each.preamp, each.value) for each in desk.take.gain_changes] == [
        (None, "answering", "desk", 0.0)
    ]
    desk.hear(UP)
    for socket in (1, 2, 3):
        for name in ("gain", "phantom"):
            says(desk, 0.0, socket=socket, name=name)
    assert desk.happened() == [Happening.PREAMP_CHANGED] * 2, "what it says again is no news"
    assert [each.value for each in desk.take.gain_changes] == [0.0, 1.0]
    assert all(each.gain.confirmed for each in desk.state.channels[:3])


def test_a_desk_of_no_recorded_channel_is_not_in_the_ledger() -> None:
    desk = Desk()
    desk.hear(UP)
    for number in (1, 2, 3):
        desk.ok(f"disarm {number}")
    desk.ok("start")
    desk.hear(DOWN)
    assert desk.take.gain_changes == ()


def test_what_is_dropped_of_an_older_wish_leaves_the_newer_one_open() -> None:
    desk = Desk()
    says(desk, 0.0)
    desk.ok("gain 3 20")
    desk.ok("gain 3 25")
    says(desk, 0.0, confirmed=False, asked=20.0, given_up=True)
    assert desk.state.channels[2].gain.asked == 25.0
    says(desk, 20.0, asked=20.0)
    assert desk.state.channels[2].gain.asked == 25.0
    says(desk, 25.0)
    assert desk.state.channels[2].gain.asked is None


def test_a_wish_that_is_given_up_is_said_with_what_the_setting_is() -> None:
    desk = Desk()
    says(desk, 5.0)
    desk.ok("gain 3 25")
    says(desk, 5.0, confirmed=False, asked=25.0, given_up=True)
    text = desk.events[-1].text
    assert "gain +5.0 dB; +25.0 dB was asked for and is given up" in text and "ask again" in text


def test_an_older_rigs_row_had_the_wish_in_the_only_column() -> None:
    old = GainChange(
        at_frame=Frame(1), channel=ChannelNumber(3), parameter="gain_db", value=25.0, confirmed=False
    )
    assert (old.value, old.asked) == (None, 25.0)


# --- true from the first frame on -------------------------------------------------------------------


def test_a_turn_inside_the_preroll_stands_at_its_frame_and_the_start_is_what_was_true_before() -> None:
    desk = Desk()
    says(desk, 10.0)
    desk.now_s = 150.0
    says(desk, 12.0)
    desk.now_s = 151.0
    desk.ok("start")  # from 149.0 on
    (order,) = orders(desk)
    assert bass(order).gain_db == 10.0
    assert order.gain_changes == desk.take.gain_changes == (row(150.0, 12.0),)


def test_a_turn_inside_what_is_kept_stands_at_its_frame_and_one_behind_it_is_none_of_its_own() -> None:
    desk = Desk()
    for at_s, gain in ((100.0, 10.0), (140.0, 20.0), (150.0, 30.0), (159.5, 40.0)):
        desk.now_s = at_s
        says(desk, gain)
    desk.now_s = 160.0
    desk.ok("keep 15", at=159.0)
    (order,) = orders(desk)
    assert bass(order).gain_db == 20.0
    assert order.gain_changes == (row(150.0, 30.0),)
    assert desk.state.takes[-1].gain_changes == order.gain_changes


def test_a_keep_beyond_the_tape_has_its_turns_also_where_its_frames_are_shifted() -> None:
    desk = Desk()
    box = BlackBox(minutes=40, tape_id="t", oldest_frame=-600 * RATE_HZ, newest_frame=0, tape_to=Frame(0))
    for at_s, gain in ((100.0, 10.0), (110.0, 20.0), (1000.0, 30.0)):
        desk.now_s = at_s
        desk.hear(replace(box, newest_frame=frame(at_s), tape_to=frame(at_s)))
        says(desk, gain)
    desk.ok("keep 940")  # from 60 s on
    desk.ok("keep 20m")  # from 200 s before the tape began
    first, second = (effect.keep.order for effect in desk.done(KeepFromBlackBox))
    assert (bass(first).gain_db, first.gain_changes) == (10.0, (row(110.0, 20.0),))
    shift = 200 * RATE_HZ
    assert second.first_frame == 0 and bass(second).gain_db == 10.0
    assert [(each.at_frame - shift, each.value) for each in second.gain_changes] == [
        (frame(110.0), 20.0),
    ]


def test_the_next_take_begins_with_what_was_true_at_the_border() -> None:
    desk = Desk()
    says(desk, 10.0)
    desk.ok("start")
    desk.now_s = 110.0
    says(desk, 20.0)
    desk.ok("next", at=109.0)
    order = orders(desk)[-1]
    assert bass(order).gain_db == 10.0
    assert order.gain_changes == desk.take.gain_changes == (row(110.0, 20.0),)
    assert desk.state.takes[-1].gain_changes == ()


def test_the_rest_of_a_failed_take_has_its_turns_once() -> None:
    desk = Desk()
    says(desk, 10.0)
    desk.ok("start")
    for at_s, gain in ((105.0, 15.0), (109.0, 19.0)):
        desk.now_s = at_s
        says(desk, gain)
    desk.now_s = 110.0
    failed = desk.take
    kept = frame(107.0) - failed.first_frame
    desk.effects.clear()
    desk.hear(
        TakeFailed(
            take_id=failed.take_id,
            folder=failed.folder,
            frames_kept=kept,
            reason="a write failed",
            disk_full=False,
            rolled=True,
        )
    )
    (order,) = orders(desk)
    assert bass(order).gain_db == 15.0
    assert desk.take.gain_changes == order.gain_changes == (row(109.0, 19.0),)
    assert not [each for each in desk.told(Annotate) if isinstance(each.note, GainChange)]


def test_a_preamp_that_was_first_read_later_began_with_what_it_said_then() -> None:
    desk = Desk()
    desk.now_s = 150.0
    says(desk, 12.0)
    desk.now_s = 150.5
    says(desk, 13.0)
    desk.ok("start")  # from 148.5 on
    (order,) = orders(desk)
    assert bass(order).gain_db == 12.0
    assert order.gain_changes == (row(150.5, 13.0),)


def test_what_an_earlier_daemon_wrote_into_the_rolling_take_is_known_for_the_next_one() -> None:
    desk = Desk()
    says(desk, 30.0)
    desk.ok("start")
    known = desk.take
    desk.hear(TakeAdopted(take=replace(known, gain_changes=(row(99.0, 10.0), row(99.5, 30.0)))))
    desk.now_s = 110.0
    desk.ok("next", at=99.25)
    assert bass(orders(desk)[-1]).gain_db == 10.0


def test_a_loss_inside_the_preroll_is_in_the_ledger() -> None:
    desk = Desk()
    desk.hear(UP)
    says(desk, 10.0)
    desk.now_s = 150.0
    desk.hear(DOWN)
    desk.ok("start")
    assert [(each.preamp, each.parameter, each.value) for each in desk.take.gain_changes] == [
        ("desk", "answering", 0.0)
    ]
    assert bass(orders(desk)[-1]).gain_db == 10.0
