"""rigd itself on the bench: a real `rigd run` with its capture and writer, on the same server and player."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from rigd.api.client import ControlClient
from rigd.model.errors import LinkError
from rigd.model.events import Event, Happening
from rigd.model.state import Transport
from rigd.model.units import Ns
from rigd.tape.tape import Tape
from tests.bench.recorders import PLAYER, WARM_UP_S
from tests.bench.usage import Use, use_over
from tests.bench.verify import Verdict, verify
from tests.support.jack_server import JackServer
from tests.support.rig import RigRun

WATCH_HZ = 10.0
"""How often `rigd watch` is sent levels."""

JACK_RIG = f"""
[audio]
driver = "portaudio"
device = "{PLAYER}, JACK Audio Connection Kit"
channels = {{channels}}
"""
SIMULATED_RIG = """
[audio]
driver = "simulated"
channels = 8
"""
STEADY_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Presses:
    """Seconds from a press to what came of it, sorted."""

    told: tuple[float, ...]
    """Until a listener has the event "take started"."""
    files: tuple[float, ...]
    """Until every file of the take exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RigRecorded:
    """One run of rigd."""

    alone: dict[str, Use]
    """By process; nobody reads the meters."""
    watched: dict[str, Use]
    """The same with one client that is sent the levels ten times a second, as `rigd watch` is."""
    first_frame_s: float
    """From the start of `rigd run` to the first frame on the tape."""
    ready_s: float
    """From there to the state "ready" on the control socket."""
    presses: Presses
    verdict: Verdict
    gaps: int


def record(server: JackServer, *, channels: int, seconds: float, presses: int) -> RigRecorded:
    """rigd has run, steady for `seconds` alone and for half as long watched, and its files were read."""
    began = time.monotonic()
    config = JACK_RIG.format(channels=channels)
    with RigRun(config, environment=server.environment) as rig:
        ready_s = time.monotonic() - began
        first_frame_s = _first_frame_at(rig.runtime / "tape") - began
        rig.await_heard(WARM_UP_S)
        pids = {"daemon": rig.daemon.pid, "capture": rig.pid_of("capture"), "writer": rig.pid_of("writer")}
        rig.say("start")
        rig.roll(WARM_UP_S)
        alone = use_over(pids, seconds)
        with Watcher(rig.runtime / "rigd.sock"):
            watched = use_over(pids, seconds / 2)
        rig.say("stop")
        (take,) = rig.await_closed(1)
        verdict = verify([Path(take.folder) / file.name for file in take.files])
        return RigRecorded(
            alone=alone,
            watched=watched,
            first_frame_s=first_frame_s,
            ready_s=ready_s,
            presses=press(rig, channels=channels, times=presses),
            verdict=verdict,
            gaps=len(take.gaps),
        )


def idle(*, seconds: float) -> dict[str, Use]:
    """What a rig of 8 simulated channels uses that only listens."""
    with RigRun(SIMULATED_RIG) as rig:
        rig.await_heard(STEADY_S)
        pids = {"daemon": rig.daemon.pid, "capture": rig.pid_of("capture"), "writer": rig.pid_of("writer")}
        return use_over(pids, seconds)


def press(rig: RigRun, *, channels: int, times: int) -> Presses:
    """Takes were started and stopped so many times over the control socket."""
    told, files = [], []
    with Watcher(rig.runtime / "rigd.sock") as listener:
        for _ in range(times):
            rig.await_transport(Transport.READY)
            at_ns = time.monotonic_ns()
            rig.client().command("start", at_ns=Ns(at_ns))
            told.append(listener.await_event(Happening.TAKE_STARTED) - at_ns)
            folder = Path(_rolling_folder(rig))
            files.append(_await_files(folder, channels) - at_ns)
            rig.say("stop")
            rig.client().wait_closed()
    return Presses(told=tuple(sorted(t / 1e9 for t in told)), files=tuple(sorted(t / 1e9 for t in files)))


class Watcher:
    """A client that listens as `rigd watch` does, on a thread, from `with` to its end."""

    def __init__(self, path: Path) -> None:
        self._client = ControlClient(path, origin="bench")
        self._heard = threading.Condition()
        self._events: list[tuple[Event, int]] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()
        self._thread.join()

    def await_event(self, what: Happening) -> int:
        """CLOCK_MONOTONIC ns at which the event came in; events before it are forgotten."""

        def came() -> bool:
            return any(event.what is what for event, _ in self._events)

        with self._heard:
            if not self._heard.wait_for(came, 10.0):
                raise RuntimeError(f'rigd told no "{what}"')
            at_ns = next(at_ns for event, at_ns in self._events if event.what is what)
            self._events.clear()
            return at_ns

    def _listen(self) -> None:
        try:
            for news in self._client.events(levels_hz=WATCH_HZ):
                if isinstance(news, Event):
                    with self._heard:
                        self._events.append((news, time.monotonic_ns()))
                        self._heard.notify_all()
        except LinkError:
            return


def _first_frame_at(path: Path) -> float:
    """CLOCK_MONOTONIC s at which the tape's first block was delivered, less its length: when it began."""
    with Tape.attach(path, writable=False) as tape:
        block = next(tape.blocks(0))
        return block.monotonic_ns / 1e9 - block.frames / tape.geometry.sample_rate_hz


def _rolling_folder(rig: RigRun) -> str:
    take = rig.state().take
    assert take is not None
    return take.folder


def _await_files(folder: Path, count: int) -> int:
    """CLOCK_MONOTONIC ns at which so many sound files were seen in the folder."""
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        if folder.is_dir() and sum(1 for _ in folder.glob("*.wav")) == count:
            return time.monotonic_ns()
        time.sleep(0.0005)
    raise RuntimeError(f"{folder}: not {count} files within 10 s")
