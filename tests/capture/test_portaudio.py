"""PortAudio on a real JACK server, heard by a real rigd-capture process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.capture.portaudio_library import PortAudio
from rigd.model.errors import InterfaceError
from rigd.model.messages import CapturePhase, CaptureSettings
from rigd.model.take import GapCause
from tests.support.capture_run import CaptureRun, settings_for
from tests.support.counter import JACK_FULL_SCALE, CounterPlayer
from tests.support.jack_server import JackServer
from tests.support.tape_check import check_tape
from tests.support.tools import need_jack_audio

CHANNELS = 64
pytestmark = pytest.mark.jack


@pytest.fixture(scope="module")
def player(jack: JackServer) -> Iterator[CounterPlayer]:
    with CounterPlayer(jack, channels=CHANNELS) as counter:
        yield counter


def on(jack: JackServer, runtime: Path, settings: CaptureSettings) -> CaptureRun:
    return CaptureRun(runtime, settings, environment=jack.jack_environment)


def has_realtime_thread(pid: int) -> bool:
    threads = [int(thread.name) for thread in Path(f"/proc/{pid}/task").iterdir()]
    return any(os.sched_getscheduler(thread) in (os.SCHED_FIFO, os.SCHED_RR) for thread in threads)


def test_every_sample_of_64_channels_is_on_the_tape(
    jack: JackServer, player: CounterPlayer, runtime: Path
) -> None:
    with on(jack, runtime, settings_for("portaudio", device="counter", channels=CHANNELS)) as capture:
        report = capture.await_listening()
        assert not report.simulated
        assert report.device == "counter, JACK Audio Connection Kit"
        assert (report.channels, report.sample_rate_hz, report.period_frames) == (CHANNELS, 48_000, 1024)
        assert report.realtime == has_realtime_thread(capture.process.pid)
        capture.await_frames(3 * 48_000)
        assert capture.tape().full_scale == JACK_FULL_SCALE
        assert check_tape(capture.tape()) == []
        assert capture.tape().counters().xruns == 0
        assert capture.ask_to_stop() == 0


def test_a_killed_capture_goes_on_in_the_same_tape_after_a_declared_gap(
    jack: JackServer, player: CounterPlayer, runtime: Path
) -> None:
    settings = settings_for("portaudio", device="counter", channels=CHANNELS)
    with on(jack, runtime, settings) as first:
        first.await_listening()
        first.await_frames(48_000)
        first.kill()
    with on(jack, runtime, settings) as second:
        second.await_listening()
        second.await_frames(48_000)
        (gap,) = check_tape(second.tape())
        assert gap.declared.cause is GapCause.CAPTURE_RESTARTED
        assert not gap.declared.exact
        assert gap.error_frames <= 2 * jack.period_frames
        assert second.tape().counters().suspects == 0


def test_the_gap_of_a_vanished_server_is_called_interface_lost(runtime: Path) -> None:
    need_jack_audio()
    settings = settings_for("portaudio", device="counter", channels=2)
    with JackServer(channels=2) as server:
        with CounterPlayer(server, channels=2), on(server, runtime, settings) as first:
            first.await_listening()
            first.await_frames(4_800)
            server.kill()
        with on(server, runtime, settings) as second:
            report, code = second.await_failure()
            assert code == 4
            assert "no interface at all" in report.failure
        server.start()
        with CounterPlayer(server, channels=2), on(server, runtime, settings) as third:
            third.await_listening()
            third.await_frames(4_800)
            (gap,) = check_tape(third.tape())
            assert gap.declared.cause is GapCause.INTERFACE_LOST


def test_a_rate_that_the_server_does_not_run_at_is_refused(
    jack: JackServer, player: CounterPlayer, runtime: Path
) -> None:
    settings = settings_for("portaudio", device="counter", channels=2, sample_rate_hz=96_000)
    with on(jack, runtime, settings) as capture:
        report, code = capture.await_failure()
        assert code == 4
        assert "runs at 48000 Hz" in report.failure
        assert "audio.sample_rate_hz = 48000" in report.failure
        assert not (runtime / "tape").exists()


def test_a_name_that_fits_two_clients_is_refused(
    jack: JackServer, player: CounterPlayer, runtime: Path
) -> None:
    with (
        CounterPlayer(jack, channels=2, client_name="other counter"),
        on(jack, runtime, settings_for("portaudio", device="count", channels=2)) as capture,
    ):
        report, code = capture.await_failure()
        assert code == 4
        assert '"count" matches 2 interfaces' in report.failure
        assert "other counter, JACK Audio Connection Kit" in report.failure


def test_too_few_inputs_are_refused_with_their_number(
    jack: JackServer, player: CounterPlayer, runtime: Path
) -> None:
    with on(jack, runtime, settings_for("portaudio", device="counter", channels=65)) as capture:
        report, _ = capture.await_failure()
        assert "has 64 inputs, the rig needs 65" in report.failure


def test_a_server_that_hangs_does_not_keep_capture_from_stopping(runtime: Path) -> None:
    need_jack_audio()
    settings = settings_for("portaudio", device="counter", channels=2)
    with JackServer(channels=2) as server, CounterPlayer(server, channels=2):
        with on(server, runtime, settings) as capture:
            capture.await_listening()
            server.stall()
            assert capture.ask_to_stop() == 0
        with on(server, runtime, settings) as second:
            assert second.await_phase(CapturePhase.OPENING).device == "counter"
            assert second.ask_to_stop() == 0
        server.go_on()


def test_a_missing_portaudio_says_which_package_to_install() -> None:
    with pytest.raises(InterfaceError, match="sudo apt install libportaudio2"):
        PortAudio(library_names=("libportaudio-that-is-not-there.so.9",))
