"""Time to frames: good to one frame on a steady clock, and not led astray by late wake-ups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tape_source import RATE, START_NS

from rigd.model.errors import TapeError
from rigd.model.take import GapCause
from rigd.model.units import Frame, Ns
from rigd.tape.blocks import BlockFlag, Lost
from rigd.tape.timeline import fit


def play_late(source, blocks: int, frames: int, rate: float, late_ns: np.ndarray) -> None:
    """Blocks on a clock of `rate`, delivered late by so much each."""
    silence = np.zeros((3, frames), np.float32)
    for block in range(blocks):
        source.frame += frames
        ns = START_NS + round(source.frame * 1e9 / rate) + int(late_ns[block])
        source.core.feed(silence, frames, adc_time=0.0, monotonic_ns=ns)


def test_before_the_first_block_time_cannot_be_told(start) -> None:
    with pytest.raises(TapeError, match="nothing has been heard yet"):
        start().tape.timeline()


def test_a_block_delivered_at_t_holds_the_frames_until_t(start) -> None:
    source = start()
    source.play(480)
    timeline = source.tape.timeline()
    assert timeline.frame_at(Ns(source.ns())) == 480
    assert timeline.frame_at(Ns(source.ns() + 10_000_000)) == 960
    assert timeline.frame_at(Ns(source.ns() - 10_000_000)) == 0
    assert timeline.ns_at(Frame(960)) == source.ns() + 10_000_000
    assert timeline.measured_rate_hz == timeline.nominal_rate_hz == RATE
    assert timeline.drift_ppm == 0.0


@pytest.mark.parametrize("frames", [64, 480, 1024])
@pytest.mark.parametrize("ppm", [0.0, -120.0, 250.0])
def test_a_steady_clock_is_followed_to_the_frame_and_its_rate_is_measured(start, frames, ppm) -> None:
    source = start(capacity_frames=2**19)
    rate = RATE * (1 + ppm * 1e-6)
    blocks = 12 * RATE // frames
    late = np.random.default_rng(3).exponential(60_000, blocks).astype(np.int64)
    late[::37] += 3_000_000  # a busy machine
    play_late(source, blocks, frames, rate, late)
    timeline = source.tape.timeline()
    for back in (0, 1000, RATE, 5 * RATE):
        true_ns = START_NS + round((source.frame - back) * 1e9 / rate)
        assert abs(timeline.frame_at(Ns(true_ns)) - (source.frame - back)) <= 1
    assert timeline.drift_ppm == pytest.approx(ppm, abs=1.0)


def test_a_few_blocks_are_taken_at_the_nominal_rate_from_the_least_late(start) -> None:
    source = start()
    late = np.array([2_000_000, 0, 5_000_000, 1_000_000])
    play_late(source, 4, 480, RATE, late)
    timeline = source.tape.timeline()
    assert timeline.measured_rate_hz == RATE
    assert abs(timeline.frame_at(Ns(START_NS + 50_000_000)) - 2400) <= 1


def test_an_exact_gap_does_not_disturb_it(start) -> None:
    source = start(capacity_frames=2**19)
    for _ in range(600):
        source.play(480)
    source.play_nothing(48_000)
    for _ in range(100):
        source.play(480)
    timeline = source.tape.timeline()
    assert timeline.frame_at(Ns(source.ns())) == source.frame
    assert abs(timeline.drift_ppm) < 0.01


def test_after_a_gap_of_estimated_length_frames_start_anew_and_the_rate_is_kept(start) -> None:
    source = start(capacity_frames=2**19)
    rate = RATE * 1.0001
    play_late(source, 1000, 480, rate, np.zeros(1000))
    # The clock jumped by 5,000 frames and 100 more were lost without its notice.
    source.frame += 5_000
    silence = np.zeros((3, 480), np.float32)
    source.frame += 480
    shift_ns = round(100 * 1e9 / rate)

    def ns() -> int:
        return START_NS + round(source.frame * 1e9 / rate) + shift_ns

    ns_without_shift = ns() - shift_ns
    source.core.feed(silence, 480, adc_time=0.0, monotonic_ns=ns_without_shift, flags=BlockFlag.OVERFLOW)
    assert abs(source.tape.next_frame - source.frame) <= 1
    for _ in range(20):
        source.frame += 480
        source.core.feed(silence, 480, adc_time=0.0, monotonic_ns=ns())
    timeline = source.tape.timeline()
    assert timeline.drift_ppm == pytest.approx(100, abs=0.5)
    assert timeline.span_ns < 1_000_000_000
    first_late = 100  # the block of the gap itself came before the other 100 were lost
    assert abs(timeline.frame_at(Ns(ns())) - source.frame - first_late) <= 2


@pytest.mark.parametrize("rate", [44_100, 48_000 * 44_100 / 48_000 * 1.001, 52_000])
def test_an_interface_at_another_rate_is_measured(start, rate) -> None:
    source = start(capacity_frames=2**19)
    play_late(source, 1000, 480, rate, np.zeros(1000))
    assert source.tape.timeline().measured_rate_hz == pytest.approx(rate, rel=1e-4)
    assert source.tape.next_frame == source.frame


def test_blocks_that_come_faster_than_time_are_not_time(start) -> None:
    source = start(capacity_frames=2**18)
    play_late(source, 600, 480, RATE, np.zeros(600))
    heard, began_ns = source.tape.next_frame, START_NS + round(source.frame * 1e9 / RATE)
    silence = np.zeros((3, 480), np.float32)
    now = began_ns
    for number in range(3000):  # half a minute of sound in half a second
        now = began_ns + number * 500_000_000 // 3000
        source.core.feed(silence, 480, adc_time=0.0, monotonic_ns=now)
        timeline = source.tape.timeline()
        since = (now - began_ns) * RATE // 10**9
        assert abs(timeline.measured_rate_hz - RATE) <= 480 / 5.9, "one block of six seconds"
        assert timeline.frame_at(Ns(now)) <= heard + since + 1.1 * 480
        assert source.tape.next_frame <= heard + since + 1.1 * 480
    assert source.tape.written <= heard + 480
    for _ in range(40):
        now += 10_000_000
        source.core.feed(silence, 480, adc_time=0.0, monotonic_ns=now)
    since = (now - began_ns) * RATE // 10**9
    assert abs(source.tape.next_frame - heard - since) <= 1, "time is told as before"
    assert source.tape.timeline().drift_ppm == pytest.approx(0, abs=1)
    (lost,) = [p for p in source.tape.runs(source.tape.oldest_frame, None) if isinstance(p, Lost)]
    assert lost.cause is GapCause.FREEWHEEL and not lost.exact


@pytest.mark.parametrize("speed", [0.2, 0.5, 1.5, 50.0, 1000.0])
def test_a_rate_that_no_clock_has_is_not_believed(speed: float) -> None:
    points = [(round(k * 10_000_000 / speed), k * 480) for k in range(2000)]
    timeline = fit(points, nominal_rate_hz=RATE)
    last_ns, last_frame = points[-1]
    assert timeline.measured_rate_hz == RATE
    assert timeline.frame_at(Ns(last_ns + 10**9)) == last_frame + RATE


@settings(max_examples=60, deadline=None)
@given(
    ppm=st.floats(-500, 500),
    late_ns=st.lists(st.integers(0, 20_000_000), min_size=60, max_size=300),
    period=st.sampled_from([2_000, 4_800, 9_600]),
)
def test_no_wake_up_however_late_draws_the_line_past_the_earliest(ppm, late_ns, period) -> None:
    rate = RATE * (1 + ppm * 1e-6)
    late_ns[0] = late_ns[len(late_ns) // 2] = late_ns[-1] = 0
    points = [(round(k * period * 1e9 / rate) + late, k * period) for k, late in enumerate(late_ns)]
    timeline = fit(points, nominal_rate_hz=RATE)
    if timeline.span_ns >= 5_000_000_000:
        assert timeline.drift_ppm == pytest.approx(ppm, abs=0.1)
        end = points[-1]
        assert abs(timeline.frame_at(Ns(end[0])) - end[1]) <= 1
    assert all(timeline.frame_at(Ns(ns)) >= frame - 1 for ns, frame in points)


def test_a_time_and_its_frame_lead_back_to_each_other() -> None:
    timeline = fit([(10**15, 10**12), (10**15 + 10**9, 10**12 + RATE)], nominal_rate_hz=RATE)
    for frame in (10**12 - 10**7, 10**12, 10**12 + 12_345):
        assert timeline.frame_at(timeline.ns_at(Frame(frame))) == frame
