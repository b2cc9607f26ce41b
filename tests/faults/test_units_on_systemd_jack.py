"""A unit that has no network, no shared memory but JACK's and no code of its own making still hears a JACK server."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack

import pytest

from tests.support.jack_server import NAMES
from tests.support.patience import wait_for
from tests.support.systemd_run import SystemdRun
from tests.support.tools import need_jack_audio, need_tool

JACK_SERVER = NAMES[-1]
ON_JACK = """
[audio]
driver = "portaudio"
channels = 2
"""


@pytest.mark.jack
@pytest.mark.timeout(300)
def test_capture_without_a_network_hears_a_jack_server() -> None:
    """JACK's sockets are files; abstract ones would be of the network that capture has none of."""
    need_jack_audio()
    jackd = str(need_tool("jackd"))
    with ExitStack() as running:
        systemd = running.enter_context(SystemdRun(ON_JACK))
        for unit in ("rigd.service", "rigd-capture.service"):
            words = f"JACK_DEFAULT_SERVER={JACK_SERVER} JACK_NO_START_SERVER=1"
            systemd.edit(unit, f"[Service]\nEnvironment={words}\n")
        log = running.enter_context((systemd.folder / "jackd.log").open("wb"))
        # Whoever runs the tests at another priority may not let a user's jackd leave it.
        server = subprocess.Popen(
            systemd.beside(
                "chrt", "--other", "0", "setpriv", "--reuid=rigd", "--regid=rigd", "--clear-groups",
                jackd, "-n", JACK_SERVER, "-r", "-m", "-d", "dummy", "-r", "48000", "-p", "1024",
            ),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        running.enter_context(server)
        running.callback(server.terminate)
        assert systemd.run("/opt/rigd/bin/rigd", "units").returncode == 0
        systemd.control("daemon-reload")
        systemd.control("restart", "rigd.service", "rigd-capture.service")

        def listens() -> bool:
            interface = systemd.state().interface
            return interface is not None and interface.phase == "listening"

        wait_for(listens, "capture hears jackd", within_s=60, instead=lambda: systemd.state().interface)
