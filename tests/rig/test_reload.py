"""The config is read again while a take rolls: what needs no new capture is taken up, and the take notices nothing.

A whole rig: pedals on ptys, a box on another one, two desks on UDP, sound that is counted frame by frame.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware_sim.faderbox import FaderBox
from hardware_sim.pedal import Pedal, PtyWire
from hardware_sim.x32 import SimulatedX32
from rigd.cli.exit_codes import ExitCode
from rigd.model.state import RigState
from tests.support.patience import wait_for
from tests.support.rig import RigRun, check_take, sheet_of

pytestmark = pytest.mark.slow
CONFIG = """
[audio]
driver = "simulated"
channels = 2
sample_rate_hz = {rate}
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 5
keep_seconds = 5
[take]
preroll_seconds = {preroll}
[disk]
reserve_seconds = {reserve}
[[channel]]
name = "Kick In"
preamp = "desk:1"
[[channel]]
name = "{keys}"
[preamp.desk]
kind = "x32"
host = "127.0.0.1"
port = {desk}
[surface.foot]
kind = "midi"
port = "serial:{foot}"
[[surface.foot.binding]]
control = "cc 80"
tap = "{tap}"
[surface.held]
kind = "midi"
port = "serial:{held}"
[[surface.held.binding]]
control = "cc 81"
press = "mark down"
release = "mark up"
"""
BOX = """
[surface.box]
kind = "serial"
port = "{box}"
[[surface.box.binding]]
control = "fader 1"
gain = 1
"""


def reload(rig: RigRun, *words: str) -> subprocess.CompletedProcess[str]:
    return rigd(rig, "reload", *words)


def rigd(rig: RigRun, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rigd", *words],
        env={**os.environ, "RIGD_RUNTIME_DIR": str(rig.runtime)},
        capture_output=True,
        text=True,
    )


def marks(state: RigState) -> list[str]:
    return [marker.name for marker in state.take.markers] if state.take is not None else []


def test_a_rolling_take_notices_nothing_and_the_rig_goes_by_the_new_config(tmp_path: Path) -> None:
    config = tmp_path / "rig.toml"
    same = {"foot": tmp_path / "foot", "held": tmp_path / "held"}
    with (
        SimulatedX32() as desk,
        SimulatedX32() as other_desk,
        FaderBox(tmp_path / "box") as box,
        Pedal(lambda: PtyWire(tmp_path / "foot"), number=80) as foot,
        Pedal(lambda: PtyWire(tmp_path / "held"), number=81) as held,
    ):
        desk.turn(1, 10.0)
        other_desk.turn(1, 22.0)
        before = {**same, "rate": 48_000, "preroll": 0, "reserve": 30, "keys": "Keys", "tap": "mark old"}
        before["desk"] = desk.port
        config.write_text(CONFIG.format(**before), "utf-8")
        with RigRun("", config_file=config) as rig:
            rig.await_surfaces()
            rig.await_state(lambda state: state.channels[0].gain.value == 10.0, "the desk's gain")
            rig.say("start")
            rig.roll(0.5)
            held.press()
            rig.await_state(lambda state: marks(state) == ["down"], "the switch that is held")

            after = {
                **before,
                "rate": 96_000,
                "preroll": 1,
                "keys": "Piano",
                "tap": "mark new",
                "reserve": 40,
            }
            text = CONFIG.format(**{**after, "desk": other_desk.port}) + BOX.format(box=tmp_path / "box")
            config.write_text(text, "utf-8")
            told = reload(rig)
            assert told.returncode == 0, told.stderr
            said = told.stdout.splitlines()
            for line in (
                'channel 2 name "Keys" -> "Piano"',
                "take.preroll_seconds 0.0 -> 1.0",
                "disk.reserve_seconds 30.0 -> 40.0",
                "[preamp.desk] port",
                "[surface.foot] bindings",
                "[surface.box] is new",
            ):
                assert f"taken up   {line}" in said, told.stdout
            waits = "audio.sample_rate_hz 48000 -> 96000: the interface is opened with it"
            assert f"waits      {waits}" in said
            assert not [line for line in said if "surface.held" in line]

            state = rig.await_state(
                lambda now: (
                    len(now.surfaces) == 3
                    and all(each.connected for each in now.surfaces)
                    and now.channels[0].gain.value == 22.0
                    and now.channels[0].gain.confirmed
                ),
                "the new box is there, and the other desk answers",
            )
            assert state.channels[1].name == "Piano" and state.take is not None
            assert state.config is not None and state.config.waits == (waits,)
            assert f"config     waits for a restart of rigd: {waits}" in rigd(rig, "status").stdout
            assert reload(rig).stdout.startswith("taken up   nothing")

            held.release()
            rig.await_state(lambda now: marks(now) == ["down", "up"], "what was held is let go")
            foot.tap()
            rig.await_state(lambda now: marks(now) == ["down", "up", "new"], "the pedal does the new thing")
            for raw in range(0, 800, 20):
                box.move(1, raw)
            wait_for(lambda: other_desk.gain_db(1) > 22.0, "the new box turns the other desk")
            assert desk.gain_db(1) == 10.0

            rig.roll(0.5)
            rig.say("stop")
            (take,) = rig.await_closed(1)
            check_take(take)
            assert [file.name for file in take.files] == ["01 Kick In.wav", "02 Keys.wav"]
            rows = [
                (row["parameter"], row["value"])
                for row in sheet_of(take)["gain_changes"]
                if row["parameter"] in ("answering", "gain_db")
            ]
            assert rows[:4] == [("answering", 0.0), ("gain_db", None), ("answering", 1.0), ("gain_db", 22.0)]

            rig.hear(1.2)
            rig.say("start")
            pressed_before = rig.heard_frames() + 1024
            rig.roll(0.2)
            rig.say("stop")
            take = rig.await_closed(2)[1]
            check_take(take)
            assert take.files[1].name == "02 Piano.wav"
            assert take.first_frame <= pressed_before - 48_000, "the pre-roll is the new one"


@pytest.fixture
def hang_ups_are_taken() -> Iterator[None]:
    """By what is started here: whoever runs the tests under nohup has it ignored, and that is inherited."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hang_ups_are_taken")
def test_a_config_that_is_wrong_changes_nothing_and_a_signal_reads_it_as_well(tmp_path: Path) -> None:
    config = tmp_path / "rig.toml"
    values = {"foot": tmp_path / "foot", "held": tmp_path / "held", "rate": 48_000, "preroll": 0}
    values |= {"desk": 9, "reserve": 30}
    config.write_text(CONFIG.format(**values, keys="Keys", tap="mark old"), "utf-8")
    with RigRun("", config_file=config) as rig:
        before = rig.state()
        wrong = CONFIG.format(**values, keys="Piano", tap="mkar new").replace("[disk]", "[disc]")
        config.write_text(wrong, "utf-8")
        told, checked = reload(rig), rigd(rig, "check", str(config))
        assert told.returncode == checked.returncode == ExitCode.CONFIG
        faults = checked.stderr.splitlines()
        assert len(faults) == 2
        assert told.stderr.splitlines() == [*faults, "nothing was changed: the rig goes on as it was"]
        after = rig.state()
        assert after.channels == before.channels and after.surfaces == before.surfaces
        plain = json.loads(reload(rig, "--json").stdout)
        assert plain["ok"] is False and plain["faults"] == faults and plain["taken_up"] == []
        assert "changed nothing; see: rigd check" in rigd(rig, "status").stdout

        config.write_text(CONFIG.format(**values, keys="Piano", tap="mark new"), "utf-8")
        rig.daemon.send_signal(signal.SIGHUP)
        rig.await_state(lambda state: state.channels[1].name == "Piano", "the signal has the config read")
        wait_for(lambda: 'taken up: channel 2 name "Keys" -> "Piano"' in rig.logs(), "the log says so")
        assert "is not in order; nothing was changed" in rig.logs()
        state = rig.await_state(
            lambda now: now.config is not None and not now.config.reading, "the reading is over"
        )
        assert state.config is not None and not state.config.faults
