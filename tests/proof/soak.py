"""`make soak HOURS=`: 64 channels for so long, every core kept busy, and a take volume that freezes again and again.

Takes follow one another without a gap; each that is closed is checked, sample by sample, and deleted, so that a
day of sound needs no more disk than some minutes of it. What came out goes into docs/promises.md (F12).

Threads: the main one looks (memory, descriptors, how fast rigd answers) and goes on to the next take; one freezes
and thaws the disk; one checks and deletes, and stands still with the disk when that is frozen.
"""

from __future__ import annotations

import argparse
import queue
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from hardware_sim.disks import LoopDisk
from rigd.model.state import Take
from tests.proof import promises
from tests.proof.figures import FULL_CHANNELS, Figures, append_figures
from tests.proof.load import RATE_HZ, busy_cores, full_load
from tests.proof.oracle import check_a, check_b
from tests.support.rig import RigRun

LOOK_EVERY_S = 1.0
WANTED_FREE_S = 100.0
PROCESSES = ("daemon", "capture", "writer")
WARM_UP_S = 600.0
"""Memory is compared with what it was then; in a shorter run, with a third of it."""
MOST_GROWTH = 0.01
DISK_FOLDER = Path(tempfile.gettempdir())


class SoakFailed(Exception):
    """Something was not as it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done, in seconds."""

    seconds: float
    channels: int = FULL_CHANNELS
    freeze_s: float = 20.0
    freeze_every_s: float = 300.0
    next_every_s: float = 300.0
    stall_s: float = 30.0
    folder: Path = DISK_FOLDER
    """Where the disk's image lies."""

    @property
    def disk_bytes(self) -> int:
        """Room for the take that rolls, the one that is checked, and what waits while the disk is frozen; and for
        what rigd wants to be free before it starts a take."""
        seconds = 4 * self.next_every_s + 2 * self.freeze_s + WANTED_FREE_S
        return round(seconds * RATE_HZ * 3 * self.channels) + (256 << 20)


@dataclass(slots=True)
class Sight:
    """What one process was at one instant."""

    own_bytes: int
    """Resident without the tape, which is shared memory of a fixed size: its pages are met one after another."""
    descriptors: int


@dataclass(slots=True)
class Outcome:
    """What was found; filled while it goes on."""

    frames: int = 0
    gap_frames: int = 0
    takes: int = 0
    freezes: int = 0
    slowest_answer_s: float = 0.0
    sights: dict[str, list[tuple[float, Sight]]] = field(
        default_factory=lambda: {name: [] for name in PROCESSES}
    )
    growth: float = 0.0
    """Of the memory of that process which grew most, in parts."""
    more_descriptors: int = 0


def soak(plan: Plan) -> Outcome:
    """It was done, and nothing was lost. Raises SoakFailed, or AssertionError of the oracle."""
    need, room = plan.disk_bytes, shutil.disk_usage(plan.folder).free
    if need * 1.2 > room:
        raise SoakFailed(
            f"{plan.folder}: the take volume needs {need / 1e9:.1f} GB, there are {room / 1e9:.1f}."
            " Nothing was started. Make room, or name another folder: --folder"
        )
    outcome = Outcome()
    with ExitStack() as running:
        disk = running.enter_context(LoopDisk(need, plan.folder))
        overrides = [f'rig.library="{disk.path / "takes"}"']
        config = full_load(channels=plan.channels, stall_s=plan.stall_s, preroll_s=0)
        rig = running.enter_context(RigRun(config, overrides=overrides))
        freezer = running.enter_context(_Freezer(disk, plan, outcome))
        checker = running.enter_context(_Checker(outcome))
        running.enter_context(busy_cores())
        rig.say("start")
        _look_on(rig, plan, outcome, freezer, checker)
        freezer.stop()
        rig.say("stop")
        rig.await_state(lambda state: state.take is None, "the last take is stopped")
        rig.client().wait_closed(timeout_s=300)
        for take in rig.client().takes():
            checker.give(take)
        checker.finish()
    _judge(outcome)
    return outcome


def _look_on(rig: RigRun, plan: Plan, outcome: Outcome, freezer: _Freezer, checker: _Checker) -> None:
    began = time.monotonic()
    next_at = began + plan.next_every_s
    pids = {name: rig.daemon.pid if name == "daemon" else rig.pid_of(name) for name in PROCESSES}
    look_at = began
    while (now := time.monotonic()) < began + plan.seconds:
        client = rig.client()
        asked = time.monotonic()
        state = client.status().state
        outcome.slowest_answer_s = max(outcome.slowest_answer_s, time.monotonic() - asked)
        for name, pid in pids.items():
            outcome.sights[name].append((now - began, _see(pid)))
        for take in state.takes:
            if take.closed:
                checker.give(take)
        if now >= next_at:
            rig.say("next")
            next_at += plan.next_every_s
            _tell(f"{(now - began) / 60:6.1f} min, {outcome.takes} takes checked, {outcome.freezes} freezes")
        checker.raise_what_it_found()
        freezer.raise_what_it_found()
        look_at = max(look_at + LOOK_EVERY_S, time.monotonic())
        time.sleep(max(0.0, look_at - time.monotonic()))


def _see(pid: int) -> Sight:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    own = sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssFile:")))
    return Sight(own_bytes=1024 * own, descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())))


def _judge(outcome: Outcome) -> None:
    for name, sights in outcome.sights.items():
        lasted = sights[-1][0]
        warm = min(WARM_UP_S, lasted / 3)
        # A minute's worth at both ends, so that one moment's work is not taken for growth.
        span = min(60.0, lasted / 6)
        first = [sight for at, sight in sights if warm <= at <= warm + span]
        last = [sight for at, sight in sights if at >= lasted - span]
        if not first:
            raise SoakFailed("it was too short to see whether memory grows")
        before = statistics.median(sight.own_bytes for sight in first)
        after = statistics.median(sight.own_bytes for sight in last)
        _tell(f"{name}: {before / 1e6:.1f} MB after {warm:.0f} s, {after / 1e6:.1f} MB at the end")
        outcome.growth = max(outcome.growth, after / before - 1)
        least = min(sight.descriptors for sight in first)
        outcome.more_descriptors = max(
            outcome.more_descriptors, min(sight.descriptors for sight in last) - least
        )


class _Worker:
    """A thread whose failure is raised where somebody looks."""

    def __init__(self, name: str) -> None:
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._guarded, name=name, daemon=True)

    def raise_what_it_found(self) -> None:
        """Raises what went wrong on the thread, if anything has."""
        if self._failure is not None:
            raise SoakFailed(f"{self._thread.name}: {self._failure}") from self._failure

    def _guarded(self) -> None:
        try:
            self.work()
        except BaseException as error:
            self._failure = error

    def work(self) -> None:
        """On the thread."""


class _Freezer(_Worker):
    """Freezes the disk for so long, so often. The disk is thawed at the end, whatever happened."""

    def __init__(self, disk: LoopDisk, plan: Plan, outcome: Outcome) -> None:
        super().__init__("freezer")
        self._disk, self._plan, self._outcome = disk, plan, outcome
        self._ended = threading.Event()

    def __enter__(self) -> _Freezer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def stop(self) -> None:
        """No more freezes; it is thawed."""
        self._ended.set()
        self._thread.join()
        self.raise_what_it_found()

    def work(self) -> None:
        while not self._ended.wait(self._plan.freeze_every_s - self._plan.freeze_s):
            self._disk.freeze()
            try:
                self._ended.wait(self._plan.freeze_s)
            finally:
                self._disk.thaw()
            self._outcome.freezes += 1


class _Checker(_Worker):
    """Checks each take it is given once, and that it begins where the one before ended; then deletes it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("checker")
        self._outcome = outcome
        self._given: set[str] = set()
        self._waiting: queue.SimpleQueue[Take | None] = queue.SimpleQueue()
        self._follows: int | None = None

    def __enter__(self) -> _Checker:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._waiting.put(None)
        self._thread.join()

    def give(self, take: Take) -> None:
        """It is closed."""
        if take.take_id not in self._given:
            self._given.add(take.take_id)
            self._waiting.put(take)

    def finish(self) -> None:
        """All are checked. Raises what was found."""
        self._waiting.put(None)
        self._thread.join()
        self.raise_what_it_found()

    def work(self) -> None:
        while (take := self._waiting.get()) is not None:
            heard = check_a(take.folder, first=self._follows)
            check_b(take.folder)
            if heard.gaps:
                raise SoakFailed(f"take {take.slate.number} has gaps: {heard.gaps}")
            self._follows = heard.follows
            self._outcome.frames += heard.frames
            self._outcome.gap_frames += heard.gap_frames
            self._outcome.takes += 1
            for path in Path(take.folder).glob("*.wav"):
                path.unlink()


def _tell(text: str) -> None:
    print(text, flush=True)


def record(plan: Plan, outcome: Outcome, figures: Figures, *, key: str = "") -> None:
    """What came out, as rows of docs/promises.md."""
    minutes = plan.seconds / 60
    of = f"{minutes:g} min, {outcome.freezes} freezes of {plan.freeze_s:g} s, {outcome.takes} takes"

    def row(promise: str, bound: str, measured: float, unit: str) -> None:
        load = f"{plan.channels} ch/48 kHz/24 bit"
        figures.record(
            "F12", promise, bound=bound, measured=measured, unit=unit, count=of, load=load, key=key
        )

    row("frames lost", "0 frames", outcome.gap_frames, "frames")
    row("frames checked, of every channel", "all", outcome.frames, "frames")
    row("memory grew", "< 1 %", round(100 * outcome.growth, 2), "%")
    row("descriptors more", "0", outcome.more_descriptors, "descriptors")
    row("slowest answer of the control socket", "< 200 ms", 1000 * outcome.slowest_answer_s, "ms")


def key_of(hours: float) -> str:
    """The row that a run of so long is; empty for a shorter one."""
    return "soak 24 h" if hours >= 24 else "soak 0.5 h" if hours >= 0.5 else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where nothing was lost, memory is flat and no descriptor was left open."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof.soak", description=__doc__)
    parser.add_argument("--hours", type=float, required=True)
    parser.add_argument("--folder", type=Path, default=DISK_FOLDER, help="where the disk's image lies")
    asked = parser.parse_args(arguments)
    plan = Plan(seconds=3600 * asked.hours, folder=asked.folder)
    outcome, failure = Outcome(), ""
    try:
        outcome = soak(plan)
        if outcome.growth >= MOST_GROWTH:
            failure = f"memory grew by {100 * outcome.growth:.2f} %"
        if outcome.more_descriptors > 0:
            failure = (
                f"{failure}{'; ' if failure else ''}{outcome.more_descriptors} descriptors more than before"
            )
    except (SoakFailed, AssertionError) as error:
        failure = str(error)
    figures = Figures("soak", full=True)
    key = key_of(asked.hours)
    record(plan, outcome, figures, key=key)
    closed = figures.close(passed=not failure)
    for each in closed:
        _tell(each.line())
    if key:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "figures.jsonl"
            append_figures(path, closed)
            promises.main([str(path)])
    if failure:
        _tell(f"FAILED: {failure}")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
