"""Capture comes back to a tape that is there already: the clock says how long it was away (F3)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from tape_source import RATE, Source, assert_is_counter, counter, geometry

from rigd.model.take import GapCause
from rigd.model.units import Frame, Ns
from rigd.tape.blocks import BlockFlag, Lost
from rigd.tape.capture_core import CaptureCore
from rigd.tape.tape import PORTAUDIO_FULL_SCALE, Tape
from tests.support.patience import wait_for


def test_the_time_away_is_one_gap_of_that_length_and_tracks_go_on_in_time(start) -> None:
    source = start(capacity_frames=2**17)
    for _ in range(100):
        source.play(480)
    source.core.close()
    source.lose(12_345)
    with CaptureCore(source.tape) as again:
        again.resume(source.tape.timeline())
        source.core = again
        source.play(480)
        source.play(480)
    lost = assert_is_counter(source.tape, 0)[1]
    assert lost == Lost(frame=Frame(48_000), frames=12_345, cause=GapCause.CAPTURE_RESTARTED, exact=False)
    resumed = list(source.tape.blocks())[100]
    assert resumed.flags == BlockFlag.RESUMED | BlockFlag.ESTIMATED
    assert source.tape.counters().suspects == 0


@pytest.mark.parametrize("at_once", [1, 2, 3, 8])
def test_a_host_that_brings_several_blocks_at_once_makes_the_gap_no_longer(start, at_once: int) -> None:
    """As PortAudio's ALSA host does where its period is not the block: all come when the last one is complete."""
    source = start(capacity_frames=2**18)
    frame, block, rows = 0, 1024, np.zeros((source.tape.geometry.channels, 1024), np.float32)

    def wake(core: CaptureCore) -> None:
        nonlocal frame
        frame += at_once * block
        for each in range(at_once):
            ns = 10**12 + round(frame * 1e9 / RATE) + 30_000 * each
            core.feed(rows, block, adc_time=0.0, monotonic_ns=ns)

    for _ in range(max(24, 96 // at_once)):
        wake(source.core)
    source.core.close()
    stored, lost = frame, 54_321
    frame += lost
    with CaptureCore(source.tape) as again:
        source.core = again
        again.resume(source.tape.timeline(), wake_frames=source.tape.wake_frames())
        wake(again)
        wake(again)
    (gap,) = (
        piece for piece in source.tape.runs(Frame(0), source.tape.next_frame) if isinstance(piece, Lost)
    )
    assert gap.frame == stored
    assert abs(gap.frames - lost) <= 16


@pytest.mark.parametrize("other_hz", [44_100, 52_800])
def test_the_rate_after_a_gap_is_not_that_of_a_stretch_that_was_heard_at_another(
    start, other_hz: int
) -> None:
    source = start(capacity_frames=2**20)
    rows = np.zeros((source.tape.geometry.channels, 480), np.float32)
    at_ns = 10**12

    def play(seconds: float, rate_hz: float) -> None:
        nonlocal at_ns
        for _ in range(round(seconds * rate_hz / 480)):
            at_ns += round(480 * 1e9 / rate_hz)
            source.core.feed(rows, 480, adc_time=0.0, monotonic_ns=at_ns)

    play(12, RATE)
    right = source.tape.timeline()
    play(2.5, other_hz)
    at_ns += 5 * 10**9
    source.core.resume(right, cause=GapCause.INTERFACE_LOST)
    play(2, RATE)
    after = source.tape.timeline()
    assert abs(after.drift_ppm) < 1
    assert abs(after.frame_at(Ns(at_ns + 10**9)) - source.tape.next_frame - RATE) <= 1


def test_a_stream_that_was_opened_again_names_the_interface(start) -> None:
    source = start(capacity_frames=2**15)
    source.play(480)
    source.lose(4800)
    source.core.resume(source.tape.timeline(), cause=GapCause.INTERFACE_LOST)
    source.play(480)
    assert assert_is_counter(source.tape, 0)[1].cause is GapCause.INTERFACE_LOST


def test_a_clock_that_says_no_time_passed_makes_no_gap_and_never_a_negative_one(start) -> None:
    source = start()
    for _ in range(4):
        source.play(480)
    source.core.resume(source.tape.timeline())
    source.core.feed(counter(source.frame, 480, 3), 480, adc_time=0.0, monotonic_ns=source.ns() - 10**9)
    assert source.tape.next_frame == 5 * 480
    assert source.tape.counters().lost_frames == 0


def test_blocks_dropped_before_a_restart_are_within_its_gap(start) -> None:
    source = start(capacity_frames=4096)
    for _ in range(8):
        source.play(480)
    hold = source.tape.take_hold(Frame(0), key=1)
    source.play(480)
    assert source.tape.counters().dropped_blocks == 1
    timeline = source.tape.timeline()
    source.core.close()
    with CaptureCore(source.tape) as again:
        source.core = again
        source.lose(1000)
        hold.release()
        again.resume(timeline)
        source.play(480)
    assert_is_counter(source.tape, source.tape.oldest_frame)
    assert source.tape.next_frame == source.frame
    assert source.tape.runs(Frame(3840), Frame(3841))[0].frames == 1
    assert source.tape.counters().lost_frames == 1480


def test_what_a_killed_capture_was_about_to_write_is_never_read_as_sound(start) -> None:
    source = start(capacity_frames=4096)
    for _ in range(9):
        source.play(1000)
    source.core.close()
    # As if killed within a block of 700: it is announced, and the oldest rows are half overwritten.
    # `intended`, `reserved` and `written` stand in the header in this order.
    fd = os.open(source.tape.path, os.O_RDWR)
    word, header = (9000).to_bytes(8, "little"), os.pread(fd, 4096, 0)
    announced = header.index(word, header.index(word) + 8)
    os.pwrite(fd, (9700).to_bytes(8, "little"), announced)
    os.close(fd)
    assert source.tape.runs(Frame(0), None)[0].frames == 9700 - 4096
    with CaptureCore(source.tape) as again:
        source.core = again
        source.play(100)
        assert source.tape.oldest_frame == 9700 - 4096
        assert source.tape.runs(Frame(0), None)[0].frames == 9700 - 4096
        for _ in range(2):
            source.play(400)
        assert source.tape.oldest_frame == 9900 - 4096
    assert_is_counter(source.tape, source.tape.oldest_frame)


CAPTURE = """
    import sys, time
    import numpy as np
    from pathlib import Path
    from rigd.tape.capture_core import CaptureCore
    from rigd.tape.tape import Tape
    sys.path.insert(0, sys.argv[2])
    from tape_source import Source
    tape = Tape.attach(Path(sys.argv[1]), writable=True)
    core = CaptureCore(tape)
    source = Source(tape, core, tape.next_frame)
    rng = np.random.default_rng(int(sys.argv[3]))
    print("playing", flush=True)
    while True:
        source.play(int(rng.integers(1, 2000)))
"""


def test_capture_killed_at_any_moment_leaves_a_tape_that_goes_on(folder: Path) -> None:
    path = folder / "tape"
    shape = geometry(channels=16, capacity_frames=2**14)
    rng = np.random.default_rng(5)
    with Tape.create(path, shape, full_scale=PORTAUDIO_FULL_SCALE) as tape:
        for seed in range(8):
            before = tape.next_frame
            command = [sys.executable, "-c", textwrap.dedent(CAPTURE), str(path), str(Path(__file__).parent)]
            capture = subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE)
            assert capture.stdout is not None
            capture.stdout.readline()
            target = before + int(rng.integers(100_000, 400_000))
            wait_for(lambda: tape.next_frame >= target, f"the tape reaches {target}")  # noqa: B023
            capture.send_signal(signal.SIGKILL)
            capture.wait()
            capture.stdout.close()
            with CaptureCore(tape) as core:
                assert_is_counter(tape, tape.oldest_frame)
                source = Source(tape, core, tape.next_frame)
                source.play(500)
                assert_is_counter(tape, tape.oldest_frame)
        assert tape.counters().lost_frames == 0


def test_a_rate_that_was_measured_places_the_return(folder: Path) -> None:
    """100 ppm over 100 s are 480 frames: the nominal rate would put the return that far off."""
    shape = geometry(channels=1, capacity_frames=2**20)
    with (
        Tape.create(folder / "tape", shape, full_scale=PORTAUDIO_FULL_SCALE) as tape,
        CaptureCore(tape) as core,
    ):
        silence = np.zeros((1, 4800), np.float32)
        rate = RATE * (1 + 100e-6)
        for block in range(1, 101):
            core.feed(silence, 4800, adc_time=0.0, monotonic_ns=round(block * 4800 * 1e9 / rate))
        away = 100 * RATE
        core.resume(tape.timeline())
        core.feed(silence, 4800, adc_time=0.0, monotonic_ns=round((101 * 4800 + away) * 1e9 / rate))
        assert abs(tape.counters().lost_frames - away) <= 1


def test_a_rate_that_was_measured_places_every_return_of_an_interface_that_comes_and_goes(
    folder: Path,
) -> None:
    """Between the absences it is heard too shortly to measure it again."""
    shape = geometry(channels=1, capacity_frames=2**20)
    with (
        Tape.create(folder / "tape", shape, full_scale=PORTAUDIO_FULL_SCALE) as tape,
        CaptureCore(tape) as core,
    ):
        silence = np.zeros((1, 480), np.float32)
        rate, sent = RATE * (1 + 200e-6), 0

        def hear(seconds: float) -> None:
            nonlocal sent
            for _ in range(round(seconds * 100)):
                sent += 480
                core.feed(silence, 480, adc_time=0.0, monotonic_ns=round(sent * 1e9 / rate))

        hear(10.0)
        for away_s in (1, 2, 5, 10, 30, *([0.5] * 40), 300):
            before = tape.counters().lost_frames
            sent += round(away_s * rate)
            core.resume(tape.timeline())
            hear(0.2)
            assert abs(tape.counters().lost_frames - before - away_s * rate) <= 1.5
            assert abs(tape.timeline().drift_ppm - 200) < 1
