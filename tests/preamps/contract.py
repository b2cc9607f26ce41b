"""What every preamp of rigd does, whatever it is and however it is spoken to: one suite for all kinds.

A kind runs it by a class of its own in a test file:

    class TestMyPreamp(PreampContract):
        @pytest.fixture
        def bench(self) -> Iterator[Bench]:
            with MyDevice() as device:                      # the far end of its wire
                yield Bench(device=device, make=lambda sink: MyPreamp("mine", settings, (1, 2), sink), sockets=(1, 2))

Only rigd's public protocols are used (`rigd.model.gain`): what the kind can do it says itself, by its abilities.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from rigd.model.errors import PreampError
from rigd.model.gain import (
    Abilities,
    Ability,
    Preamp,
    PreampAbilities,
    PreampSetting,
    PreampStatus,
    ReadBack,
    SettingKind,
    ability_fault,
)
from rigd.model.units import SettingName
from tests.support.patience import wait_for

WISH_S = 3.0
"""Of the suite: no test should wait for ten seconds."""
LARGEST_STEP_DB = 6.0


class Device(Protocol):
    """The far end of the wire, seen by who stands before it. Sockets count from 1."""

    def value_of(self, socket: int, name: SettingName) -> float:
        """What the setting really is."""

    def turn(self, socket: int, name: SettingName, value: float) -> None:
        """A hand sets it at the device, which reports it as such a device does."""

    def vanish(self) -> None:
        """The power is off, or the cable out. Settings stay."""

    def come_back(self) -> None:
        """It can be reached again as before."""

    def obeys(self, yes: bool) -> None:
        """False: it answers as ever and keeps to what it is."""

    def orders(self, socket: int, name: SettingName) -> list[float]:
        """What it was ordered to be, in order, obeyed or not."""


class Sink:
    """rigd's side: keeps all that the preamp says."""

    def __init__(self, wish_s: float = WISH_S) -> None:
        self.wish_s = wish_s
        self.facts: list[PreampAbilities | PreampSetting | PreampStatus] = []

    def preamp_abilities(self, abilities: PreampAbilities) -> None:
        self.facts.append(abilities)

    def preamp_setting(self, setting: PreampSetting) -> None:
        self.facts.append(setting)

    def preamp_status(self, status: PreampStatus) -> None:
        self.facts.append(status)

    @property
    def abilities(self) -> dict[int, Abilities]:
        said = [fact for fact in self.facts if isinstance(fact, PreampAbilities)]
        return dict(said[-1].abilities) if said else {}

    @property
    def settings(self) -> list[PreampSetting]:
        return [fact for fact in self.facts if isinstance(fact, PreampSetting)]

    @property
    def status(self) -> PreampStatus | None:
        said = [fact for fact in self.facts if isinstance(fact, PreampStatus)]
        return said[-1] if said else None

    def of(self, socket: int, name: SettingName) -> list[PreampSetting]:
        return [each for each in self.settings if (each.socket, each.name) == (socket, name)]

    def is_confirmed(self, socket: int, name: SettingName, value: float) -> bool:
        """The newest word on the setting is the device's, and says that."""
        said, abilities = self.of(socket, name), self.abilities
        if not said or not said[-1].confirmed or socket not in abilities:
            return False
        return abs((said[-1].value or 0.0) - value) <= abilities[socket][name].tolerance


@dataclass(kw_only=True)
class Bench:
    """A kind of preamp, the device at its far end, and the sockets that the config uses."""

    device: Device
    make: Callable[[Sink], Preamp]
    sockets: tuple[int, ...]
    sinks: list[Sink] = field(default_factory=list)

    @contextmanager
    def following(self, *, knows: bool = True, wish_s: float = WISH_S) -> Iterator[tuple[Preamp, Sink]]:
        """The preamp at work; with `knows` it has read all."""
        sink = Sink(wish_s)
        self.sinks.append(sink)
        preamp = self.make(sink)
        preamp.start()
        try:
            if knows:
                wait_for(lambda: self.is_known(sink), "every setting is read")
            yield preamp, sink
        finally:
            preamp.stop()

    def is_known(self, sink: Sink) -> bool:
        status = sink.status
        return (
            set(sink.abilities) == set(self.sockets)
            and status is not None
            and status.answering
            and all(
                sink.is_confirmed(socket, name, self.device.value_of(socket, name))
                for socket, name, _ in readable(sink)
            )
        )


Each = tuple[int, SettingName, Ability]


def every(sink: Sink) -> list[Each]:
    """Each setting of each socket in use."""
    return [(socket, name, ability) for socket, of in sink.abilities.items() for name, ability in of.items()]


def readable(sink: Sink) -> list[Each]:
    return [each for each in every(sink) if each[2].read_back is not ReadBack.NEVER]


def levels(sink: Sink) -> list[Each]:
    return [each for each in readable(sink) if each[2].kind is SettingKind.DB]


def of_each_kind(sink: Sink) -> list[Each]:
    """Of each name one, at the last socket that has it: devices are slow, and there may be many sockets."""
    return list({name: (socket, name, ability) for socket, name, ability in readable(sink)}.values())


def another_value(ability: Ability, value: float) -> float:
    """Near by, and not the same."""
    if ability.kind is SettingKind.DB:
        up = ability.quantise(value + ability.step_db)
        return up if up != value else ability.quantise(value - ability.step_db)
    values = 2 if ability.kind is SettingKind.SWITCH else len(ability.choices)
    return float((round(value) + 1) % values)


class PreampContract:
    """Subclass it, give it the fixture `bench`, and every test here is one of yours."""

    def test_it_says_what_it_can_do_before_it_says_what_is(self, bench: Bench) -> None:
        with bench.following() as (_, sink):
            first = next(fact for fact in sink.facts if not isinstance(fact, PreampStatus))
            assert isinstance(first, PreampAbilities)
            assert all(of for of in sink.abilities.values())
            for socket, name, ability in every(sink):
                assert not ability_fault(name, ability)
                assert not ability.group or socket in ability.group

    def test_it_speaks_of_the_sockets_in_use_and_of_no_others(self, bench: Bench) -> None:
        with bench.following() as (_, sink):
            assert {setting.socket for setting in sink.settings} == set(bench.sockets)

    def test_what_is_asked_for_comes_true_at_the_device_and_is_confirmed_by_it(self, bench: Bench) -> None:
        with bench.following() as (preamp, sink):
            for socket, name, ability in of_each_kind(sink):
                wanted = another_value(ability, bench.device.value_of(socket, name))
                preamp.request(socket, name, wanted)
                wait_for(lambda at=(socket, name, wanted): sink.is_confirmed(*at), f"{name} is confirmed")
                assert abs(bench.device.value_of(socket, name) - wanted) <= ability.tolerance
                assert not sink.of(socket, name)[-1].given_up

    def test_what_is_so_already_is_confirmed_too(self, bench: Bench) -> None:
        with bench.following() as (preamp, sink):
            socket, name, _ = readable(sink)[0]
            before = len(sink.of(socket, name))
            preamp.request(socket, name, bench.device.value_of(socket, name))
            wait_for(lambda: len(sink.of(socket, name)) > before, "it says so")
            assert sink.of(socket, name)[-1].confirmed

    def test_what_a_hand_turns_at_the_device_is_followed(self, bench: Bench) -> None:
        with bench.following() as (_, sink):
            for socket, name, ability in of_each_kind(sink):
                turned = another_value(ability, bench.device.value_of(socket, name))
                bench.device.turn(socket, name, turned)
                wait_for(lambda at=(socket, name, turned): sink.is_confirmed(*at), f"{name} is followed")

    def test_the_newest_wish_wins(self, bench: Bench) -> None:
        with bench.following() as (preamp, sink):
            for socket, name, ability in levels(sink)[:1]:
                now = bench.device.value_of(socket, name)
                wishes = [ability.quantise(now + steps * ability.step_db) for steps in (1, 2, 3, 4, 2)]
                for wish in wishes:
                    preamp.request(socket, name, wish)
                wait_for(lambda at=(socket, name, wishes[-1]): sink.is_confirmed(*at), "the last one")
                assert abs(bench.device.value_of(socket, name) - wishes[-1]) <= ability.tolerance

    def test_a_level_climbs_in_steps_and_falls_at_once(self, bench: Bench) -> None:
        with bench.following() as (preamp, sink):
            for socket, name, ability in levels(sink)[:1]:
                bench.device.turn(socket, name, ability.min_db)
                wait_for(lambda at=(socket, name, ability.min_db): sink.is_confirmed(*at), "the bottom")
                before = len(bench.device.orders(socket, name))
                top = ability.quantise(min(ability.max_db, ability.min_db + 20.0))
                preamp.request(socket, name, top)
                wait_for(lambda at=(socket, name, top): sink.is_confirmed(*at), "the top")
                climbed = [ability.min_db, *bench.device.orders(socket, name)[before:]]
                steps = [after - at for at, after in itertools.pairwise(climbed)]
                assert max(steps) <= LARGEST_STEP_DB + ability.tolerance
                preamp.request(socket, name, ability.min_db)
                wait_for(lambda at=(socket, name, ability.min_db): sink.is_confirmed(*at), "down again")
                assert len(bench.device.orders(socket, name)) == before + len(climbed)

    def test_a_group_is_switched_and_confirmed_together(self, bench: Bench) -> None:
        with bench.following() as (preamp, sink):
            grouped = [each for each in readable(sink) if len(each[2].group) > 1]
            for socket, name, ability in grouped[-1:]:
                wanted = another_value(ability, bench.device.value_of(socket, name))
                preamp.request(socket, name, wanted)
                for each in bench.sockets:
                    if each in ability.group:
                        at = (each, name, wanted)
                        wait_for(lambda at=at: sink.is_confirmed(*at), f"socket {each} as well")

    def test_a_device_that_falls_silent_is_said_once_with_the_cure_and_found_again(
        self, bench: Bench
    ) -> None:
        with bench.following() as (_, sink):
            known = len(sink.settings)
            bench.device.vanish()
            wait_for(lambda: sink.status is not None and not sink.status.answering, "it is missed")
            assert sink.status is not None and sink.status.detail
            assert len(sink.settings) == known, "that nothing is confirmed the status says, for all"
            bench.device.come_back()
            wait_for(lambda: bench.is_known(sink), "it is found and read again")

    def test_a_level_asked_of_one_that_is_away_is_set_when_it_is_back_in_time(self, bench: Bench) -> None:
        with bench.following(wish_s=60.0) as (preamp, sink):
            for socket, name, ability in levels(sink)[:1]:
                wanted = another_value(ability, bench.device.value_of(socket, name))
                bench.device.vanish()
                wait_for(lambda: sink.status is not None and not sink.status.answering, "it is missed")
                preamp.request(socket, name, wanted)
                bench.device.come_back()
                wait_for(lambda at=(socket, name, wanted): sink.is_confirmed(*at), "it is set")

    def test_a_wish_that_is_too_old_is_given_up_and_said_and_never_sent(self, bench: Bench) -> None:
        with bench.following() as (preamp, sink):
            socket, name, ability = readable(sink)[0]
            wanted = another_value(ability, bench.device.value_of(socket, name))
            bench.device.vanish()
            wait_for(lambda: sink.status is not None and not sink.status.answering, "it is missed")
            preamp.request(socket, name, wanted)
            wait_for(lambda: any(each.given_up for each in sink.of(socket, name)), "it is given up")
            dropped = next(each for each in sink.of(socket, name) if each.given_up)
            assert dropped.asked == wanted and not dropped.confirmed
            hand = another_value(ability, wanted)
            bench.device.turn(socket, name, hand)
            bench.device.come_back()
            wait_for(lambda at=(socket, name, hand): sink.is_confirmed(*at), "what a hand set meanwhile")
            assert wanted not in bench.device.orders(socket, name)

    def test_what_may_harm_is_never_sent_late(self, bench: Bench) -> None:
        with bench.following(wish_s=60.0) as (preamp, sink):
            for socket, name, ability in [each for each in of_each_kind(sink) if each[2].confirm]:
                now = bench.device.value_of(socket, name)
                bench.device.vanish()
                wait_for(lambda: sink.status is not None and not sink.status.answering, "it is missed")
                preamp.request(socket, name, another_value(ability, now))
                wait_for(lambda at=(socket, name): any(each.given_up for each in sink.of(*at)), "given up")
                bench.device.come_back()
                wait_for(lambda: bench.is_known(sink), "it is read again")
                assert bench.device.orders(socket, name) == []

    def test_a_device_that_does_not_obey_is_believed_and_not_pestered(self, bench: Bench) -> None:
        with bench.following() as (preamp, sink):
            socket, name, ability = readable(sink)[0]
            now = bench.device.value_of(socket, name)
            bench.device.obeys(False)
            preamp.request(socket, name, another_value(ability, now))
            wait_for(lambda: any(each.given_up for each in sink.of(socket, name)), "it is given up")
            wait_for(lambda: sink.is_confirmed(socket, name, now), "what it is")
            assert len(bench.device.orders(socket, name)) <= 10
            bench.device.obeys(True)
            preamp.request(socket, name, another_value(ability, now))
            wait_for(lambda: sink.is_confirmed(socket, name, another_value(ability, now)), "the next one")

    def test_lateness_is_said_and_is_no_confirmation(self, bench: Bench) -> None:
        with bench.following(wish_s=60.0) as (preamp, sink):
            for socket, name, ability in levels(sink)[:1]:
                wanted = another_value(ability, bench.device.value_of(socket, name))
                bench.device.vanish()
                preamp.request(socket, name, wanted)
                wait_for(
                    lambda at=(socket, name): any(not each.confirmed for each in sink.of(*at)), "it is late"
                )
                late = next(each for each in sink.of(socket, name) if not each.confirmed)
                assert late.value != wanted and late.asked == wanted and not late.given_up
                bench.device.come_back()

    def test_what_it_cannot_do_is_refused_at_once(self, bench: Bench) -> None:
        with bench.following() as (preamp, sink):
            socket, name, _ = every(sink)[0]
            with pytest.raises(PreampError):
                preamp.request(socket, SettingName("no_such_thing"), 1.0)
            with pytest.raises(PreampError):
                preamp.request(max(bench.sockets) + 1, name, 1.0)
            with pytest.raises(PreampError):
                preamp.request(socket, name, math.nan)

    def test_a_device_that_is_not_there_holds_nobody_up(self, bench: Bench) -> None:
        bench.device.vanish()
        threads = threading.active_count()
        with bench.following(knows=False) as (_, sink):
            wait_for(lambda: sink.status is not None and not sink.status.answering, "it is missed")
            assert not [each for each in sink.settings if each.confirmed]
            begun = time.monotonic()
        assert time.monotonic() - begun < 5.0, "its end waits for nothing"
        assert threading.active_count() == threads
