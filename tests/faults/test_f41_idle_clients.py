"""F41, on the control socket: hundreds of clients that sit there, half-speak or never read cost the rig nothing.
(The part of it that needs the web page waits for the web page.)"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rigd.api.client import ControlClient
from tests.proof.figures import Figures, count
from tests.proof.oracle import check_a, check_b
from tests.support.rig import RigRun

IDLE, SLOW = 500, 50
MOST_GROWN_BYTES = 50_000_000
DEAF_ASKS = count(ci=4_000, full=20_000)
"""Each for the whole state with levels: some 20 MB of answers or more, that nobody reads."""
MOST_HELD_BYTES = 8 << 20
"""By how much the daemon is larger at most while such a client is there: its megabyte, and what comes and goes."""
CUT_WITHIN_S = 60.0


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

        held = _held_for_the_deaf(rig.daemon.pid, connect())
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
    assert held < MOST_HELD_BYTES
    of = f"{IDLE} idle, {SLOW} half-spoken clients, 1 deaf one for {seconds} s"
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

    figures.record(
        "F41",
        "held for a client that never reads, until it is cut off",
        bound="about 1 MB",
        limit=MOST_HELD_BYTES / 1e6,
        measured=held / 1e6,
        unit="MB",
        count=f"{DEAF_ASKS:,} requests for the whole state and levels 30 times a second, none read",
    )


def _held_for_the_deaf(pid: int, deaf: socket.socket) -> int:
    """It asks and asks, never reads, and was cut off. By how many bytes the daemon was larger at most meanwhile."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak is counted from here (proc(5))
    before = _memory_bytes(pid)
    asks: list[dict[str, object]] = [{"type": "SubscribeRequest", "id": "deaf", "levels_hz": 30.0}]
    asks += [{"type": "StatusRequest", "id": str(number), "levels": True} for number in range(DEAF_ASKS)]
    deaf.settimeout(CUT_WITHIN_S)
    with contextlib.suppress(ConnectionError):  # cut off before it had said it all
        for ask in asks:
            deaf.sendall(json.dumps(ask).encode() + b"\n")
    waiter = select.poll()
    waiter.register(deaf, 0)  # nothing but that the other end is gone
    assert waiter.poll(1000 * CUT_WITHIN_S), "the client that never reads was never cut off"
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    peak = 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    return peak - before


def _memory_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
