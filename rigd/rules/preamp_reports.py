"""What preamps say: the truth that is shown, and the ledger of the rolling take. Pure.

What a preamp said and what was asked of it are two things: `value` changes only by its word, `asked` only by a person
and by what came of it.
"""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.effects import SendToWriter, WriteTakeSheet
from rigd.model.events import Happening
from rigd.model.gain import GAIN, Ability, PreampAbilities, PreampSetting, PreampStatus, SettingKind
from rigd.model.messages import Annotate
from rigd.model.settings_history import SettingsHistory
from rigd.model.state import Channel, Setting, setting_of, settings_of, with_abilities, with_setting
from rigd.model.take import ANSWERING, GAIN_DB, GainChange
from rigd.model.units import Frame, SettingName, frames_in
from rigd.rules.step_work import Work

MOST_GAIN_CHANGES = 100_000
"""Of one take: a motorised fader that runs wild must not fill the memory."""
SECONDS_PER_MINUTE = 60


def setting_told(work: Work, fact: PreampSetting) -> None:
    """A preamp says what a setting is, or that it did not do what was asked."""
    for channel in work.state.channels:
        if channel.preamp == fact.preamp and channel.socket == fact.socket:
            _take_in(work, channel, fact)


def preamp_status(work: Work, fact: PreampStatus) -> None:
    """One that falls silent is one event and one row of the ledger, however many settings it has."""
    known = next((status for status in work.state.preamps if status.name == fact.name), None)
    if known == fact:
        return
    others = [status for status in work.state.preamps if status.name != fact.name]
    work.change(preamps=tuple(sorted((*others, fact), key=lambda status: status.name)))
    if known is not None and known.answering is fact.answering:
        return
    word = "answers" if fact.answering else "does not answer"
    detail = f": {fact.detail}" if fact.detail else ""
    work.say(Happening.PREAMP_CHANGED, fact.name, f'preamp "{fact.name}" {word}{detail}')
    if known is None and not fact.answering:
        return
    if not fact.answering:
        work.change(channels=tuple(_doubted(each, fact.name) for each in work.state.channels))
    if known is not None:
        _write_answering(work, fact.name, answering=fact.answering)


def preamp_silent(work: Work, name: str, detail: str) -> None:
    """rigd asks it no more, or anew: until it answers nothing that it said is confirmed."""
    known = next((status for status in work.state.preamps if status.name == name), None)
    if known is None:
        return
    silent = replace(known, answering=False, detail=detail)
    work.change(preamps=tuple(silent if each is known else each for each in work.state.preamps))
    work.change(channels=tuple(_doubted(each, name) for each in work.state.channels))
    if known.answering:
        _write_answering(work, name, answering=False)


def setting_unknown(work: Work, channel: Channel, name: SettingName) -> None:
    """From here on nobody knows what that setting is."""
    row = GainChange(
        at_frame=_frame_of(work),
        channel=channel.number,
        parameter=_parameter_of(name),
        value=None,
        confirmed=True,
    )
    _write_row(work, row)


def _write_answering(work: Work, preamp: str, *, answering: bool) -> None:
    row = GainChange(
        at_frame=_frame_of(work),
        channel=None,
        parameter=ANSWERING,
        value=float(answering),
        confirmed=True,
        preamp=preamp,
    )
    _write_row(work, row)


def preamp_abilities(work: Work, fact: PreampAbilities) -> None:
    """A preamp says what its sockets can do: that is what they can do, whatever was known before."""
    now, changed, gone = [], [], []
    for channel in work.state.channels:
        abilities = fact.abilities.get(channel.socket, {})
        if channel.preamp != fact.preamp or channel.abilities == abilities:
            now.append(channel)
            continue
        now.append(with_abilities(channel, abilities))
        for name, setting in settings_of(channel).items():
            if setting.value is not None and setting_of(now[-1], name).value is None:
                gone.append((channel, name))
        if channel.abilities:
            has = ", ".join(f"{name} ({ability.form})" for name, ability in abilities.items())
            changed.append(f'channel {channel.number} "{channel.name}" {f"has {has}" if has else "has none"}')
    work.change(channels=tuple(now))
    for channel, name in gone:
        setting_unknown(work, channel, name)
    if changed:
        what = f'preamp "{fact.preamp}" has other settings now: {"; ".join(changed)}'
        work.say(Happening.PREAMP_CHANGED, fact.preamp, what)


def put_setting(work: Work, channel: Channel, name: SettingName, setting: Setting) -> None:
    """That setting of the channel is this now."""
    work.change(
        channels=tuple(
            with_setting(known, name, setting) if known.number == channel.number else known
            for known in work.state.channels
        )
    )


def _doubted(channel: Channel, preamp: str) -> Channel:
    if channel.preamp != preamp:
        return channel
    for name, setting in settings_of(channel).items():
        if setting.confirmed:
            channel = with_setting(channel, name, replace(setting, confirmed=False))
    return channel


def _take_in(work: Work, channel: Channel, fact: PreampSetting) -> None:
    ability = channel.abilities.get(fact.name)
    if ability is None:
        return  # it speaks of what it has not, by its own word
    before = setting_of(channel, fact.name)
    after = Setting(
        value=before.value if fact.value is None else fact.value,
        asked=_still_asked(before, fact, ability),
        confirmed=fact.confirmed and fact.value is not None,
    )
    if before == after and fact.confirmed:
        return
    put_setting(work, channel, fact.name, after)
    _note(work, channel, fact, after, ability)
    said, wished = ability.text_of(after.value), ability.text_of(before.asked)
    line = f'channel {channel.number} "{channel.name}": {fact.name} {said}'
    if fact.given_up and before.asked is not None and after.asked is None:
        why = (
            "the preamp keeps to what it is"
            if fact.confirmed
            else f'preamp "{fact.preamp}" did not do it in time, and nothing of it is sent later'
        )
        text = f"{line}; {wished} was asked for and is given up: {why}; ask again"
        work.say(Happening.SETTING_UNCONFIRMED, str(channel.number), text)
    elif fact.confirmed and (after.value != before.value or before.asked is not None):
        wish = f", {ability.text_of(after.asked)} is asked for" if after.asked is not None else ""
        work.say(Happening.SETTING_CHANGED, str(channel.number), f"{line}{wish}")
    elif not fact.confirmed and after.asked is not None:
        text = f"{line}, not confirmed, {ability.text_of(after.asked)} was asked for"
        work.say(Happening.SETTING_UNCONFIRMED, str(channel.number), text)


def _still_asked(before: Setting, fact: PreampSetting, ability: Ability) -> float | None:
    """The wish that is still open: none once it came true, was given up, or somebody turned the knob elsewhere.

    What was asked for since the preamp spoke stays open, whatever it says of an older wish.
    """
    if fact.given_up:
        return None if fact.asked is None or fact.asked == before.asked else before.asked
    if fact.asked is not None:
        return fact.asked if before.asked is None else before.asked
    if before.asked is None or fact.value is None:
        return before.asked
    near = ability.tolerance
    if abs(fact.value - before.asked) <= near:
        return None
    if not fact.confirmed or before.value is None:
        return before.asked
    low, high = sorted((before.value, before.asked))
    return before.asked if low - near <= fact.value <= high + near else None


def _note(work: Work, channel: Channel, fact: PreampSetting, after: Setting, ability: Ability) -> None:
    """The ledger has what the preamp says, and, where it is late with a wish, that."""
    if not fact.confirmed and after.asked is None:
        return
    row = GainChange(
        at_frame=_frame_of(work),
        channel=channel.number,
        parameter=_parameter_of(fact.name),
        value=after.value,
        confirmed=after.confirmed,
        asked=after.asked,
        word=ability.text_of(after.value) if ability.kind is SettingKind.CHOICE else "",
    )
    known = _history(work).last_of(row)
    if known is None or replace(known, at_frame=row.at_frame) != row:
        _write_row(work, row)


def _parameter_of(name: SettingName) -> str:
    return GAIN_DB if name == GAIN else name


def _history(work: Work) -> SettingsHistory:
    return work.state.preamp_history or SettingsHistory()


def _frame_of(work: Work) -> Frame:
    """Where no tape tells it, that of the row before; 0 where there was no tape yet: whatever take comes begins
    later."""
    if work.at.at_frame is not None:
        return work.at.at_frame
    rows = _history(work).rows
    return rows[-1].at_frame if rows else Frame(0)


def _write_row(work: Work, row: GainChange) -> None:
    """Into the history, and into the take that rolls, where the channel is recorded."""
    work.change(preamp_history=_history(work).plus(row, reach_frames=_reach_frames(work)))
    take = work.state.take
    if take is None or work.at.at_frame is None or len(take.gain_changes) >= MOST_GAIN_CHANGES:
        return
    of = [each for each in work.state.channels if each.number in take.channels]
    if row.channel not in take.channels and not (
        row.preamp and any(each.preamp == row.preamp for each in of)
    ):
        return
    row = replace(row, at_frame=Frame(max(row.at_frame, take.first_frame)))
    changed = replace(take, gain_changes=(*take.gain_changes, row))
    work.put_take(changed)
    work.do(SendToWriter(message=Annotate(take_id=take.take_id, note=row)))
    work.do(WriteTakeSheet(take=changed))


def _reach_frames(work: Work) -> int:
    """No take begins further back than this."""
    box = work.state.blackbox
    reach_s = max(
        work.rules.tape_s, work.rules.keep_s, 0.0 if box is None else SECONDS_PER_MINUTE * box.minutes
    )
    return frames_in(reach_s, work.state.sample_rate_hz)
