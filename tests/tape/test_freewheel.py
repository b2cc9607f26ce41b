"""Blocks that come faster than time: what follows them is where its time is, whatever the host brings at once."""

from __future__ import annotations

import numpy as np
import pytest
from tape_source import RATE

from rigd.model.take import GapCause
from rigd.model.units import Frame
from rigd.tape.blocks import Lost

START_NS = 10**12


@pytest.mark.parametrize("pace", [2, 5, 8, 30, 500])
@pytest.mark.parametrize(("frames", "at_once"), [(1024, 1), (1024, 2), (1024, 3), (256, 3), (2048, 1)])
def test_the_sound_after_a_freewheel_is_where_its_time_is(
    start, frames: int, at_once: int, pace: int
) -> None:
    source = start(channels=1, capacity_frames=2**20)
    rows, heard = np.zeros((1, frames), np.float32), 0

    def hear(seconds: float) -> None:
        nonlocal heard
        for _ in range(round(seconds * RATE / frames / at_once)):
            heard += frames * at_once
            for each in range(at_once):
                at_ns = START_NS + heard * 10**9 // RATE + 2_000 * each
                source.core.feed(rows, frames, adc_time=0.0, monotonic_ns=at_ns)

    hear(4)
    began = heard
    for number in range(1, round(RATE * pace / frames) + 1):
        at_ns = START_NS + (began + number * frames // pace) * 10**9 // RATE
        source.core.feed(rows, frames, adc_time=0.0, monotonic_ns=at_ns + 10_000)
    heard += (RATE - RATE % (frames * at_once)) + frames * at_once
    hear(4)
    assert abs(source.tape.next_frame - heard) <= 2 * frames
    (gap,) = (each for each in source.tape.runs(Frame(0), source.tape.next_frame) if isinstance(each, Lost))
    assert gap.cause is GapCause.FREEWHEEL
    assert source.tape.counters().suspects == 0


@pytest.mark.parametrize("since", [0.02, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("frames", [512, 1024, 4096])
def test_one_block_of_a_freewheel_is_on_the_tape_wherever_in_a_period_it_begins(
    start, frames: int, since: float
) -> None:
    """Its first one is early by less than a period: a phase can move by that. The line must not take it for that, or
    the second one would be no earlier than a phase can move, either. (Nor is it where the first one is due within a
    millisecond.)"""
    source = start(channels=1, capacity_frames=2**20)
    rows = np.zeros((1, frames), np.float32)
    for number in range(1, 4 * RATE // frames):
        last_ns = START_NS + number * frames * 10**9 // RATE
        source.core.feed(rows, frames, adc_time=0.0, monotonic_ns=last_ns)
    before = source.tape.written
    for number in range(200):
        at_ns = last_ns + round(since * frames * 1e9 / RATE) + number * 20_000
        source.core.feed(rows, frames, adc_time=0.0, monotonic_ns=at_ns)
    assert source.tape.written - before == frames
