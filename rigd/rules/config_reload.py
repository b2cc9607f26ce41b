"""A config that is read again: what of it is the rig's from which step on. Pure.

A take that rolls keeps what it began with: its files have the names that its order gave them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from rigd.model.commands import Reload
from rigd.model.effects import ReadConfig, TakeUpConfig
from rigd.model.events import Happening
from rigd.model.inputs import ConfigRead, ConfigTakenUp
from rigd.model.limits import LONGEST_CONFIG_LINE, MOST_CONFIG_LINES
from rigd.model.plain_text import plain_line
from rigd.model.state import (
    Channel,
    ConfigStanding,
    Ending,
    Setting,
    setting_of,
    settings_of,
    with_abilities,
    with_setting,
)
from rigd.model.units import SettingName
from rigd.rules.preamp_reports import preamp_silent, setting_unknown
from rigd.rules.step_work import Refusal, Work

FIRST_LINES = 5
"""Of what came of it, in the line that says so."""


def reload(work: Work, command: Reload) -> str:
    standing = _standing(work)
    if work.state.ending is not Ending.NO:
        raise Refusal("rigd is being shut down")
    if standing.reading:
        raise Refusal("the config is being read already; what comes of it is in: rigd status")
    work.change(config=replace(standing, reading=True))
    work.do(ReadConfig())
    return f"{standing.path} is being read again"


def config_taken_up(work: Work, fact: ConfigTakenUp) -> None:
    work.rules = fact.rules
    work.do(TakeUpConfig(rules=fact.rules))
    for name in (*fact.restarted, *fact.exchanged):
        preamp_silent(work, name, f"[preamp.{name}] was read again; it is being asked")
    new = {channel.number: channel for channel in fact.channels}
    for channel in work.state.channels:
        _take_up(work, channel, new[channel.number], fact)
    work.change(
        preamps=tuple(each for each in work.state.preamps if each.name in fact.preamps),
        surfaces=tuple(each for each in work.state.surfaces if each.name in fact.surfaces),
    )


def config_read(work: Work, fact: ConfigRead) -> None:
    before = _standing(work)
    work.change(
        config=ConfigStanding(
            path=before.path,
            reads=before.reads + 1,
            taken_up=_bounded(fact.taken_up),
            waits=before.waits if fact.faults else _bounded(fact.waits),
            faults=_bounded(fact.faults),
            troubles=_bounded(fact.troubles),
        )
    )
    name = f"the config {before.path}"
    if fact.faults:
        text = f"{name} was read again and is not in order; nothing was changed: {_first(fact.faults)}"
        work.say(Happening.CONFIG_REFUSED, before.path, text)
        return
    words = [f"taken up: {_first(fact.taken_up)}" if fact.taken_up else "nothing to take up"]
    words += [f"waits for a restart: {_first(fact.waits)}"] if fact.waits else []
    words += [f"could not be started: {_first(fact.troubles)}"] if fact.troubles else []
    work.say(Happening.CONFIG_READ, before.path, f"{name} was read again; {'; '.join(words)}")


def _standing(work: Work) -> ConfigStanding:
    return work.state.config or ConfigStanding(path="")


def _take_up(work: Work, before: Channel, new: Channel, fact: ConfigTakenUp) -> None:
    """The channel as the config has it, with what is known of it. The ledger has what is not known any more."""
    is_moved = (before.preamp, before.socket) != (new.preamp, new.socket) or before.preamp in fact.exchanged
    is_doubtful = is_moved or before.preamp in fact.restarted
    forgotten: list[SettingName] = []
    now = before
    for name, setting in settings_of(before).items() if is_doubtful else ():
        if setting.asked is not None:
            _say_given_up(work, before, name, setting.asked)
        if is_moved and setting.value is not None:
            forgotten.append(name)
        now = with_setting(now, name, Setting(value=setting.value))
    now = with_abilities(now, {}) if is_moved else now
    now = replace(now, name=new.name, source=new.source, gang=new.gang, preamp=new.preamp, socket=new.socket)
    if new.number in fact.armed:
        now = replace(now, armed=new.armed)
    if now != before:
        work.change(
            channels=tuple(now if each.number == now.number else each for each in work.state.channels)
        )
    for name in forgotten:
        setting_unknown(work, before, name)


def _say_given_up(work: Work, channel: Channel, name: SettingName, asked: float) -> None:
    """Whoever was asked is not there any more."""
    wish = channel.abilities[name].text_of(asked)
    known = channel.abilities[name].text_of(setting_of(channel, name).value)
    text = (
        f'channel {channel.number} "{channel.name}": {name} {known}; {wish} was asked for and is given up: preamp '
        f'"{channel.preamp}" was taken up anew; ask again'
    )
    work.say(Happening.SETTING_UNCONFIRMED, str(channel.number), text)


def _first(lines: Sequence[str]) -> str:
    more = len(lines) - FIRST_LINES
    return "; ".join(_cut(lines[:FIRST_LINES])) + (f"; and {more} more: rigd status" if more > 0 else "")


def _bounded(lines: Sequence[str]) -> tuple[str, ...]:
    kept = tuple(_cut(lines[:MOST_CONFIG_LINES]))
    more = len(lines) - len(kept)
    return (*kept[:-1], f"and {more + 1} more") if more > 0 else kept


def _cut(lines: Sequence[str]) -> Iterator[str]:
    for line in map(plain_line, lines):
        is_long = len(line) > LONGEST_CONFIG_LINE
        yield f"{line[: LONGEST_CONFIG_LINE - 3]}..." if is_long else line
