"""A rig that is started again on the tape that still lies there: the first tap is a whole take, and no alarm."""

from __future__ import annotations

import time

import pytest

from rigd.model.state import Transport
from tests.support.patience import wait_for
from tests.support.rig import RigRun, check_take

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
CONFIG = """
[audio]
driver = "simulated"
channels = 2
period_frames = 480
[audio.simulated]
signal = "counter"
[take]
preroll_seconds = 3
"""
PREROLL_S = 3.0


def test_a_tap_right_after_the_start_has_the_preroll_that_was_heard_and_no_gap() -> None:
    with RigRun(CONFIG) as rig:
        rig.await_heard(1.0)
        rig.say("shut-down")
        rig.daemon.wait()
        off_since_s = time.monotonic()
        wait_for(lambda: time.monotonic() - off_since_s > PREROLL_S, "it was off for longer than a pre-roll")
        rig.start()
        rig.await_ready()
        rig.say("start")
        rig.roll(0.3)
        assert not rig.state().faults
        rig.say("stop")
        (take,) = rig.await_closed(1)
        check_take(take)
        assert not take.gaps and rig.state().transport is Transport.READY
        rig.say("keep 3")
        _, kept = rig.await_closed(2)
        check_take(kept)
        assert not kept.gaps and kept.written_frames < 3 * 48_000
