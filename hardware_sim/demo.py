"""The told story of `rigd demo`: a band plays, a foot taps, a box moves a gain, and real rigd records it.

Everything on the near side is rigd as installed, in processes of its own; everything on the far side is
simulated: the interface, the pedal and the box on pseudo-terminals, the desk on UDP. The main thread plays
the musician; another draws what rigd says of itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from hardware_sim.faderbox import FaderBox, describe
from hardware_sim.pedal import Pedal, PtyWire
from hardware_sim.x32 import SimulatedX32
from rigd.api.client import ControlClient
from rigd.cli.plain_console import PlainConsole
from rigd.cli.take_list import take_list
from rigd.cli.view import Paper, live_view
from rigd.config.shipped import shipped
from rigd.model.errors import LinkError, RigError
from rigd.model.events import Event, Snapshot
from rigd.model.levels import Levels
from rigd.model.state import RigState, Transport
from rigd.model.units import TakeId

READY_WITHIN_S = 120.0
"""A first start on a slow machine takes its time; a rigd that ends is told at once."""
CLOSED_WITHIN_S = 30.0
FADER_STEP_S = 0.04
CAPTION_LINES = 4
"""With its frame, on a narrow terminal."""
ALREADY_RUNNING = 5
"""How `rigd run` ends where another one has its folder or library (docs/commands.md)."""


class Screen:
    """Draws rigd's own account of itself, with a caption above. Where there is no terminal, captions only."""

    def __init__(self, console: Console, socket: Path, box: FaderBox) -> None:
        self._console, self._socket, self._box = console, socket, box
        self._caption = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="demo-screen", daemon=True)

    def say(self, caption: str) -> None:
        """What happens now, in a sentence."""
        self._caption = caption
        if not self._console.is_terminal:
            self._console.print(f"- {caption}", markup=False)

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _draw(self) -> None:
        state: RigState | None = None
        levels: Levels | None = None
        story: deque[Event] = deque(maxlen=6)
        with (
            contextlib.suppress(LinkError),
            ControlClient(self._socket) as client,
            ControlClient(self._socket) as asking,
            Live(console=self._console, auto_refresh=False, vertical_overflow="crop") as live,
        ):
            for news in client.events(levels_hz=12.0):
                if isinstance(news, Snapshot):
                    state = news.state
                elif isinstance(news, Event):
                    story.append(news)
                    state = asking.status().state
                else:
                    levels = news
                if state is not None:
                    caption = Panel(Text(self._caption, style="bold"), title="rigd demo", border_style="cyan")
                    front = Group(*map(Text, describe(self._box.front()).split("\n")))
                    box = Panel(front, title="the fader box shows", border_style="grey50")
                    size, taken = self._console.size, CAPTION_LINES + len(front.renderables) + 2
                    paper = Paper(
                        width=size.width, height=max(6, size.height - taken), encoding=self._console.encoding
                    )
                    view = Group(*live_view(state, levels, tuple(story), paper))
                    live.update(Group(caption, view, box), refresh=True)
                if self._over.is_set():
                    return


class Band:
    """The musician's feet and hands."""

    def __init__(self, pedal: Pedal, box: FaderBox, screen: Screen) -> None:
        self._pedal, self._box, self._screen = pedal, box, screen

    def play(self) -> None:
        """About half a minute."""
        say, pedal, box = self._screen.say, self._pedal, self._box
        say("The rig listens. Nothing rolls, but the last half minute is always on the tape.")
        time.sleep(2.5)
        say("A tap of the foot: take 1 rolls, and it begins 2 seconds before the tap.")
        pedal.tap()
        time.sleep(3.0)
        say("A hand on fader 1: the kick's preamp on the desk goes up; shown is what the desk confirms.")
        for raw in (*range(0, 640, 20), *range(640, 540, -10)):
            box.move(1, raw)
            time.sleep(FADER_STEP_S)
        time.sleep(1.0)
        say("Button 1: a marker.")
        box.tap(1)
        time.sleep(1.5)
        say("A double tap: keep this take and go on as the next. Not a frame is lost between them.")
        pedal.double()
        time.sleep(4.0)
        say("A mistake. Hold the pedal: thrown away, and rolling again at once.")
        pedal.hold()
        time.sleep(3.5)
        say("Tap: stop.")
        pedal.tap()
        time.sleep(2.0)
        say("That fill just now, while nothing rolled? Button 2: keep the last 10 seconds as a take.")
        box.tap(2)
        time.sleep(2.0)
        say("Hold long: circle it. This is the one.")
        pedal.long_hold()
        time.sleep(1.5)


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
            daemon = stack.enter_context(_rigd(overrides, wires / "log"))
            client = stack.enter_context(_connect(runtime / "rigd.sock", daemon, wires / "log"))
            _await_ready(client)
            known = {take.take_id for take in client.takes()}
            with Screen(console, runtime / "rigd.sock", box) as screen:
                Band(pedal, box, screen).play()
                client.wait_closed(timeout_s=CLOSED_WITHIN_S)
                told = _is_as_told(client, known)
                if stay:
                    screen.say(
                        f"The rig stays on. In another terminal: rigd status --runtime-dir {runtime}. Ctrl-C ends it."
                    )
                    _stay(daemon)
            if daemon.poll() is None:
                _tell(console, client, known)
            if not told:
                console.print("The story did not come out as told: see the table.", style="red")
        except RigError as error:
            console.print(str(error), style="red", markup=False)
            return 1
    return 0 if told else 1


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
    if daemon.poll() == ALREADY_RUNNING:
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
    raise RigError(f"not everything is there: {state.transport}, {state.surfaces}, {state.preamps}")


def _stay(daemon: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        daemon.wait()


def _is_as_told(client: ControlClient, known: set[TakeId]) -> bool:
    """The three takes of the story are there, whole, and the last one is circled."""
    takes = [client.take(take.take_id) for take in client.takes() if take.take_id not in known]
    whole = all(take.closed and not take.gaps and len(take.files) == len(take.channels) for take in takes)
    return len(takes) == 3 and whole and takes[-1].slate.circled


def _tell(console: PlainConsole, client: ControlClient, known: set[TakeId]) -> None:
    """The takes of this time, and where they are."""
    state = client.status().state
    console.print()
    takes = [client.take(take.take_id) for take in client.takes()]
    for row in take_list(
        [take for take in takes if take.take_id not in known], state.sample_rate_hz, width=console.width
    ):
        console.print_pieces(row)
    if known:
        console.print(f"and {len(known)} of an earlier demo: rigd takes", style="dim")
    # A path that is broken at the terminal's width cannot be pasted.
    console.print()
    console.print(f"Your takes: {state.session_folder}", markup=False, soft_wrap=True)
    console.print(
        "The discarded one is in .trash there. Open any file: it is a plain 24-bit WAV.", markup=False
    )


def main() -> int:
    """`python -m hardware_sim.demo`, for a library and a runtime folder of one's own."""
    environ = os.environ
    library = environ.get("RIGD_DEMO_LIBRARY")
    runtime = environ.get("RIGD_RUNTIME_DIR")
    return story(
        stay="--stay" in sys.argv,
        library=Path(library) if library else None,
        runtime_dir=Path(runtime) if runtime else None,
    )


if __name__ == "__main__":
    sys.exit(main())
