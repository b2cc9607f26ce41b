"""Preamp settings: what a person asks for, and what must not be asked. Pure. What comes of it: preamp_reports.py."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec.structs import replace

from rigd.model.commands import NudgeGain, SetGain, SetPad, SetPhantom, SetPolarity, SetSetting
from rigd.model.effects import RequestSetting
from rigd.model.gain import CALLED, GAIN, PAD, PHANTOM, POLARITY, Ability, SettingKind
from rigd.model.state import Channel, RigState, is_rolling, setting_of
from rigd.model.units import ChannelNumber, SettingName
from rigd.rules.arming import known_channel
from rigd.rules.preamp_reports import put_setting
from rigd.rules.step_work import Refusal, Work

CONFIRM = "confirm"
"""The last word of a value that is asked for in earnest."""


def set_gain(work: Work, command: SetGain) -> str:
    channel = known_channel(work.state, command.channel)
    return _ask_level(work, channel, GAIN, command.gain_db)


def nudge_gain(work: Work, command: NudgeGain) -> str:
    channel = known_channel(work.state, command.channel)
    _ability_of(channel, GAIN)
    setting = channel.gain
    from_db = setting.asked if setting.asked is not None else setting.value
    if from_db is None:
        raise Refusal(
            f'channel {channel.number} "{channel.name}": preamp "{channel.preamp}" has not said its gain '
            f"yet, so there is nothing to turn from; set it with: rigd gain {channel.number} DB"
        )
    return _ask_level(work, channel, GAIN, from_db + command.delta_db)


def set_pad(work: Work, command: SetPad) -> str:
    return _set(work, command.channel, PAD, 1.0 if command.on else 0.0, confirm=False)


def set_polarity(work: Work, command: SetPolarity) -> str:
    return _set(work, command.channel, POLARITY, 1.0 if command.on else 0.0, confirm=False)


def set_phantom(work: Work, command: SetPhantom) -> str:
    return _set(work, command.channel, PHANTOM, 1.0 if command.on else 0.0, confirm=command.confirm)


def set_setting(work: Work, command: SetSetting) -> str:
    """Whatever the preamp has, by its name."""
    channel = known_channel(work.state, command.channel)
    ability = _ability_of(channel, command.setting)
    text, blank, last = command.value.strip().rpartition(" ")
    confirm = bool(blank) and last == CONFIRM
    try:
        value = ability.value_of(text if confirm else command.value)
    except ValueError as error:
        usage = f"set {channel.number} {command.setting} VALUE, of: {ability.form}"
        raise Refusal(f'channel {channel.number} "{channel.name}": {error}; the form is: {usage}') from error
    return _set(work, channel.number, command.setting, value, confirm=confirm)


def _set(work: Work, number: ChannelNumber, name: SettingName, value: float, *, confirm: bool) -> str:
    channel = known_channel(work.state, number)
    ability = _ability_of(channel, name)
    together = _together(work.state, channel, name)
    if ability.confirm:
        _check_harm(work, channel, name, value, together, confirm=confirm)
    if ability.kind is SettingKind.DB:
        return _ask_level(work, channel, name, value)
    _ask(work, name, [(each, value) for each in together], sent_by=channel)
    asked_of = f'{_titles(together)}: {name} {ability.text_of(value)} asked of preamp "{channel.preamp}"'
    if not _is_away(work.state, channel.preamp):
        return asked_of
    if ability.confirm:
        return f"{asked_of}, which does not answer: given up unless it does at once"
    return f"{asked_of}, {_pending(work)}"


def _check_harm(
    work: Work,
    channel: Channel,
    name: SettingName,
    value: float,
    together: Sequence[Channel],
    *,
    confirm: bool,
) -> None:
    """48 V can harm a ribbon microphone and always bangs, so it asks twice and waits for the take's end. Raises
    Refusal."""
    called = CALLED.get(name, name)
    title = f'channel {channel.number} "{channel.name}"'
    if is_rolling(work.state) and not work.rules.phantom_while_rolling:
        raise Refusal(
            f"{title}: {called} is not switched while a take rolls; stop first "
            "(or set [control] phantom_while_rolling)"
        )
    ability = channel.abilities[name]
    if confirm or (ability.kind is SettingKind.SWITCH and value < 0.5):
        return
    because = "ribbon microphone" if name == PHANTOM else "microphone"
    text = ability.text_of(value)
    others = [each for each in together if each.number != channel.number]
    spare = sorted(set(ability.group) - {each.socket for each in together})
    also = f" It switches {_titles(others)} as well." if others else ""
    if spare:
        also += (
            f" It switches socket {', '.join(map(str, spare))} of the preamp as well, which no channel uses."
        )
    form = f"set {channel.number} {name} {text} confirm"
    if name == PHANTOM:
        form = f"phantom {channel.number} {text} confirm (in a terminal: --confirm)"
    raise Refusal(
        f"{title}: {called} {text} wants a confirmation, because it can harm a {because}.{also} To do it: {form}"
    )


def _ability_of(channel: Channel, name: SettingName) -> Ability:
    title = f'channel {channel.number} "{channel.name}"'
    if not channel.preamp:
        raise Refusal(
            f"{title} has no controllable preamp; set it by hand at the "
            'interface, or give the channel a preamp = "name:socket" in the config'
        )
    if not channel.abilities:
        raise Refusal(f'{title}: preamp "{channel.preamp}" has not said yet what it can do; see: rigd status')
    ability = channel.abilities.get(name)
    if ability is None:
        has = ", ".join(channel.abilities)
        raise Refusal(f'{title}: preamp "{channel.preamp}" has no {name[:40]}; it has: {has}')
    return ability


def _ask_level(work: Work, channel: Channel, name: SettingName, value_db: float) -> str:
    _ability_of(channel, name)
    if not math.isfinite(value_db):
        raise Refusal(f'channel {channel.number} "{channel.name}": {value_db} is not a {name}')
    gang = _gang_of(work.state, channel) if name == GAIN else [channel]
    asked = []
    for member in gang:
        ability = _ability_of(member, name)
        if not ability.min_db - ability.tolerance <= value_db <= ability.max_db + ability.tolerance:
            raise Refusal(
                f'channel {member.number} "{member.name}": {value_db:g} dB is out of its range of {ability.form}'
            )
        asked.append((member, ability.quantise(value_db)))
    _ask(work, name, asked)
    of = "" if name == GAIN else f"{name} "
    asked_of = f'{_titles(gang)}: {of}{asked[0][1]:g} dB asked of preamp "{channel.preamp}"'
    return f"{asked_of}, {_pending(work)}" if _is_away(work.state, channel.preamp) else asked_of


def _gang_of(state: RigState, channel: Channel) -> Sequence[Channel]:
    """The channel and those ganged with it that have a preamp."""
    return [
        member
        for member in state.channels
        if member.number == channel.number
        or (channel.gang and member.gang == channel.gang and GAIN in member.abilities)
    ]


def _together(state: RigState, channel: Channel, name: SettingName) -> Sequence[Channel]:
    """The channel and those whose preamp switches this with it."""
    group = {channel.socket, *channel.abilities[name].group}
    return [
        each
        for each in state.channels
        if each.preamp == channel.preamp and each.socket in group and name in each.abilities
    ]


def _titles(channels: Sequence[Channel]) -> str:
    return "channel " + ", ".join(f'{each.number} "{each.name}"' for each in channels)


def _is_away(state: RigState, preamp: str) -> bool:
    return any(status.name == preamp and not status.answering for status in state.preamps)


def _pending(work: Work) -> str:
    return f"which does not answer: pending, and given up after {work.rules.wish_s:g} s"


def _ask(
    work: Work,
    name: SettingName,
    asked: Sequence[tuple[Channel, float]],
    *,
    sent_by: Channel | None = None,
) -> None:
    """`sent_by`: one order is enough for all, that for this channel."""
    for channel, value in asked:
        put_setting(work, channel, name, replace(setting_of(channel, name), asked=value, confirmed=False))
    sent = asked if sent_by is None else [(sent_by, asked[0][1])]
    for channel, value in sent:
        work.do(RequestSetting(preamp=channel.preamp, socket=channel.socket, name=name, value=value))
