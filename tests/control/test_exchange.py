"""Parts that are exchanged while the rig runs: what did not change is not touched, and none is taken for another."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hardware_sim.pedal import Pedal, PtyWire
from hardware_sim.x32 import SimulatedX32
from rigd.config.load import load_config
from rigd.config.rig_config import RigConfig
from rigd.control.binder import Binder
from rigd.control.feedback import Feedback
from rigd.control.parts import NamedParts
from rigd.control.preamps import Preamps, exchanged, restarted
from rigd.control.surfaces import Surfaces
from rigd.model.commands import Accepted, Command, Reply
from rigd.model.errors import PartError, SurfaceError
from rigd.model.gain import GAIN, PreampAbilities, PreampSetting, PreampStatus
from rigd.model.inputs import Fact
from rigd.model.state import SurfaceStatus, first_state
from rigd.model.units import Ns
from rigd.rules.permissions import Principal
from tests.support.desk import channels
from tests.support.patience import wait_for

PEDALS = """
[audio]
channels = 4
[surface.one]
kind = "midi"
port = "serial:{folder}/one"
{role}
[[surface.one.binding]]
control = "cc 80"
press = "mark one"
release = "mark let go"
[surface.{other}]
kind = "midi"
port = "serial:{folder}/two"
[[surface.{other}.binding]]
control = "cc 80"
press = "mark {word}"
"""
DESKS = """
[audio]
channels = 4
[control]
wish_seconds = {wish}
[[channel]]
preamp = "desk:1"
[[channel]]
preamp = "{second}"
[preamp.desk]
kind = "x32"
host = "127.0.0.1"
port = {port}
{more}
"""


def config_of(folder: Path, text: str, **values: object) -> RigConfig:
    path = folder / "rig.toml"
    path.write_text(text.format(folder=folder, **values), "utf-8")
    return load_config(path)


class Room:
    """Binder, feedback and pedals, as the daemon puts them together."""

    def __init__(self, config: RigConfig) -> None:
        self.done: list[tuple[str, str, str]] = []
        self.reports: list[Any] = []
        self.config = config
        self.feedback = Feedback(
            state=self._state, take_levels=lambda: lambda: None, post=self.reports.append
        )
        self.binder = Binder(
            bindings={surface.name: surface.bindings for surface in config.surfaces},
            principals={surface.name: surface.principal for surface in config.surfaces},
            submit=self._submit,
            state=self._state,
            report=self.feedback.report,
            clock=lambda: Ns(time.monotonic_ns()),
        )
        self.surfaces = Surfaces(config.surfaces, self.binder, self.feedback)

    @staticmethod
    def _state() -> Any:
        return first_state(channels=channels(), sample_rate_hz=48_000)

    def _submit(self, command: Command, by: Principal) -> Any:
        future: Future[Reply] = Future()
        self.done.append((command.origin, getattr(command, "name", ""), by.role))
        future.set_result(Accepted())
        return future

    @contextmanager
    def running(self) -> Iterator[Room]:
        self.binder.start()
        self.surfaces.start()
        self.feedback.start()
        try:
            yield self
        finally:
            self.feedback.stop()
            self.surfaces.stop(leave_running=False)
            self.binder.stop()

    def take_up(self, config: RigConfig) -> None:
        made = self.surfaces.exchange(self.config.surfaces, config.surfaces)
        made.end_old()
        made.take_up()
        assert made.begin_new() == []
        self.config = config

    def await_connected(self, *names: str) -> None:
        def connected() -> set[str]:
            newest = {report.name: report for report in self.reports if isinstance(report, SurfaceStatus)}
            return {name for name, report in newest.items() if report.connected}

        wait_for(lambda: connected() >= set(names), f"{names} connected", instead=connected)

    def await_done(self, *done: str) -> None:
        wait_for(lambda: [word for _, word, _ in self.done] == list(done), instead=lambda: self.done)


def threads_of(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == f"rigd-midi-{name}"]


def test_a_pedal_that_is_the_same_keeps_its_port_and_what_is_held_and_the_other_does_the_new_thing(
    tmp_path: Path,
) -> None:
    with (
        Pedal(lambda: PtyWire(tmp_path / "one"), number=80) as one,
        Pedal(lambda: PtyWire(tmp_path / "two"), number=80) as two,
        Room(config_of(tmp_path, PEDALS, other="two", word="old", role="")).running() as room,
    ):
        room.await_connected("one", "two")
        one.press()
        room.await_done("one")
        two.tap()
        room.await_done("one", "old")
        before = threads_of("one")
        room.take_up(config_of(tmp_path, PEDALS, other="two", word="new", role='role = "player"'))
        assert threads_of("one") == before and len(threads_of("two")) == 1
        room.reports.clear()
        room.await_connected("two")
        two.tap()
        room.await_done("one", "old", "new")
        one.release()
        room.await_done("one", "old", "new", "let go")
        assert room.done[-1] == ("one", "let go", "player"), "and what it may is what is said now"


def test_a_pedal_that_is_gone_is_heard_of_no_more_and_one_of_another_name_takes_its_port(
    tmp_path: Path,
) -> None:
    with (
        Pedal(lambda: PtyWire(tmp_path / "two"), number=80) as two,
        Room(config_of(tmp_path, PEDALS, other="two", word="old", role="")).running() as room,
    ):
        room.await_connected("two")
        assert set(room.surfaces.overheard) == {"one", "two"}
        room.take_up(config_of(tmp_path, PEDALS, other="three", word="new", role=""))
        told = len(room.reports)
        assert set(room.surfaces.overheard) == {"one", "three"}
        room.await_connected("three")
        two.tap()
        room.await_done("new")
        assert {report.name for report in room.reports[told:]} <= {"one", "three"}
        assert not threads_of("two")


def test_until_the_first_part_has_ended_nothing_is_changed(tmp_path: Path) -> None:
    with (
        Pedal(lambda: PtyWire(tmp_path / "two"), number=80) as two,
        Room(config_of(tmp_path, PEDALS, other="two", word="old", role="")).running() as room,
    ):
        room.await_connected("two")
        after = config_of(tmp_path, PEDALS, other="two", word="new", role="")
        room.surfaces.exchange(room.config.surfaces, after.surfaces)
        two.tap()
        room.await_done("old")


def test_a_first_surface_is_shown_the_state_also_where_there_was_none(tmp_path: Path) -> None:
    none = config_of(tmp_path, "[audio]\nchannels = 4\n")
    with (
        Pedal(lambda: PtyWire(tmp_path / "one"), number=80),
        Room(none).running() as room,
    ):
        room.take_up(config_of(tmp_path, PEDALS, other="two", word="old", role=""))
        room.await_connected("one")


@contextmanager
def preamps_of(config: RigConfig) -> Iterator[tuple[Preamps, list[Fact]]]:
    facts: list[Fact] = []
    preamps = Preamps(config.preamps, facts.append, wish_s=config.control.wish_seconds)
    preamps.start()
    try:
        yield preamps, facts
    finally:
        preamps.stop(leave_running=False)


def gains(facts: list[Fact]) -> list[tuple[str, int, float | None]]:
    settings = [each for each in facts if isinstance(each, PreampSetting) and each.name == GAIN]
    return [(each.preamp, each.socket, each.value) for each in settings]


def test_no_word_of_the_old_desk_is_taken_for_one_of_the_new(tmp_path: Path) -> None:
    with SimulatedX32() as old, SimulatedX32() as new:
        old.turn(1, 10.0)
        new.turn(1, 22.0)
        plain = {"second": "desk:2", "wish": 10, "more": ""}
        before = config_of(tmp_path, DESKS, port=old.port, **plain)
        after = config_of(tmp_path, DESKS, port=new.port, **plain)
        assert exchanged(before, after) == ("desk",) and restarted(before, after) == ()
        with preamps_of(before) as (preamps, facts):
            wait_for(lambda: ("desk", 1, 10.0) in gains(facts), "the old desk")
            made = preamps.exchange(before, after)
            ways = preamps._preamps["desk"].way
            made.end_old()
            facts.clear()
            preamps.request("desk", 1, GAIN, 30.0)  # of the old one, as far as the controller knows
            made.take_up()
            ways.preamp_status(PreampStatus(name="desk", kind="x32", answering=False, detail="late"))
            assert facts == [], "what the old one says late counts no more, and the new one waits"
            assert made.begin_new() == []
            wait_for(lambda: ("desk", 1, 22.0) in gains(facts), "the new desk")
            preamps.request("desk", 1, GAIN, 24.0)
            wait_for(lambda: new.gain_db(1) == 24.0, "the new one is asked")
            assert old.gain_db(1) == 10.0


def test_a_desk_with_the_same_channels_is_not_asked_anew_and_one_with_others_is(tmp_path: Path) -> None:
    with SimulatedX32() as desk, SimulatedX32() as other:
        plain = {"port": desk.port, "wish": 10, "more": ""}
        before = config_of(tmp_path, DESKS, second="desk:2", **plain)
        with preamps_of(before) as (preamps, facts):
            wait_for(lambda: len(gains(facts)) >= 2, "both sockets")
            more = f'[preamp.more]\nkind = "x32"\nhost = "127.0.0.1"\nport = {other.port}\n'
            longer = config_of(tmp_path, DESKS, second="desk:2", port=desk.port, wish=20, more=more)
            kept = preamps._preamps["desk"].preamp
            assert exchanged(before, longer) == restarted(before, longer) == ()
            exchange(preamps, before, longer)
            assert preamps._preamps["desk"].preamp is kept and set(preamps._preamps) == {"desk", "more"}
            assert preamps.wish_s == preamps._preamps["desk"].way.wish_s == 20

            moved = config_of(tmp_path, DESKS, second="desk:9", port=desk.port, wish=20, more=more)
            assert restarted(longer, moved) == ("desk",) and exchanged(longer, moved) == ()
            facts.clear()
            exchange(preamps, longer, moved)
            wait_for(lambda: {socket for _, socket, _ in gains(facts)} >= {1, 9}, "the new socket")
            abilities = [each for each in facts if isinstance(each, PreampAbilities)]
            assert set(abilities[-1].abilities) == {1, 9}


def exchange(preamps: Preamps, before: RigConfig, after: RigConfig) -> None:
    made = preamps.exchange(before, after)
    made.end_old()
    made.take_up()
    assert made.begin_new() == []


def test_two_channels_that_change_places_at_a_desk_are_asked_anew(tmp_path: Path) -> None:
    """Its sockets are the same; which channel hears which is not."""
    before = config_of(tmp_path, DESKS, second="desk:2", port=9, wish=10, more="")
    one, two, *rest = before.channels
    swapped = (replace(one, socket=2), replace(two, socket=1), *rest)
    assert restarted(before, replace(before, channels=swapped)) == ("desk",)


class Part:
    def __init__(self, log: list[str], name: str, *, breaks: str = "") -> None:
        self.log, self.name, self.breaks = log, name, breaks

    def start(self) -> None:
        if self.breaks == "start":
            raise SurfaceError("no port")
        self.log.append(f"start {self.name}")

    def stop(self) -> None:
        self.log.append(f"stop {self.name}")
        if self.breaks == "stop":
            raise RuntimeError("stuck")


def test_named_parts_start_in_order_stop_in_reverse_and_all_or_none_at_the_start() -> None:
    log: list[str] = []
    parts = NamedParts("pedals", {name: Part(log, name) for name in "ab"}, called="pedal {}")
    parts.start()
    parts.stop(leave_running=False)
    assert log == ["start a", "start b", "stop b", "stop a"]
    log.clear()
    broken = NamedParts(
        "pedals", {"a": Part(log, "a"), "b": Part(log, "b", breaks="start")}, called="pedal {}"
    )
    with pytest.raises(PartError, match="pedal b cannot be started: no port"):
        broken.start()
    assert log == ["start a", "stop a"]


def test_of_parts_that_are_exchanged_one_that_breaks_keeps_no_other_from_its_turn() -> None:
    log: list[str] = []
    old = {"a": Part(log, "a", breaks="stop"), "b": Part(log, "b"), "c": Part(log, "c")}
    parts = NamedParts("pedals", old, called="pedal {}")
    parts.start()
    log.clear()
    parts.end(["a", "b", "never there"])
    new = {"a": Part(log, "new a", breaks="start"), "b": Part(log, "new b")}
    assert parts.begin(new) == ["pedal a cannot be started: no port"]
    parts.stop(leave_running=False)
    assert log == ["stop a", "stop b", "start new b", "stop new b", "stop c"]
