"""F8: every core is kept busy by a process of nice 0. Nothing is lost, and the audio callback runs in real time where
the machine permits it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.proof.figures import Figures, count
from tests.proof.load import RATE_HZ, busy_cores, source, start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.support.counter import CounterPlayer
from tests.support.jack_server import JackServer
from tests.support.rig import RigRun
from tests.support.tools import Exempt, excused, need_jack_audio

pytestmark = pytest.mark.alone

SECONDS = count(ci=6.0, full=600.0)

JACK = """
[audio]
driver = "portaudio"
device = "counter, JACK Audio Connection Kit"
channels = 2
[tape]
stall_seconds = 5
keep_seconds = 5
"""


@pytest.mark.timeout(count(ci=120, full=1200))
def test_with_every_core_busy_nothing_is_lost(rig_of: Callable[..., RigRun], figures: Figures) -> None:
    rig = rig_of()
    start_take(rig)
    before = source(rig)
    with busy_cores():
        rig.roll(SECONDS)
    after = source(rig)
    closed = stop_take(rig)
    heard = check_a(closed.folder)
    check_b(closed.folder)
    assert heard.gaps == ()
    assert heard.frames >= SECONDS * RATE_HZ
    assert after.lost_frames == before.lost_frames
    of = f"{SECONDS:g} s, {os.cpu_count()} hogs"
    figures.record("F8", "frames lost", bound="0 frames", measured=heard.gap_frames, unit="frames", count=of)


@pytest.mark.jack
def test_the_callback_of_a_real_driver_runs_in_real_time() -> None:
    need_jack_audio()
    if not may_run_in_real_time():
        excused(Exempt.REAL_TIME)
    with (
        JackServer(channels=2) as server,
        CounterPlayer(server, channels=2),
        RigRun(JACK, environment=server.environment) as rig,
        busy_cores(),
    ):
        state = rig.state()
        assert state.interface is not None and state.interface.realtime
        policies = [
            os.sched_getscheduler(int(thread.name))
            for thread in Path(f"/proc/{rig.pid_of('capture')}/task").iterdir()
        ]
        assert os.SCHED_FIFO in policies or os.SCHED_RR in policies, f"{policies}"


def may_run_in_real_time() -> bool:
    """A process of ours may have SCHED_FIFO."""
    child = os.fork()
    if child == 0:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
