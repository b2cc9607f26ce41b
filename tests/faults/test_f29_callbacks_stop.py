"""F29: callbacks stop and the stream calls itself active (SIGSTOP of the JACK server). The frame counter tells."""

from __future__ import annotations

import time

import pytest

from tests.faults.test_f28_server_gone import CHANNELS, JACK
from tests.proof.device import (
    absences,
    check_pieces,
    is_heard,
    seconds_until_another,
    seconds_until_heard,
    seconds_until_lost,
)
from tests.proof.figures import Figures, count
from tests.proof.load import start_take, stop_take
from tests.proof.oracle import check_b
from tests.support.counter import CounterPlayer
from tests.support.jack_server import JackServer
from tests.support.rig import RigRun
from tests.support.tools import need_jack_audio

pytestmark = pytest.mark.alone

TIMES = count(ci=1, full=10)


@pytest.mark.jack
@pytest.mark.timeout(count(ci=120, full=600))
def test_a_jack_server_that_stands_still_costs_a_declared_gap_and_no_take(figures: Figures) -> None:
    need_jack_audio()
    lost_s = another_s = 0.0
    with (
        JackServer(channels=2) as server,
        CounterPlayer(server, channels=CHANNELS),
        RigRun(JACK, environment=server.environment) as rig,
    ):
        take = start_take(rig, seconds=2)
        for _ in range(TIMES):
            before, at = rig.pid_of("capture"), time.monotonic()
            lost_s = max(lost_s, seconds_until_lost(rig, server.stall))
            another_s = max(another_s, seconds_until_another(rig, before, at))
            seconds_until_heard(rig, server.go_on)
            rig.await_state(is_heard, "heard")
            rig.roll(1)
        closed = stop_take(rig)
        assert closed.take_id == take.take_id
        assert len(absences(closed)) >= TIMES
        check_pieces(closed)
        check_b(closed.folder)
    load, of = f"{CHANNELS} ch/48 kHz/24 bit, JACK", f"{TIMES} servers stopped"
    figures.record("F29", "told", bound="<= 500 ms", measured=1000 * lost_s, unit="ms", load=load, count=of)
    figures.record(
        "F29",
        "capture killed and started again",
        bound="<= 1.0 s",
        measured=another_s,
        unit="s",
        load=load,
        count=of,
    )
