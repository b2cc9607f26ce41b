"""Sound that a driver loses without a word, or with a word that comes late: seen against the monotonic clock."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.tape.blocks import BlockFlag, Lost
from rigd.tape.capture_core import CaptureCore
from rigd.tape.tape import Tape
from tests.tape.tape_source import RATE, Source, geometry

BLOCK = 1024


class Late(Source):
    """Delivers blocks late by what `late_ns` says; its own clock is not asked (JACK's, through PortAudio,
    jitters by as much as a period)."""

    late_ns = 0
    drift = 0.0

    def ns(self) -> int:
        return round(super().ns() * (1.0 + self.drift)) + self.late_ns

    def block(self, frames: int = BLOCK, *, late_ms: float = 0.0, flags: BlockFlag = BlockFlag.NONE) -> None:
        self.late_ns = round(late_ms * 1e6)
        self.play(frames, flags=flags, adc=False)


def tape_at(folder: Path) -> Tape:
    return Tape.create(folder / "tape", geometry(channels=1, capacity_frames=1 << 18), full_scale=8388608.0)


def gaps(tape: Tape) -> list[tuple[int, int]]:
    return [(p.frame, p.frames) for p in tape.runs(tape.oldest_frame, tape.next_frame) if isinstance(p, Lost)]


def test_a_block_lost_without_a_word_is_suspect_once_and_inserts_nothing(tmp_path: Path) -> None:
    with tape_at(tmp_path) as tape, CaptureCore(tape) as core:
        source = Late(tape, core)
        for number in range(40):
            source.block(late_ms=number % 3)
        source.lose(BLOCK)
        for number in range(100):
            source.block(late_ms=number % 3)
        flagged = [block for block in tape.blocks() if BlockFlag.SUSPECT in block.flags]
        assert len(flagged) == 1
        assert 40 <= flagged[0].index <= 40 + RATE // BLOCK
        assert tape.counters().suspects == 1
        assert not gaps(tape)


def test_each_further_loss_is_told_anew(tmp_path: Path) -> None:
    with tape_at(tmp_path) as tape, CaptureCore(tape) as core:
        source = Late(tape, core)
        for _ in range(3):
            for _ in range(60):
                source.block()
            source.lose(BLOCK)
        for _ in range(60):
            source.block()
        assert tape.counters().suspects == 3


def test_an_overflow_that_is_told_a_block_late_is_a_gap_of_whole_blocks(tmp_path: Path) -> None:
    for lost in (BLOCK, 3 * BLOCK):
        with tape_at(tmp_path) as tape, CaptureCore(tape) as core:
            source = Late(tape, core)
            for number in range(40):
                source.block(late_ms=number % 2)
            source.lose(lost)
            source.block(late_ms=1.0)
            source.block(late_ms=0.5, flags=BlockFlag.OVERFLOW)
            for _ in range(60):
                source.block()
            assert gaps(tape) == [(41 * BLOCK, lost)]
            assert tape.next_frame == source.frame


def test_an_overflow_that_lost_nothing_is_only_counted_however_late_its_blocks(tmp_path: Path) -> None:
    with tape_at(tmp_path) as tape, CaptureCore(tape) as core:
        source = Late(tape, core)
        for _ in range(40):
            source.block()
        source.block(late_ms=12.0)
        source.block(late_ms=9.0, flags=BlockFlag.OVERFLOW)
        for _ in range(60):
            source.block()
        assert not gaps(tape)
        assert tape.counters().suspects == 0
        assert tape.counters().xruns == 1


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.sampled_from([64, 256, 1024, 4096]),
    drift_ppm=st.integers(-500, 500),
    worst_ms=st.sampled_from([0.0, 3.0, 15.0]),
)
def test_late_wake_ups_and_drift_are_no_loss(seed: int, frames: int, drift_ppm: int, worst_ms: float) -> None:
    chance = np.random.default_rng(seed)
    with (
        tempfile.TemporaryDirectory() as folder,
        tape_at(Path(folder)) as tape,
        CaptureCore(tape) as core,
    ):
        source = Late(tape, core)
        source.drift = drift_ppm * 1e-6
        for _ in range(4 * RATE // frames):
            size = int(chance.integers(frames // 2, frames + 1))
            source.block(size, late_ms=float(chance.exponential(worst_ms / 5)) if worst_ms else 0.0)
        assert not gaps(tape)
        # A wake-up that is later than a block and 20 ms is suspect by itself; no run of late ones is.
        assert all(block.flags & BlockFlag.SUSPECT == 0 or worst_ms >= 15 for block in tape.blocks())
