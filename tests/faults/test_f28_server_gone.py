"""F28: the interface vanishes and returns: a JACK server that is killed, an interface that is unplugged. The take
stays open, the gap is as long as the absence, nobody waits for a driver to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from hardware_sim.faults import FaultClient
from rigd.model.state import Transport
from rigd.model.take import GapCause
from tests.proof.device import (
    absences,
    check_pieces,
    resumed_blocks,
    seconds_until_another,
    seconds_until_heard,
    seconds_until_lost,
    worst_gap_error_s,
)
from tests.proof.figures import Figures, count
from tests.proof.load import RATE_HZ, start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.support.counter import CounterPlayer
from tests.support.jack_server import JackServer
from tests.support.rig import RigRun
from tests.support.tools import need_jack_audio

pytestmark = pytest.mark.alone

CHANNELS = 8
TIMES = count(ci=1, full=10)
AWAY_S = count(ci=(0.0, 3.0), full=(0.0, 1.0, 2.0, 5.0, 10.0, 30.0))
JACK = f"""
[audio]
driver = "portaudio"
device = "counter, JACK Audio Connection Kit"
channels = {CHANNELS}
[tape]
stall_seconds = 20
keep_seconds = 5
"""


@pytest.mark.jack
@pytest.mark.timeout(count(ci=120, full=600))
def test_a_killed_jack_server_costs_a_gap_as_long_as_it_was_away(figures: Figures) -> None:
    need_jack_audio()
    with JackServer(channels=2) as server, ExitStack() as playing:
        player = playing.enter_context(CounterPlayer(server, channels=CHANNELS))
        with RigRun(JACK, environment=server.environment) as rig:
            take = start_take(rig, seconds=6)  # so long until the rate is measured
            lost_s = heard_s = 0.0
            for _ in range(TIMES):
                before, at = rig.pid_of("capture"), time.monotonic()
                lost_s = max(lost_s, seconds_until_lost(rig, server.kill))
                seconds_until_another(rig, before, at)
                player.stop()
                server.start()
                at = time.monotonic()
                player = playing.enter_context(CounterPlayer(server, channels=CHANNELS))
                seconds_until_heard(rig)
                heard_s = max(heard_s, time.monotonic() - at)
                rig.roll(1)
            error_s = worst_gap_error_s(rig)
            returns = len(resumed_blocks(rig))
            assert returns >= TIMES
            closed = stop_take(rig)
            assert closed.take_id == take.take_id
            assert len(absences(closed)) == returns
            check_pieces(closed)
            check_b(closed.folder)
    load, of = f"{CHANNELS} ch/48 kHz/24 bit, JACK", f"{TIMES} servers killed"
    record = figures.record
    record(
        "F28",
        "server killed: told",
        bound="<= 500 ms",
        measured=1000 * lost_s,
        unit="ms",
        load=load,
        count=of,
    )
    record("F28", "server is back: heard", bound="<= 3 s", measured=heard_s, unit="s", load=load, count=of)
    record(
        "F28",
        "server killed: gap is wrong by",
        bound="<= 20 ms",
        measured=1000 * error_s,
        unit="ms",
        load=load,
        count=of,
    )


@pytest.mark.timeout(count(ci=120, full=300))
def test_an_interface_that_is_unplugged_costs_a_gap_as_long_as_it_was_away(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    rig = rig_of()
    faults = FaultClient(rig.runtime)
    faults.drift(200.0)
    start_take(rig, seconds=6)  # so long until the rate is measured
    lost_s = heard_s = 0.0
    for away_s in AWAY_S:
        lost_s = max(lost_s, seconds_until_lost(rig, faults.vanish))
        time.sleep(away_s)
        assert rig.state().transport is Transport.ROLLING
        heard_s = max(heard_s, seconds_until_heard(rig, faults.come_back))
        rig.roll(1)
    take = stop_take(rig)
    heard = check_a(take.folder)
    check_b(take.folder)
    assert len(heard.gaps) == len(AWAY_S)
    # One that is back before capture looks for it was never seen to be away.
    assert GapCause.INTERFACE_LOST in {gap.cause for gap in heard.gaps}
    of = f"{len(AWAY_S)} times unplugged, up to {max(AWAY_S):g} s"
    record = figures.record
    record("F28", "unplugged: told", bound="<= 500 ms", measured=1000 * lost_s, unit="ms", count=of)
    record("F28", "plugged in: heard", bound="<= 3 s", measured=heard_s, unit="s", count=of)
    record(
        "F28",
        "unplugged: gap is wrong by",
        bound="<= 20 ms",
        measured=1000 * heard.worst_gap_error / RATE_HZ,
        unit="ms",
        count=of,
    )
