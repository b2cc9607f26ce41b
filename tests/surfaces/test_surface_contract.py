"""rigd's own kinds of surface, put through what every kind is put through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hardware_sim.faderbox import Build, FaderBox
from hardware_sim.pedal import Pedal, PtyWire
from rigd.hands.bindings import Binding
from rigd.hands.showing import Light
from rigd.hands.surface import ControlSink, Surface
from rigd.surfaces.midi.surface import MidiSurface
from rigd.surfaces.serial.box import SerialBox
from rigd.surfaces.serial.settings import SerialSettings
from tests.surfaces.midi_bench import midi_settings
from tests.surfaces.serial_bench import QUICK
from tests.surfaces.surface_contract import FarEnd, SurfaceContract


class APedal:
    """A MIDI pedal on a pty."""

    name = "pedal"

    def __init__(self, folder: Path) -> None:
        self._pedal = Pedal(lambda: PtyWire(folder / "midi"))
        self._port = f"serial:{folder / 'midi'}"

    def make(self, sink: ControlSink) -> Surface:
        settings = midi_settings(port=self._port, settle_ms=0, led=[{"on": "recording", "send": "cc 90"}])
        return MidiSurface(self.name, settings, [Binding(control="cc 80", tap="toggle")], sink)

    def plug_in(self) -> None:
        self._pedal.plug_in()

    def unplug(self) -> None:
        self._pedal.unplug()

    def press(self) -> None:
        self._pedal.press()

    def light(self) -> Light | None:
        value = self._pedal.lamps.get("cc 90")
        return None if value is None else Light.ON if value else Light.OFF

    def stop_reading(self) -> None:
        """MIDI has no such thing: what a pedal does not read is lost."""


class ABox:
    """A box that speaks rigd's line protocol on a pty."""

    name = "box"

    def __init__(self, folder: Path) -> None:
        self._link = folder / "box"
        self._box: FaderBox | None = None

    def make(self, sink: ControlSink) -> Surface:
        settings = {"port": str(self._link), "greeting_wait_s": 0.3, "leds": ["recording"]}
        bindings = [Binding(control="button 1", tap="toggle")]
        given = SerialSettings.model_validate_json(json.dumps(settings))
        return SerialBox(self.name, given, bindings, sink, timing=QUICK, ports=lambda: ())

    def plug_in(self) -> None:
        self._box = FaderBox(self._link, Build(beat_s=0.1, dead_s=0.4, pace_ms=1)).start()

    def unplug(self) -> None:
        if self._box is not None:
            self._box.stop()
            self._box = None

    def press(self) -> None:
        assert self._box is not None
        self._box.press(1)

    def light(self) -> Light | None:
        leds = self._box.front().leds if self._box is not None else ()
        return Light(leds[0]) if leds else None

    def stop_reading(self) -> None:
        assert self._box is not None
        self._box.deafen()


class TestMidi(SurfaceContract):
    @pytest.fixture
    def far_end(self, tmp_path: Path) -> FarEnd:
        return APedal(tmp_path)


class TestSerial(SurfaceContract):
    @pytest.fixture
    def far_end(self, tmp_path: Path) -> FarEnd:
        return ABox(tmp_path)
