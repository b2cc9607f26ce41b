"""Settings by name: whatever a preamp says that it has can be set, is shown, and is in the take."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from rigd.model.command_text import parse_command
from rigd.model.effects import RequestSetting
from rigd.model.events import Happening
from rigd.model.gain import (
    GAIN,
    PHANTOM,
    Abilities,
    Ability,
    PreampAbilities,
    PreampSetting,
    PreampStatus,
    ReadBack,
    SettingKind,
    ability_fault,
)
from rigd.model.state import Channel, Setting, setting_of
from rigd.model.units import Ns, Origin, SettingName
from rigd.rules.permissions import SurfaceRights
from tests.support.desk import Desk, frame, ns, orders

LOW_CUT, INSTRUMENT, AIR = SettingName("low_cut"), SettingName("instrument"), SettingName("air")
CARD: Abilities = {
    GAIN: Ability(kind=SettingKind.DB, min_db=0.0, max_db=69.0, step_db=1.0),
    PHANTOM: Ability(kind=SettingKind.SWITCH, group=(1, 2, 3, 4), confirm=True),
    LOW_CUT: Ability(kind=SettingKind.CHOICE, choices=("off", "80 Hz", "120 Hz")),
    INSTRUMENT: Ability(kind=SettingKind.SWITCH),
    AIR: Ability(kind=SettingKind.SWITCH, read_back=ReadBack.NEVER),
}


def card(*, sockets: tuple[int, ...] = (1, 2, 3), **rule_changes: Any) -> Desk:
    """The desk of the bench has become a card that says what it can do."""
    desk = Desk(**rule_changes)
    desk.hear(PreampAbilities(preamp="desk", abilities=dict.fromkeys(sockets, CARD)))
    desk.events.clear()
    return desk


def says(desk: Desk, name: SettingName, value: float | None, *, socket: int = 3, **more: Any) -> None:
    given = {"confirmed": True} | more
    desk.hear(
        PreampSetting(preamp="desk", socket=socket, name=name, value=value, at_ns=ns(desk.now_s), **given)
    )


def bass(desk: Desk) -> Channel:
    return desk.state.channels[2]


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("set 3 low_cut 80 Hz", LOW_CUT, 1.0),
        ("set 3 low_cut OFF", LOW_CUT, 0.0),
        ("set 3 instrument on", INSTRUMENT, 1.0),
        ("set 3 gain 30.4", GAIN, 30.0),
        ("set 3 gain 31 dB", GAIN, 31.0),
        ("set 3 phantom on confirm", PHANTOM, 1.0),
        ("set 3 phantom off", PHANTOM, 0.0),
    ],
)
def test_any_setting_is_asked_for_by_its_name(text: str, name: SettingName, value: float) -> None:
    desk = card()
    desk.ok(text)
    (request,) = desk.done(RequestSetting)
    assert (request.socket, request.name, request.value) == (3, name, value)
    assert setting_of(bass(desk), name).asked == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("set 3 low_cut 90 Hz", '"90 Hz" is none of: off, 80 Hz, 120 Hz'),
        ("set 3 instrument maybe", '"maybe" is neither on nor off'),
        ("set 3 gain 70", "out of its range of 0 to 69 dB"),
        ("set 3 gain loud", "the form is: set 3 gain VALUE, of: 0 to 69 dB"),
        ("set 3 gain nan", "nan is out of its range"),
        ("set 3 reverb on", "has no reverb; it has: gain, phantom, low_cut, instrument, air"),
        ("set 3 phantom on", "set 3 phantom on confirm"),
        ("set 4 gain 3", "has no controllable preamp"),
        ("set 9 gain 3", "there is no channel 9"),
    ],
)
def test_what_cannot_be_is_refused_with_what_there_is(text: str, reason: str) -> None:
    refused = card().no(text)
    if "phantom" in text:
        reason = "phantom 3 on confirm"
    assert reason in refused


def test_the_plain_commands_and_set_are_one_and_the_same() -> None:
    for plain, by_name in (
        ("gain 1 20", "set 1 gain 20"),
        ("phantom 1 on confirm", "set 1 phantom on confirm"),
    ):
        one, other = card(), card()
        one.ok(plain)
        other.ok(by_name)
        assert one.effects == other.effects and one.state.channels == other.state.channels


def test_what_the_preamp_says_of_any_setting_is_shown_and_told() -> None:
    desk = card()
    says(desk, LOW_CUT, 2.0)
    says(desk, INSTRUMENT, 1.0)
    assert bass(desk).settings[LOW_CUT] == Setting(value=2.0, confirmed=True)
    assert bass(desk).settings[INSTRUMENT].value == 1.0
    assert [event.text for event in desk.events] == [
        'channel 3 "Bass": low_cut 120 Hz',
        'channel 3 "Bass": instrument on',
    ]


def test_a_phantom_group_is_switched_once_and_the_confirmation_names_all_its_channels() -> None:
    desk = card()
    refused = desk.no("phantom 2 on")
    assert 'channels 1 "Kick", 3 "Bass" as well' in refused
    assert "socket 4 of the preamp as well, which no channel uses" in refused
    assert 'channels 1 "Kick", 2 "Snare", 3 "Bass": phantom on' in desk.ok("phantom 2 on confirm")
    (request,) = desk.done(RequestSetting)
    assert (request.socket, request.value) == (2, 1.0)
    assert [channel.phantom.asked for channel in desk.state.channels] == [1.0, 1.0, 1.0, None]
    for socket in (1, 2, 3):
        says(desk, PHANTOM, 1.0, socket=socket)
    assert [channel.phantom.asked for channel in desk.state.channels[:3]] == [None] * 3


def test_what_may_harm_waits_for_the_end_of_the_take_whatever_it_is_called() -> None:
    desk = card()
    boost = SettingName("plus_20_db")
    able = {**CARD, boost: Ability(kind=SettingKind.SWITCH, confirm=True)}
    desk.hear(PreampAbilities(preamp="desk", abilities={3: able}))
    assert "set 3 plus_20_db on confirm" in desk.no("set 3 plus_20_db on")
    desk.ok("start")
    assert "is not switched while a take rolls" in desk.no("set 3 plus_20_db off")


def test_what_a_preamp_can_never_confirm_stays_asked_for_and_is_in_the_ledger_as_that() -> None:
    desk = card()
    desk.ok("start")
    desk.ok("set 3 air on")
    says(desk, AIR, None, confirmed=False, asked=1.0)
    assert bass(desk).settings[AIR] == Setting(value=None, asked=1.0, confirmed=False)
    (row,) = desk.take.gain_changes
    assert (row.parameter, row.value, row.asked, row.confirmed) == ("air", None, 1.0, False)


def test_a_card_that_is_plugged_in_later_says_its_own_and_one_that_returns_with_others_is_believed() -> None:
    desk = Desk()
    nothing = PreampAbilities(preamp="desk", abilities={})
    desk.hear(nothing)
    assert "has not said yet what it can do" in desk.no("gain 3 20")
    desk.hear(PreampAbilities(preamp="desk", abilities={3: CARD}))
    says(desk, GAIN, 30.0)
    says(desk, INSTRUMENT, 1.0)
    says(desk, LOW_CUT, 1.0)
    desk.events.clear()
    other = {
        GAIN: replace(CARD[GAIN], min_db=-12.0, max_db=60.0),
        LOW_CUT: replace(CARD[LOW_CUT], choices=("off", "75 Hz")),
    }
    desk.hear(PreampAbilities(preamp="desk", abilities={3: other}))
    channel = bass(desk)
    assert channel.abilities == other and channel.settings.get(INSTRUMENT) is None
    assert channel.ability is not None and (channel.ability.min_db, channel.ability.phantom) == (-12.0, False)
    assert channel.gain.value == 30.0, "dB are dB"
    assert setting_of(channel, LOW_CUT) == Setting(), "its words are others"
    assert desk.happened() == [Happening.PREAMP_CHANGED]
    assert 'channel 3 "Bass" has gain (-12 to 60 dB), low_cut (off, 75 Hz)' in desk.events[0].text
    says(desk, INSTRUMENT, 0.0)
    assert bass(desk).settings.get(INSTRUMENT) is None, "it says itself that it has none"


def test_a_take_has_every_setting_as_it_was_at_its_first_frame_and_each_change_in_words() -> None:
    desk = card()
    says(desk, GAIN, 30.0)
    says(desk, LOW_CUT, 1.0)
    says(desk, INSTRUMENT, 1.0)
    desk.now_s = 150.0
    desk.ok("start")
    says(desk, LOW_CUT, 2.0)
    (order,) = orders(desk)
    track = next(each for each in order.tracks if each.name == "Bass")
    assert (track.gain_db, track.phantom, track.settings) == (
        30.0,
        None,
        {LOW_CUT: "80 Hz", INSTRUMENT: True},
    )
    (row,) = desk.take.gain_changes
    assert (row.at_frame, row.parameter, row.value, row.word) == (frame(150.0), "low_cut", 2.0, "120 Hz")


def test_a_card_that_was_just_unplugged_was_what_it_was_at_the_first_frame() -> None:
    desk = card()
    says(desk, GAIN, 30.0)
    says(desk, PHANTOM, 1.0)
    says(desk, LOW_CUT, 1.0)
    desk.now_s = 150.0
    desk.hear(PreampAbilities(preamp="desk", abilities={}))
    desk.ok("start")
    track = next(each for each in orders(desk)[0].tracks if each.name == "Bass")
    assert (track.gain_db, track.phantom, track.settings) == (30.0, True, {LOW_CUT: "80 Hz"})
    assert {(row.parameter, row.value) for row in desk.take.gain_changes} == {
        ("gain_db", None),
        ("phantom", None),
        ("low_cut", None),
    }
    desk.now_s = 160.0
    desk.ok("next")
    track = next(each for each in orders(desk)[1].tracks if each.name == "Bass")
    assert (track.gain_db, track.phantom, track.settings) == (None, None, {})


def test_the_loss_of_a_card_puts_every_setting_in_doubt() -> None:
    desk = card()
    up = PreampStatus(name="desk", kind="card", answering=True)
    desk.hear(up)
    says(desk, LOW_CUT, 1.0)
    desk.hear(replace(up, answering=False))
    assert bass(desk).settings[LOW_CUT] == Setting(value=1.0, confirmed=False)


def test_a_surface_may_not_name_set_by_a_binding_alone() -> None:
    from rigd.hands.bindings import binding_of

    rights = SurfaceRights.of([binding_of(control="cc 80", tap="set 3 instrument on")], None)
    command = parse_command("set 3 phantom on confirm", origin=Origin("box"), at_ns=Ns(0))
    assert "not allowed" in rights.refusal(replace(command, bound=False), "box")


@pytest.mark.parametrize(
    ("name", "ability"),
    [
        ("gain", Ability(kind=SettingKind.DB, min_db=0.0, max_db=float("nan"), step_db=1.0)),
        ("gain", Ability(kind=SettingKind.DB, min_db=0.0, max_db=60.0)),
        ("gain", Ability(kind=SettingKind.DB, min_db=10.0, max_db=0.0, step_db=1.0)),
        ("low_cut", Ability(kind=SettingKind.CHOICE)),
        ("low_cut", Ability(kind=SettingKind.CHOICE, choices=("Off", "off"))),
        ("low_cut", Ability(kind=SettingKind.CHOICE, choices=("off", "80\nHz"))),
        ("Low Cut", Ability(kind=SettingKind.SWITCH)),
        ("a" * 25, Ability(kind=SettingKind.SWITCH)),
    ],
)
def test_an_ability_that_cannot_be_has_a_reason(name: str, ability: Ability) -> None:
    assert ability_fault(name, ability)
    assert not any(ability_fault(each, able) for each, able in CARD.items())


def test_a_number_of_a_command_is_that_of_its_channel() -> None:
    command = parse_command("set 3 low_cut 80 Hz", origin=Origin("x"), at_ns=Ns(0))
    assert (command.channels, command.setting, command.value) == ((3,), "low_cut", "80 Hz")  # type: ignore[attr-defined]


@pytest.mark.parametrize("asks", [1, 2, 3])
def test_one_of_several_that_wants_a_confirmation_wants_it_of_all(asks: int) -> None:
    """Two makes of card in one rack: the same word does harm on the one and none on the other."""
    plain = Ability(kind=SettingKind.SWITCH)
    desk = Desk()
    abilities = {socket: {AIR: replace(plain, confirm=socket == asks)} for socket in (1, 2, 3)}
    desk.hear(PreampAbilities(preamp="desk", abilities=abilities))
    assert "set 1-3 air on confirm" in desk.no("set 1-3 air on")
    desk.ok("start")
    assert "while a take rolls" in desk.no("set 1-3 air off"), "it bangs"
    desk.ok("stop")
    desk.ok("set 1-3 air off")
    desk.ok("set 1-3 air on confirm")


def test_off_is_harmless_only_where_it_is_a_switch() -> None:
    """Of a list "off" is a choice as any other: what the first channel can does not speak for the second."""
    desk = Desk()
    choice = Ability(kind=SettingKind.CHOICE, choices=("48 V", "off"), confirm=True)
    switch = Ability(kind=SettingKind.SWITCH, confirm=True)
    desk.hear(PreampAbilities(preamp="desk", abilities={1: {AIR: switch}, 2: {AIR: choice}}))
    desk.ok("set 1 air off")
    assert "air off wants a confirmation" in desk.no("set 1-2 air off")
