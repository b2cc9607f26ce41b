"""`rigd learn` as a person runs it: it says what to do, and prints what is pasted."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hardware_sim.pedal import Pedal, PtyWire


@pytest.mark.parametrize("as_json", [False, True])
def test_a_pedal_that_is_stepped_on_is_printed(tmp_path: Path, as_json: bool) -> None:
    with Pedal(lambda: PtyWire(tmp_path / "midi"), number=64) as pedal:
        command = [sys.executable, "-m", "rigd", "learn", pedal.port, "--runtime-dir", str(tmp_path)]
        rigd = subprocess.Popen(
            [*command, *(["--json"] if as_json else [])],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert rigd.stderr is not None
        assert "press the switch shortly, once" in rigd.stderr.readline()
        pedal.tap()
        printed, _ = rigd.communicate(timeout=60)
    assert rigd.returncode == 0
    if as_json:
        learned = json.loads(printed)
        assert (learned["control"], learned["mode"], learned["pressed"]) == ("cc 64 ch 1", "momentary", 127)
        return
    (binding,) = tomllib.loads(printed)["surface"]["pedal"]["binding"]
    assert (binding["control"], binding["pressed"], binding["released"]) == ("cc 64 ch 1", 127, 0)
    assert binding["long_hold"] == "circle"
