"""A sink that notes everything, and a MIDI surface with a simulated pedal at the far end of its wire."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from rigd.hands.bindings import binding_of
from rigd.hands.surface import ControlInput, Motion
from rigd.model.state import RigState, SurfaceStatus, Transport
from rigd.model.units import ClockNs, Ns
from rigd.surfaces.midi.settings import MidiSettings
from rigd.surfaces.midi.surface import MidiSurface
from tests.support.patience import wait_for

STATE = RigState(
    number=1,
    transport=Transport.READY,
    session="s",
    session_folder="",
    song="",
    next_take_number=1,
    locked=False,
    sample_rate_hz=48_000,
    channels=(),
    take=None,
    takes=(),
)
ROLLING = msgspec.structs.replace(STATE, transport=Transport.ROLLING)


class Sink:
    def __init__(self) -> None:
        self.inputs: list[ControlInput] = []
        self.lost: list[str] = []
        self.statuses: list[SurfaceStatus] = []

    def moved(self, control_input: ControlInput) -> None:
        self.inputs.append(control_input)

    def said(self, surface: str, text: str, at_ns: Ns) -> None:
        raise AssertionError("a MIDI port names no commands")

    def gone(self, surface: str) -> None:
        self.lost.append(surface)

    def surface_status(self, status: SurfaceStatus) -> None:
        self.statuses.append(status)

    @property
    def status(self) -> SurfaceStatus:
        """As it was reported last."""
        nothing = SurfaceStatus(name="", kind="midi", connected=False, detail="nothing was reported")
        return self.statuses[-1] if self.statuses else nothing

    @property
    def switches(self) -> list[tuple[str, Motion]]:
        """What switches did; a controller's place left out."""
        return [(each.control, each.motion) for each in self.inputs if each.motion is not Motion.ABSOLUTE]


class HasPort(Protocol):
    @property
    def port(self) -> str: ...


def midi_settings(**settings: Any) -> MidiSettings:
    """As a config file gives them."""
    return MidiSettings.model_validate_json(json.dumps(settings))


class Stopwatch:
    """A clock that goes only when it is told to."""

    now_ns = 10**12

    def __call__(self) -> Ns:
        return Ns(self.now_ns)

    def pass_time(self, ms: int) -> None:
        self.now_ns += ms * 1_000_000


@contextlib.contextmanager
def running(
    pedal: HasPort,
    *,
    wait: bool = True,
    controls: tuple[str, ...] = (),
    clock: ClockNs | None = None,
    **settings: Any,
) -> Iterator[tuple[MidiSurface, Sink]]:
    """A started surface on the pedal's port, with these controls bound; connected, unless `wait` is False."""
    sink = Sink()
    given = midi_settings(**{"port": pedal.port, "settle_ms": 50, **settings})
    bindings = [binding_of(control=control, tap="toggle") for control in controls]
    surface = MidiSurface("pedal", given, bindings, sink, clock=clock)
    surface.start()
    try:
        if wait:
            wait_for(lambda: sink.status.connected, "connecting", instead=lambda: sink.status.detail)
        yield surface, sink
    finally:
        surface.stop()
