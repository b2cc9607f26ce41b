"""Channels as people name them, on every command that is about channels; and numbers as people write them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rigd.cli.form import UsageError, given_by
from rigd.cli.gain import GAIN, NUDGE, Level
from rigd.cli.which_channels import channel_called, channels_meant
from rigd.model.errors import CommandError
from rigd.model.state import Channel
from rigd.model.units import ChannelNumber, InputNumber


def channel(number: int, name: str, *, preamp: str = "") -> Channel:
    numbered = ChannelNumber(number), InputNumber(number)
    return Channel(number=numbered[0], input=numbered[1], name=name, source="", armed=True, preamp=preamp)


THERE = (
    channel(1, "Kick In", preamp="desk"),
    channel(2, "Kick Out", preamp="desk"),
    channel(3, "4", preamp="desk"),
    channel(4, "Gtr, L"),
    channel(12, "Room [far]"),
)


def meant(*words: str, has_preamp: bool = False) -> list[int]:
    return list(channels_meant(words, THERE, has_preamp=has_preamp))


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["3"], [3]),
        (["1-3"], [1, 2, 3]),
        (["1,2", "12"], [1, 2, 12]),
        (["kick in"], [1]),
        (["Kick O"], [2]),
        (["room"], [12]),
        (["gtr, l"], [4]),
        (["Kick In,Room"], [1, 12]),
        (["all"], [1, 2, 3, 4, 12]),
        (["99"], [99]),
    ],
)
def test_a_channel_is_meant_by_number_range_list_name_or_all(words: list[str], numbers: list[int]) -> None:
    assert meant(*words) == numbers


def test_all_of_a_setting_is_every_channel_that_has_a_preamp() -> None:
    assert meant("all", has_preamp=True) == [1, 2, 3]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("kick", 'is 2 channels: 1 "Kick In", 2 "Kick Out"'),
        ("4", 'and the name of 3 "4". For the number write 4-4, for the name write 3'),
        ("Snare", "is no channel"),
        ("", "is not a channel"),
        (",", "is not a channel"),
    ],
)
def test_what_is_ambiguous_or_none_is_said(word: str, said: str) -> None:
    with pytest.raises(CommandError) as refused:
        meant(word)
    assert said in str(refused.value)
    assert meant("4-4") == [4]


def test_one_channel_is_one() -> None:
    assert channel_called("room", THERE) == 12
    with pytest.raises(CommandError, match="none of the channels"):
        channel_called("9", THERE)


def test_all_may_be_a_channel_s_name() -> None:
    there = (*THERE[:2], replace(THERE[4], name="All"))
    assert list(channels_meant(["all"], there, has_preamp=False)) == [12]


@pytest.mark.parametrize("word", ["20", "-2.5", "+3", "-.5"])
def test_a_gain_below_zero_needs_no_dashes_and_a_plus_turns_up(word: str) -> None:
    given = given_by(["1", word], GAIN)
    assert given is not None
    assert given["level"] == Level(db=float(word), is_turn=word == "+3")


@pytest.mark.parametrize(("command", "word"), [(GAIN, "2,5"), (NUDGE, "-2,5")])
def test_a_comma_in_a_number_is_refused_with_the_right_number(command: object, word: str) -> None:
    with pytest.raises(UsageError, match=f"comma, which separates channels; write {word.replace(',', '.')}"):
        given_by(["1", word], command)  # type: ignore[arg-type]
