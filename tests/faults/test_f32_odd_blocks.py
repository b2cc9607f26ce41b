"""F32: blocks of 0, 1, 4096 and 65536 frames, blocks without samples, a clock that runs backwards, NaN and infinity.

At 192 kHz, where a block of 65,536 frames is a third of a second: at 48 kHz it would be a stall by itself."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from hardware_sim.faults import FaultClient
from rigd.tape.tape import Tape
from tests.proof.figures import Figures, count
from tests.proof.load import start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.support.counter import counter_rows
from tests.support.rig import RigRun, take_codes

CHANNELS = 4
RATE_HZ = 192_000
LOAD = f"{CHANNELS} ch/192 kHz/24 bit"
TIMES = count(ci=2, full=30)
LENGTHS = (0, 1, 4096, 65_536)
POISON_FRAMES = 4


def rig_at_192(rig_of: Callable[..., RigRun]) -> RigRun:
    return rig_of(channels=CHANNELS, overrides=[f"audio.sample_rate_hz={RATE_HZ}"])


@pytest.mark.timeout(count(ci=120, full=600))
def test_odd_blocks_are_taken_as_they_come(rig_of: Callable[..., RigRun], figures: Figures) -> None:
    rig = rig_at_192(rig_of)
    faults = FaultClient(rig.runtime)
    capture = rig.pid_of("capture")
    start_take(rig)
    dice = random.Random(32)
    nulls = 0
    for _ in range(TIMES):
        for length in dice.sample(LENGTHS, len(LENGTHS)):
            faults.block(length)
            rig.hear(0.1)
        faults.backwards(dice.uniform(0.001, 100.0))
        rig.hear(0.1)
        faults.null_block()
        nulls += 1
        rig.hear(0.1)
    rig.roll(1)
    take = stop_take(rig)
    heard = check_a(take.folder)
    check_b(take.folder)
    assert rig.pid_of("capture") == capture, "capture was started again"
    assert len(heard.gaps) == nulls
    assert heard.source_frames == heard.frames % (1 << 23)
    with Tape.attach(rig.runtime / "tape", writable=False) as tape:
        assert tape.counters().zero_blocks == TIMES
    of = f"{TIMES} of each"
    figures.record(
        "F32", "frames lost undeclared", bound="0 frames", measured=heard.worst_gap_error, unit="frames",
        load=LOAD, count=of,
    )  # fmt: skip


@pytest.mark.timeout(count(ci=120, full=300))
def test_samples_that_are_no_numbers_are_silence_and_counted(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    rig = rig_at_192(rig_of)
    faults = FaultClient(rig.runtime)
    start_take(rig)
    for _ in range(TIMES):
        faults.bad_numbers()
        rig.hear(0.2)
    rig.roll(1)
    take = stop_take(rig)
    check_b(take.folder)
    assert not take.gaps
    codes = take_codes(take)
    wrong = codes != counter_rows(int(codes[0, 0]), codes.shape[1], CHANNELS)
    assert not codes[wrong].any(), "a sample is neither the counter's nor silence"
    places = np.flatnonzero(wrong.any(axis=0))
    assert len(places) == TIMES * POISON_FRAMES
    with Tape.attach(rig.runtime / "tape", writable=False) as tape:
        clamped = tape.counters().clamped
    assert (
        clamped == TIMES * CHANNELS * 3
    )  # NaN and both infinities; the denormal is a number, and below a code
    figures.record(
        "F32", "samples that are no numbers and not counted", bound="0", unit="samples", load=LOAD,
        measured=TIMES * CHANNELS * 3 - clamped, count=f"{TIMES} blocks",
    )  # fmt: skip
