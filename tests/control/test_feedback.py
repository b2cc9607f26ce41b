"""State and levels reach every surface, whatever another one does; and what each reports reaches the rig."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest

from rigd.control.feedback import REPORTS_EVERY_S, Feedback, Pace
from rigd.control.levels_fan import LevelsFan
from rigd.model.errors import RigError
from rigd.model.inputs import Fact
from rigd.model.levels import Levels
from rigd.model.state import RigState, SurfaceStatus, Transport
from rigd.model.units import Frame, Ns
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


class Lamp:
    def __init__(
        self, name: str, act: Callable[[], None] = lambda: None, *, shows_levels: bool = False
    ) -> None:
        self.name = name
        self.shows_levels = shows_levels
        self.shown: list[int] = []
        self.levels: list[Levels] = []
        self._act = act

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def show(self, state: RigState, levels: Levels | None) -> None:
        self._act()
        self.shown.append(state.number)
        if levels is not None:
            self.levels.append(levels)

    def answered(self, control: str, accepted: bool, text: str) -> None: ...


class Bench:
    def __init__(self) -> None:
        self.state = STATE
        self.readings: list[Levels] = []
        self.read = 0
        self.posted: list[Fact] = []
        self.is_full = False
        self.levels = LevelsFan(self.meter, lambda: Ns(time.monotonic_ns()))
        self.feedback = Feedback(state=lambda: self.state, take_levels=self.levels.taker, post=self.post)

    def meter(self) -> Levels | None:
        self.read += 1
        return self.readings.pop(0) if self.readings else None

    def play(self, readings: list[Levels], *, takers: int) -> None:
        """These are read, one at a look, once so many surfaces take levels."""
        wait_for(lambda: len(self.levels._takers) == takers)
        self.readings = list(readings)

    def post(self, fact: Fact) -> None:
        if self.is_full:
            raise RigError("the controller does not keep up")
        self.posted.append(fact)

    def turn(self, number: int) -> None:
        self.state = msgspec.structs.replace(STATE, number=number)
        self.feedback.changed()

    @contextmanager
    def showing(self, *lamps: Lamp) -> Iterator[Feedback]:
        for lamp in lamps:
            self.feedback.introduce(lamp)
        self.feedback.start()
        try:
            yield self.feedback
        finally:
            self.feedback.stop()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def reading(number: int, peak_dbfs: float, clips: int) -> Levels:
    return Levels(at_frame=Frame(number), peak_dbfs=(peak_dbfs,), rms_dbfs=(peak_dbfs,), clipped=(clips,))


def threads() -> list[str]:
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("rigd-feedback"))


def test_a_surface_is_shown_the_state_at_the_start_and_each_newest_one_after(bench: Bench) -> None:
    lamp = Lamp("a")
    with bench.showing(lamp):
        wait_for(lambda: lamp.shown == [1])
        bench.turn(2)
        wait_for(lambda: lamp.shown == [1, 2])
        bench.feedback.changed()  # nothing is new
        bench.turn(3)
        wait_for(lambda: lamp.shown[-1] == 3)
    assert lamp.shown == [1, 2, 3]
    assert bench.read == 0, "nobody shows levels, so none are read"


def test_levels_are_read_while_a_surface_shows_them_and_each_reading_is_shown_once(bench: Bench) -> None:
    readings = [reading(number, -20.0, 0) for number in range(1, 4)]
    lamp, meters = Lamp("a"), Lamp("b", shows_levels=True)
    with bench.showing(lamp, meters):
        bench.play(readings, takers=1)
        wait_for(lambda: meters.levels == readings)
        meters.shows_levels = False
        bench.turn(2)
        wait_for(lambda: meters.shown[-1] == 2)
        read = bench.read
        bench.turn(3)
        wait_for(lambda: meters.shown[-1] == 3)
        assert bench.read == read and not bench.levels._takers
    assert meters.levels == readings
    assert lamp.levels == []


def test_a_storm_of_changes_is_shown_at_its_own_pace_and_ends_with_the_newest(bench: Bench) -> None:
    lamp = Lamp("a")
    started_s = time.monotonic()
    with bench.showing(lamp):
        for number in range(2, 5000):
            bench.turn(number)
        wait_for(lambda: bool(lamp.shown) and lamp.shown[-1] == 4999)
    assert len(lamp.shown) <= (time.monotonic() - started_s) * 20 + 2


def test_two_changes_after_a_rest_need_not_wait_and_in_the_long_run_the_pace_is_kept() -> None:
    pace = Pace(every_s=0.05, at_once=2)
    done: list[float] = []
    for now_s in (step / 1000 for step in range(5000, 7001)):
        if pace.due_s <= now_s:
            pace.done(now_s)
            done.append(now_s)
    assert done[:2] == [5.0, 5.001] and done[2] >= 5.05
    assert 40 <= len(done) <= 2.001 / 0.05 + 2
    for _ in range(2):
        assert pace.due_s <= 9.0
        pace.done(9.0)
    assert pace.due_s > 9.0, "a rest gives no more than that"


@pytest.mark.slow
def test_a_surface_that_hangs_or_fails_holds_up_nobody_else(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    let_go = threading.Event()

    def fail() -> None:
        raise OSError("unplugged")

    def hang() -> None:
        let_go.wait(60)

    hanging, failing, lamp = Lamp("hanging", hang), Lamp("failing", fail), Lamp("c")
    with bench.showing(hanging, failing, lamp):
        for number in range(2, 5):
            bench.turn(number)
            wait_for(lambda number=number: bool(lamp.shown) and lamp.shown[-1] == number)  # type: ignore[misc]
        assert threads() == ["rigd-feedback", "rigd-feedback", "rigd-feedback-guard"]
    assert threads() == ["rigd-feedback"], "the one that hangs is not waited for"
    let_go.set()
    assert caplog.text.count("surface hanging hangs") == 1
    assert caplog.text.count("surface failing cannot show") == 1
    wait_for(lambda: threads() == [])


@pytest.mark.slow
def test_what_a_surface_missed_while_it_hung_is_merged_and_no_clip_is_lost(bench: Bench) -> None:
    let_go = threading.Event()
    hangs = iter([False, True])

    def hang_at_the_second() -> None:
        if next(hangs, False):
            let_go.wait(60)

    readings = [reading(number, -10.0 - number, 1 if number % 2 else 0) for number in range(1, 40)]
    slow, quick = Lamp("slow", hang_at_the_second, shows_levels=True), Lamp("quick", shows_levels=True)
    with bench.showing(slow, quick):
        bench.play(readings, takers=2)
        wait_for(lambda: quick.levels and quick.levels[-1] is readings[-1], "the quick one saw the last")
        assert len(slow.shown) <= 1
        bench.turn(2)
        let_go.set()
        wait_for(lambda: slow.levels and slow.levels[-1].at_frame == 39, "the slow one is up to date")
        wait_for(lambda: slow.shown[-1] == 2)
    for lamp in (slow, quick):
        assert sum(each.clipped[0] for each in lamp.levels) == 20
        assert max(each.peak_dbfs[0] for each in lamp.levels) == -11.0
    assert len(slow.levels) < len(quick.levels)


def test_however_many_surfaces_there_are_one_thread_shows_and_one_guards_it(bench: Bench) -> None:
    lamps = [Lamp(f"lamp {number}") for number in range(20)]
    with bench.showing(*lamps):
        wait_for(lambda: all(lamp.shown == [1] for lamp in lamps))
        assert threads() == ["rigd-feedback", "rigd-feedback-guard"]
    assert threads() == []


def test_without_surfaces_there_is_no_thread(bench: Bench) -> None:
    with bench.showing():
        bench.turn(2)
        assert threads() == []


def status(number: int, name: str = "a") -> SurfaceStatus:
    return SurfaceStatus(name=name, kind="test", connected=True, detail=str(number))


def test_a_report_is_handed_on_and_of_a_storm_the_newest(bench: Bench) -> None:
    started_s = time.monotonic()
    with bench.showing(Lamp("a"), Lamp("b")) as feedback:
        feedback.report(status(0))
        wait_for(lambda: bench.posted == [status(0)])
        for number in range(1, 5000):
            feedback.report(status(number))
        feedback.report(status(1, "b"))
        wait_for(lambda: {status(4999), status(1, "b")} <= set(bench.posted))
    assert len(bench.posted) <= 2 * ((time.monotonic() - started_s) / REPORTS_EVERY_S + 2)


def test_a_report_that_the_controller_has_no_room_for_is_handed_on_later(bench: Bench) -> None:
    bench.is_full = True
    lamp = Lamp("a")
    with bench.showing(lamp) as feedback:
        feedback.report(status(1))
        bench.turn(2)
        wait_for(lambda: lamp.shown[-1:] == [2])
        bench.is_full = False
        wait_for(lambda: bench.posted == [status(1)])
