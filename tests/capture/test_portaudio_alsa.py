"""PortAudio on a real ALSA library, whose null device needs no card: what ALSA is asked for.

The null device brings its blocks as fast as they are taken, so it also shows what becomes of time that runs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.capture.portaudio_library import AlsaBuffer
from tests.support.capture_run import CaptureRun, settings_for
from tests.support.patience import wait_for

RATE = 48_000
ALSA_CONFIG = """
</usr/share/alsa/alsa.conf>
pcm.counterless {
    type null
    hint { show on description "nothing to hear" }
}
"""


@pytest.fixture
def alsa(tmp_path: Path) -> dict[str, str]:
    """For a process that is to find the null device."""
    config = tmp_path / "asound.conf"
    config.write_text(ALSA_CONFIG, "utf-8")
    return {"ALSA_CONFIG_PATH": str(config), "JACK_NO_START_SERVER": "1"}


@given(
    period_frames=st.integers(16, 8192),
    latency_ms=st.integers(10, 2000),
    sample_rate_hz=st.sampled_from([44_100, 48_000, 96_000, 192_000]),
)
def test_the_period_is_what_was_asked_for_and_the_buffer_holds_the_latency(
    period_frames: int, latency_ms: int, sample_rate_hz: int
) -> None:
    asked = AlsaBuffer.of(
        period_frames=period_frames, latency_s=latency_ms / 1000.0, sample_rate_hz=sample_rate_hz
    )
    # What pa_linux_alsa.c makes of it, in whole frames.
    buffer_frames = int(asked.latency_s * sample_rate_hz)
    assert buffer_frames // asked.periods == period_frames
    assert buffer_frames >= latency_ms * sample_rate_hz // 1000
    assert buffer_frames < latency_ms * sample_rate_hz / 1000 + 2 * period_frames


@pytest.mark.parametrize(("period_frames", "latency_ms"), [(256, 170), (1024, 170), (1024, 250), (3000, 10)])
def test_each_block_is_one_period_of_alsa_and_no_more(
    runtime: Path, alsa: dict[str, str], period_frames: int, latency_ms: int
) -> None:
    settings = settings_for(
        "portaudio",
        device="counterless, ALSA",
        channels=2,
        period_frames=period_frames,
        options={"latency_ms": latency_ms},
    )
    with CaptureRun(runtime, settings, environment=alsa) as capture:
        report = capture.await_listening()
        assert (report.host_api, report.period_frames) == ("ALSA", period_frames)
        tape = capture.tape()
        wait_for(lambda: tape.counters().dropped_blocks > 10, "blocks come faster than time")
        assert {block.frames for block in tape.blocks()} == {period_frames}
        # What time did not bring is no sound, and the tape's frames go on with the clock.
        stored, at, began_s = tape.written, tape.next_frame, time.monotonic()
        wait_for(lambda: tape.next_frame >= at + RATE // 2, "half a second goes by on the tape")
        assert tape.next_frame - at <= (time.monotonic() - began_s) * RATE + RATE // 4
        assert tape.written <= stored + period_frames
