"""A capture that ends: the server has let go of it while it still answers, so that nobody waits for it in vain."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rigd.capture.jack_leaving import leave_servers
from tests.support.capture_run import CaptureRun, runtime_folder, settings_for
from tests.support.counter import CounterPlayer
from tests.support.jack_server import JackServer, open_client
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


def test_what_is_no_client_leaves_nobody() -> None:
    before = len(os.listdir("/proc/self/fd"))
    assert not leave_servers(within_s=0.1)
    assert len(os.listdir("/proc/self/fd")) == before
