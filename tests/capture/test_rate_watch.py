"""The rate of a stream, measured: nothing is stored while it is wrong, and what follows is where it belongs."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from hardware_sim.faults import FaultClient
from rigd.capture.rate_watch import RATE_NAME, RateDoubt, RateWatch
from rigd.model.messages import CapturePhase, CaptureReport, TapeGeometry
from rigd.model.take import GapCause
from rigd.model.units import Frame
from rigd.tape.blocks import Block, BlockFlag, Lost
from rigd.tape.capture_core import CaptureCore
from rigd.tape.tape import PORTAUDIO_FULL_SCALE, Tape
from tests.support.capture_run import CaptureRun, settings_for
from tests.support.patience import wait_for

RATE = 48_000
SETTINGS = settings_for("simulated", channels=2, period_frames=512, options={"signal": "counter"})
REPORTED_WITHIN_S = 3.0


def resumed(capture: CaptureRun) -> tuple[Block, Block]:
    """The first block that was stored again, and the last one before it."""
    blocks = list(capture.tape().blocks())
    (at,) = (i for i, block in enumerate(blocks) if i and BlockFlag.RESUMED in block.flags)
    return blocks[at - 1], blocks[at]


def await_wrong(capture: CaptureRun) -> CaptureReport:
    report = capture.await_phase(CapturePhase.FAILED)
    assert report.measuring
    return report


def await_delivered(faults: FaultClient, frames: int) -> None:
    """The card has brought so many frames more."""
    until = faults.status().delivered_frames + frames
    wait_for(lambda: faults.status().delivered_frames >= until, f"{frames} more frames of the card")


@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
def test_nothing_is_stored_at_a_wrong_rate_and_what_follows_is_where_time_says(
    runtime: Path, rate_hz: int
) -> None:
    with CaptureRun(runtime, SETTINGS) as capture:
        heard = capture.await_listening()
        capture.await_frames(3 * RATE)  # it has been found to be right
        before = list(capture.tape().blocks())[-1]
        faults, at = FaultClient(runtime), time.monotonic()
        faults.clock(rate_hz)
        report = await_wrong(capture)
        took_s = time.monotonic() - at
        for figure in (f"{RATE:,} Hz", f"{report.measured_rate_hz:,.0f} Hz"):
            assert figure in report.mismatch
        assert report.measured_rate_hz == pytest.approx(rate_hz, rel=1e-3)
        assert "pw-metadata -n settings 0 clock.force-rate 48000" in report.mismatch
        assert report.false_from is not None
        wrong_at = before.first_frame + before.frames
        assert abs(report.false_from - wrong_at) < RATE / 4
        written = capture.tape().written
        await_delivered(faults, RATE // 10)
        assert capture.tape().written == written
        faults.clock(RATE)
        again = capture.await_phase(CapturePhase.LISTENING)
        assert (again.mismatch, again.measuring) == ("", False)
        capture.await_frames(4_800)
        last, first = resumed(capture)
        assert last.position + last.frames == written, "frames at a wrong rate were stored"
        assert again.heard_from == first.first_frame
        true_frames = (first.monotonic_ns - before.monotonic_ns) * RATE / 1e9
        placed = first.first_frame + first.frames - before.first_frame - before.frames
        assert abs(placed - true_frames) < RATE / 50
        assert not (runtime / RATE_NAME).exists()
        assert heard.heard_from == 0
        assert took_s < REPORTED_WITHIN_S


def test_a_capture_that_is_started_at_a_wrong_rate_measures_before_it_stores(runtime: Path) -> None:
    with CaptureRun(runtime, SETTINGS) as first:
        first.await_listening()
        FaultClient(runtime).clock(44_100)
        known = await_wrong(first)
        written = first.tape().written
        first.kill()
    with CaptureRun(runtime, SETTINGS) as second:
        assert await_wrong(second) == known
        faults = FaultClient(runtime)
        await_delivered(faults, 3 * RATE)
        assert second.tape().written == written
        faults.clock(RATE)
        second.await_listening()
        _, block = resumed(second)
        pieces = second.tape().runs(Frame(0), second.tape().next_frame)
        (gap,) = (piece for piece in pieces if isinstance(piece, Lost))
        assert gap.cause is GapCause.INTERFACE_LOST
        assert not gap.exact
        assert gap.frames == block.lost_before


def test_a_stream_that_dies_while_it_is_measured_ends_the_process(runtime: Path) -> None:
    with CaptureRun(runtime, SETTINGS) as capture:
        capture.await_listening()
        faults = FaultClient(runtime)
        faults.clock(44_100)
        known = await_wrong(capture)
        faults.vanish()
        assert capture.process.wait(timeout=10) == 4
    assert json.loads((runtime / RATE_NAME).read_text())["why"] == known.mismatch


def test_a_stream_that_dies_just_when_it_is_to_be_stored_again_is_over_too(tmp_path: Path) -> None:
    """While it says that it measures nobody else looks whether anything comes in."""
    listening = CaptureReport(
        phase=CapturePhase.LISTENING, device="Card", sample_rate_hz=RATE, channels=1, period_frames=480
    )
    geometry, second_ns = TapeGeometry(channels=1, sample_rate_hz=RATE, capacity_frames=1 << 15), 10**9
    with (
        Tape.create(tmp_path / "tape", geometry, full_scale=PORTAUDIO_FULL_SCALE) as tape,
        CaptureCore(tape) as core,
    ):
        doubt = RateDoubt(
            why="44,100 Hz",
            measured_rate_hz=44_100,
            nominal_rate_hz=RATE,
            tape_id=tape.tape_id,
            timeline=None,
            false_from=None,
        )
        core.measure_only(True)
        watch = RateWatch(
            report=listening,
            core=core,
            tape=tape,
            runtime=tmp_path,
            doubt=doubt,
            first_block=0,
            began_ns=second_ns,
        )
        silence, now_ns = np.zeros((1, 480), np.float32), second_ns
        for _ in range(300):
            now_ns += second_ns // 100
            core.feed(silence, 480, adc_time=0.0, monotonic_ns=now_ns)
            assert watch.look(now_ns).measuring
            if watch.due_ns == now_ns:
                break  # the rate is right, and the next block would be stored
        assert watch.look(now_ns + second_ns // 2).measuring
        assert not watch.look(now_ns + 2 * second_ns).measuring
        assert tape.written == 0
