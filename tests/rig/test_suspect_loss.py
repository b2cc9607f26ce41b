"""An interface that loses sound and does not say so: the rig says it, with the place, and goes on (U36, F31)."""

from __future__ import annotations

import numpy as np
import pytest

from hardware_sim.faults import FaultClient
from rigd.model.state import RigState, Transport
from tests.support.patience import wait_for
from tests.support.rig import RigRun, sheet_of, take_codes

pytestmark = pytest.mark.alone

PERIOD = 480
CONFIG = f"""
[audio]
driver = "simulated"
channels = 3
period_frames = {PERIOD}
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 10
keep_seconds = 5
[take]
preroll_seconds = 0
"""


def alarms(state: RigState) -> list[str]:
    return [fault.what for fault in state.faults if fault.key.startswith("suspect ")]


def test_a_jump_without_a_word_is_an_alarm_and_stands_in_the_take_at_its_frame() -> None:
    with RigRun(CONFIG) as rig:
        rig.await_heard(1)
        rig.say("start")
        rig.roll(1)
        assert alarms(rig.state()) == []
        FaultClient(rig.runtime).give(f"jump {2 * PERIOD}")
        state = rig.await_state(lambda state: bool(alarms(state)), "the alarm")
        (alarm,) = alarms(state)
        assert "may have lost about " in alarm and "it did not say so" in alarm and "Listen there" in alarm
        assert state.transport is Transport.ROLLING
        rig.roll(1)
        rig.say("stop")
        (take,) = rig.await_closed(1)
        wait_for(lambda: bool(sheet_of(take).get("xruns")), "take.json tells of it")
        (xrun,) = sheet_of(take)["xruns"]
        assert xrun["suspect"] and abs(xrun["about_frames"] - 2 * PERIOD) < PERIOD / 2
        assert not take.gaps
        for codes in take_codes(take):
            (jumped,) = np.flatnonzero(np.diff(codes) % (1 << 23) != 1) + 1
            assert jumped == xrun["frame"]
            assert (codes[jumped] - codes[jumped - 1]) % (1 << 23) == 2 * PERIOD + 1
        rig.say("clear-fault")
        assert alarms(rig.state()) == []


def test_a_late_block_is_no_alarm() -> None:
    with RigRun(CONFIG) as rig:
        rig.await_heard(1)
        rig.say("start")
        rig.roll(0.5)
        faults = FaultClient(rig.runtime)
        for late_ms in (30, 200, 400):
            faults.give(f"late {late_ms}")
            rig.roll(1.2)
        rig.say("stop")
        (take,) = rig.await_closed(1)
        assert take.xruns == 0 and not take.gaps
        assert rig.state().faults == ()
