"""The simulated interface, heard by a real rigd-capture process, with each of its faults."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from hardware_sim.fault_words import FAULTS, FaultError, parse_fault
from hardware_sim.faults import FaultClient
from hardware_sim.interface import FULL_SCALE, SimulatedDriver
from rigd.model.take import GapCause, Xrun
from rigd.model.units import Frame
from rigd.tape.blocks import Block, BlockFlag
from rigd.tape.capture_core import CaptureCore
from rigd.tape.tape import Tape
from tests.support.capture_run import CaptureRun, settings_for
from tests.support.patience import PATIENCE_S, wait_for
from tests.support.tape_check import CounterGap, check_tape

RATE = 48_000
PERIOD = 480
SETTINGS = settings_for(
    "simulated", channels=4, sample_rate_hz=RATE, period_frames=PERIOD, options={"signal": "counter"}
)


@pytest.fixture
def capture(runtime: Path) -> Iterator[CaptureRun]:
    with CaptureRun(runtime, SETTINGS) as running:
        running.await_listening()
        yield running


@pytest.fixture
def faults(runtime: Path, capture: CaptureRun) -> FaultClient:
    return FaultClient(runtime)


def gaps_after_some_blocks(capture: CaptureRun) -> list[CounterGap]:
    capture.await_frames(5 * PERIOD)
    return check_tape(capture.tape())


def block_with(capture: CaptureRun, flag: BlockFlag) -> Block:
    wait_for(lambda: any(flag in block.flags for block in capture.tape().blocks()), f"a block with {flag!r}")
    return next(block for block in capture.tape().blocks() if flag in block.flags)


def test_every_sample_of_8_channels_at_96_khz_is_on_the_tape(runtime: Path) -> None:
    settings = settings_for(
        "simulated", channels=8, sample_rate_hz=96_000, capacity_frames=1 << 20, options={"signal": "counter"}
    )
    with CaptureRun(runtime, settings) as capture:
        report = capture.await_listening()
        assert (report.channels, report.sample_rate_hz, report.period_frames) == (8, 96_000, 1024)
        assert report.simulated
        capture.await_frames(2 * 96_000)
        assert check_tape(capture.tape()) == []


@pytest.mark.alone
@pytest.mark.parametrize("rate", [44_100, 192_000])
def test_it_runs_in_real_time_at_any_rate(runtime: Path, rate: int) -> None:
    settings = settings_for(
        "simulated", channels=3, sample_rate_hz=rate, capacity_frames=1 << 20, options={"signal": "counter"}
    )
    with CaptureRun(runtime, settings) as capture:
        capture.await_listening()
        capture.await_frames(rate)
        blocks = list(capture.tape().blocks())
        sound_s = (blocks[-1].first_frame - blocks[0].first_frame) / rate
        assert (blocks[-1].monotonic_ns - blocks[0].monotonic_ns) / 1e9 == pytest.approx(sound_s, rel=0.1)
        assert check_tape(capture.tape()) == []


def test_unpaced_it_is_faster_than_any_card_and_loses_nothing(runtime: Path) -> None:
    settings = settings_for(
        "simulated", channels=2, capacity_frames=1 << 20, options={"signal": "counter", "paced": False}
    )
    with CaptureRun(runtime, settings) as capture:
        capture.await_listening()
        wait_for(lambda: capture.tape().written > 60 * RATE, "a minute of sound")
        assert capture.ask_to_stop() == 0
        assert check_tape(capture.tape(), first_frame=capture.tape().oldest_frame) == []
        assert abs(capture.tape().timeline().drift_ppm) < 1


@pytest.mark.alone
def test_a_killed_capture_goes_on_and_the_counter_has_run_on_meanwhile(runtime: Path) -> None:
    with CaptureRun(runtime, SETTINGS) as first:
        first.await_listening()
        first.await_frames(RATE)
        first.kill()
    with CaptureRun(runtime, SETTINGS) as second:
        second.await_listening()
        second.await_frames(RATE)
        (gap,) = check_tape(second.tape())
        assert gap.declared.cause is GapCause.CAPTURE_RESTARTED
        assert gap.error_frames <= 2 * PERIOD


def test_an_overflow_loses_exactly_what_is_declared(capture: CaptureRun, faults: FaultClient) -> None:
    receipt = faults.give("overflow 4801")
    assert receipt is not None
    assert receipt.lost_frames == 4_801
    block_with(capture, BlockFlag.OVERFLOW)
    (gap,) = gaps_after_some_blocks(capture)
    assert gap.counter_frames == gap.declared.frames == 4_801
    assert gap.declared.cause is GapCause.OVERFLOW


def test_a_flag_alone_is_counted_and_nothing_is_inserted(capture: CaptureRun, faults: FaultClient) -> None:
    faults.give('{"fault": "flag"}')
    assert block_with(capture, BlockFlag.OVERFLOW).lost_before == 0
    assert gaps_after_some_blocks(capture) == []
    assert capture.tape().counters().xruns == 1


@pytest.mark.parametrize("jump", [PERIOD, 9_600])
def test_a_jump_alone_is_suspect_and_nothing_is_inserted(
    capture: CaptureRun, faults: FaultClient, jump: int
) -> None:
    capture.await_frames(20 * PERIOD)
    faults.give(f"jump {jump}")
    assert block_with(capture, BlockFlag.SUSPECT).lost_before == 0
    tape = capture.tape()
    assert tape.counters().suspects == 1
    (suspect,) = (piece for piece in tape.runs(Frame(0), tape.next_frame) if isinstance(piece, Xrun))
    assert suspect.suspect
    assert abs(suspect.about_frames - jump) < PERIOD / 2
    with pytest.raises(AssertionError, match=f"from frame 0: row 0, frame {suspect.at_frame} of "):
        check_tape(tape)


def test_a_stall_is_a_gap_of_that_length(capture: CaptureRun, faults: FaultClient) -> None:
    faults.give("stall 0.3")
    block_with(capture, BlockFlag.OVERFLOW)
    (gap,) = gaps_after_some_blocks(capture)
    assert gap.counter_frames == round(0.3 * RATE)
    assert gap.error_frames <= 1


def test_late_blocks_lose_nothing(capture: CaptureRun, faults: FaultClient) -> None:
    faults.give("late 200")
    capture.await_frames(40 * PERIOD)
    assert check_tape(capture.tape()) == []
    stamps = [block.monotonic_ns for block in capture.tape().blocks()]
    assert max(after - before for before, after in pairwise(stamps)) > 190_000_000


def test_bad_numbers_are_replaced_and_counted(capture: CaptureRun, faults: FaultClient) -> None:
    faults.give("nan")
    block = block_with(capture, BlockFlag.CLAMPED)
    assert block.clamped == 4 * 3
    assert capture.tape().counters().clamped == 12


@pytest.mark.parametrize("frames", [1, 4_096, 65_536])
def test_a_block_of_any_length_is_taken(capture: CaptureRun, faults: FaultClient, frames: int) -> None:
    faults.give(f"block {frames}")
    wait_for(lambda: any(block.frames == frames for block in capture.tape().blocks()), "that block")
    assert gaps_after_some_blocks(capture) == []


def test_a_block_of_no_frames_is_counted(capture: CaptureRun, faults: FaultClient) -> None:
    faults.give("zero-block")
    wait_for(lambda: capture.tape().counters().zero_blocks == 1, "that block")
    assert gaps_after_some_blocks(capture) == []


def test_a_huge_block_that_does_not_fit_is_a_gap(runtime: Path) -> None:
    settings = settings_for(
        "simulated", channels=4, period_frames=PERIOD, capacity_frames=1 << 15, options={"signal": "counter"}
    )
    with CaptureRun(runtime, settings) as capture:
        capture.await_listening()
        FaultClient(runtime).give(f"huge-block {(1 << 14) + 1}")
        wait_for(lambda: capture.tape().counters().dropped_blocks == 1, "that block")
        (gap,) = gaps_after_some_blocks(capture)
        assert gap.counter_frames == gap.declared.frames == (1 << 14) + 1


def test_a_block_without_samples_is_a_gap_of_its_length(capture: CaptureRun, faults: FaultClient) -> None:
    faults.give("null")
    wait_for(lambda: capture.tape().counters().dropped_blocks == 1, "that block")
    (gap,) = gaps_after_some_blocks(capture)
    assert gap.counter_frames == gap.declared.frames == PERIOD


def test_a_clock_that_runs_backwards_loses_nothing(capture: CaptureRun, faults: FaultClient) -> None:
    faults.give("backwards 2")

    def fell() -> bool:
        times = [block.adc_time for block in capture.tape().blocks()]
        return any(after < before for before, after in pairwise(times))

    wait_for(fell, "an earlier stamp")
    assert gaps_after_some_blocks(capture) == []


def test_a_drifting_clock_is_measured(capture: CaptureRun, faults: FaultClient) -> None:
    faults.give("drift 100000")
    wait_for(
        lambda: capture.tape().timeline().drift_ppm == pytest.approx(1e5, rel=0.1), "the drift in the fit"
    )
    assert check_tape(capture.tape()) == []


@pytest.mark.alone
def test_a_vanished_interface_is_silent_cannot_be_opened_and_returns(
    capture: CaptureRun, faults: FaultClient, runtime: Path
) -> None:
    capture.await_frames(PERIOD)
    receipt = faults.give("vanish")
    assert receipt is not None
    assert receipt.vanished
    capture.kill()
    with CaptureRun(runtime, SETTINGS) as second:
        report, code = second.await_failure()
        assert code == 4
        assert "is not there" in report.failure
    assert faults.give("return") is None
    with CaptureRun(runtime, SETTINGS) as third:
        third.await_listening()
        third.await_frames(10 * PERIOD)
        (gap,) = check_tape(third.tape())
        assert gap.declared.cause is GapCause.INTERFACE_LOST
        assert gap.error_frames <= 2 * PERIOD


def test_a_stream_on_an_unplugged_interface_stays_dead_when_it_returns(
    capture: CaptureRun, faults: FaultClient
) -> None:
    faults.give("vanish")
    written = capture.tape().written
    receipt = faults.give("return")
    assert receipt is not None
    assert receipt.vanished
    assert faults.give("status") == receipt
    assert capture.tape().written == written


def test_a_person_gives_faults_from_a_terminal(capture: CaptureRun, runtime: Path) -> None:
    command = [sys.executable, "-m", "hardware_sim.interface", str(runtime), "overflow", "960"]
    ended = subprocess.run(command, capture_output=True, timeout=PATIENCE_S)
    assert ended.returncode == 0
    assert b"lost_frames=960" in ended.stdout
    block_with(capture, BlockFlag.OVERFLOW)
    refused = subprocess.run([*command[:-1], "many"], capture_output=True, timeout=PATIENCE_S)
    assert refused.returncode == 2
    assert b"needs an amount in frames" in refused.stderr


def test_a_card_that_was_closed_leaves_its_threads_as_they_were(runtime: Path) -> None:
    """In a process that goes on: what it starts afterwards has the policy and the nice value that it has itself."""
    before = os.sched_getscheduler(os.getpid())
    path, geometry = runtime / "tape", SETTINGS.tape
    with Tape.create(path, geometry, full_scale=FULL_SCALE) as tape, CaptureCore(tape) as core:
        driver = SimulatedDriver(SETTINGS, runtime)
        driver.start(core)
        wait_for(lambda: tape.written > 0, "sound")
        driver.stop()
    assert os.sched_getscheduler(os.getpid()) == before


@pytest.mark.parametrize(
    "text",
    ["", "explode", "overflow", "overflow -1", "overflow nan", "stall 1e9", "flag 3", "{", '{"amount": 3}'],
)
def test_what_is_no_fault_is_refused_with_words(text: str) -> None:
    with pytest.raises(FaultError):
        parse_fault(text)


def test_every_fault_has_words_that_parse() -> None:
    for kind in FAULTS:
        amount = {"": "", "otherwise": " channels 2 rate 44100"}.get(kind.unit, f" {max(1.0, kind.least)}")
        assert parse_fault(f"{kind.word}{amount}").word == kind.word


@pytest.mark.parametrize("words", ["", "channels", "channels two", "rate -1", "colour red"])
def test_a_card_returns_only_as_something_that_there_is(words: str) -> None:
    with pytest.raises(FaultError, match="return-as"):
        parse_fault(f"return-as {words}")


def test_faults_need_an_interface_that_is_open(runtime: Path) -> None:
    with pytest.raises(FaultError, match="no simulated interface is open"):
        FaultClient(runtime).give("overflow 10")
