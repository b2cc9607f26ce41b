"""Gain, pad, 48 V and polarity: asked for, confirmed, and written into the take that rolls."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from rigd.model.channels import channels_of
from rigd.model.commands import Rejected, SetGain
from rigd.model.effects import RequestSetting
from rigd.model.events import Happening
from rigd.model.gain import PreampSetting, PreampStatus
from rigd.model.messages import Annotate
from rigd.model.state import Channel, SurfaceStatus
from rigd.model.take import GainChange
from rigd.model.units import ChannelNumber, Origin
from tests.support.desk import Desk, frame, ns


def says(desk: Desk, value: float | None, *, socket: int = 3, confirmed: bool = True, **more: Any) -> None:
    """The desk's word on a setting, as of now."""
    fact = PreampSetting(
        preamp="desk",
        socket=socket,
        name=more.pop("name", "gain"),
        value=value,
        confirmed=confirmed,
        at_ns=ns(desk.now_s),
        given_up=more.pop("given_up", False),
    )
    desk.hear(fact)


def channel(desk: Desk, number: int) -> Channel:
    return desk.state.channels[number - 1]


def test_a_gain_is_asked_of_the_preamp_in_its_own_steps_and_is_no_truth_yet() -> None:
    desk = Desk()
    says(desk, 10.0)
    desk.ok("gain 3 20.3")
    (request,) = desk.done(RequestSetting)
    assert (request.preamp, request.socket, request.name, request.value) == ("desk", 3, "gain", 20.5)
    gain = channel(desk, 3).gain
    assert (gain.value, gain.asked, gain.confirmed) == (10.0, 20.5, False)


def test_what_the_preamp_confirms_is_the_truth() -> None:
    desk = Desk()
    desk.ok("gain 3 20")
    says(desk, 20.0)
    gain = channel(desk, 3).gain
    assert (gain.value, gain.asked, gain.confirmed) == (20.0, None, True)
    assert desk.events[-1].what is Happening.SETTING_CHANGED


def test_what_it_does_not_confirm_is_shown_as_such() -> None:
    desk = Desk()
    says(desk, 10.0)
    desk.ok("gain 3 20")
    says(desk, 10.0, confirmed=False)
    gain = channel(desk, 3).gain
    assert (gain.value, gain.asked, gain.confirmed) == (10.0, 20.0, False)
    assert desk.events[-1].what is Happening.SETTING_UNCONFIRMED


def test_steps_on_the_way_leave_the_wish_open_and_another_hand_ends_it() -> None:
    desk = Desk()
    says(desk, 0.0)
    desk.ok("gain 3 20")
    says(desk, 6.0)
    assert channel(desk, 3).gain.asked == 20.0
    says(desk, -6.0)
    assert channel(desk, 3).gain.asked is None


def test_ganged_channels_get_the_same_gain() -> None:
    desk = Desk()
    desk.ok("gain 2 33")
    asked = [(request.socket, request.value) for request in desk.done(RequestSetting)]
    assert asked == [(1, 33.0), (2, 33.0)]


def test_a_nudge_turns_from_what_was_asked_for_last() -> None:
    desk = Desk()
    says(desk, 10.0)
    desk.ok("nudge 3 1.5")
    desk.ok("nudge 3 1.5")
    assert [request.value for request in desk.done(RequestSetting)] == [11.5, 13.0]


def test_a_nudge_from_nowhere_is_refused() -> None:
    assert "has not said its gain yet" in Desk().no("nudge 3 1")


def test_a_channel_without_preamp_says_so() -> None:
    assert 'channel 4 "Room" has no controllable preamp' in Desk().no("gain 4 20")


def test_a_gain_out_of_range_names_the_range() -> None:
    assert "-12 to 30 dB" in Desk().no("gain 3 31")


@pytest.mark.parametrize("gain_db", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_no_gain(gain_db: float) -> None:
    desk = Desk()
    reply = desk.give(
        SetGain(origin=Origin("x"), at_ns=ns(100.0), channels=channels_of([3]), gain_db=gain_db)
    )
    assert isinstance(reply, Rejected)
    assert not desk.done(RequestSetting)


def test_phantom_on_wants_a_confirmation_and_off_does_not() -> None:
    desk = Desk()
    assert "phantom 1 on confirm" in desk.no("phantom 1 on")
    desk.ok("phantom 1 on confirm")
    desk.ok("phantom 1 off")
    assert [request.value for request in desk.done(RequestSetting)] == [1.0, 0.0]


def test_phantom_waits_for_the_end_of_a_take_unless_the_config_allows_it() -> None:
    desk = Desk()
    desk.ok("start")
    assert "while a take rolls" in desk.no("phantom 1 on confirm")
    desk.rules = replace(desk.rules, phantom_while_rolling=True)
    desk.ok("phantom 1 on confirm")


def test_a_switch_that_the_preamp_lacks_is_refused() -> None:
    assert "has no pad" in Desk().no("pad 1 on")
    Desk().ok("pad 3 on")


def test_every_change_is_in_the_rolling_takes_ledger_with_its_frame() -> None:
    desk = Desk()
    says(desk, 10.0)
    desk.ok("start")
    desk.now_s = 103.0
    desk.ok("gain 3 12")
    says(desk, 12.0)
    desk.now_s = 104.0
    desk.ok("gain 3 15")
    says(desk, 12.0, confirmed=False)
    made = GainChange(
        at_frame=frame(103.0), channel=ChannelNumber(3), parameter="gain_db", value=12.0, confirmed=True
    )
    wished = replace(made, at_frame=frame(104.0), value=12.0, asked=15.0, confirmed=False)
    assert desk.take.gain_changes == (made, wished)
    assert [message.note for message in desk.told(Annotate)] == [made, wished]


def test_a_turn_at_the_desk_itself_is_in_the_ledger_too_and_a_repeated_word_is_not() -> None:
    desk = Desk()
    says(desk, 10.0)
    desk.ok("start")
    says(desk, 11.0)
    says(desk, 11.0)
    assert [change.value for change in desk.take.gain_changes] == [11.0]


def test_channels_that_are_not_recorded_are_not_in_the_ledger() -> None:
    desk = Desk()
    desk.ok("disarm 3")
    desk.ok("start")
    says(desk, 11.0)
    assert desk.take.gain_changes == ()


def test_a_take_begins_with_the_confirmed_gains() -> None:
    desk = Desk()
    says(desk, 11.0)
    says(desk, 1.0, name="phantom", socket=1)
    desk.ok("start")
    order = desk.effects[-1].message.order  # type: ignore[union-attr]
    tracks = {track.name: track for track in order.tracks}
    assert (tracks["Bass"].gain_db, tracks["Kick"].phantom, tracks["Room"].gain_db) == (11.0, True, None)


def test_preamps_and_surfaces_that_come_and_go_are_told_once() -> None:
    desk = Desk()
    status = PreampStatus(name="desk", kind="x32", answering=True)
    surface = SurfaceStatus(name="pedal", kind="midi", connected=True)
    for fact in (status, status, surface, surface, replace(status, answering=False)):
        desk.hear(fact)
    assert desk.happened() == [
        Happening.PREAMP_CHANGED,
        Happening.SURFACE_CHANGED,
        Happening.PREAMP_CHANGED,
    ]
    assert desk.state.preamps == (replace(status, answering=False),)


def test_an_order_to_a_preamp_that_is_away_is_said_to_be_pending_and_then_given_up() -> None:
    desk = Desk()
    assert "pending" not in desk.ok("gain 3 20")
    says(desk, 20.0)
    desk.hear(PreampStatus(name="desk", kind="x32", answering=False))
    assert "does not answer: pending, and given up after 10 s" in desk.ok("gain 3 30")
    assert "given up unless it does at once" in desk.ok("phantom 3 on confirm")
    says(desk, 20.0, confirmed=False)
    assert channel(desk, 3).gain.asked == 30.0
    says(desk, 20.0, confirmed=False, given_up=True)
    assert channel(desk, 3).gain.asked is None
    assert "+30.0 dB was asked for and is given up" in desk.events[-1].text


def test_an_order_to_a_preamp_that_never_answered_ends_as_well() -> None:
    desk = Desk()
    desk.hear(PreampStatus(name="desk", kind="x32", answering=False))
    desk.ok("gain 3 30")
    says(desk, None, confirmed=False, given_up=True)
    gain = channel(desk, 3).gain
    assert (gain.value, gain.asked, gain.confirmed) == (None, None, False)


def test_what_is_given_up_stands_in_the_ledger_once() -> None:
    desk = Desk()
    says(desk, 20.0)
    desk.ok("start")
    desk.hear(PreampStatus(name="desk", kind="x32", answering=False))
    desk.ok("gain 3 30")
    before = len(desk.told(Annotate))
    says(desk, 20.0, confirmed=False)
    says(desk, 20.0, confirmed=False, given_up=True)
    assert len(desk.told(Annotate)) - before == 1
