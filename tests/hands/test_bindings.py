"""What a control does: its check, its matching, and a fader that never makes a gain jump."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.hands.bindings import (
    ONE_SWITCH,
    TWO_GESTURES,
    Binding,
    binding_of,
    check_binding,
    control_fits,
    given_now,
    nudge_command,
)
from rigd.hands.faders import GainFader
from rigd.model.channels import channels_of
from rigd.model.commands import NudgeGain, SetGain, ToggleTake
from rigd.model.errors import CommandError
from rigd.model.gain import PreampAbility, ReadBack
from rigd.model.state import Channel, Setting
from rigd.model.units import ChannelNumber, InputNumber, Ns, Origin

PEDAL = Origin("pedal")
ABILITY = PreampAbility(min_db=0.0, max_db=60.0, step_db=0.5, read_back=ReadBack.PUSH)
FADER = Binding(control="fader 1", gain=ChannelNumber(3))


def channel(
    gain_db: float | None, *, asked: float | None = None, ability: PreampAbility | None = ABILITY
) -> Channel:
    return Channel(
        number=ChannelNumber(3),
        input=InputNumber(3),
        name="Snare",
        source="mic",
        armed=True,
        ability=ability,
        gain=Setting(value=gain_db, asked=asked, confirmed=asked is None),
    )


@pytest.mark.parametrize("grammar", [ONE_SWITCH, TWO_GESTURES])
def test_the_shipped_grammars_are_right(grammar: dict[str, str]) -> None:
    assert check_binding(binding_of(control="cc 80", **grammar)) == []


@pytest.mark.parametrize(
    ("binding", "said"),
    [
        (Binding(control="cc 80"), "bound to nothing"),
        (binding_of(control=" ", tap="toggle"), "control is empty"),
        (binding_of(control="cc 80", press="start", tap="stop"), "leaves no room for tap"),
        (binding_of(control="cc 80", mode="latching", hold="again"), "hold needs a switch"),
        (binding_of(control="program 3", mode="trigger", release="stop"), "release needs a switch"),
        (binding_of(control="cc 80", hold="again", long_hold="circle", hold_ms=2000), "not shorter than long"),
        (binding_of(control="cc 80", double="next", debounce_ms=400), "not shorter than a gesture"),
        (Binding(control="fader 1", gain=ChannelNumber(1), nudge=ChannelNumber(2)), "keep one"),
        (Binding(control="encoder 1", nudge=ChannelNumber(1), step_db=0.0), "step_db"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_binding_is_said(binding: Binding, said: str) -> None:
    wrong = check_binding(binding)
    assert len(wrong) == 1
    assert said in wrong[0]


def test_a_text_that_is_no_command_is_no_binding() -> None:
    for text, said in (
        ("tuggle", '"tuggle" is not a command'),
        ("keep soon", '"soon" is not a length of time'),
    ):
        with pytest.raises(CommandError, match=said):
            binding_of("cc 80", tap=text)


@pytest.mark.parametrize(
    ("bound", "moved", "fits"),
    [
        ("cc 80", "cc 80 ch 1", True),
        ("CC  80", "cc 80 ch 16", True),
        ("cc 80 ch 2", "cc 80 ch 2", True),
        ("cc 80 ch 2", "cc 80 ch 1", False),
        ("cc 8", "cc 80 ch 1", False),
        ("cc 80 ch 1", "cc 80 ch 11", False),
        ("button 2", "button 2", True),
    ],
)
def test_a_binding_without_a_channel_means_every_channel(bound: str, moved: str, fits: bool) -> None:
    assert control_fits(bound, moved) == fits


def test_a_command_of_a_hold_says_so_and_keeps_the_time_of_the_press() -> None:
    prototype = binding_of("cc 80", hold="toggle").hold
    assert prototype is not None
    command = given_now(prototype, held=True, origin=PEDAL, at_ns=Ns(123))
    assert command == ToggleTake(origin=PEDAL, at_ns=Ns(123), held=True)


def test_an_encoder_turns_the_gain_by_its_step() -> None:
    binding = Binding(control="encoder 1", nudge=ChannelNumber(2), step_db=0.5)
    command = nudge_command(binding, -3.0, origin=PEDAL, at_ns=Ns(1))
    assert command == NudgeGain(origin=PEDAL, at_ns=Ns(1), channels=channels_of([2]), delta_db=-1.5)
    assert nudge_command(binding, 0.0, origin=PEDAL, at_ns=Ns(1)) is None
    assert nudge_command(binding, float("nan"), origin=PEDAL, at_ns=Ns(1)) is None


def test_a_fader_does_nothing_until_it_has_passed_the_true_gain() -> None:
    fader = GainFader(FADER)
    assert [fader.moved(place, channel(30.0)) for place in (0.1, 0.2, 0.4)] == [None, None, None]
    assert fader.moved(0.6, channel(30.0)) == 36.0
    assert fader.moved(0.7, channel(36.0)) == 42.0


def test_a_fader_that_stands_at_the_true_gain_has_it_in_hand() -> None:
    fader = GainFader(FADER)
    assert fader.moved(0.5, channel(30.0)) is None  # nothing to ask for
    assert fader.moved(0.55, channel(30.0)) == 33.0


def test_a_fader_lets_go_when_somebody_else_turned_the_gain() -> None:
    fader = GainFader(FADER)
    fader.moved(0.5, channel(30.0))
    assert fader.moved(0.55, channel(30.0)) == 33.0
    assert fader.moved(0.6, channel(10.0)) is None
    assert fader.moved(0.65, channel(10.0)) is None
    assert fader.moved(0.1, channel(10.0)) == 6.0


def test_a_preamp_that_answers_late_does_not_take_the_fader_away() -> None:
    fader = GainFader(FADER)
    fader.moved(0.5, channel(30.0))
    for place, late in ((0.55, 30.0), (0.65, 30.0), (0.75, 33.0), (0.85, 39.0)):
        assert fader.moved(place, channel(late)) == ABILITY.quantise(place * 60)


def test_what_was_asked_for_counts_as_the_gain_that_is_to_be_passed() -> None:
    fader = GainFader(FADER)
    assert fader.moved(0.1, channel(6.0, asked=48.0)) is None
    assert fader.moved(0.2, channel(6.0, asked=48.0)) is None


def test_without_pickup_a_fader_acts_at_once() -> None:
    fader = GainFader(msgspec.structs.replace(FADER, pickup=False))
    assert fader.moved(0.1, channel(40.0)) == 6.0


def test_a_gain_that_was_never_heard_takes_the_faders_word() -> None:
    assert GainFader(FADER).moved(0.25, channel(None)) == 15.0


def test_a_pedal_at_rest_that_wavers_asks_for_nothing() -> None:
    fader = GainFader(FADER)
    fader.moved(0.4, channel(24.0))
    asked = fader.moved(64 / 127, channel(24.0))
    assert asked == 30.0
    wavering = [fader.moved((64 + step) / 127, channel(30.0)) for step in (-1, 0, -1, 0, -1, 0)]
    assert wavering == [None] * 6


def test_both_ends_of_a_fader_are_reached() -> None:
    fader = GainFader(msgspec.structs.replace(FADER, pickup=False))
    assert [fader.moved(place, channel(None)) for place in (0.5, 0.999, 1.0)] == [30.0, 60.0, None]
    assert fader.moved(0.004, channel(60.0)) == 0.0


def test_a_channel_without_a_preamp_and_a_value_that_is_none_do_nothing() -> None:
    fader = GainFader(FADER)
    assert fader.moved(0.5, None) is None
    assert fader.moved(0.5, channel(None, ability=None)) is None
    assert fader.moved(float("nan"), channel(None)) is None


def test_after_the_port_is_gone_the_fader_has_to_pass_again() -> None:
    fader = GainFader(FADER)
    fader.moved(0.5, channel(30.0))
    fader.let_go()
    assert fader.moved(0.9, channel(30.0)) is None


def test_the_fader_names_the_command() -> None:
    command = GainFader(FADER).command(0.25, channel(None), origin=PEDAL, at_ns=Ns(7))
    assert command == SetGain(origin=PEDAL, at_ns=Ns(7), channels=channels_of([3]), gain_db=15.0)


@given(places=st.lists(st.floats(0, 1), max_size=50), true_db=st.floats(0, 60))
def test_the_first_thing_a_fader_asks_for_is_never_a_jump_it_did_not_make(
    places: list[float], true_db: float
) -> None:
    """Between the place before and the place now lies the true gain, give or take what jitter hides."""
    fader = GainFader(FADER)
    before: float | None = None
    for place in places:
        asked = fader.moved(place, channel(true_db))
        if asked is not None:
            here_db, there_db = place * 60, (place if before is None else before) * 60
            assert min(here_db, there_db) - 2 <= true_db <= max(here_db, there_db) + 2
            return
        before = place
