"""A capture that ends: the server has let go of it while it still answers, so that nobody waits for it in vain."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import termios
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from rigd.capture.jack_leaving import leave_servers
from tests.support.capture_run import CaptureRun, runtime_folder, settings_for
from tests.support.counter import CounterPlayer
from tests.support.jack_server import JackServer, open_client
from tests.support.patience import PATIENCE_S, wait_for
from tests.support.tools import die_with_parent

CHANNELS = 64
ENDS = 5
LEAVING = """
import sys, jack
from rigd.capture.jack_leaving import leave_servers
client = jack.Client("leaving", no_start_server=True)
client.inports.register("in_1")
client.activate()
print("there", flush=True)
sys.stdin.readline()
print(leave_servers(within_s=20.0), flush=True)
sys.stdin.readline()
import os
os._exit(0)
"""


@pytest.mark.jack
def test_a_server_has_let_go_of_it_while_it_lives(jack: JackServer) -> None:
    looking = open_client("looking", jack.name)
    child = subprocess.Popen(
        [sys.executable, "-c", LEAVING],
        env=jack.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent,
    )
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "there\n"
        assert looking.get_ports("leaving:.*")
        child.stdin.write("leave\n")
        child.stdin.flush()
        assert child.stdout.readline() == "True\n"
        assert not looking.get_ports("leaving:.*")
        assert child.poll() is None
    finally:
        child.kill()
        child.communicate()
        looking.close()


@pytest.mark.jack
def test_a_capture_that_ends_costs_nobody_a_period() -> None:
    """One that just dies costs one at each end. A busy machine may cost one now and then."""
    costs = []
    with JackServer(channels=2) as server, CounterPlayer(server, channels=CHANNELS):
        for _ in range(ENDS):
            with runtime_folder() as runtime:
                costs.append(_cost_of_an_end(server, runtime))
                if costs[-1] == 0:
                    return
    raise AssertionError(f"xruns at {ENDS} ends: {costs}")


def _cost_of_an_end(server: JackServer, runtime: Path) -> int:
    # A tape as long as in life: the kernel takes its time to give it back.
    settings = settings_for("portaudio", device="counter", channels=CHANNELS, capacity_frames=1 << 20)
    with CaptureRun(runtime, settings, environment=server.environment) as capture:
        capture.await_listening()
        capture.await_frames(48_000)
        before = server.log().count("XRun")
        assert capture.ask_to_stop() == 0
    client = open_client("after", server.name)  # the server has seen to all that was before
    client.close()
    return server.log().count("XRun") - before


class FarEnd:
    """Who is at the other end of a connection of this process, under a name of its own."""

    def __init__(self, path: Path, opened: ExitStack) -> None:
        listener = opened.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(path))
        listener.listen()
        self.ours = opened.enter_context(socket.socket(socket.AF_UNIX))
        self.ours.connect(str(path))
        self.theirs = opened.enter_context(listener.accept()[0])


def test_it_is_left_only_once_the_server_has_closed_its_end_and_nobody_else_is_left(tmp_path: Path) -> None:
    with ExitStack() as opened:
        server, other = (FarEnd(tmp_path / name, opened) for name in ("jack_default_0_0", "another"))
        ended: list[bool] = []
        leaving = threading.Thread(target=lambda: ended.append(leave_servers(within_s=PATIENCE_S)))
        leaving.start()
        assert server.theirs.recv(1) == b"", "the server is told"
        server.theirs.send(b"its last words")
        wait_for(lambda: not bytes_waiting(server.ours), "they are read")
        assert leaving.is_alive(), "it has not let go yet"
        server.theirs.close()
        leaving.join(PATIENCE_S)
        assert ended == [True]
        other.ours.send(b"x")
        assert other.theirs.recv(1) == b"x", "what is no server is not touched"


def bytes_waiting(connection: socket.socket) -> int:
    return int.from_bytes(fcntl.ioctl(connection, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_a_server_that_does_not_answer_is_an_error_and_leaves_nothing_open(tmp_path: Path) -> None:
    with ExitStack() as opened:
        FarEnd(tmp_path / "jack_default_0_0", opened)
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(OSError):
            leave_servers(within_s=0.01)
        assert len(os.listdir("/proc/self/fd")) == before


def test_what_is_no_client_leaves_nobody() -> None:
    before = len(os.listdir("/proc/self/fd"))
    assert not leave_servers(within_s=0.1)
    assert len(os.listdir("/proc/self/fd")) == before
