"""Sound that a driver loses without a word, or with a word that comes late: seen against the monotonic clock."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.model.take import Xrun
from rigd.model.units import Ns
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
    return Tape.create(folder / "tape", geometry(channels=1, capacity_frames=1 << 20), full_scale=8388608.0)


def suspects(tape: Tape) -> list[Xrun]:
    return [p for p in tape.runs(tape.oldest_frame, tape.next_frame) if isinstance(p, Xrun) and p.suspect]


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
        (suspect,) = suspects(tape)
        assert suspect.at_frame == 40 * BLOCK
        assert abs(suspect.about_frames - BLOCK) < BLOCK / 4
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


@pytest.mark.slow
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
        assert suspects(tape) == []


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.sampled_from([128, 256, 1024, 4096]),
    drift_ppm=st.integers(-500, 500),
    losses=st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=3),
)
def test_each_silent_loss_is_told_once_with_its_place_and_length(
    seed: int, frames: int, drift_ppm: int, losses: list[tuple[int, bool]]
) -> None:
    chance = np.random.default_rng(seed)
    with (
        tempfile.TemporaryDirectory() as folder,
        tape_at(Path(folder)) as tape,
        CaptureCore(tape) as core,
    ):
        source = Late(tape, core)
        source.drift = drift_ppm * 1e-6
        due = []
        for blocks, late in [(0, False), *losses]:
            lost = blocks * frames
            if lost:
                due.append((tape.next_frame, lost))
            source.lose(lost)
            for number in range(max(40, RATE // frames)):
                # Now and then a wake-up is late by a block or three, also the first one after the loss.
                worst_ms = 3_000 * frames / RATE if late and number % 7 == 0 else 200 * frames / RATE
                source.block(frames, late_ms=float(chance.uniform(0, worst_ms)))
        found = suspects(tape)
        assert len(found) == len(due) == tape.counters().suspects
        for suspect, (frame, lost) in zip(found, due, strict=True):
            assert frame - 3 * frames <= suspect.at_frame <= frame
            assert abs(suspect.about_frames - lost) <= frames / 4 + RATE / 1_000
        assert not gaps(tape)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    frames=st.sampled_from([64, 256, 1024]),
    stall_ms=st.integers(1, 4_000),
    each_ms=st.floats(0.0, 1.0),
    adc=st.booleans(),
)
def test_blocks_that_waited_and_are_caught_up_are_no_loss(
    frames: int, stall_ms: int, each_ms: float, adc: bool
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        tape_at(Path(folder)) as tape,
        CaptureCore(tape) as core,
    ):
        source = Late(tape, core)
        now_ms = 0.0
        for number in range(2 * 4 * RATE // frames):
            due_ms = 1_000 * (source.frame + frames) / RATE
            now_ms = max(
                now_ms + each_ms * min(1.0, 500 * frames / RATE), due_ms + (stall_ms if number == 50 else 0)
            )
            source.late_ns = round((now_ms - due_ms) * 1e6)
            source.play(frames, adc=adc)
        assert suspects(tape) == [] and not gaps(tape)


def test_a_late_wake_up_before_a_flag_without_loss_is_no_gap(tmp_path: Path) -> None:
    with tape_at(tmp_path) as tape, CaptureCore(tape) as core:
        source = Late(tape, core)
        for _ in range(40):
            source.block()
        source.block(late_ms=40.0)
        source.block(late_ms=2.0, flags=BlockFlag.OVERFLOW)
        for _ in range(60):
            source.block()
        assert not gaps(tape) and suspects(tape) == []


def test_time_is_told_by_the_new_line_after_a_silent_loss(tmp_path: Path) -> None:
    with tape_at(tmp_path) as tape, CaptureCore(tape) as core:
        source = Late(tape, core)
        for _ in range(100):
            source.block()
        source.lose(BLOCK)
        for _ in range(60):
            source.block()
        assert tape.timeline().frame_at(Ns(source.ns())) == tape.next_frame


def test_a_loss_while_the_line_settles_moves_it_along(tmp_path: Path) -> None:
    with tape_at(tmp_path) as tape, CaptureCore(tape) as core:
        source = Late(tape, core)
        for _ in range(40):  # one of them is where the line begins
            source.lose(100 * BLOCK)
            source.play(BLOCK, flags=BlockFlag.OVERFLOW)
        assert len(gaps(tape)) == 39
        assert tape.next_frame == source.frame - 100 * BLOCK, "before the first block nothing is known"


@pytest.mark.parametrize(("before", "after"), [(2048, 64), (2048, 128), (8192, 256)])
def test_a_host_that_brings_less_at_once_and_holds_less_back_was_never_faster_than_time(
    tmp_path: Path, before: int, after: int
) -> None:
    """As PipeWire does when somebody who needs a short latency joins in: what it had held back is caught up."""
    with tape_at(tmp_path) as tape, CaptureCore(tape) as core:
        source = Late(tape, core)
        now_ms = 0.0
        for frames in (before, after):
            for _ in range(3 * RATE // frames):
                due_ms = 1_000 * (source.frame + frames) / RATE
                now_ms = max(due_ms + 1_000 * frames / RATE, now_ms + 250 * frames / RATE)
                source.block(frames, late_ms=now_ms - due_ms)
        assert not gaps(tape) and suspects(tape) == []


@pytest.mark.parametrize("after", range(20))
def test_a_loss_is_told_too_where_the_clock_of_the_driver_is_set_back_while_it_is_judged(
    tmp_path: Path, after: int
) -> None:
    """As JACK's, which counts 2^32 frames."""
    with tape_at(tmp_path) as tape, CaptureCore(tape) as core:
        source, silence = Source(tape, core), np.zeros((1, BLOCK), np.float32)
        for number in range(160):
            source.lose(BLOCK if number == 80 else 0)
            source.frame += BLOCK
            adc_time = 2**32 / RATE - 1.0 + source.frame / RATE
            adc_time -= 2**32 / RATE if number >= 80 + after else 0.0
            core.feed(silence, BLOCK, adc_time=adc_time, monotonic_ns=source.ns())
        assert [suspect.at_frame for suspect in suspects(tape)] == [80 * BLOCK]
        assert not gaps(tape)
