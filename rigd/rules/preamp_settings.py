"""Preamp settings: what is asked for, what the preamp confirms, and the ledger of the rolling take. Pure.

Nothing here takes a wish for the truth: `value` changes only by what a preamp says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec.structs import replace

from rigd.model.channels import Channels, channels_text
from rigd.model.commands import NudgeGain, SetGain, SetPad, SetPhantom, SetPolarity
from rigd.model.effects import RequestSetting, SendToWriter, WriteTakeSheet
from rigd.model.events import Happening
from rigd.model.gain import ORDER_WAITS_S, PreampAbility, PreampSetting, PreampStatus
from rigd.model.messages import Annotate
from rigd.model.state import Channel, RigState, Setting, SurfaceStatus, is_rolling
from rigd.model.take import GainChange, Parameter
from rigd.model.units import ChannelNumber
from rigd.rules.arming import channels_title, known_channels
from rigd.rules.step_work import Refusal, Work

SETTINGS: dict[Parameter, str] = {
    "gain_db": "gain",
    "pad": "pad",
    "phantom": "phantom",
    "polarity": "polarity",
}
"""Parameter to the Channel's field that holds it."""
MOST_GAIN_CHANGES = 100_000
"""Of one take: a motorised fader that runs wild must not fill the memory."""


def set_gain(work: Work, command: SetGain) -> str:
    channels = known_channels(work.state, command.channels)
    return _ask_gains(work, [(channel, command.gain_db) for channel in channels])


def nudge_gain(work: Work, command: NudgeGain) -> str:
    channels = known_channels(work.state, command.channels)
    return _ask_gains(work, [(each, _turned_db(work, each, command.delta_db)) for each in channels])


def _turned_db(work: Work, channel: Channel, delta_db: float) -> float:
    _ability_of(work.state, channel)
    setting = channel.gain
    from_db = setting.asked if setting.asked is not None else setting.value
    if from_db is None:
        raise Refusal(
            f'channel {channel.number} "{channel.name}": preamp "{channel.preamp}" has not said its gain '
            f"yet, so there is nothing to turn from; set it with: rigd gain {channel.number} DB"
        )
    return from_db + delta_db


def set_pad(work: Work, command: SetPad) -> str:
    return _switch(work, command.channels, "pad", command.on)


def set_polarity(work: Work, command: SetPolarity) -> str:
    return _switch(work, command.channels, "polarity", command.on)


def set_phantom(work: Work, command: SetPhantom) -> str:
    """48 V can harm a ribbon microphone and always bangs, so it asks twice and waits for the take's end."""
    channels = known_channels(work.state, command.channels)
    for channel in channels:
        _ability_of(work.state, channel)
    title, numbers = channels_title(channels), channels_text(command.channels)
    if is_rolling(work.state) and not work.rules.phantom_while_rolling:
        raise Refusal(
            f"{title}: 48 V is not switched while a take rolls; stop first "
            "(or set [control] phantom_while_rolling)"
        )
    if command.on and not command.confirm:
        raise Refusal(
            f"{title}: 48 V on wants a confirmation, because it can harm a "
            f"ribbon microphone: phantom {numbers} on confirm (in a terminal: --confirm)"
        )
    return _switch(work, command.channels, "phantom", command.on)


def setting_told(work: Work, fact: PreampSetting) -> None:
    """A preamp says what a setting is, or that it did not confirm it."""
    for channel in work.state.channels:
        if channel.preamp == fact.preamp and channel.socket == fact.socket:
            _take_in(work, channel, fact)


def preamp_status(work: Work, fact: PreampStatus) -> None:
    known = next((status for status in work.state.preamps if status.name == fact.name), None)
    if known == fact:
        return
    others = [status for status in work.state.preamps if status.name != fact.name]
    work.change(preamps=tuple(sorted((*others, fact), key=lambda status: status.name)))
    word = "answers" if fact.answering else "does not answer"
    if known is None or known.answering is not fact.answering:
        detail = f": {fact.detail}" if fact.detail else ""
        work.say(Happening.PREAMP_CHANGED, fact.name, f'preamp "{fact.name}" {word}{detail}')


def surface_status(work: Work, fact: SurfaceStatus) -> None:
    known = next((status for status in work.state.surfaces if status.name == fact.name), None)
    if known == fact:
        return
    others = [status for status in work.state.surfaces if status.name != fact.name]
    work.change(surfaces=tuple(sorted((*others, fact), key=lambda status: status.name)))
    word = "is connected" if fact.connected else "is not connected"
    if known is None or known.connected is not fact.connected:
        detail = f": {fact.detail}" if fact.detail else ""
        work.say(Happening.SURFACE_CHANGED, fact.name, f'surface "{fact.name}" {word}{detail}')


def _ability_of(state: RigState, channel: Channel) -> PreampAbility:
    if not channel.preamp or channel.ability is None:
        raise Refusal(
            f'channel {channel.number} "{channel.name}" has no controllable preamp; set it by hand at the '
            'interface, or give the channel a preamp = "name:socket" in the config'
        )
    return channel.ability


def _ask_gains(work: Work, wishes: Sequence[tuple[Channel, float]]) -> str:
    """Each channel gets its gain, and its gang with it: of two channels of one gang the first counts."""
    asked: dict[ChannelNumber, tuple[Channel, float]] = {}
    for channel, gain_db in wishes:
        if channel.number not in asked:
            gang = _gang_asked(work.state, channel, gain_db)
            asked |= {member.number: (member, quantised_db) for member, quantised_db in gang}
    _ask(work, "gain_db", list(asked.values()))
    together: dict[tuple[str, float], list[Channel]] = {}
    for channel, gain_db in asked.values():
        together.setdefault((channel.preamp, gain_db), []).append(channel)
    return "; ".join(
        _gain_asked(work.state, channels, gain_db) for (_, gain_db), channels in together.items()
    )


def _gain_asked(state: RigState, channels: Sequence[Channel], gain_db: float) -> str:
    preamp = channels[0].preamp
    asked_of = f'{channels_title(channels)}: {gain_db:g} dB asked of preamp "{preamp}"'
    if _is_away(state, preamp):
        return f"{asked_of}, which does not answer: pending, and given up after {ORDER_WAITS_S} s"
    return asked_of


def _gang_asked(state: RigState, channel: Channel, gain_db: float) -> list[tuple[Channel, float]]:
    _ability_of(state, channel)
    if not math.isfinite(gain_db):
        raise Refusal(f'channel {channel.number} "{channel.name}": {gain_db} is not a gain')
    asked = []
    for member in _gang_of(state, channel):
        ability = _ability_of(state, member)
        if not ability.min_db - ability.step_db / 2 <= gain_db <= ability.max_db + ability.step_db / 2:
            raise Refusal(
                f'channel {member.number} "{member.name}": {gain_db:g} dB is out of its range of '
                f"{ability.min_db:g} to {ability.max_db:g} dB"
            )
        asked.append((member, ability.quantise(gain_db)))
    return asked


def _gang_of(state: RigState, channel: Channel) -> Sequence[Channel]:
    """The channel and those ganged with it that have a preamp."""
    return [
        member
        for member in state.channels
        if member.number == channel.number
        or (channel.gang and member.gang == channel.gang and member.ability is not None)
    ]


def _switch(work: Work, numbers: Channels, parameter: Parameter, on: bool) -> str:
    channels = known_channels(work.state, numbers)
    of_preamp: dict[str, list[Channel]] = {}
    for channel in channels:
        if not getattr(_ability_of(work.state, channel), parameter):
            raise Refusal(f'{channels_title([channel])}: preamp "{channel.preamp}" has no {parameter}')
        of_preamp.setdefault(channel.preamp, []).append(channel)
    _ask(work, parameter, [(channel, 1.0 if on else 0.0) for channel in channels])
    word = "on" if on else "off"
    told = []
    for preamp, asked in of_preamp.items():
        away = _is_away(work.state, preamp)
        told.append(
            f'{channels_title(asked)}: {parameter} {word} asked of preamp "{preamp}"'
            + (", which does not answer: given up unless it does at once" if away else "")
        )
    return "; ".join(told)


def _is_away(state: RigState, preamp: str) -> bool:
    return any(status.name == preamp and not status.answering for status in state.preamps)


def _ask(work: Work, parameter: Parameter, asked: Sequence[tuple[Channel, float]]) -> None:
    field = SETTINGS[parameter]
    for channel, value in asked:
        setting: Setting = getattr(channel, field)
        _put_channel(work, channel, field, replace(setting, asked=value, confirmed=False))
        work.do(
            RequestSetting(preamp=channel.preamp, socket=channel.socket, parameter=parameter, value=value)
        )


def _take_in(work: Work, channel: Channel, fact: PreampSetting) -> None:
    field = SETTINGS[fact.parameter]
    before: Setting = getattr(channel, field)
    after = Setting(
        value=fact.value,
        asked=_still_asked(before, fact, channel),
        confirmed=fact.confirmed,
    )
    if before == after and fact.confirmed:
        return
    _put_channel(work, channel, field, after)
    _write_ledger(work, channel, fact, before)
    name = "gain" if fact.parameter == "gain_db" else fact.parameter
    line = f'channel {channel.number} "{channel.name}": {name} {_in_words(fact.parameter, fact.value)}'
    if fact.given_up and not fact.confirmed:
        asked = f"{_in_words(fact.parameter, before.asked)} was asked for and is given up"
        cure = f'preamp "{fact.preamp}" does not answer, and nothing is sent when it returns; then ask again'
        work.say(Happening.SETTING_UNCONFIRMED, str(channel.number), f"{line}; {asked}: {cure}")
    elif fact.confirmed:
        work.say(Happening.SETTING_CHANGED, str(channel.number), line)
    else:
        wish = f", {before.asked:g} was asked for" if before.asked is not None else ""
        work.say(Happening.SETTING_UNCONFIRMED, str(channel.number), f"{line}, not confirmed{wish}")


def _in_words(parameter: Parameter, value: float | None) -> str:
    if value is None:
        return "not known"
    return f"{value:+.1f} dB" if parameter == "gain_db" else ("on" if value > 0.5 else "off")


def _still_asked(before: Setting, fact: PreampSetting, channel: Channel) -> float | None:
    """The wish that is still open: none once it came true, or once somebody turned the knob elsewhere.

    A preamp that goes there in steps tells the values in between; those leave the wish open.
    """
    if before.asked is None or fact.given_up or fact.value is None:
        return None
    step = channel.ability.step_db if channel.ability is not None and fact.parameter == "gain_db" else 0.5
    if abs(fact.value - before.asked) <= step / 2:
        return None
    if not fact.confirmed or before.value is None:
        return before.asked
    low, high = sorted((before.value, before.asked))
    return before.asked if low - step / 2 <= fact.value <= high + step / 2 else None


def _write_ledger(work: Work, channel: Channel, fact: PreampSetting, before: Setting) -> None:
    take, at_frame = work.state.take, work.at.at_frame
    if take is None or at_frame is None or channel.number not in take.channels:
        return
    if len(take.gain_changes) >= MOST_GAIN_CHANGES:
        return
    wished = before.asked if not fact.confirmed and before.asked is not None else fact.value
    of_this = [
        each
        for each in take.gain_changes
        if each.channel == channel.number and each.parameter == fact.parameter
    ]
    if wished is None or (
        fact.given_up and of_this and (of_this[-1].value, of_this[-1].confirmed) == (wished, False)
    ):
        return  # what was asked and not confirmed stands there already
    change = GainChange(
        at_frame=at_frame,
        channel=channel.number,
        parameter=fact.parameter,
        value=wished,
        confirmed=fact.confirmed,
    )
    changed = replace(take, gain_changes=(*take.gain_changes, change))
    work.put_take(changed)
    work.do(SendToWriter(message=Annotate(take_id=take.take_id, note=change)))
    work.do(WriteTakeSheet(take=changed))


def _put_channel(work: Work, channel: Channel, field: str, setting: Setting) -> None:
    work.change(
        channels=tuple(
            replace(known, **{field: setting}) if known.number == channel.number else known
            for known in work.state.channels
        )
    )
