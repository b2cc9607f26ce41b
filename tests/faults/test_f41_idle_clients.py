"""F41, on the control socket: hundreds of clients that sit there, half-speak or never read cost the rig nothing.
(The part of it that needs the web page waits for the web page.)"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from pathlib import Path

from rigd.control.client import ControlClient
from tests.support.rig import RigRun, check_take

SIXTEEN_CHANNELS = """
[audio]
driver = "simulated"
channels = 16
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 5
keep_seconds = 2
[take]
preroll_seconds = 0.0
"""


def test_f41_idle_and_half_spoken_clients_cost_nothing(tmp_path: Path) -> None:
    seconds = 600 if os.environ.get("RIGD_FAULTS") == "full" else 5
    with RigRun(SIXTEEN_CHANNELS) as rig, contextlib.ExitStack() as crowd:
        rig.say("start")
        path = str(rig.runtime / "rigd.sock")
        before = _memory_bytes(rig.daemon.pid)

        def connect() -> socket.socket:
            stream = crowd.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            stream.connect(path)
            return stream

        deaf = connect()
        deaf.sendall(
            json.dumps({"type": "SubscribeRequest", "id": "deaf", "levels_hz": 30.0}).encode() + b"\n"
        )
        for _ in range(500):
            connect()
        loris = [connect() for _ in range(50)]
        slowest = 0.0
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for stream in loris:
                with contextlib.suppress(OSError):
                    stream.send(b"{")
            asked = time.monotonic()
            with ControlClient(rig.runtime / "rigd.sock", origin="console") as console:
                assert console.status().state.take is not None
            slowest = max(slowest, time.monotonic() - asked)
        grown = _memory_bytes(rig.daemon.pid) - before
        rig.say("stop")
        (take,) = rig.await_closed(1)
        check_take(take)
    print(f"console answered within {slowest * 1000:.0f} ms; the daemon grew by {grown / 1e6:.1f} MB")
    assert grown < 50e6


def _memory_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
