"""Preamp settings: what is asked for, of one channel or several, whole or not at all. Pure.

Nothing here takes a wish for the truth: `value` changes only by what a preamp says (`rules/preamp_reports.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from rigd.model.channels import Channels, channels_text
from rigd.model.commands import NudgeGain, SetGain, SetPad, SetPhantom, SetPolarity, SetSetting
from rigd.model.effects import RequestSetting
from rigd.model.gain import CALLED, GAIN, PAD, PHANTOM, POLARITY, Ability, SettingKind
from rigd.model.state import Channel, RigState, is_rolling, setting_of
from rigd.model.units import ChannelNumber, SettingName
from rigd.rules.arming import channels_title, known_channels
from rigd.rules.preamp_reports import put_setting
from rigd.rules.step_work import Refusal, Work

CONFIRM = "confirm"
"""The last word of a value that is asked for in earnest."""
Wish = tuple[Channel, float]


def set_gain(work: Work, command: SetGain) -> str:
    channels = known_channels(work.state, command.channels)
    return _ask_levels(work, GAIN, [(channel, command.gain_db) for channel in channels])


def nudge_gain(work: Work, command: NudgeGain) -> str:
    channels = known_channels(work.state, command.channels)
    return _ask_levels(work, GAIN, [(each, _turned_db(each, command.delta_db)) for each in channels])


def _turned_db(channel: Channel, delta_db: float) -> float:
    _ability_of(channel, GAIN)
    setting = channel.gain
    from_db = setting.asked if setting.asked is not None else setting.value
    if from_db is None:
        raise Refusal(
            f'channel {channel.number} "{channel.name}": preamp "{channel.preamp}" has not said its gain '
            f"yet, so there is nothing to turn from; set it with: rigd gain {channel.number} DB"
        )
    return from_db + delta_db


def set_pad(work: Work, command: SetPad) -> str:
    return _switch(work, command.channels, PAD, command.on)


def set_polarity(work: Work, command: SetPolarity) -> str:
    return _switch(work, command.channels, POLARITY, command.on)


def set_phantom(work: Work, command: SetPhantom) -> str:
    return _switch(work, command.channels, PHANTOM, command.on, confirm=command.confirm)


def set_setting(work: Work, command: SetSetting) -> str:
    """Whatever the preamps have, by its name."""
    channels = known_channels(work.state, command.channels)
    text, blank, last = command.value.strip().rpartition(" ")
    confirm = bool(blank) and last == CONFIRM
    wishes: list[Wish] = []
    for channel in channels:
        ability = _ability_of(channel, command.setting)
        try:
            wishes.append((channel, ability.value_of(text if confirm else command.value)))
        except ValueError as error:
            usage = f"set {channel.number} {command.setting} VALUE, of: {ability.form}"
            raise Refusal(f"{channels_title([channel])}: {error}; the form is: {usage}") from error
    return _set(work, command.setting, wishes, confirm=confirm)


def _switch(work: Work, numbers: Channels, name: SettingName, on: bool, *, confirm: bool = False) -> str:
    channels = known_channels(work.state, numbers)
    return _set(work, name, [(channel, 1.0 if on else 0.0) for channel in channels], confirm=confirm)


def _set(work: Work, name: SettingName, wishes: Sequence[Wish], *, confirm: bool) -> str:
    """Each channel, with those whose preamp switches this together with it: of two of one group the first counts."""
    for channel, _ in wishes:
        _ability_of(channel, name)
    if any(channel.abilities[name].confirm for channel, _ in wishes):
        _check_harm(work, name, wishes, confirm=confirm)
    if wishes[0][0].abilities[name].kind is SettingKind.DB:
        return _ask_levels(work, name, wishes)
    asked: dict[ChannelNumber, Wish] = {}
    for channel, value in wishes:
        if channel.number in asked:
            continue
        together = _together(work.state, channel, name)
        asked |= {each.number: (each, value) for each in together}
        _ask(work, name, [(each, value) for each in together], sent_by=channel)
    return _asked_of(work, name, list(asked.values()))


def _check_harm(work: Work, name: SettingName, wishes: Sequence[Wish], *, confirm: bool) -> None:
    """48 V can harm a ribbon microphone and always bangs, so it asks twice and waits for the take's end. Raises
    Refusal, which names every channel that is switched."""
    named = [channel for channel, _ in wishes]
    called, title = CALLED.get(name, name), channels_title(named)
    if is_rolling(work.state) and not work.rules.phantom_while_rolling:
        raise Refusal(
            f"{title}: {called} is not switched while a take rolls; stop first "
            "(or set [control] phantom_while_rolling)"
        )
    harmful = [
        (ability, value)
        for channel, value in wishes
        if (ability := channel.abilities[name]).confirm
        and not (ability.kind is SettingKind.SWITCH and value < 0.5)
    ]
    if confirm or not harmful:
        return
    ability, value = harmful[0]
    because = "ribbon microphone" if name == PHANTOM else "microphone"
    text = ability.text_of(value)
    also = _what_else(work.state, name, named)
    numbers = channels_text([channel.number for channel in named])
    form = f"set {numbers} {name} {text} confirm"
    if name == PHANTOM:
        form = f"phantom {numbers} {text} confirm"
    raise Refusal(
        f"{title}: {called} {text} wants a confirmation, because it can harm a {because}.{also} To do it: {form}"
    )


def _what_else(state: RigState, name: SettingName, named: Sequence[Channel]) -> str:
    """What is switched together with these channels, by their preamps' groups."""
    others: dict[ChannelNumber, Channel] = {}
    spare: set[int] = set()
    for channel in named:
        together = _together(state, channel, name)
        others |= {each.number: each for each in together}
        spare |= set(channel.abilities[name].group) - {each.socket for each in together}
    more = [each for number, each in others.items() if number not in {channel.number for channel in named}]
    also = f" It switches {channels_title(more)} as well." if more else ""
    if spare:
        sockets = ", ".join(map(str, sorted(spare)))
        also += f" It switches socket {sockets} of the preamp as well, which no channel uses."
    return also


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


def _ask_levels(work: Work, name: SettingName, wishes: Iterable[Wish]) -> str:
    """Each channel gets its level, and with a gain its gang: of two channels of one gang the first counts."""
    asked: dict[ChannelNumber, Wish] = {}
    for channel, value_db in wishes:
        if channel.number not in asked:
            asked |= {
                member.number: (member, db) for member, db in _level(work.state, channel, name, value_db)
            }
    _ask(work, name, list(asked.values()))
    return _asked_of(work, name, list(asked.values()))


def _level(state: RigState, channel: Channel, name: SettingName, value_db: float) -> list[Wish]:
    _ability_of(channel, name)
    if not math.isfinite(value_db):
        raise Refusal(f'channel {channel.number} "{channel.name}": {value_db} is not a {name}')
    asked = []
    for member in _gang_of(state, channel) if name == GAIN else [channel]:
        ability = _ability_of(member, name)
        if not ability.min_db - ability.tolerance <= value_db <= ability.max_db + ability.tolerance:
            raise Refusal(
                f'channel {member.number} "{member.name}": {value_db:g} dB is out of its range of {ability.form}'
            )
        asked.append((member, ability.quantise(value_db)))
    return asked


def _asked_of(work: Work, name: SettingName, asked: Sequence[Wish]) -> str:
    """Who was asked for what, those of one preamp and one value together."""
    alike: dict[tuple[str, float], list[Channel]] = {}
    for channel, value in asked:
        alike.setdefault((channel.preamp, value), []).append(channel)
    told = []
    for (preamp, value), channels in alike.items():
        ability = channels[0].abilities[name]
        is_level = ability.kind is SettingKind.DB
        what = f"{value:g} dB" if is_level else ability.text_of(value)
        of = "" if name == GAIN else f"{name} "
        line = f'{channels_title(channels)}: {of}{what} asked of preamp "{preamp}"'
        if _is_away(work.state, preamp):
            line += ", which does not answer: "
            pending = f"pending, and given up after {work.rules.wish_s:g} s"
            line += "given up unless it does at once" if ability.confirm else pending
        told.append(line)
    return "; ".join(told)


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


def _is_away(state: RigState, preamp: str) -> bool:
    return any(status.name == preamp and not status.answering for status in state.preamps)


def _ask(work: Work, name: SettingName, asked: Sequence[Wish], *, sent_by: Channel | None = None) -> None:
    """`sent_by`: one order is enough for all, that for this channel."""
    for channel, value in asked:
        put_setting(work, channel, name, replace(setting_of(channel, name), asked=value, confirmed=False))
    sent = asked if sent_by is None else [(sent_by, asked[0][1])]
    for channel, value in sent:
        work.do(RequestSetting(preamp=channel.preamp, socket=channel.socket, name=name, value=value))
