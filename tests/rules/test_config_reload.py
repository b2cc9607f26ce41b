"""A config that is read again, in the state table: what is known of channels and preamps from then on."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from rigd.model.changes import change_between, changed, followed_state
from rigd.model.effects import ReadConfig, SendToWriter, TakeUpConfig
from rigd.model.events import Happening
from rigd.model.gain import GAIN, PHANTOM, PreampSetting, PreampStatus
from rigd.model.inputs import ConfigRead, ConfigTakenUp
from rigd.model.limits import LONGEST_CONFIG_LINE, MOST_CONFIG_LINES
from rigd.model.messages import Annotate
from rigd.model.state import Channel, ConfigStanding, Setting, SurfaceStatus
from rigd.model.units import Ns
from tests.support.desk import Desk, channels, ns, rules

STANDING = ConfigStanding(path="/etc/rigd/rig.toml")


def desk_with_gains(*, rolls: bool = True) -> Desk:
    desk = Desk()
    desk.state = replace(desk.state, config=STANDING)
    desk.hear(PreampStatus(name="desk", kind="x32", answering=True))
    for socket in (1, 2, 3):
        gain = PreampSetting(
            preamp="desk", socket=socket, name=GAIN, value=10.0, confirmed=True, at_ns=ns(desk.now_s)
        )
        desk.hear(gain)
    if rolls:
        desk.now_s += 5
        desk.ok("start")
        desk.now_s += 5
    desk.effects.clear()
    desk.events.clear()
    return desk


def bare(**more: dict[str, Any]) -> tuple[Channel, ...]:
    """As a config has the channels: nothing that a preamp said is in them. `more` by channel, "c2"."""
    plain = [replace(each, abilities={}, ability=None) for each in channels()]
    return tuple(replace(each, **more.get(f"c{each.number}", {})) for each in plain)


def taken_up(desk: Desk, **what: Any) -> None:
    facts: dict[str, Any] = {"rules": desk.rules, "channels": bare(), "preamps": ("desk",)}
    desk.hear(ConfigTakenUp(**{**facts, **what}))


def ledger(desk: Desk) -> list[tuple[int | None, str, float | None]]:
    notes = [
        effect.message.note
        for effect in desk.effects
        if isinstance(effect, SendToWriter) and isinstance(effect.message, Annotate)
    ]
    return [(note.channel, note.parameter, note.value) for note in notes]  # type: ignore[union-attr]


def test_it_is_read_once_at_a_time() -> None:
    desk = desk_with_gains()
    assert "is being read again" in desk.ok("reload")
    assert desk.effects == [ReadConfig()]
    assert "is being read already" in desk.no("reload")
    desk.hear(ConfigRead(taken_up=('rig.name "a" -> "b"',)))
    assert desk.state.config == replace(STANDING, reads=1, taken_up=('rig.name "a" -> "b"',))
    assert "is being read again" in desk.ok("reload")


def test_not_while_the_rig_is_shut_down() -> None:
    desk = desk_with_gains()
    desk.ok("shut-down", held=True)
    assert "shut down" in desk.no("reload")


def test_a_name_is_another_one_and_all_that_is_known_of_the_channel_stays() -> None:
    desk = desk_with_gains()
    before = desk.state.channels[0]
    taken_up(desk, channels=bare(c1={"name": "Kick In", "source": "DI", "gang": ""}))
    assert desk.state.channels[0] == replace(before, name="Kick In", source="DI", gang="")
    assert ledger(desk) == []


def test_the_rules_count_from_this_very_step_on() -> None:
    desk = desk_with_gains(rolls=False)
    taken_up(desk, rules=rules(least_disk_s=1e9))
    assert "the disk has room for" in desk.state.not_ready
    (effect,) = desk.effects
    assert isinstance(effect, TakeUpConfig) and effect.rules.least_disk_s == 1e9


def test_who_is_armed_stays_so_unless_the_config_says_otherwise_than_before() -> None:
    desk = desk_with_gains()
    desk.ok("disarm 1")
    taken_up(desk, channels=bare(c2={"armed": False}), armed=(2,))
    assert [channel.armed for channel in desk.state.channels] == [False, False, True, True]


def test_of_another_device_nothing_is_known_and_the_rolling_takes_ledger_says_so() -> None:
    desk = desk_with_gains()
    desk.ok("gain 3 20")
    desk.events.clear()
    taken_up(desk, exchanged=("desk",))
    assert ledger(desk) == [
        (None, "answering", 0.0),
        (1, "gain_db", None),
        (2, "gain_db", None),
        (3, "gain_db", None),
    ]
    assert all(channel.gain == Setting() and not channel.abilities for channel in desk.state.channels)
    (status,) = desk.state.preamps
    assert not status.answering
    (given_up,) = [event for event in desk.events if event.what is Happening.SETTING_UNCONFIRMED]
    assert 'channel 3 "Bass": gain +10.0 dB; +20.0 dB was asked for and is given up' in given_up.text
    desk.hear(PreampStatus(name="desk", kind="x32", answering=True))
    assert ledger(desk)[-1] == (None, "answering", 1.0)


def test_a_device_that_is_only_asked_anew_is_believed_until_it_answers() -> None:
    desk = desk_with_gains()
    desk.ok("gain 3 20")
    taken_up(desk, restarted=("desk",))
    assert ledger(desk) == [(None, "answering", 0.0)]
    assert desk.state.channels[0].gain == Setting(value=10.0)
    assert desk.state.channels[2].gain == Setting(value=10.0)
    assert desk.state.channels[0].abilities


def test_a_channel_that_is_plugged_in_elsewhere_begins_anew() -> None:
    desk = desk_with_gains()
    taken_up(desk, channels=bare(c2={"preamp": "", "socket": 0}), restarted=("desk",))
    assert ledger(desk) == [(None, "answering", 0.0), (2, "gain_db", None)]
    snare = desk.state.channels[1]
    assert (snare.preamp, snare.abilities, snare.gain) == ("", {}, Setting())
    assert PHANTOM in desk.state.channels[0].abilities


def test_what_is_gone_is_not_shown_any_more() -> None:
    desk = desk_with_gains()
    for name in ("foot", "box"):
        desk.hear(SurfaceStatus(name=name, kind="midi", connected=True))
    taken_up(desk, surfaces=("box",), preamps=(), exchanged=("desk",), channels=bare())
    assert [surface.name for surface in desk.state.surfaces] == ["box"]
    assert desk.state.preamps == ()


def test_what_was_wrong_is_told_whole_and_what_waited_waits_still() -> None:
    desk = desk_with_gains()
    desk.hear(ConfigRead(waits=("audio.channels 8 -> 16: x",)))
    before = desk.state
    faults = tuple(f"rig.toml:{line}: wrong" for line in range(7))
    desk.hear(ConfigRead(faults=faults))
    config = desk.state.config
    assert config is not None and config.faults == faults and config.waits == ("audio.channels 8 -> 16: x",)
    assert replace(desk.state, config=before.config, number=before.number) == before
    (event,) = [event for event in desk.events if event.what is Happening.CONFIG_REFUSED]
    assert "rig.toml:4: wrong; and 2 more: rigd status" in event.text


def test_what_is_told_of_a_config_has_an_end() -> None:
    desk = desk_with_gains()
    desk.hear(ConfigRead(faults=tuple("x" * 10_000 for _ in range(10_000))))
    config = desk.state.config
    assert config is not None and len(config.faults) == MOST_CONFIG_LINES
    assert config.faults[-1] == f"and {10_000 - MOST_CONFIG_LINES + 1} more"
    assert max(map(len, config.faults)) == LONGEST_CONFIG_LINE


def test_time_is_that_of_the_step() -> None:
    desk = desk_with_gains()
    taken_up(desk, exchanged=("desk",))
    take = desk.state.take
    assert take is not None
    assert {row.at_frame for row in take.gain_changes} == {desk.circumstances(Ns(ns(desk.now_s))).at_frame}


def test_who_follows_the_rig_by_its_changes_has_the_same() -> None:
    desk = desk_with_gains()
    desk.hear(SurfaceStatus(name="foot", kind="midi", connected=True))
    followed = followed_state(desk.state)
    seen = msgspec.json.decode(msgspec.json.encode(followed), type=type(followed))
    facts = (
        ConfigTakenUp(
            rules=desk.rules,
            channels=bare(c1={"name": "Kick In"}, c2={"preamp": "", "socket": 0}),
            exchanged=("desk",),
        ),
        ConfigRead(taken_up=("a",), waits=("b",), troubles=("c",)),
        ConfigRead(faults=("d",)),
    )
    for fact in facts:
        before = followed_state(desk.state)
        desk.hear(fact)
        change = change_between(before, followed_state(desk.state))
        assert change is not None
        seen = changed(seen, msgspec.json.decode(msgspec.json.encode(change), type=type(change)))
    assert seen == followed_state(desk.state)
