"""F45: an ALSA overrun while the host's period is not the block asked for: callbacks come bunched, each with the
flag, the first with old frames in it. One gap a loss, right within 64 frames, no frame out of place. And late
wake-ups and phase jumps over an unbroken counter: no gap, no suspect.

The real C core is fed by a host that does what PortAudio's does (hardware_sim/host.py), in a time of its own."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from hardware_sim.faults import FaultClient
from hardware_sim.host import Host, HostBlock, HostShape
from rigd.model.messages import TapeGeometry
from rigd.model.take import GapCause, Xrun
from rigd.takefile.journal import JOURNAL_NAME, read_journal
from rigd.tape.blocks import BlockFlag, Blocks, Lost, Run
from rigd.tape.capture_core import CaptureCore
from rigd.tape.tape import PORTAUDIO_FULL_SCALE, Tape
from tests.proof.figures import Figures, count
from tests.proof.load import start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.support.capture_run import runtime_folder
from tests.support.counter import MODULUS, counter_rows
from tests.support.rig import RigRun

RATE_HZ = 48_000
CHANNELS = 2
RIGHT_WITHIN_FRAMES = 64
LOSSES = count(ci=2, full=4)
OVERRUNS = count(ci=2, full=10)
START_NS = 10**12
CALLBACK_NS = 30_000
"""Between two callbacks of one wake-up."""
PERIODS = count(ci=(64, 480, 1024, 3072, 8192), full=(64, 128, 256, 480, 960, 1024, 2016, 3072, 4096, 8192))
BUNCHES = count(ci=(1, 2, 3, 8), full=(1, 2, 3, 4, 5, 6, 7, 8))
DRIFTS_PPM = count(ci=(200,), full=(-200, 200))
GRAIN_FRAMES = 32
CASES = [
    (period, blocks, drift)
    for period in PERIODS
    for blocks in BUNCHES
    for drift in DRIFTS_PPM
    if period // blocks >= 16
]
"""Where the period is no multiple of the block, the adapter's rest changes with each wake-up."""
PHASES = count(ci=4, full=8)


@dataclass(slots=True)
class Stream:
    """A host that feeds the core, and what it really did."""

    host: Host
    core: CaptureCore
    dice: random.Random
    hold_ns: int = 0
    """Wake-ups come later by so much for good: the phase has moved."""
    tells_time: bool = True
    """The driver stamps its blocks with a clock of its own."""
    heard: int = 0
    stamps: list[int] = field(default_factory=list)

    def wake(self, *, late_ns: int = 0) -> None:
        """The next wake-up, after a moment, as it is."""
        now = self.host.due_ns + int(self.dice.expovariate(1 / 100_000)) + self.hold_ns + late_ns
        for number, block in enumerate(self.host.wake(now)):
            self.feed(block, now + number * CALLBACK_NS)

    def feed(self, block: HostBlock, now_ns: int) -> None:
        codes = np.concatenate(
            [counter_rows(first, frames, CHANNELS) for first, frames in block.pieces], axis=1
        )
        self.core.feed(
            (codes / PORTAUDIO_FULL_SCALE).astype(np.float32),
            block.frames,
            adc_time=block.adc_time if self.tells_time else 0.0,
            monotonic_ns=now_ns,
            flags=BlockFlag.OVERFLOW if block.overflow else BlockFlag.NONE,
        )
        self.heard += block.frames

    def play(self, seconds: float) -> None:
        """So much sound, with a late wake-up now and then."""
        until = self.host.due_ns + int(seconds * 1e9)
        period_ns = self.host.shape.period_frames * 10**9 // RATE_HZ
        room_ns = self.host.shape.buffer_frames * 10**9 // RATE_HZ - 2 * period_ns - self.hold_ns
        while self.host.due_ns < until:
            is_late = self.dice.random() < 0.05
            self.wake(late_ns=int(self.dice.uniform(0, 0.6) * room_ns) if is_late else 0)

    def overrun(self) -> None:
        """Nobody wakes up for longer than the ring holds."""
        before = self.host.overruns
        buffer_ns = self.host.shape.buffer_frames * 10**9 // RATE_HZ
        self.wake(late_ns=int(buffer_ns * self.dice.uniform(1.05, 3.0)))
        assert self.host.overruns == before + 1


def stream_on(core: CaptureCore, shape: HostShape, *, drift_ppm: float, seed: int) -> Stream:
    rate = RATE_HZ * (1 + drift_ppm * 1e-6)
    host = Host(
        shape,
        first_frame=1,
        frame_at=lambda ns: (ns - START_NS) * rate / 1e9,
        ns_at=lambda frame: START_NS + round(frame * 1e9 / rate),
    )
    return Stream(host, core, random.Random(seed))


def shape_of(period: int, *, blocks: int) -> HostShape:
    periods = max(4, -(-RATE_HZ // 5 // period))
    return HostShape(
        period_frames=period,
        buffer_frames=periods * period,
        block_frames=period // blocks if blocks else 0,
        grain_frames=min(GRAIN_FRAMES, period // 4),
    )


def tape_in(folder: Path) -> Tape:
    geometry = TapeGeometry(channels=CHANNELS, sample_rate_hz=RATE_HZ, capacity_frames=1 << 22)
    return Tape.create(folder / "tape", geometry, full_scale=PORTAUDIO_FULL_SCALE)


def gap_errors(tape: Tape) -> list[int]:
    """By how much each gap is wrong. Between two of them every frame is the counter's, in its place, in every row."""
    errors: list[int] = []
    last = None
    lost = 0
    for piece in tape.runs(tape.oldest_frame, None):
        if isinstance(piece, Lost):
            assert piece.cause is GapCause.OVERFLOW
            lost = piece.frames
        if isinstance(piece, Run):
            codes = np.rint(tape.samples(piece).astype(np.float64) * PORTAUDIO_FULL_SCALE).astype(np.int64)
            first = int(codes[0, 0])
            np.testing.assert_array_equal(codes, counter_rows(first, piece.frames, CHANNELS))
            if last is not None:
                errors.append((first - last - 1) % MODULUS - lost)
            last, lost = int(codes[0, -1]), 0
    return errors


def suspects(tape: Tape) -> list[Xrun]:
    return [
        piece for piece in tape.runs(tape.oldest_frame, None) if isinstance(piece, Xrun) and piece.suspect
    ]


def worst_of(shape: HostShape, blocks_are: Blocks, *, drift_ppm: float, seed: int) -> int:
    """Losses are forced in one stream; returns by how much the worst gap is wrong."""
    with runtime_folder() as folder, tape_in(folder) as tape, CaptureCore(tape) as core:
        told = shape.buffer_frames if blocks_are is Blocks.WHOLE else 0
        core.describe_host(blocks=blocks_are, told_frames=told)
        stream = stream_on(core, shape, drift_ppm=drift_ppm, seed=seed)
        stream.play(3.0)
        for _ in range(LOSSES):
            stream.overrun()
            stream.play(1.5)
        errors = gap_errors(tape)
        assert (
            len([piece for piece in tape.runs(tape.oldest_frame, None) if isinstance(piece, Lost)]) == LOSSES
        )
        assert len(errors) == tape.counters().xruns == LOSSES
        assert suspects(tape) == []
        assert max(map(abs, errors)) <= RIGHT_WITHIN_FRAMES, errors
        return max(map(abs, errors))


@pytest.mark.timeout(count(ci=120, full=900))
def test_each_overrun_is_one_gap_of_its_length_however_its_callbacks_are_bunched(figures: Figures) -> None:
    worst = 0
    for seed, (period, blocks, drift_ppm) in enumerate(CASES):
        shape = shape_of(period, blocks=blocks)
        # One block a period looks like a host that hands through what it has: that a driver has to say.
        blocks_are = Blocks.UNKNOWN if blocks > 1 else Blocks.ADAPTED
        worst = max(worst, worst_of(shape, blocks_are, drift_ppm=drift_ppm, seed=seed))
    figures.record(
        "F45",
        "overrun with bunched callbacks: gap is wrong by",
        bound=f"<= {RIGHT_WITHIN_FRAMES} frames",
        measured=worst,
        unit="frames",
        count=f"{len(CASES)} hosts, {LOSSES} overruns each",
        load="2 ch/48 kHz, the C core fed by a simulated host",
    )


@pytest.mark.timeout(count(ci=120, full=900))
def test_a_host_that_hands_through_what_it_has_loses_no_more_than_was_lost(figures: Figures) -> None:
    worst = 0
    for seed, period in enumerate(PERIODS):
        for drift_ppm in DRIFTS_PPM:
            shape = shape_of(period, blocks=0)
            worst = max(worst, worst_of(shape, Blocks.WHOLE, drift_ppm=drift_ppm, seed=seed))
    figures.record(
        "F45",
        "overrun with blocks as the host has them: gap is wrong by",
        bound=f"<= {RIGHT_WITHIN_FRAMES} frames",
        measured=worst,
        unit="frames",
        count=f"{len(PERIODS) * len(DRIFTS_PPM)} hosts, {LOSSES} overruns each",
        load="2 ch/48 kHz, the C core fed by a simulated host",
    )


def test_a_long_loss_is_right_by_the_rate_that_was_heard_before() -> None:
    shape = HostShape(period_frames=1024, buffer_frames=RATE_HZ * 4, grain_frames=GRAIN_FRAMES)
    with runtime_folder() as folder, tape_in(folder) as tape, CaptureCore(tape) as core:
        core.describe_host(blocks=Blocks.WHOLE, told_frames=shape.buffer_frames)
        stream = stream_on(core, shape, drift_ppm=200, seed=1)
        stream.play(20.0)
        stream.wake(late_ns=12 * 10**9)
        stream.play(1.0)
        (error,) = gap_errors(tape)
        assert abs(error) <= RIGHT_WITHIN_FRAMES


@pytest.mark.timeout(count(ci=120, full=900))
@pytest.mark.parametrize("tells_time", [True, False], ids=["stamped", "without-stamps"])
def test_late_wake_ups_and_moved_phases_over_an_unbroken_counter_are_nothing(
    figures: Figures, tells_time: bool
) -> None:
    told = 0
    for seed, (period, blocks, drift_ppm) in enumerate(CASES):
        shape = shape_of(period, blocks=blocks)
        with runtime_folder() as folder, tape_in(folder) as tape, CaptureCore(tape) as core:
            stream = stream_on(core, shape, drift_ppm=drift_ppm, seed=seed)
            stream.tells_time = tells_time
            for _ in range(PHASES):
                # Held back for longer than any late wake-up is, and for less than the ring holds.
                stream.hold_ns = int(stream.dice.uniform(0, 1.0) * period * 1e9 / RATE_HZ)
                stream.play(1.5)
            assert stream.host.overruns == 0
            assert gap_errors(tape) == []
            assert tape.next_frame == stream.heard, "not one frame was dropped"
            told += tape.counters().suspects + tape.counters().xruns
            assert told == 0, f"period {period}, {blocks} blocks, {drift_ppm} ppm"
    figures.record(
        "F45",
        "suspects and gaps over an unbroken counter",
        bound="0",
        measured=told,
        unit="marks",
        count=f"{len(CASES)} hosts {'with' if tells_time else 'without'} a clock, {PHASES} phases each",
        load="2 ch/48 kHz, the C core fed by a simulated host",
    )


@pytest.mark.parametrize(("period", "blocks"), [(1024, 1), (3072, 3), (8192, 8)])
def test_whole_periods_that_are_lost_without_a_word_are_still_told(period: int, blocks: int) -> None:
    shape = shape_of(period, blocks=blocks)
    with runtime_folder() as folder, tape_in(folder) as tape, CaptureCore(tape) as core:
        stream = stream_on(core, shape, drift_ppm=200, seed=period)
        stream.play(3.0)
        stream.host.skip(2 * period)
        stream.play(3.0)
        (suspect,) = suspects(tape)
        assert abs(suspect.about_frames - 2 * period) <= RIGHT_WITHIN_FRAMES + period // blocks
        assert not [piece for piece in tape.runs(tape.oldest_frame, None) if isinstance(piece, Lost)]


@pytest.mark.timeout(count(ci=120, full=600))
def test_a_take_over_a_host_that_bunches_has_one_gap_an_overrun_and_no_alarm(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    rig = rig_of(channels=8)
    faults = FaultClient(rig.runtime)
    faults.bunch(2)
    rig.hear(3)  # it is learnt
    start_take(rig, seconds=1)
    for number in range(OVERRUNS):
        faults.overrun(0.2)
        rig.hear(1)
        faults.hold(20.0 * (number % 2))
        rig.hear(1)
        faults.late(60)
        rig.hear(1)
    take = stop_take(rig)
    heard = check_a(take.folder, gap_slack_frames=RIGHT_WITHIN_FRAMES)
    check_b(take.folder)
    assert {gap.cause for gap in heard.gaps} == {GapCause.OVERFLOW}
    assert len(heard.gaps) == OVERRUNS
    assert read_journal(Path(take.folder) / JOURNAL_NAME).xruns == ()
    figures.record(
        "F45",
        "overrun in a take: gap is wrong by",
        bound=f"<= {RIGHT_WITHIN_FRAMES} frames",
        measured=heard.worst_gap_error,
        unit="frames",
        load="8 ch/48 kHz/24 bit",
        count=f"{OVERRUNS} overruns, 2 blocks a wake-up",
    )
