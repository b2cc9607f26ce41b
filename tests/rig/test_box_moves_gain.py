"""A serial box on a pty moves an X32's gain over UDP, and everybody who should know, knows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hardware_sim.faderbox import FaderBox
from hardware_sim.x32 import SimulatedX32
from tests.support.patience import wait_for
from tests.support.rig import RigRun, sheet_of

PERIOD_FRAMES = 1024
CONFIG = """
[audio]
driver = "simulated"
channels = 2
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 5
keep_seconds = 5
[take]
preroll_seconds = 0
[[channel]]
name = "Kick In"
preamp = "desk:1"
[[channel]]
name = "Keys"
[preamp.desk]
kind = "x32"
host = "127.0.0.1"
port = {port}
[surface.box]
kind = "serial"
port = "{box}"
allow = ["gain"]
[[surface.box.binding]]
control = "fader 1"
gain = 1
"""


def test_the_gain_the_desk_confirms_is_on_the_box_in_the_status_and_with_its_frame_in_the_running_take(
    tmp_path: Path,
) -> None:
    with SimulatedX32() as desk, FaderBox(tmp_path / "box") as box:
        desk.turn(1, 0.0)
        with RigRun(CONFIG.format(port=desk.port, box=tmp_path / "box")) as rig:
            rig.await_state(
                lambda state: (
                    bool(state.surfaces)
                    and all(each.connected for each in state.surfaces)
                    and state.channels[0].gain.value == 0.0
                    and state.channels[0].gain.confirmed
                ),
                "box and desk are there",
            )
            rig.say("start")
            rig.roll(1)
            before = rig.heard_frames()
            for raw in range(0, 598, 13):  # soft takeover: nothing moves until it has passed 0 dB
                box.move(1, raw)
            wanted = -12.0 + round(597.0 / 1023.0 * 144) / 2
            assert wanted == 30.0
            box.move(1, 597)
            wait_for(lambda: desk.gain_db(1) == wanted, "the desk's own knob is at +30 dB")
            rig.await_state(lambda state: state.channels[0].gain.value == wanted, "the desk has confirmed")
            after = rig.heard_frames()
            wait_for(lambda: box.front().values.get("fader 1") == "+30.0", "the box shows +30.0")

            status = json.loads(
                subprocess.run(
                    [sys.executable, "-m", "rigd", "status", "--json"],
                    env={**os.environ, "RIGD_RUNTIME_DIR": str(rig.runtime)},
                    check=True,
                    capture_output=True,
                ).stdout
            )
            gain = status["state"]["channels"][0]["gain"]
            assert gain == {"value": 30.0, "asked": None, "confirmed": True}

            take = rig.state().take
            assert take is not None
            wait_for(
                lambda: bool(confirmed(sheet_of(take), 30.0)), "take.json of the running take has the gain"
            )
            sheet = sheet_of(take)
            (last,) = confirmed(sheet, 30.0)
            assert last["channel"] == 1
            assert before <= take.first_frame + last["frame"] <= after + PERIOD_FRAMES
            assert sheet["rolling"]
            assert sheet["channels"][0]["gain_db"] == 0.0
            assert sheet["channels"][1]["gain_db"] is None


def confirmed(sheet: dict[str, Any], gain_db: float) -> list[dict[str, Any]]:
    """The changes to this gain that the desk confirmed."""
    changes = sheet.get("gain_changes", [])
    return [change for change in changes if change["value"] == gain_db and change["confirmed"]]


def test_a_channel_without_a_preamp_says_so_on_the_box(tmp_path: Path) -> None:
    with (
        SimulatedX32() as desk,
        FaderBox(tmp_path / "box") as box,
        RigRun(CONFIG.format(port=desk.port, box=tmp_path / "box")) as rig,
    ):
        rig.await_surfaces()
        box.do("gain 2 10")
        wait_for(lambda: box.front().answer.startswith("no "), "the box was told")
        answer = rig.client().say("gain 2 10")
        assert not answer.accepted
        assert "no controllable preamp" in answer.text
