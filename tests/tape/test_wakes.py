"""What an interface delivers is counted and stamped, stored or not; and while told so, none of it is stored."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from tape_source import assert_is_counter

from rigd.model.take import GapCause
from rigd.model.units import Frame
from rigd.tape.blocks import Lost
from rigd.tape.capture_core import MOST_WAKES

MS = 1_000_000


def test_blocks_that_come_at_once_are_one_wake_up_and_the_newest_is_not_told_yet(start) -> None:
    source = start()
    rows = np.zeros((source.tape.geometry.channels, 100), np.float32)
    for ms, frames in ((0.0, 100), (0.4, 50), (1.9, 25), (5.0, 100), (10.0, 100)):
        source.core.feed(rows[:, :frames], frames, adc_time=0.0, monotonic_ns=round(ms * MS) + 10**12)
    told = [(10**12 + round(1.9 * MS), 175), (10**12 + 5 * MS, 275)]
    assert source.core.wakes(since_ns=0) == told
    assert source.core.wakes(since_ns=10**12 + 2 * MS) == told[1:]


def test_the_newest_thousand_are_told_however_many_there_were(start) -> None:
    source = start(capacity_frames=2**15)
    for _ in range(3 * MOST_WAKES):
        source.play(480)
    found = source.core.wakes(since_ns=0)
    assert len(found) == MOST_WAKES
    assert found[-1][1] == (3 * MOST_WAKES - 1) * 480
    assert {after[1] - before[1] for before, after in pairwise(found)} == {480}


def test_what_is_only_measured_is_one_gap_of_that_length(start) -> None:
    source = start(capacity_frames=2**17)
    for _ in range(100):
        source.play(480)
    timeline = source.tape.timeline()
    source.core.measure_only(True)
    for _ in range(50):
        source.play(480)
    assert source.tape.next_frame == 100 * 480
    assert source.core.wakes(since_ns=0)[-1][1] == 149 * 480
    source.core.resume(timeline, cause=GapCause.INTERFACE_LOST)
    source.core.measure_only(False)
    for _ in range(10):
        source.play(480)
    lost = assert_is_counter(source.tape, 0)[1]
    assert lost == Lost(frame=Frame(48_000), frames=24_000, cause=GapCause.INTERFACE_LOST, exact=False)
    assert source.tape.counters().suspects == 0
