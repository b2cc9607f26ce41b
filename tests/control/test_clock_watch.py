"""Looking at the wall clock beside one that nobody sets."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from rigd.control.clock_watch import ClockWatch, kernel_says_synchronised
from rigd.model.inputs import ClockSeen
from rigd.model.take import ClockState

NOW_S = 1_795_000_000.0


@dataclass
class Clocks:
    """Set by hand."""

    unix_s: float = NOW_S
    boot_s: float = 100.0
    synchronised: bool = True

    def pass_(self, seconds: float) -> None:
        self.unix_s += seconds
        self.boot_s += seconds


def watch_of(clocks: Clocks, *traces: Path) -> ClockWatch:
    return ClockWatch(
        traces=traces,
        post=lambda seen: None,
        unix_ns=lambda: round(clocks.unix_s * 1e9),
        boottime_ns=lambda: round(clocks.boot_s * 1e9),
        synchronised=lambda: clocks.synchronised,
    )


def told(watch: ClockWatch) -> tuple[float, ClockState] | None:
    seen = watch.look()
    return None if seen is None else (seen.jumped_s, seen.reading.state)


def test_a_clock_that_goes_says_nothing() -> None:
    clocks = Clocks()
    watch = watch_of(clocks)
    assert told(watch) == (0.0, ClockState.SYNCHRONISED)
    for seconds in (1.0, 0.5, 30 * 86_400.0, 1.0):  # also while the machine slept for a month
        clocks.pass_(seconds)
        assert told(watch) is None


@pytest.mark.parametrize("by_s", [60.5, -60.5, 3600.0, -3600.0, 7 * 86_400.0, 1e9])
def test_one_that_is_set_is_told_once(by_s: float) -> None:
    clocks = Clocks(unix_s=NOW_S if by_s < 1e8 else NOW_S - 1e8, boot_s=50.0)
    watch = watch_of(clocks)
    watch.look()
    clocks.pass_(1.0)
    clocks.unix_s += by_s
    jumped = told(watch)
    assert jumped is not None and jumped[0] == pytest.approx(by_s, abs=0.001)
    clocks.pass_(1.0)
    assert told(watch) is None


def test_one_that_is_set_by_seconds_or_drifts_for_weeks_is_not() -> None:
    clocks = Clocks()
    watch = watch_of(clocks)
    watch.look()
    for _ in range(500):
        clocks.pass_(1.0)
        clocks.unix_s += 0.9
        assert told(watch) is None
    clocks.unix_s -= 59.0
    assert told(watch) is None


def test_a_change_of_its_worth_is_told() -> None:
    clocks = Clocks(synchronised=False)
    watch = watch_of(clocks)
    assert told(watch) == (0.0, ClockState.UNSYNCHRONISED)
    clocks.synchronised = True
    assert told(watch) == (0.0, ClockState.SYNCHRONISED)
    assert told(watch) is None


def test_what_the_library_has_is_a_trace(tmp_path: Path) -> None:
    trace = tmp_path / "index"
    trace.touch()
    os.utime(trace, (NOW_S, NOW_S))
    clocks = Clocks(unix_s=NOW_S - 600.0, synchronised=False)
    watch = watch_of(clocks, tmp_path / "not there", trace)
    assert told(watch) == (0.0, ClockState.WRONG)
    assert watch.reading().state is ClockState.WRONG
    clocks.unix_s = NOW_S + 1.0
    assert watch.reading().state is ClockState.UNSYNCHRONISED, "at once, for a take that begins now"


def test_the_thread_tells_and_ends() -> None:
    heard: list[ClockSeen] = []
    first = threading.Event()

    def post(seen: ClockSeen) -> None:
        heard.append(seen)
        first.set()

    watch = ClockWatch(traces=(), post=post)
    watch.start()
    assert first.wait(20.0)
    watch.stop()
    assert len(heard[0].reading.boot_id) == 36
    assert abs(heard[0].reading.boottime_ns - watch.reading().boottime_ns) < 60 * 10**9


def test_the_kernel_may_be_asked() -> None:
    assert kernel_says_synchronised() in (True, False)
