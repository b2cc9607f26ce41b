"""One command for several channels: done for all of them, or for none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.model.channels import channels_given, channels_of, channels_text, read_channels
from rigd.model.command_text import arguments_of, names_channels, parse_command
from rigd.model.commands import COMMANDS
from rigd.model.effects import RequestSetting
from rigd.model.errors import CommandError
from rigd.model.gain import PreampSetting
from rigd.model.state import Transport
from rigd.model.units import Ns, Origin
from rigd.rules.permissions import covered, read_permissions
from tests.support.desk import Desk, some_command

OF_CHANNELS = [verb for verb, kind in COMMANDS.items() if any(map(names_channels, arguments_of(kind)))]


def asked(desk: Desk) -> list[tuple[int, str, float]]:
    return [(each.socket, each.name, each.value) for each in desk.done(RequestSetting)]


def armed(desk: Desk) -> list[int]:
    return [channel.number for channel in desk.state.channels if channel.armed]


@given(st.sets(st.integers(0, 9999), min_size=1, max_size=200))
def test_channels_are_written_as_they_are_read(numbers: set[int]) -> None:
    channels = channels_of(numbers)
    assert list(channels) == sorted(numbers)
    assert read_channels(channels_text(channels)) == channels == channels_given(list(numbers))
    assert channels_given(channels_text(channels)) == channels


@pytest.mark.parametrize(
    "value", [[], "", "x", True, None, 3.5, [1, "2"], [1, True], {"a": 1}, list(range(2000)), "1-5000"]
)
def test_what_names_no_channels_is_refused(value: object) -> None:
    with pytest.raises(CommandError):
        channels_given(value)


def test_all_that_are_named_are_armed_and_the_answer_names_them() -> None:
    desk = Desk()
    assert desk.ok("disarm") == "every channel is disarmed"
    assert desk.ok("arm 1-2,4") == 'channels 1 "Kick", 2 "Snare", 4 "Room" are armed'
    assert armed(desk) == [1, 2, 4]
    assert [event.subject for event in desk.events[-3:]] == ["1", "2", "4"]


def test_one_channel_that_is_not_there_leaves_all_as_they_were() -> None:
    desk = Desk()
    reason = desk.no("disarm 1-6")
    assert "channels 1-6" in reason and "there is no channel 5-6" in reason
    assert armed(desk) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "text", ["gain 1-4 20", "gain 1,3 50", "pad 1-3 on", "nudge 1-4 1", "phantom 1,4 off"]
)
def test_a_refusal_of_one_asks_nothing_of_any_preamp(text: str) -> None:
    desk = Desk()
    assert f"nothing was changed of channels {text.split()[1]}: channel" in desk.no(text)
    assert asked(desk) == []


def test_48_v_of_several_asks_for_a_confirmation_of_all_and_waits_for_the_take() -> None:
    desk = Desk()
    assert "phantom 1-2 on confirm" in desk.no("phantom 1-2 on")
    desk.ok("start")
    assert desk.state.transport is Transport.ROLLING
    assert "while a take rolls" in desk.no("phantom 1-2 on confirm")
    assert asked(desk) == []


def test_each_channel_is_asked_once_also_where_a_gang_has_several_of_them() -> None:
    desk = Desk()
    message = desk.ok("gain 1-3 20")
    assert asked(desk) == [(1, "gain", 20.0), (2, "gain", 20.0), (3, "gain", 20.0)]
    assert message == 'channels 1 "Kick", 2 "Snare", 3 "Bass": 20 dB asked of preamp "desk"'


def test_a_turn_of_a_gang_that_is_named_whole_is_one_turn() -> None:
    desk = Desk()
    for socket, value in ((1, 20.0), (2, 25.0)):  # somebody turned the second one at the desk
        desk.hear(
            PreampSetting(preamp="desk", socket=socket, name="gain", value=value, confirmed=True, at_ns=Ns(1))
        )
    desk.ok("nudge 1-2 1")
    assert asked(desk) == [(1, "gain", 21.0), (2, "gain", 21.0)]


@pytest.mark.parametrize("verb", OF_CHANNELS)
def test_the_right_to_some_channels_is_no_right_to_others(verb: str) -> None:
    rest = some_command(f"{verb}").partition(" ")[2].partition(" ")[2]
    allowed = read_permissions(f"{verb} 1-2") + read_permissions(f"{verb} 4")

    def may(channels: str) -> bool:
        text = f"{verb} {channels} {rest}".strip()
        return covered(parse_command(text, origin=Origin("box"), at_ns=Ns(0)), allowed)

    assert may("1") and may("1-2") and may("1,2,4")
    assert not may("3") and not may("1-3") and not may("1-4") and not may("2,5")
    assert COMMANDS[verb] not in (COMMANDS["arm"], COMMANDS["disarm"]) or not may("")
