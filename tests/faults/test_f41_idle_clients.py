"""F41, on the control socket: hundreds of clients that sit there, half-speak or never read cost the rig nothing.
(The part of it that needs the web page waits for the web page.)"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rigd.control.client import ControlClient
from tests.faults.figures import Figures, count
from tests.faults.oracle import check_a, check_b
from tests.support.rig import RigRun

IDLE, SLOW = 500, 50
MOST_GROWN_BYTES = 50_000_000


@pytest.mark.timeout(900)
def test_f41_idle_and_half_spoken_clients_cost_nothing(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    seconds = count(ci=5, full=600)
    rig = rig_of(channels=count(ci=16, full=64))
    with contextlib.ExitStack() as crowd:
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
        for _ in range(IDLE):
            connect()
        loris = [connect() for _ in range(SLOW)]
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
        heard = check_a(take.folder)
        check_b(take.folder)
    assert heard.gap_frames == 0
    assert grown < MOST_GROWN_BYTES
    of = f"{IDLE} idle, {SLOW} half-spoken, 1 deaf client for {seconds} s"
    figures.record("F41", "frames lost", bound="0 frames", measured=heard.gap_frames, unit="frames", count=of)
    figures.record(
        "F41",
        "slowest answer to the console",
        bound="<= 200 ms",
        measured=slowest * 1000,
        unit="ms",
        count=of,
    )
    figures.record(
        "F41", "memory of the daemon grows by", bound="< 50 MB", measured=grown / 1e6, unit="MB", count=of
    )


def _memory_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
