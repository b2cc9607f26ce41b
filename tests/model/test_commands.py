"""The text form of the commands, as pedals, serial lines and people write it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.model.command_text import arguments_of, parse_command, usage_of
from rigd.model.commands import COMMANDS, AddMarker, Arm, Command, DiscardTake, KeepLast, SetGain, SetPhantom
from rigd.model.errors import CommandError
from rigd.model.units import Ns, Origin
from tests.support.desk import some_command


def parsed(text: str) -> Command:
    return parse_command(text, origin=Origin("pedal"), at_ns=Ns(7), held=True)


def made(kind: type[Command], **fields: object) -> Command:
    return kind(origin=Origin("pedal"), at_ns=Ns(7), held=True, **fields)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("arm", made(Arm)),
        ("arm all", made(Arm)),
        ("arm 1-4 6, 3", made(Arm, channels=(1, 2, 3, 4, 6))),
        ("gain 1,3,5-8 30", made(SetGain, channels=(1, 3, 5, 6, 7, 8), gain_db=30.0)),
        ("ARM 3", made(Arm, channels=(3,))),
        ("keep 20", made(KeepLast, seconds=20.0)),
        ("  keep   2.5 ", made(KeepLast, seconds=2.5)),
        ("keep 90s", made(KeepLast, seconds=90.0)),
        ("keep 40m", made(KeepLast, seconds=2400.0)),
        ("keep 2H", made(KeepLast, seconds=7200.0)),
        ("keep 1h30m", made(KeepLast, seconds=5400.0)),
        ("keep 1.5m", made(KeepLast, seconds=90.0)),
        ("mark", made(AddMarker)),
        ("mark the second chorus", made(AddMarker, name="the second chorus")),
        ("gain 3 -12.5", made(SetGain, channels=(3,), gain_db=-12.5)),
        ("phantom 1 on confirm", made(SetPhantom, channels=(1,), on=True, confirm=True)),
        ("phantom 1 off", made(SetPhantom, channels=(1,), on=False)),
        ("discard abc", made(DiscardTake, take_id="abc")),
    ],
)
def test_a_text_is_its_command(text: str, command: Command) -> None:
    assert parsed(text) == command


@pytest.mark.parametrize("verb", list(COMMANDS))
def test_every_command_has_a_text_form_and_a_summary(verb: str) -> None:
    command = parsed(some_command(verb))
    assert type(command) is COMMANDS[verb]
    assert command.summary and usage_of(type(command)).startswith(verb)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "dance",
        "keep",
        "keep soon",
        "keep nan",
        "keep inf",
        "keep 1e999",
        "keep 40x",
        "keep m",
        "keep 2m1h",
        "gain 1",
        "gain all 3",
        "gain 4-1 3",
        "gain , 3",
        "gain 1- 3",
        "gain 1-9999 3",
        "arm -3",
        "pad 1 maybe",
    ],
)
def test_a_text_of_another_form_says_which_is_right(text: str) -> None:
    with pytest.raises(CommandError) as caught:
        parsed(text)
    assert "not" in str(caught.value) and len(str(caught.value)) < 600


def test_a_word_too_many_is_refused() -> None:
    with pytest.raises(CommandError, match="start"):
        parsed("start now")


def test_usage_shows_nothing_after_a_text_that_takes_the_rest() -> None:
    assert usage_of(COMMANDS["note"]) == "note TEXT"
    assert usage_of(COMMANDS["rate"]) == "rate RATING [TAKE_ID]"


WORDS = st.sampled_from(
    [*COMMANDS, "on", "off", "all", "confirm", "nan", "1", "-3", "2.5", "9" * 5000, "\x00"],
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.text(max_size=60) | st.lists(WORDS | st.text(max_size=5), max_size=5).map(" ".join))
def test_no_text_whatever_raises_anything_but_a_command_error(text: str) -> None:
    try:
        command = parsed(text)
    except CommandError as error:
        assert len(str(error)) < 1000
    else:
        assert type(command) in COMMANDS.values()
        assert (command.origin, command.at_ns, command.held) == ("pedal", 7, True)
        assert all(hasattr(command, field.name) for field in arguments_of(type(command)))


def test_a_mistyped_command_is_told_which_is_near_or_all_that_there_are() -> None:
    for text, told in (("strat", '; did you mean "start"?'), ("fly", "; one of: arm, disarm,")):
        with pytest.raises(CommandError, match=f'"{text}" is not a command') as refused:
            parse_command(text, origin=Origin("cli"), at_ns=Ns(0))
        assert told in str(refused.value)
