"""How long a hand waits: from a press to its command, from a knob to the desk's datagram, from the desk's word to a
lamp.

All while a take of many channels is recorded. Each is measured from outside, at the wire's far end: bytes written to
a pty or to JACK, an event at a client as `rigd watch` is one, a datagram at the desk, bytes read from a pty. What
Python's own scheduling takes on this side is in the figures.
"""

from __future__ import annotations

import os
import queue
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardware_sim.faderbox import FaderBox
from hardware_sim.pedal import PtyWire
from hardware_sim.x32 import SimulatedX32
from rigd.hands.surface import ControlInput, Motion
from rigd.model.events import Happening
from rigd.model.units import Ns
from rigd.surfaces.midi.settings import MidiSettings
from rigd.surfaces.midi.surface import MidiSurface
from tests.bench.recorders import PLAYER, WARM_UP_S
from tests.bench.rig import Watcher
from tests.support.jack_server import JackServer
from tests.support.patience import wait_for
from tests.support.rig import RigRun
from tests.support.tools import die_with_parent
from tests.surfaces.midi_bench import Sink
from tests.surfaces.pedal_process import PedalProcess

BINDER_AIM_S, KNOB_AIM_S, LAMP_AIM_S = 0.002, 0.005, 0.020
FOOT = "Foot"
GAIN = "/headamp/000/gain"
PRESS, KNOB = bytes.fromhex("B0507F"), bytes.fromhex("B00B")
LOOK_EVERY_S = 0.0002
PRIORITY = 3
"""Below all sound."""
WAITS = """
import os, sys, time
line = os.open(sys.argv[1], os.O_RDONLY | os.O_NOCTTY)
print("here", flush=True)
while os.read(line, 1):
    print(time.monotonic_ns(), flush=True)
"""
CONFIG = f"""
[audio]
driver = "portaudio"
device = "{PLAYER}, JACK Audio Connection Kit"
channels = {{channels}}
[[channel]]
name = "Voice"
preamp = "desk:1"
[preamp.desk]
kind = "x32"
host = "127.0.0.1"
port = {{desk}}
[surface.line]
kind = "midi"
port = "serial:{{folder}}/midi"
settle_ms = 0
[[surface.line.led]]
on = "phantom 1"
send = "cc 90"
[[surface.line.binding]]
control = "cc 80"
mode = "trigger"
debounce_ms = 0
tap = "mark"
[[surface.line.binding]]
control = "cc 11"
gain = 1
pickup = false
[surface.jack]
kind = "midi"
api = "jack"
port = "{FOOT}"
settle_ms = 0
[[surface.jack.binding]]
control = "cc 80"
mode = "trigger"
debounce_ms = 0
tap = "mark"
[surface.box]
kind = "serial"
port = "{{folder}}/box"
allow = ["mark", "gain"]
[[surface.box.binding]]
control = "button 1"
mode = "trigger"
debounce_ms = 0
tap = "mark"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """One way, measured many times."""

    name: str
    seconds: tuple[float, ...]
    """Sorted."""
    aim_s: float | None = None
    """For the 99th percentile."""


def measure(server: JackServer, *, channels: int, times: int, real_time: bool) -> list[Latency]:
    """A rig records `channels` from the server; each way was gone so many times. `real_time`: the daemon and this
    process run before all others, so that a busy machine tells what rigd itself takes; wants root."""
    with ExitStack() as at_end:
        folder = at_end.enter_context(tempfile.TemporaryDirectory(prefix="rigd-bench-"))
        desk = at_end.enter_context(SimulatedX32())
        line = PtyWire(Path(folder) / "midi")
        at_end.callback(line.close)
        box = at_end.enter_context(FaderBox(Path(folder) / "box"))
        at_end.enter_context(_environment(server))
        pedal = at_end.enter_context(PedalProcess(FOOT))
        config = CONFIG.format(channels=channels, desk=desk.port, folder=folder)
        rig = at_end.enter_context(RigRun(config, environment=server.environment))
        rig.await_state(
            lambda state: all(each.connected for each in state.surfaces) and state.channels[0].gain.confirmed,
            "surfaces and desk are there",
        )
        rig.await_heard(WARM_UP_S)
        rig.say("start")
        rig.roll(WARM_UP_S)
        if real_time:
            _run_first(rig.daemon.pid)
            _run_first(os.getpid())
        found = [
            _bare(Path(folder) / "bare", times),
            _to_binder(Path(folder) / "own", times),
            _presses(rig, "control socket", lambda: _by_socket(rig), times),
            _presses(rig, "MIDI on a serial line", lambda: line.send(PRESS), times),
            _presses(rig, "button of a serial box", lambda: box.press(1), times),
            _presses(rig, "MIDI over JACK", lambda: pedal.send(PRESS), times),
            _knob(desk, line, times),
            _lamp(desk, line, times),
        ]
        rig.say("stop")
        rig.await_closed(1)
        return found


def _run_first(pid: int) -> None:
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setscheduler(int(task.name), os.SCHED_FIFO, os.sched_param(PRIORITY))


def _presses(rig: RigRun, kind: str, press: Callable[[], object], times: int) -> Latency:
    """Until a client has the event of the marker that was set. At rest, and while the hand is on it: a press each
    30 ms to 1.3 s."""
    found = []
    dice = random.Random(41)
    with Watcher(rig.runtime / "rigd.sock") as listener:
        for _ in range(times):
            time.sleep(dice.choice((0.03, 0.06, 0.12)) if dice.random() < 0.9 else 1.3)
            at_ns = time.monotonic_ns()
            press()
            found.append(listener.await_event(Happening.MARKER_ADDED) - at_ns)
    return _latency(f"press to command, {kind}", found)


def _bare(place: Path, times: int) -> Latency:
    """Nothing of rigd: until a process that waits for it has the byte. What the machine itself takes meanwhile."""
    found = []
    wire = PtyWire(place)
    waits = subprocess.Popen(
        [sys.executable, "-c", WAITS, str(place)], stdout=subprocess.PIPE, preexec_fn=die_with_parent
    )
    assert waits.stdout is not None
    try:
        waits.stdout.readline()
        for _ in range(times):
            time.sleep(0.03)
            at_ns = time.monotonic_ns()
            wire.send(PRESS[:1])
            found.append(int(waits.stdout.readline()) - at_ns)
    finally:
        waits.kill()
        waits.communicate()
        wire.close()
    return _latency("a byte through a pty, without rigd", found)


class _Moves(Sink):
    """Notes when a move was handed over."""

    def __init__(self) -> None:
        super().__init__()
        self.came_ns: queue.SimpleQueue[int] = queue.SimpleQueue()

    def moved(self, control_input: ControlInput) -> None:
        if control_input.motion is Motion.ABSOLUTE:
            self.came_ns.put(time.monotonic_ns())


def _to_binder(place: Path, times: int) -> Latency:
    """rigd's surface alone, in this process: until it hands a move over, which is all that a binder sees of it."""
    found = []
    line, moves = PtyWire(place), _Moves()
    surface = MidiSurface("own", MidiSettings(port=line.name, settle_ms=0), (), moves)
    surface.start()
    try:
        wait_for(lambda: moves.status.connected, "its line")
        for number in range(times):
            time.sleep(0.03)
            at_ns = time.monotonic_ns()
            line.send(KNOB + bytes((number % 128,)))
            found.append(moves.came_ns.get(timeout=10.0) - at_ns)
    finally:
        surface.stop()
        line.close()
    return _latency("a control's move to the binder", found, aim_s=BINDER_AIM_S)


def _by_socket(rig: RigRun) -> None:
    rig.client().command("mark", at_ns=Ns(time.monotonic_ns()))


def _knob(desk: SimulatedX32, line: PtyWire, times: int) -> Latency:
    """Until the desk has the gain of that place: a controller on a serial line, turned a step each 60 ms: from
    end to end in 8 s."""
    found = []
    for number in range(times):
        place = number % 254
        value = place if place < 128 else 254 - place
        wanted = round((value / 127 * 72) * 2) / 144
        time.sleep(0.06)
        desk.heard.clear()
        at_ns = time.monotonic_ns()
        line.send(KNOB + bytes((value,)))
        try:
            found.append(_gain_came(desk, wanted) - at_ns)
        except AssertionError:
            continue  # the same half decibel as the place before
    return _latency("knob to datagram", found, aim_s=KNOB_AIM_S)


def _gain_came(desk: SimulatedX32, wanted: float) -> int:
    def came() -> int | None:
        for heard in tuple(desk.heard):
            if (
                heard.address == GAIN
                and heard.arguments
                and abs(_number(heard.arguments[0]) - wanted) < 0.003
            ):
                return heard.at_ns
        return None

    return wait_for(came, "the gain", within_s=0.3, every_s=LOOK_EVERY_S)


def _number(value: object) -> float:
    return float(value) if isinstance(value, float | int) else -1.0


def _lamp(desk: SimulatedX32, line: PtyWire, times: int) -> Latency:
    """A person at the desk switches 48 V; until the lamp's message is on the line."""
    found = []
    on = True
    line.receive(0.0)
    for _ in range(times):
        time.sleep(0.1)
        while line.receive(0.0):
            pass
        at_ns = time.monotonic_ns()
        desk.switch_phantom(1, on=on)
        if not line.receive(2.0):
            raise RuntimeError("the lamp did not change")
        found.append(time.monotonic_ns() - at_ns)
        on = not on
    return _latency("desk's word to lamp", found, aim_s=LAMP_AIM_S)


def _latency(name: str, found_ns: list[int], *, aim_s: float | None = None) -> Latency:
    return Latency(name=name, seconds=tuple(sorted(each / 1e9 for each in found_ns)), aim_s=aim_s)


@contextmanager
def _environment(server: JackServer) -> Iterator[None]:
    """The pedal, which is a process of its own, takes the server from it."""
    before = {name: os.environ.get(name) for name in server.jack_environment}
    os.environ.update(server.jack_environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
