"""How often the daemon wakes up when nobody asks it for anything. A wake-up costs more than what is done in it. On a
busy machine threads also wait for each other, which the kernel counts as well: the least of some looks is judged."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from rigd.tape.tape import Tape
from tests.support.patience import wait_for
from tests.support.rig import RigRun

pytestmark = pytest.mark.slow
CONFIG = """
[audio]
driver = "simulated"
channels = 8
"""
SECONDS = 4.0
LOOKS = 5
IDLE_WAKES_A_SECOND = 13.0
"""Two for signals; two each for capture and the runtime folder; one each for the writer's report, what the controller
makes of it, the clock, the library, clips, and what is not safe. That is twelve: of most looks 11.4 to 12.1 came out,
also beside a load of 15, of one 16.6. One more look of anybody's is too many."""


def wakes(pid: int) -> int:
    """How often threads of the process went to sleep, so far (proc(5), voluntary_ctxt_switches)."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        lines = Path(f"/proc/{pid}/task/{thread}/status").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt"))
    return total


def test_a_daemon_that_nobody_asks_hardly_wakes_up() -> None:
    with RigRun(CONFIG) as rig:
        rig.await_heard(6.0)  # the start is over: the library was looked through, the disk was tried
        rig.client().close()
        looked: list[float] = []
        with Tape.attach(rig.runtime / "tape", writable=False) as tape:
            while len(looked) < LOOKS and not any(each < IDLE_WAKES_A_SECOND for each in looked):
                began, before = time.monotonic(), wakes(rig.daemon.pid)
                until = tape.next_frame + SECONDS * tape.geometry.sample_rate_hz
                wait_for(lambda until=until: tape.next_frame >= until, "some seconds of sound")  # type: ignore[misc]
                looked.append((wakes(rig.daemon.pid) - before) / (time.monotonic() - began))
    assert min(looked) < IDLE_WAKES_A_SECOND
