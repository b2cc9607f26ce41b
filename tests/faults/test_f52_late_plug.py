"""F52: plugged in for the first time after the service started: an interface (a JACK server that starts late), a
pedal, a box. Each is found within 5 s, with nobody's help."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hardware_sim.faderbox import FaderBox
from rigd.surfaces.midi.settings import MidiSettings
from rigd.surfaces.midi.surface import MidiSurface
from rigd.surfaces.serial.box import SerialBox
from rigd.surfaces.serial.settings import SerialSettings
from rigd.wire.serial_ports import SerialPort
from tests.faults.test_f28_server_gone import CHANNELS, JACK
from tests.proof.device import is_heard
from tests.proof.figures import Figures, count
from tests.support.counter import CounterPlayer
from tests.support.jack_server import JackServer
from tests.support.rig import RigRun
from tests.support.tools import need_jack_audio
from tests.surfaces.midi_bench import Sink, wait_for
from tests.surfaces.pedal_process import PedalProcess
from tests.surfaces.serial_bench import Notebook

BOUND = "<= 5 s"
TIMES = count(ci=1, full=20)


@pytest.mark.jack
@pytest.mark.timeout(count(ci=180, full=300))
def test_an_interface_that_comes_after_the_rig_is_found(figures: Figures) -> None:
    need_jack_audio()
    server = JackServer(channels=2)
    rig = RigRun(JACK, environment=server.environment)
    try:
        rig.start()
        rig.await_state(lambda state: bool(state.faults), "nothing is there, and that is told")
        with server, CounterPlayer(server, channels=CHANNELS):
            at = time.monotonic()
            rig.await_state(is_heard, "the interface is heard")
            took_s = time.monotonic() - at
            rig.await_ready()
    finally:
        rig._end()
    figures.record(
        "F52",
        "interface found after",
        bound=BOUND,
        measured=took_s,
        unit="s",
        load=f"{CHANNELS} ch, JACK",
        count="1 server",
    )


@pytest.mark.jack
@pytest.mark.timeout(count(ci=120, full=600))
def test_a_pedal_that_comes_after_the_rig_is_found(figures: Figures, monkeypatch: pytest.MonkeyPatch) -> None:
    """The MIDI system itself is late, and then the pedal: no listing of the start counts."""
    need_jack_audio()
    server = JackServer(channels=2)
    for name, value in server.jack_environment.items():
        monkeypatch.setenv(name, value)
    sink = Sink()
    surface = MidiSurface("pedal", MidiSettings(port="Foot", api="jack", settle_ms=0), (), sink)
    surface.start()
    worst_s = 0.0
    try:
        wait_for(lambda: "no JACK server answers" in sink.status.detail, "the status says why")
        with server:
            for _ in range(TIMES):
                with PedalProcess() as pedal:
                    at = time.monotonic()
                    wait_for(lambda: sink.status.connected, "the pedal is found")
                    worst_s = max(worst_s, time.monotonic() - at)
                    pedal.unplug()
                    wait_for(lambda: not sink.status.connected, "its end is seen")
            surface.stop()
    finally:
        surface.stop()
    figures.record(
        "F52",
        "pedal found after",
        bound=BOUND,
        measured=worst_s,
        unit="s",
        load="1 part",
        count=f"{TIMES} times",
    )


@pytest.mark.timeout(count(ci=120, full=300))
@pytest.mark.parametrize("place", ["path", "usb_serial"])
def test_a_box_that_comes_after_the_rig_is_found(figures: Figures, tmp_path: Path, place: str) -> None:
    link = tmp_path / "box"

    def ports() -> list[SerialPort]:
        return [SerialPort(device=str(link), usb_serial="8573")] if link.exists() else []

    settings = SerialSettings(port=str(link)) if place == "path" else SerialSettings(usb_serial="8573")
    notes = Notebook()
    surface = SerialBox("box", settings, (), notes, ports=ports)
    surface.start()
    worst_s = 0.0
    try:
        for _ in range(TIMES):
            wait_for(lambda: "plug the box in" in notes.status.detail, "the status says what to do")
            with FaderBox(link):
                at = time.monotonic()
                wait_for(lambda: notes.status.connected, "the box is found")
                worst_s = max(worst_s, time.monotonic() - at)
            wait_for(lambda: not notes.status.connected, "its end is seen")
    finally:
        surface.stop()
    measured = f"box found after, by {place}"
    figures.record(
        "F52", measured, bound=BOUND, measured=worst_s, unit="s", load="1 part", count=f"{TIMES} times"
    )
