"""A command that asks a device says what the device said: confirmed, not yet, refused, gone."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from hardware_sim.x32 import SimulatedX32
from rigd.cli import device_word
from rigd.cli.exit_codes import ExitCode
from tests.support.by_hand import Done, by_hand
from tests.support.patience import PATIENCE_S
from tests.support.rig import RigRun

CONFIG = """
[audio]
driver = "simulated"
channels = 3
[tape]
stall_seconds = 2
keep_seconds = 2
[disk]
measure_at_start = false
[control]
wish_seconds = {wish_s}
[[channel]]
name = "Kick In"
preamp = "desk:1"
[[channel]]
name = "Snare"
preamp = "desk:2"
[[channel]]
name = "Keys"
[preamp.desk]
kind = "x32"
host = "127.0.0.1"
port = {port}
"""


@pytest.fixture
def desk() -> Iterator[SimulatedX32]:
    with SimulatedX32() as desk:
        yield desk


def started(desk: SimulatedX32, wish_s: float) -> RigRun:
    return RigRun(CONFIG.format(port=desk.port, wish_s=wish_s))


def await_desk(rig: RigRun) -> None:
    rig.await_state(
        lambda state: all(each.gain.confirmed and each.phantom.confirmed for each in state.channels[:2]),
        "the desk has told its settings",
    )


def rigd(rig: RigRun, *words: str) -> Done:
    return by_hand(*words, "--runtime-dir", str(rig.runtime))


def test_what_the_desk_did_is_confirmed_by_whatever_words(
    desk: SimulatedX32, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_word, "WAIT_S", PATIENCE_S)
    with started(desk, 8) as rig:
        await_desk(rig)
        first = rigd(rig, "gain", "Kick In", "20")
        assert first.code == ExitCode.DONE and first.output.strip().endswith(": confirmed")
        assert rigd(rig, "gain", "kick", "+3").code == ExitCode.DONE
        assert desk.gain_db(1) == 23.0
        assert rigd(rig, "gain", "all", "-2.5").code == ExitCode.DONE
        assert (desk.gain_db(1), desk.gain_db(2)) == (-2.5, -2.5)
        on = rigd(rig, "phantom", "snare", "on", "--confirm", "--json")
        assert json.loads(on.output)["device"] == "confirmed" and desk.phantom(2)
        none = rigd(rig, "gain", "Keys", "3")
        assert none.code == ExitCode.REFUSED and "no controllable preamp" in none.output


def test_what_the_desk_keeps_to_is_a_refusal(desk: SimulatedX32, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_word, "WAIT_S", PATIENCE_S)
    with started(desk, 1) as rig:
        await_desk(rig)
        desk.faults.locked = True
        refused = rigd(rig, "gain", "1", "30")
        assert refused.code == ExitCode.REFUSED and "did not do it" in refused.output


def test_a_desk_that_has_not_answered_yet_leaves_it_pending(
    desk: SimulatedX32, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_word, "WAIT_S", 0.0)
    with started(desk, 20) as rig:
        await_desk(rig)
        desk.faults.deaf = True
        pending = rigd(rig, "gain", "1", "30")
        assert pending.code == ExitCode.DONE and "has not answered yet" in pending.output
        assert json.loads(rigd(rig, "gain", "1", "31", "--json").output)["device"] in ("pending", "gone")
        rig.await_state(lambda state: not state.preamps[0].answering, "a desk that is away")
        gone = rigd(rig, "gain", "1", "32")
        assert gone.code == ExitCode.REFUSED and '"desk" does not answer' in gone.output
