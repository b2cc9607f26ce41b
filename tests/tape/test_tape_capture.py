"""The writing end: what a driver may do to it, and what the tape says afterwards (F31, F32)."""

from __future__ import annotations

import numpy as np
import pytest
from tape_source import RATE, assert_is_counter, counter

from rigd.model.errors import TapeError
from rigd.model.take import GapCause, Xrun
from rigd.model.units import Frame
from rigd.tape.blocks import BlockFlag, Lost, Run
from rigd.tape.capture_core import CaptureCore


def test_the_tape_loops_and_keeps_its_last_capacity_of_frames(start) -> None:
    source = start(capacity_frames=4096)
    for _ in range(50):
        source.play(333)
    tape = source.tape
    assert tape.next_frame == tape.written == 50 * 333
    assert tape.oldest_frame == 50 * 333 - 4096
    assert len(assert_is_counter(tape, tape.oldest_frame)) == 1


def test_the_log_tells_what_each_block_brought(start) -> None:
    source = start()
    source.play(128)
    source.play(64)
    first, second = source.tape.blocks()
    assert (first.position, first.first_frame, first.frames) == (0, 0, 128)
    assert (second.index, second.position, second.first_frame, second.frames) == (1, 128, 128, 64)
    assert second.adc_time == pytest.approx(1 + 128 / RATE)
    assert second.monotonic_ns == source.ns()
    assert list(source.tape.blocks(1)) == [second]


def test_an_overflow_with_a_jump_of_the_clock_is_a_gap_of_that_length(start) -> None:
    source = start()
    source.play(256)
    source.play(256)
    source.lose(700)
    source.play(256, flags=BlockFlag.OVERFLOW)
    source.play(256)
    pieces = assert_is_counter(source.tape, 0)
    assert pieces[1] == Lost(frame=Frame(512), frames=700, cause=GapCause.OVERFLOW, exact=False)
    assert [type(p) for p in source.tape.runs(Frame(0), None)] == [Run, Lost, Run], (
        "no xrun mark beside a gap"
    )
    counters = source.tape.counters()
    assert (counters.xruns, counters.lost_frames, counters.suspects) == (1, 700, 0)
    assert source.tape.written == source.tape.next_frame - 700, "a gap takes no room on the tape"


@pytest.mark.parametrize("adc", [True, False])
def test_an_overflow_without_a_jump_is_only_marked(start, adc: bool) -> None:
    source = start()
    source.play(256, adc=adc)
    source.play(256, flags=BlockFlag.OVERFLOW, adc=adc)
    assert source.tape.runs(Frame(0), None) == [
        Run(frame=Frame(0), position=0, frames=256),
        Xrun(at_frame=Frame(256)),
        Run(frame=Frame(256), position=256, frames=256),
    ]
    assert source.tape.counters().xruns == 1
    assert source.tape.counters().lost_frames == 0


def test_a_driver_without_a_clock_is_measured_by_ours(start) -> None:
    source = start()
    source.play(256, adc=False)
    source.lose(900)
    source.play(256, flags=BlockFlag.OVERFLOW, adc=False)
    assert assert_is_counter(source.tape, 0)[1].frames == 900


def test_a_jump_without_a_word_is_suspect_and_inserts_nothing(start) -> None:
    source = start(capacity_frames=1 << 16)
    for _ in range(20):
        source.play(256)
    source.lose(1_000)
    for _ in range(120):
        source.play(256)
    begun, mark, went_on = source.tape.runs(Frame(0), None)
    assert mark == Xrun(at_frame=Frame(5_120), suspect=True, about_frames=1_000)
    assert went_on == Run(frame=Frame(begun.frames), position=begun.frames, frames=140 * 256 - begun.frames)
    assert 12 * 256 <= begun.frames - 5_120 <= RATE, "it is told once it can be no late wake-up"
    assert source.tape.counters().suspects == 1
    assert source.tape.counters().lost_frames == 0


def test_an_overflow_told_with_an_empty_block_counts_for_the_next_one(start) -> None:
    source = start()
    source.play(256)
    source.play(0, flags=BlockFlag.OVERFLOW)
    source.lose(500)
    source.play(256)
    assert assert_is_counter(source.tape, 0)[1].frames == 500
    assert source.tape.counters().zero_blocks == 1
    assert source.tape.counters().xruns == 1


def test_zeros_that_the_driver_put_in_are_marked(start) -> None:
    source = start()
    source.play(256)
    source.play(256, flags=BlockFlag.UNDERFLOW)
    assert Xrun(at_frame=Frame(256)) in source.tape.runs(Frame(0), None)


def test_a_clock_that_runs_backwards_or_mad_loses_nothing(start) -> None:
    source = start()
    rows = counter(0, 64, 3)
    for adc_time in (5.0, 4.0, float("nan"), float("inf"), -3.0, 1e300, 4.0, 0.0):
        flags = BlockFlag.OVERFLOW
        source.core.feed(rows, 64, adc_time=adc_time, monotonic_ns=10**9, flags=flags)
    assert source.tape.counters().lost_frames == 0
    assert source.tape.next_frame == 8 * 64


@pytest.mark.parametrize("frames", [1, 2, 15, 16, 17, 2047, 2048])
def test_blocks_of_any_length_up_to_half_the_tape_are_stored(start, frames: int) -> None:
    source = start(capacity_frames=4096)
    source.play(1000)
    for _ in range(5):
        source.play(frames)
    assert source.tape.counters().lost_frames == 0
    assert_is_counter(source.tape, source.tape.oldest_frame)


def test_a_block_that_is_too_long_or_empty_handed_is_lost_whole_and_exactly(start) -> None:
    source = start(capacity_frames=4096)
    source.play(100)
    source.play(65_536)
    source.play_nothing(37)
    assert source.tape.next_frame == source.frame, "frames are time, also while nothing can be stored"
    assert source.tape.written == 100
    source.play(100)
    lost = assert_is_counter(source.tape, 0)[1]
    assert lost == Lost(frame=Frame(100), frames=65_573, cause=GapCause.OVERFLOW, exact=True)
    assert source.tape.counters().dropped_blocks == 2


def test_nan_and_infinity_become_zero_and_are_counted_and_the_rest_is_untouched(start) -> None:
    source = start(channels=2)
    rows = counter(0, 100, 2)
    expected = rows.copy()
    for channel, frame, value in ((0, 3, np.nan), (0, 99, np.inf), (1, 40, -np.inf)):
        rows[channel, frame] = value
        expected[channel, frame] = 0.0
    rows[1, 50] = expected[1, 50] = np.float32(1e-42)  # denormal: finite, so it stays
    rows[1, 51] = expected[1, 51] = np.float32(3e38)
    source.core.feed(rows, 100, adc_time=1.0, monotonic_ns=1)
    run = source.tape.runs(Frame(0), None)[0]
    np.testing.assert_array_equal(source.tape.samples(run), expected)
    assert source.tape.counters().clamped == 3
    (block,) = source.tape.blocks()
    assert block.clamped == 3
    assert BlockFlag.CLAMPED in block.flags


def test_rows_may_be_a_slice_of_something_larger(start) -> None:
    source = start(channels=2)
    wide = counter(0, 500, 6)
    source.core.feed(wide[0:2, 0:200], 200, adc_time=1.0, monotonic_ns=1)
    source.core.feed(
        np.ascontiguousarray(wide[0:2, 200:300].T).T, 100, adc_time=1.0 + 200 / RATE, monotonic_ns=2
    )
    assert_is_counter(source.tape, 0)
    with pytest.raises(TapeError, match="a block of float64"):
        source.core.feed(np.zeros((2, 10)), 10, adc_time=1.0, monotonic_ns=3)
    with pytest.raises(TapeError, match="it takes float32"):
        source.core.feed(np.zeros((3, 10), np.float32), 10, adc_time=1.0, monotonic_ns=3)


@pytest.mark.parametrize("border", [2**31, 2**32, 2**31 * 3])
def test_frames_and_positions_cross_the_borders_of_32_bits(start, border: int) -> None:
    origin = border - 10_000
    source = start(origin_frame=origin, origin_position=origin)
    tape = source.tape
    assert tape.oldest_frame == tape.next_frame == origin
    with tape.take_hold(Frame(origin), key=1) as hold:
        reader = tape.reader(Frame(origin))
        for _ in range(200):
            source.play(101)
            run = reader.next(10_000)
            assert isinstance(run, Run)
            np.testing.assert_array_equal(tape.samples(run), counter(run.frame, run.frames, 3))
            hold.advance(reader.position)
    assert tape.next_frame == origin + 200 * 101 > border
    assert tape.counters().lost_frames == 0
    assert_is_counter(tape, tape.oldest_frame)
    assert tape.timeline().frame_at(source.ns()) == source.frame


def test_the_writing_end_is_closed_with_an_error_for_who_goes_on(start) -> None:
    source = start()
    core = CaptureCore(source.tape)
    core.close()
    core.close()
    with pytest.raises(TapeError, match="was closed"):
        core.feed(None, 1, adc_time=0.0, monotonic_ns=0)
