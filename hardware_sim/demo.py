"""The told story of `rigd demo`: a band plays, a foot taps, a box moves a gain, and real rigd records it.

Everything on the near side is rigd as installed, in processes of its own; everything on the far side is
simulated: the interface, the pedal and the box on pseudo-terminals, the desk on UDP. The main thread plays
the musician, until a person at the keys takes over (`demo_stage.py`).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from hardware_sim.demo_stage import Stage, TakenOver, rigd_command
from hardware_sim.faderbox import FaderBox
from hardware_sim.pedal import Pedal, PtyWire
from hardware_sim.x32 import SimulatedX32
from rigd.api.client import ControlClient
from rigd.cli.exit_codes import ExitCode
from rigd.cli.plain_console import PlainConsole
from rigd.cli.take_list import take_list
from rigd.config.shipped import shipped
from rigd.model.errors import LinkError, RigError
from rigd.model.state import Transport, is_rolling
from rigd.model.units import TakeId

READY_WITHIN_S = 120.0
"""A first start on a slow machine takes its time; a rigd that ends is told at once."""
CLOSED_WITHIN_S = 30.0
FADER_STEP_S = 0.04


class Band:
    """The musician's feet and hands."""

    def __init__(self, pedal: Pedal, box: FaderBox, stage: Stage) -> None:
        self._pedal, self._box, self._stage = pedal, box, stage

    def play(self) -> None:
        """About half a minute. Raises TakenOver where a person plays on."""
        say, wait, foot = self._stage.say, self._stage.wait, self._stage.foot
        pedal, box = self._pedal, self._box
        if self._stage.has_keys:
            say("You may play at any moment: space is the pedal. Until then somebody else does.")
            wait(2.5)
        say("The rig listens. Nothing rolls, but the last half minute is always on the tape.")
        wait(2.5)
        say("A tap of the foot: take 1 rolls, and it begins 2 seconds before the tap.")
        foot(pedal.tap)
        wait(3.0)
        say("A hand on fader 1: the kick's preamp on the desk goes up; shown is what the desk confirms.")
        for raw in (*range(0, 640, 20), *range(640, 540, -10)):
            box.move(1, raw)
            wait(FADER_STEP_S)
        wait(1.0)
        say("Button 1: a marker.")
        box.tap(1)
        wait(1.5)
        say("A double tap: keep this take and go on as the next. Not a frame is lost between them.")
        foot(pedal.double)
        wait(4.0)
        say("A mistake. Hold the pedal: thrown away, and rolling again at once.")
        foot(pedal.hold)
        wait(3.5)
        say("Tap: stop.")
        foot(pedal.tap)
        wait(2.0)
        say("That fill just now, while nothing rolled? Button 2: keep the last 10 seconds as a take.")
        box.tap(2)
        wait(2.0)
        say("Hold long: circle it. This is the one.")
        foot(pedal.long_hold)
        wait(1.5)


def story(*, stay: bool, library: Path | None = None, runtime_dir: Path | None = None) -> int:
    """Plays it and shows it. The exit code: 0 when all that was told is on disk."""
    console = PlainConsole()
    library = library or Path.home() / "rigd-demo"
    runtime = runtime_dir or demo_runtime_dir()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ended_with_its_terminal())
        wires = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rigd-demo-")))
        desk = stack.enter_context(SimulatedX32())
        box = stack.enter_context(FaderBox(wires / "box"))
        pedal = stack.enter_context(Pedal(lambda: PtyWire(wires / "pedal")))
        overrides = [
            f"rig.library={json.dumps(str(library))}",
            f"rig.runtime_dir={json.dumps(str(runtime))}",
            f"preamp.desk.port={desk.port}",
            f"surface.pedal.port={json.dumps(pedal.port)}",
            f"surface.box.port={json.dumps(str(wires / 'box'))}",
        ]
        try:
            console.print("Starting a rig on simulated hardware: a few seconds ...", style="dim")
            daemon = stack.enter_context(_rigd(overrides, wires / "log"))
            client = stack.enter_context(_connect(runtime / "rigd.sock", daemon, wires / "log"))
            _await_ready(client)
            known = {take.take_id for take in client.takes()}
            try:
                with Stage(console, runtime / "rigd.sock", pedal, box) as stage:
                    told = _played(stage, pedal, box, client, daemon, known, runtime=runtime, stay=stay)
            finally:
                if daemon.poll() is None:
                    _end_takes(client)
                    _tell(console, client, known)
            if not told:
                console.print("The story did not come out as told: see the table.", style="red")
        except RigError as error:
            console.print(str(error), style="red", markup=False)
            return 1
    return 0 if told else 1


def _played(
    stage: Stage,
    pedal: Pedal,
    box: FaderBox,
    client: ControlClient,
    daemon: subprocess.Popen[bytes],
    known: set[TakeId],
    *,
    runtime: Path,
    stay: bool,
) -> bool:
    """The story, and what a person plays after it or in its place. Whether it came out as told, as far as it went."""
    told = True
    with contextlib.suppress(TakenOver):
        Band(pedal, box, stage).play()
        client.wait_closed(timeout_s=CLOSED_WITHIN_S)
        told = stage.is_taken or _is_as_told(client, known)
    if stage.has_keys and not stage.is_left:
        stage.hand_over(is_patient=stay, is_over=lambda: daemon.poll() is not None)
    elif stay and not stage.is_left:
        stage.say(
            f"The rig stays on. In another terminal: {rigd_command()} status --runtime-dir {runtime}. Ctrl-C ends it."
        )
        _stay(daemon)
    return told


@contextlib.contextmanager
def _ended_with_its_terminal() -> Iterator[None]:
    """A demo is for somebody who looks: when its terminal goes, or it is told to end, its rig ends as by Ctrl-C and
    is not left behind. A hang-up that nohup had ignored stays ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    for number, conduct in before.items():
        if conduct is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, conduct in before.items():
            signal.signal(number, conduct)


@contextlib.contextmanager
def _rigd(overrides: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon, started as a person would, and ended with its takes closed."""
    command = [sys.executable, "-m", "rigd", "run", "--plain", "--config", str(shipped("configs/demo.toml"))]
    for override in overrides:
        command += ["--set", override]
    with log.open("wb") as stream:
        daemon = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        yield daemon
    finally:
        daemon.terminate()
        daemon.wait()


def demo_runtime_dir() -> Path:
    """A folder of the demo's own, one a person: it never meets a rig that records, and two demos meet each other."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    return place / f"rigd-demo-{os.getuid()}"


def _connect(socket: Path, daemon: subprocess.Popen[bytes], log: Path) -> ControlClient:
    """To the rigd that was started here and no other: the story is not told to somebody else's rig."""
    deadline = time.monotonic() + READY_WITHIN_S
    while daemon.poll() is None and time.monotonic() < deadline:
        try:
            client = ControlClient(socket, origin="demo")
        except LinkError:
            time.sleep(0.05)
            continue
        if client.peer_pid == daemon.pid:
            return client
        client.close()
        time.sleep(0.05)
    told = log.read_text("utf-8", "replace").strip()
    if daemon.poll() == ExitCode.ALREADY_RUNNING:
        raise RigError(f"the demo runs already, or its library is in use; nothing was played. {told}")
    raise RigError(f"the demo's rigd did not start; nothing was played:\n{told}")


def _await_ready(client: ControlClient) -> None:
    """The interface is heard, and box, pedal and desk are there."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        state = client.status().state
        there = [surface.connected for surface in state.surfaces] + [desk.answering for desk in state.preamps]
        if state.transport is Transport.READY and len(there) == 3 and all(there):
            return
        time.sleep(0.05)
    missing = [surface.name for surface in state.surfaces if not surface.connected]
    missing += [desk.name for desk in state.preamps if not desk.answering]
    if state.transport is not Transport.READY:
        missing.append(
            f"the interface ({'; '.join(fault.what for fault in state.faults) or state.transport})"
        )
    raise RigError(
        f"the demo's own rig was not ready within {READY_WITHIN_S:.0f} s; nothing was played. Not there: "
        f"{', '.join(missing)}. Try again once this machine is less busy"
    )


def _stay(daemon: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        daemon.wait()


def _is_as_told(client: ControlClient, known: set[TakeId]) -> bool:
    """The three takes of the story are there, whole, and the last one is circled."""
    takes = [client.take(take.take_id) for take in client.takes() if take.take_id not in known]
    whole = all(take.closed and not take.gaps and len(take.files) == len(take.channels) for take in takes)
    return len(takes) == 3 and whole and takes[-1].slate.circled


def _end_takes(client: ControlClient) -> None:
    """A person may have left while a take rolled: it is whole before it is told of."""
    with contextlib.suppress(RigError):
        if is_rolling(client.status().state):
            client.command("stop")
        client.wait_closed(timeout_s=CLOSED_WITHIN_S)


def _tell(console: PlainConsole, client: ControlClient, known: set[TakeId]) -> None:
    """The takes of this time, where they are, and how to listen. Where the terminal is gone nobody is told."""
    with contextlib.suppress(RigError, OSError):
        state = client.status().state
        console.print()
        takes = [client.take(take.take_id) for take in client.takes()]
        for row in take_list(
            [take for take in takes if take.take_id not in known], state.sample_rate_hz, width=console.width
        ):
            console.print_pieces(row)
        if known:
            console.print(f"and {len(known)} of earlier demos of today, in the same folder", style="dim")
        # A path that is broken at the terminal's width cannot be pasted.
        console.print()
        console.print(f"Your takes: {state.session_folder}", markup=False, soft_wrap=True)
        for line in (
            "Listen: open any file there in any player. Each input is a plain 24-bit WAV of its own.",
            "What was thrown away is in .trash there.",
            f"Now a rig of your own: {rigd_command()} init",
        ):
            console.print(line, markup=False)


def main() -> int:
    """`python -m hardware_sim.demo`, for a library and a runtime folder of one's own."""
    environ = os.environ
    library = environ.get("RIGD_DEMO_LIBRARY")
    runtime = environ.get("RIGD_RUNTIME_DIR")
    try:
        return story(
            stay="--stay" in sys.argv,
            library=Path(library) if library else None,
            runtime_dir=Path(runtime) if runtime else None,
        )
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
