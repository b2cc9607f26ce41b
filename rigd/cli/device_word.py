"""What a device says of what was just asked of it: waited for a second at most. Main thread."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from rigd.api.client import ControlClient
from rigd.cli.exit_codes import ExitCode
from rigd.cli.terminal import fail, out, print_json, tell
from rigd.model.channels import channels_given, channels_text
from rigd.model.commands import COMMANDS, SetSetting
from rigd.model.gain import GAIN, Ability
from rigd.model.requests import CommandAnswer
from rigd.model.state import Channel, RigState, setting_of
from rigd.model.units import ChannelNumber, SettingName
from rigd.wire.codec import to_plain

WAIT_S = 1.0
LOOKS_EVERY_S = 0.03
SWITCH = "on"
"""The argument of a command for one switch, which is called as the command is."""


class Word(StrEnum):
    """How a device has answered."""

    CONFIRMED = "confirmed"  # it says that it is so
    PENDING = "pending"  # it has not answered yet
    REFUSED = "refused"  # it keeps to something else
    GONE = "gone"  # it does not answer at all


class Wish(Struct, frozen=True, kw_only=True):
    """What was asked of a channel."""

    number: ChannelNumber
    setting: SettingName
    value: float
    within: float
    """A value that is nearer than this is the same."""


class Told(Struct, frozen=True, kw_only=True):
    """The rig's answer, and the device's; None where none was asked."""

    answer: CommandAnswer
    word: Word | None
    text: str


def ask_device(client: ControlClient, verb: str, arguments: Mapping[str, Any]) -> Told:
    """The rig is asked, and then the device is waited for."""
    wishes = wishes_of(client.status().state, verb, arguments)
    answer = client.command(verb, **arguments)
    if not answer.accepted or not wishes:
        return Told(answer=answer, word=None, text="")
    until = time.monotonic() + WAIT_S
    while True:
        word, text = device_word(client.status().state, wishes)
        if word is not Word.PENDING or time.monotonic() >= until:
            return Told(answer=answer, word=word, text=text)
        time.sleep(LOOKS_EVERY_S)


def show(told: Told, *, as_json: bool) -> None:
    """A refusal of either ends the command with its code."""
    answer, word = told.answer, told.word
    if word is None:
        tell(answer, as_json=as_json)
        return
    if as_json:
        print_json({**to_plain(answer), "device": word.value, "device_text": told.text})
    else:
        out.print(f"{answer.text}: {told.text}" if word is Word.CONFIRMED else answer.text)
    if word in (Word.REFUSED, Word.GONE):
        fail(ExitCode.REFUSED, told.text)
    if word is Word.PENDING and not as_json:
        out.print(told.text)


def wishes_of(state: RigState, verb: str, arguments: Mapping[str, Any]) -> list[Wish]:
    """Of the channels that have what is asked for; of the others the rig says that they have it not."""
    numbers = channels_given(arguments["channel"])
    found = []
    for channel in state.channels:
        name = _setting_asked(verb, arguments)
        ability = channel.abilities.get(name)
        if channel.number not in numbers or ability is None:
            continue
        value = _value_asked(channel, ability, verb, arguments)
        if value is not None:
            found.append(
                Wish(number=channel.number, setting=name, value=value, within=max(ability.tolerance, 1e-6))
            )
    return found


def _setting_asked(verb: str, arguments: Mapping[str, Any]) -> SettingName:
    if COMMANDS[verb] is SetSetting:
        return SettingName(arguments["setting"])
    return SettingName(verb) if SWITCH in arguments else GAIN


def _value_asked(channel: Channel, ability: Ability, verb: str, arguments: Mapping[str, Any]) -> float | None:
    if SWITCH in arguments:
        return float(arguments[SWITCH])
    if "gain_db" in arguments:
        return ability.quantise(arguments["gain_db"])
    if "delta_db" in arguments:
        before = channel.gain.asked if channel.gain.asked is not None else channel.gain.value
        return None if before is None else ability.quantise(before + arguments["delta_db"])
    try:
        return ability.value_of(str(arguments["value"]).strip().removesuffix(" confirm"))
    except ValueError:
        return None  # the rig says what there is


def device_word(state: RigState, wishes: Sequence[Wish]) -> tuple[Word, str]:
    """Of several channels the worst."""
    by_number = {channel.number: channel for channel in state.channels}
    here = [(by_number[wish.number], wish) for wish in wishes if wish.number in by_number]
    away = {status.name: status.detail for status in state.preamps if not status.answering}
    if gone := sorted({channel.preamp for channel, _ in here if channel.preamp in away}):
        names = ", ".join(f'"{name}"' for name in gone)
        return (
            Word.GONE,
            f"preamp {names} does not answer: nothing is known to have changed; see: rigd status",
        )
    kept = [(channel, wish) for channel, wish in here if _is_refused(channel, wish)]
    if kept:
        lines = [_kept_text(channel, wish) for channel, wish in kept[:4]]
        return Word.REFUSED, "; ".join(lines) + (f"; and {len(kept) - 4} more" if len(kept) > 4 else "")
    open_ones = [
        channel.number for channel, wish in here if setting_of(channel, wish.setting).asked is not None
    ]
    if open_ones:
        numbers = channels_text(open_ones)
        return Word.PENDING, f"asked; the preamp has not answered yet; see: rigd gain {numbers}"
    return Word.CONFIRMED, "confirmed"


def _is_refused(channel: Channel, wish: Wish) -> bool:
    setting = setting_of(channel, wish.setting)
    if setting.asked is not None:
        return False
    return setting.value is None or not setting.confirmed or abs(setting.value - wish.value) > wish.within


def _kept_text(channel: Channel, wish: Wish) -> str:
    ability, setting = channel.abilities.get(wish.setting), setting_of(channel, wish.setting)
    said = ability.text_of(setting.value) if ability is not None else "not known"
    return f'channel {channel.number} "{channel.name}": the preamp did not do it; {wish.setting} is {said}'
