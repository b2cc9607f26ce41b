"""What pedals send, from their manuals and users: `rigd learn` names it, and what it prints is pressed and acts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from hardware_sim.pedal import PtyWire
from rigd.config.load import load_config
from rigd.control.binder import Binder
from rigd.model.commands import Accepted, Command, NudgeGain, Reply, SetGain, ToggleTake
from rigd.model.state import Setting, SurfaceStatus
from rigd.model.units import Ns
from rigd.rules.permissions import Principal
from rigd.surfaces.midi.learning import Learned, learned_from, render
from rigd.surfaces.midi.learnt import ControlListener, Kind, MovedControl
from rigd.surfaces.midi.surface import MidiSurface
from rigd.wire.midi.parser import MidiParser
from tests.support.patience import wait_for
from tests.surfaces.learn_bench import RIG
from tests.surfaces.serial_bench import channel, rig

MS = 1_000_000
PEDALS: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "pedals.toml").read_text())["pedal"]
MARK = bytes((0xCF, 0x7F))
"""A program change that no pedal of these sends: what was sent before it has been heard."""


class Message(Struct):
    at_ms: int
    sent: bytes


def messages_of(pedal: dict[str, Any]) -> list[Message]:
    parted = [each.partition(" ") for each in pedal["heard"]]
    return [Message(at_ms=int(at_ms), sent=bytes.fromhex(sent)) for at_ms, _, sent in parted]


def verdict_of(pedal: dict[str, Any]) -> MovedControl:
    listener, parser = ControlListener(), MidiParser()
    at_ms = 0
    for message in messages_of(pedal):
        at_ms = message.at_ms
        for whole in parser.feed(message.sent):
            listener.hear(whole, at_ms * MS)
    found = listener.verdict((at_ms + 1500) * MS)
    assert found is not None
    return found


def names(pedals: list[dict[str, Any]]) -> list[str]:
    return [str(pedal["name"]) for pedal in pedals]


USED = [pedal for pedal in PEDALS if "learned" in pedal]
UNUSED = [pedal for pedal in PEDALS if "named" in pedal]


def test_there_are_forty_and_each_has_its_source_and_its_fact() -> None:
    assert len(PEDALS) >= 40
    assert len(set(names(PEDALS))) == len(PEDALS)
    for pedal in PEDALS:
        assert pedal["source"].startswith("http") and pedal["fact"]
        assert ("learned" in pedal) != ("named" in pedal)


@pytest.mark.parametrize("pedal", UNUSED, ids=names(UNUSED))
def test_what_rigd_does_not_act_on_is_named(pedal: dict[str, Any]) -> None:
    found = verdict_of(pedal)
    assert found.kind is Kind.UNUSABLE
    assert pedal["named"] in found.control


class Clock:
    """Goes when it is told to, so that a recording of seconds is played in a moment."""

    now_ns = 10**12

    def __call__(self) -> Ns:
        return Ns(self.now_ns)


class Rig:
    def __init__(self) -> None:
        self.commands: list[Command] = []

    def submit(self, command: Command, by: Principal) -> Future[Reply]:
        self.commands.append(command)
        future: Future[Reply] = Future()
        future.set_result(Accepted())
        return future


class HearingBinder(Binder):
    """Notes what reached it, bound or not."""

    heard: int = 0

    def moved(self, control_input: Any) -> None:
        self.heard += control_input.control == "program 127 ch 16"
        super().moved(control_input)


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[PtyWire]:
    wire = PtyWire(tmp_path / "midi")
    yield wire
    wire.close()


def printed(pedal: dict[str, Any], port: str) -> tuple[Learned, str]:
    learned = replace(learned_from(verdict_of(pedal)), port=port)
    return learned, render(learned)


@pytest.mark.parametrize("pedal", USED, ids=names(USED))
def test_what_is_printed_of_a_pedal_is_pressed_and_acts(
    pedal: dict[str, Any], wire: PtyWire, tmp_path: Path
) -> None:
    learned, text = printed(pedal, wire.name)
    path = tmp_path / "rig.toml"
    path.write_text(RIG.format(library=tmp_path) + text)
    (surface_config,) = load_config(path).surfaces
    (binding,) = surface_config.bindings
    wanted = dict(pedal["learned"])
    assert bool(binding.hold) == wanted.pop("hold", wanted.get("mode") == "momentary"), text
    assert {key: getattr(binding, key) for key in wanted} == wanted, text
    assert learned.mode != "momentary" or binding.release is None

    clock, our_rig, statuses = Clock(), Rig(), list[SurfaceStatus]()
    state = rig(channels=(channel(1, gain=Setting()),))
    binder = HearingBinder(
        bindings={"pedal": (binding,)},
        principals={"pedal": surface_config.principal},
        submit=our_rig.submit,
        state=lambda: state,
        report=statuses.append,
        clock=clock,
    )
    surface = MidiSurface("pedal", surface_config.settings, (binding,), binder, clock=clock)  # type: ignore[arg-type]
    binder.start()
    surface.start()
    try:

        def is_connected() -> bool:
            clock.now_ns += 100 * MS
            return bool(statuses) and statuses[-1].connected

        wait_for(is_connected, "connecting")
        began_ns = clock.now_ns
        for count, message in enumerate(messages_of(pedal), start=1):
            clock.now_ns = began_ns + message.at_ms * MS
            wire.send(message.sent + MARK)
            wait_for(lambda count=count: binder.heard == count, every_s=0.001)  # type: ignore[misc]
        clock.now_ns += 10_000 * MS
        if pedal.get("moves"):
            wait_for(lambda: bool(our_rig.commands))
            kind = NudgeGain if "nudge" in wanted else SetGain
            assert {type(each) for each in our_rig.commands} == {kind}
            return
        wait_for(
            lambda: len(our_rig.commands) >= pedal["presses"], instead=lambda: f"{our_rig.commands}\n{text}"
        )
        wire.send(MARK)
        wait_for(lambda: binder.heard > len(pedal["heard"]))
        assert [type(each) for each in our_rig.commands] == [ToggleTake] * pedal["presses"], text
    finally:
        surface.stop()
        binder.stop()
