"""What wake-ups say of a rate: a slope is a wrong rate, and nothing that a busy machine does is one."""

from __future__ import annotations

import random
import sys
from itertools import product
from types import FrameType

import pytest

import rigd.capture.rate
from rigd.capture.rate import FASTEST, Rate, Wake, measure, window_ns
from rigd.model.units import NS_PER_SECOND

rate_file = rigd.capture.rate.__file__
NOMINAL_HZ = 48_000
ONE_WAKE_NS = 2_000_000
"""As the C core: what comes within it is one wake-up."""


def wakes(
    seconds: float,
    *,
    rate_hz: float = NOMINAL_HZ,
    period: int = 1024,
    late_ms: float = 0.1,
    very_late: float = 0.0,
    skipped: float = 0.0,
    begin: Wake = (10**12, 0),
    seed: int = 0,
) -> list[Wake]:
    """`late_ms`: how late every wake-up is, about; `very_late`: the share that is up to 60 ms late; `skipped`: the
    share of periods that are lost without a word."""
    dice = random.Random(seed)
    due_ns, frames = begin
    found: list[Wake] = []
    first_ns = -ONE_WAKE_NS
    for _ in range(int(seconds * rate_hz / period)):
        due_ns += round(period * NS_PER_SECOND / rate_hz)
        while dice.random() < skipped:
            due_ns += round(period * NS_PER_SECOND / rate_hz)
        frames += period
        late_ns = abs(dice.gauss(0.0, late_ms * 1e6)) + (dice.random() < very_late) * dice.uniform(0.0, 6e7)
        ns = max(due_ns + round(late_ns), found[-1][0] if found else 0)
        if found and ns - first_ns < ONE_WAKE_NS:
            found[-1] = (ns, frames)
        else:
            found.append((ns, frames))
            first_ns = ns
    return found


def verdicts(stamps: list[Wake], *, period: int = 1024) -> list[tuple[Rate, float]]:
    """Of each quarter of a second, once there is a whole window."""
    over_ns = window_ns(period, NOMINAL_HZ)
    found, at_ns = [], stamps[0][0] + round(1.2 * over_ns)
    while at_ns < stamps[-1][0]:
        until_now = [each for each in stamps if at_ns - 1.2 * over_ns < each[0] <= at_ns]
        measured = measure(until_now, nominal_rate_hz=NOMINAL_HZ, over_ns=over_ns)
        found.append((measured.rate, measured.rate_hz))
        at_ns += NS_PER_SECOND // 4
    return found


@pytest.mark.parametrize(
    ("share", "period"),
    [
        *product((-0.08125, -0.0015, 0.0015, 0.08843, 1.0, 3.0), (64, 1024, 8192)),
        *product((-0.5,), (64, 1024)),
    ],
)
def test_a_slope_is_a_wrong_rate_in_every_window_and_its_figure_is_right(period: int, share: float) -> None:
    rate_hz = NOMINAL_HZ * (1 + share)
    found = verdicts(wakes(12, rate_hz=rate_hz, period=period), period=period)
    assert len(found) >= 10
    for rate, measured_hz in found:
        assert rate is Rate.WRONG
        assert measured_hz == pytest.approx(rate_hz, rel=3e-4)


@pytest.mark.parametrize("share", [-0.08125, 0.08843])
def test_a_busy_machine_does_not_hide_it(share: float) -> None:
    stamps = wakes(30, rate_hz=NOMINAL_HZ * (1 + share), late_ms=3.0, very_late=0.05)
    assert {rate for rate, _ in verdicts(stamps)} == {Rate.WRONG}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "otherwise",
    [
        {"rate_hz": NOMINAL_HZ * (1 + 200e-6)},
        {"rate_hz": NOMINAL_HZ * (1 - 900e-6)},
        {"late_ms": 3.0},
        {"late_ms": 10.0, "very_late": 0.1},
        {"late_ms": 20.0, "very_late": 0.5},
        {"skipped": 0.02},
        {"skipped": 0.1, "late_ms": 1.0},
        {"skipped": 0.3, "late_ms": 2.0},
        {"skipped": 0.1, "late_ms": 0.3, "period": 64},
        {"late_ms": 1.0, "period": 64, "very_late": 0.02},
    ],
    ids=str,
)
def test_late_wake_ups_and_skipped_cycles_are_no_wrong_rate(otherwise: dict[str, float], seed: int) -> None:
    period = int(otherwise.get("period", 1024))
    found = verdicts(wakes(12, seed=seed, **otherwise), period=period)  # type: ignore[arg-type]
    assert len(found) > 20
    assert Rate.WRONG not in {rate for rate, _ in found}


@pytest.mark.parametrize("otherwise", [{}, {"late_ms": 3.0}, {"skipped": 0.02}], ids=str)
def test_a_right_rate_is_found_to_be_right(otherwise: dict[str, float]) -> None:
    found = [rate for rate, _ in verdicts(wakes(30, **otherwise))]  # type: ignore[arg-type]
    assert found.count(Rate.RIGHT) > 0.9 * len(found)


@pytest.mark.parametrize("seconds", [0.2, 0.5, 1.0, 5.0])
def test_freewheel_is_no_rate(seconds: float) -> None:
    """Blocks that come as fast as they are made are no clock, nor is what comes before and after them a slope."""
    before = wakes(5)
    free = wakes(seconds, rate_hz=NOMINAL_HZ * FASTEST * 4, begin=before[-1])
    stamps = [*before, *free, *wakes(6, begin=free[-1])]
    found = [rate for rate, _ in verdicts(stamps)]
    assert Rate.WRONG not in found
    assert found[-1] is Rate.RIGHT


def test_a_burst_at_the_start_and_a_stall_that_is_caught_up_are_no_rate() -> None:
    whole = wakes(12)
    stalled = [
        (max(ns, whole[0][0] + 3 * NS_PER_SECOND), frames) if i < 200 else (ns, frames)
        for i, (ns, frames) in enumerate(whole)
    ]
    assert Rate.WRONG not in {rate for rate, _ in verdicts(sorted(set(stalled)))}


def test_too_little_says_nothing() -> None:
    for few in ([], wakes(0.1), wakes(1.0)):
        assert measure(few, nominal_rate_hz=NOMINAL_HZ).rate is Rate.UNKNOWN


def test_a_rate_that_is_plainly_right_is_seen_in_one_pass() -> None:
    """Four times a second, for as long as the rig runs: no slopes of pairs, nothing sorted."""
    stamps = wakes(2.5)
    called: list[str] = []

    def note(frame: FrameType, event: str, what: object) -> None:
        if event == "call" and frame.f_code.co_filename == rate_file:
            called.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        found = measure(stamps, nominal_rate_hz=NOMINAL_HZ)
    finally:
        sys.setprofile(None)
    assert found.rate is Rate.RIGHT
    assert found.rate_hz == pytest.approx(NOMINAL_HZ, rel=3e-4)
    assert called == ["measure", "_plainly_right"]


@pytest.mark.parametrize("seed", range(20))
def test_no_rate_past_the_tolerance_is_plainly_right(seed: int) -> None:
    dice = random.Random(seed)
    off = dice.choice((-1, 1)) * dice.uniform(1.1e-3, 5e-3)
    stamps = wakes(2.5, rate_hz=NOMINAL_HZ * (1 + off), late_ms=dice.uniform(0.0, 0.3), seed=seed)
    assert measure(stamps, nominal_rate_hz=NOMINAL_HZ).rate is not Rate.RIGHT
