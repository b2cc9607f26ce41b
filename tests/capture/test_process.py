"""rigd-capture as a process: its lock, its reports, its tape, its end."""

from __future__ import annotations

import ctypes
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rigd.model.messages import CapturePhase
from rigd.tape.tape import Tape
from tests.support.capture_run import CaptureRun, settings_for
from tests.support.counter import CounterPlayer
from tests.support.jack_server import JackServer
from tests.support.patience import PATIENCE_S
from tests.support.tape_check import check_tape

SETTINGS = settings_for("simulated", channels=2, options={"signal": "counter"})
DROP_CAPABILITY, SYS_NICE, IPC_LOCK = 24, 23, 14  # prctl(2), capabilities(7)


def test_a_second_capture_ends_with_a_clear_message_and_the_first_goes_on(runtime: Path) -> None:
    with CaptureRun(runtime, SETTINGS) as first:
        first.await_listening()
        second = subprocess.run(
            [sys.executable, "-m", "rigd.capture", str(runtime)], capture_output=True, timeout=PATIENCE_S
        )
        assert second.returncode == 3
        assert f"process {first.process.pid}) already listens".encode() in second.stderr
        first.await_frames(4_800)
        assert check_tape(first.tape()) == []


def test_every_new_connection_gets_a_report_at_once(runtime: Path) -> None:
    with CaptureRun(runtime, SETTINGS) as capture:
        first = capture.await_listening()
        assert capture.reconnect().receive(PATIENCE_S) == first
        assert first.phase is CapturePhase.LISTENING


def test_it_goes_on_without_anybody_connected_and_stops_at_sigterm(runtime: Path) -> None:
    with CaptureRun(runtime, SETTINGS) as capture:
        capture.await_listening()
        capture.link().close()
        capture.await_frames(9_600)
        capture.process.send_signal(signal.SIGTERM)
        assert capture.process.wait(timeout=PATIENCE_S) == 0
        assert not (runtime / "capture.sock").exists()
        assert (runtime / "tape").exists()


NOTES_WHO_OPENS = """
import sys, threading
from pathlib import Path
from hardware_sim.interface import SimulatedDriver
from rigd.capture import process

class NotesWhoOpens(SimulatedDriver):
    def start(self, core):
        Path(sys.argv[1], "opened_by").write_text(str(threading.get_native_id()))
        super().start(core)

process.load_driver = lambda name: NotesWhoOpens
sys.exit(process.main())
"""


def test_the_thread_that_opened_the_card_stays_while_the_card_is_open(runtime: Path) -> None:
    """ALSA names it as the card's owner: without it the doctor takes rigd's own capture for a stranger."""
    with CaptureRun(runtime, SETTINGS, program=("-c", NOTES_WHO_OPENS)) as capture:
        capture.await_listening()
        capture.await_frames(48_000)
        owner = int((runtime / "opened_by").read_text())
        assert owner != capture.process.pid
        assert Path(f"/proc/{capture.process.pid}/task/{owner}").exists()
        capture.process.send_signal(signal.SIGTERM)
        assert capture.process.wait(timeout=PATIENCE_S) == 0


def test_what_is_no_message_closes_that_connection_only(runtime: Path) -> None:
    with CaptureRun(runtime, SETTINGS) as capture:
        capture.await_listening()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
            stranger.settimeout(PATIENCE_S)
            stranger.connect(str(runtime / "capture.sock"))
            stranger.sendall(b"\xff{no message\n")
            while stranger.recv(65_536):
                pass
        assert capture.reconnect().receive(PATIENCE_S).phase is CapturePhase.LISTENING


@pytest.mark.parametrize("text", ["", "[]", '{"driver": 7}', '{"driver": "simulated", "device": ""}'])
def test_settings_that_cannot_be_read_end_it_with_the_field_that_is_wrong(runtime: Path, text: str) -> None:
    (runtime / "capture.json").write_text(text)
    ended = subprocess.run(
        [sys.executable, "-m", "rigd.capture", str(runtime)], capture_output=True, timeout=PATIENCE_S
    )
    assert ended.returncode == 2
    assert b"capture.json" in ended.stderr


def test_a_driver_that_is_not_installed_is_named_with_those_that_are(runtime: Path) -> None:
    with CaptureRun(runtime, settings_for("theremin", channels=2)) as capture:
        report, code = capture.await_failure()
        assert code == 4
        assert "simulated" in report.failure
        assert "portaudio" in report.failure


def test_a_tape_of_another_shape_is_replaced_when_no_take_is_open(runtime: Path) -> None:
    with CaptureRun(runtime, SETTINGS) as capture:
        capture.await_listening()
        assert capture.ask_to_stop() == 0
    with CaptureRun(runtime, settings_for("simulated", channels=3)) as capture:
        capture.await_listening()
        assert capture.tape().geometry.channels == 3


def test_a_tape_of_another_shape_is_not_taken_from_an_open_take(runtime: Path) -> None:
    with CaptureRun(runtime, SETTINGS) as capture:
        capture.await_listening()
        assert capture.ask_to_stop() == 0
    with Tape.attach(runtime / "tape", writable=True) as tape, tape.take_hold(tape.oldest_frame, key=7):
        with CaptureRun(runtime, settings_for("simulated", channels=3)) as capture:
            report, code = capture.await_failure()
            assert code == 5
            assert "1 open take(s)" in report.failure
            assert "Stop the take" in report.failure
        with Tape.attach(runtime / "tape", writable=False) as same:
            assert same.tape_id == tape.tape_id


def test_a_file_that_is_no_tape_is_replaced_with_a_warning(runtime: Path) -> None:
    (runtime / "tape").write_bytes(b"not a tape" * 1000)
    with CaptureRun(runtime, SETTINGS) as capture:
        report = capture.await_listening()
        assert any("not a tape" in warning for warning in report.warnings)


def test_the_tape_is_locked_in_memory_where_that_is_allowed(runtime: Path) -> None:
    with CaptureRun(runtime, SETTINGS) as capture:
        report = capture.await_listening()
        status = Path(f"/proc/{capture.process.pid}/status").read_text()
        locked_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmLck"))
        rows_kib = SETTINGS.tape.channels * SETTINGS.tape.capacity_frames * 4 // 1024
        assert report.memory_locked == (locked_kib >= rows_kib)


@pytest.mark.jack
def test_rights_that_are_missing_are_warnings_with_their_cure(runtime: Path, jack: JackServer) -> None:
    with (
        CounterPlayer(jack, channels=2, client_name="for one"),
        CaptureRun(
            runtime,
            settings_for("portaudio", device="for one", channels=2),
            environment=jack.jack_environment,
            before_start=_without_rights,
        ) as capture,
    ):
        report = capture.await_listening()
        assert not report.realtime
        assert not report.memory_locked
        assert any("LimitRTPRIO=95" in warning for warning in report.warnings)
        assert any("LimitMEMLOCK=infinity" in warning for warning in report.warnings)


def _without_rights() -> None:
    libc = ctypes.CDLL(None)
    for capability in (SYS_NICE, IPC_LOCK):
        libc.prctl(DROP_CAPABILITY, capability, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (65_536, 65_536))
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
