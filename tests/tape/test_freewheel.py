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
