"""Preamp settings: what a person asks for, and what must not be asked. Pure. What comes of it: preamp_reports.py."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec.structs import replace

from rigd.model.commands import NudgeGain, SetGain, SetPad, SetPhantom, SetPolarity
from rigd.model.effects import RequestSetting
from rigd.model.gain import PreampAbility
from rigd.model.state import Channel, RigState, Setting, is_rolling
from rigd.model.take import Parameter
from rigd.model.units import ChannelNumber
from rigd.rules.arming import known_channel
from rigd.rules.preamp_reports import SETTINGS, put_setting
from rigd.rules.step_work import Refusal, Work


def set_gain(work: Work, command: SetGain) -> str:
    channel = known_channel(work.state, command.channel)
    return _ask_gain(work, channel, command.gain_db)


def nudge_gain(work: Work, command: NudgeGain) -> str:
    channel = known_channel(work.state, command.channel)
    _ability_of(work.state, channel)
    setting = channel.gain
    from_db = setting.asked if setting.asked is not None else setting.value
    if from_db is None:
        raise Refusal(
            f'channel {channel.number} "{channel.name}": preamp "{channel.preamp}" has not said its gain '
            f"yet, so there is nothing to turn from; set it with: rigd gain {channel.number} DB"
        )
    return _ask_gain(work, channel, from_db + command.delta_db)


def set_pad(work: Work, command: SetPad) -> str:
    return _switch(work, command.channel, "pad", command.on)


def set_polarity(work: Work, command: SetPolarity) -> str:
    return _switch(work, command.channel, "polarity", command.on)


def set_phantom(work: Work, command: SetPhantom) -> str:
    """48 V can harm a ribbon microphone and always bangs, so it asks twice and waits for the take's end."""
    channel = known_channel(work.state, command.channel)
    _ability_of(work.state, channel)
    if is_rolling(work.state) and not work.rules.phantom_while_rolling:
        raise Refusal(
            f'channel {channel.number} "{channel.name}": 48 V is not switched while a take rolls; stop first '
            "(or set [control] phantom_while_rolling)"
        )
    if command.on and not command.confirm:
        raise Refusal(
            f'channel {channel.number} "{channel.name}": 48 V on wants a confirmation, because it can harm a '
            f"ribbon microphone: phantom {channel.number} on confirm (in a terminal: --confirm)"
        )
    return _switch(work, command.channel, "phantom", command.on)


def _ability_of(state: RigState, channel: Channel) -> PreampAbility:
    if not channel.preamp or channel.ability is None:
        raise Refusal(
            f'channel {channel.number} "{channel.name}" has no controllable preamp; set it by hand at the '
            'interface, or give the channel a preamp = "name:socket" in the config'
        )
    return channel.ability


def _ask_gain(work: Work, channel: Channel, gain_db: float) -> str:
    _ability_of(work.state, channel)
    if not math.isfinite(gain_db):
        raise Refusal(f'channel {channel.number} "{channel.name}": {gain_db} is not a gain')
    gang = _gang_of(work.state, channel)
    asked = []
    for member in gang:
        ability = _ability_of(work.state, member)
        if not ability.min_db - ability.step_db / 2 <= gain_db <= ability.max_db + ability.step_db / 2:
            raise Refusal(
                f'channel {member.number} "{member.name}": {gain_db:g} dB is out of its range of '
                f"{ability.min_db:g} to {ability.max_db:g} dB"
            )
        asked.append((member, ability.quantise(gain_db)))
    _ask(work, "gain_db", asked)
    names = ", ".join(f'{member.number} "{member.name}"' for member, _ in asked)
    asked_of = f'channel {names}: {asked[0][1]:g} dB asked of preamp "{channel.preamp}"'
    if _is_away(work.state, channel.preamp):
        return f"{asked_of}, which does not answer: pending, and given up after {work.rules.wish_s:g} s"
    return asked_of


def _gang_of(state: RigState, channel: Channel) -> Sequence[Channel]:
    """The channel and those ganged with it that have a preamp."""
    return [
        member
        for member in state.channels
        if member.number == channel.number
        or (channel.gang and member.gang == channel.gang and member.ability is not None)
    ]


def _switch(work: Work, number: ChannelNumber, parameter: Parameter, on: bool) -> str:
    channel = known_channel(work.state, number)
    if not getattr(_ability_of(work.state, channel), parameter):
        raise Refusal(f'channel {number} "{channel.name}": preamp "{channel.preamp}" has no {parameter}')
    _ask(work, parameter, [(channel, 1.0 if on else 0.0)])
    word = "on" if on else "off"
    asked_of = f'channel {number} "{channel.name}": {parameter} {word} asked of preamp "{channel.preamp}"'
    if _is_away(work.state, channel.preamp):
        return f"{asked_of}, which does not answer: given up unless it does at once"
    return asked_of


def _is_away(state: RigState, preamp: str) -> bool:
    return any(status.name == preamp and not status.answering for status in state.preamps)


def _ask(work: Work, parameter: Parameter, asked: Sequence[tuple[Channel, float]]) -> None:
    field = SETTINGS[parameter]
    for channel, value in asked:
        setting: Setting = getattr(channel, field)
        put_setting(work, channel, field, replace(setting, asked=value, confirmed=False))
        work.do(
            RequestSetting(preamp=channel.preamp, socket=channel.socket, parameter=parameter, value=value)
        )
