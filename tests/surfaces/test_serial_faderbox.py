"""The simulated box in a person's hands: `python -m hardware_sim.faderbox`."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from rigd.model.state import Transport
from rigd.surfaces.serial.box import SerialBox
from rigd.surfaces.serial.settings import LineTiming, SerialSettings
from tests.support.patience import wait_for
from tests.surfaces.serial_bench import Notebook, rig


def test_a_person_can_turn_it_and_see_what_it_shows(tmp_path: Path) -> None:
    link = tmp_path / "box"
    process = subprocess.Popen(
        [sys.executable, "-m", "hardware_sim.faderbox", "--link", str(link)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert process.stdin is not None and process.stdout is not None
    printed: list[str] = []
    reader = threading.Thread(target=printed.extend, args=(process.stdout,))
    reader.start()
    notes = Notebook()
    settings = SerialSettings(port=str(link), values={"fader 1": 1})
    surface = SerialBox("box", settings, (), notes, timing=LineTiming(retry_s=0.05))
    surface.start()
    try:
        wait_for(lambda: notes.status.connected, "connected")
        surface.show(rig(Transport.ROLLING), None)
        for typed in ("e2 -3", "do keep 20", "b1", "f1 1023", "f9 1", "nonsense"):
            process.stdin.write(f"{typed}\n")
        wait_for(lambda: len(notes.moves()) == 4, "the fader")
        assert [move[0] for move in notes.moves()] == ["encoder 2", "button 1", "button 1", "fader 1"]
        assert notes.commands == ["keep 20"]
        wait_for(lambda: any("fader 1 +30.0" in line for line in printed), "the gain")
        wait_for(lambda: "|REC Take 003    |\n" in printed, "the display")
        assert f"port: {link}\n" in printed
    finally:
        surface.stop()
        process.stdin.write("quit\n")
        process.stdin.close()
        assert process.wait(timeout=20) == 0
        reader.join()
        process.stdout.close()
    assert not link.is_symlink()
