"""F33: unplugged and plugged in, over and over, inside one take. No zombie, no leaked descriptor, every gap told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from hardware_sim.faults import FaultClient
from tests.faults.test_f28_server_gone import CHANNELS, JACK
from tests.proof.device import (
    absences,
    check_pieces,
    open_descriptors,
    seconds_until_heard,
    seconds_until_lost,
    zombies_of,
)
from tests.proof.figures import Figures, count
from tests.proof.load import RATE_HZ, start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.support.counter import CounterPlayer
from tests.support.jack_server import JackServer
from tests.support.patience import wait_for
from tests.support.rig import RigRun
from tests.support.tools import need_jack_audio

pytestmark = pytest.mark.alone

CYCLES = count(ci=8, full=100)
SERVERS = count(ci=2, full=10)


@pytest.mark.timeout(count(ci=180, full=1200))
def test_every_replug_is_a_declared_gap_and_leaves_nothing_behind(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    rig = rig_of()
    faults = FaultClient(rig.runtime)
    faults.drift(200.0)
    start_take(rig, seconds=6)  # so long until the rate is measured
    before = {pid: open_descriptors(pid) for pid in (rig.daemon.pid, rig.pid_of("writer"))}
    for _ in range(CYCLES):
        seconds_until_lost(rig, faults.vanish)
        seconds_until_heard(rig, faults.come_back)
        rig.roll(0.2)
    wait_for(lambda: zombies_of(rig.daemon.pid) == 0, "no zombie is left")
    leaked = sum(open_descriptors(pid) - were for pid, were in before.items())
    assert leaked == 0
    take = stop_take(rig)
    heard = check_a(take.folder)
    check_b(take.folder)
    assert len(heard.gaps) == CYCLES
    of = f"{CYCLES} times unplugged and plugged in"
    figures.record(
        "F33", "zombies", bound="0", measured=zombies_of(rig.daemon.pid), unit="processes", count=of
    )
    figures.record("F33", "leaked descriptors", bound="0", measured=leaked, unit="descriptors", count=of)
    error_ms = 1000 * heard.worst_gap_error / RATE_HZ
    figures.record("F33", "gap is wrong by", bound="<= 20 ms", measured=error_ms, unit="ms", count=of)
    figures.record(
        "F33", "gaps not declared", bound="0", measured=CYCLES - len(heard.gaps), unit="gaps", count=of
    )


@pytest.mark.jack
@pytest.mark.timeout(count(ci=180, full=600))
def test_every_restart_of_a_jack_server_is_a_declared_gap_and_leaves_nothing_behind(figures: Figures) -> None:
    need_jack_audio()
    with JackServer(channels=2) as server, ExitStack() as playing:
        player = playing.enter_context(CounterPlayer(server, channels=CHANNELS))
        with RigRun(JACK, environment=server.environment) as rig:
            start_take(rig)
            before = {pid: open_descriptors(pid) for pid in (rig.daemon.pid, rig.pid_of("writer"))}
            for _ in range(SERVERS):
                seconds_until_lost(rig, server.kill)
                player.stop()
                server.start()
                player = playing.enter_context(CounterPlayer(server, channels=CHANNELS))
                seconds_until_heard(rig)
                rig.roll(0.2)
            wait_for(lambda: zombies_of(rig.daemon.pid) == 0, "no zombie is left")
            leaked = sum(open_descriptors(pid) - were for pid, were in before.items())
            assert leaked == 0
            take = stop_take(rig)
            assert len(absences(take)) >= SERVERS
            check_pieces(take)
            check_b(take.folder)
    figures.record(
        "F33",
        "leaked descriptors, JACK",
        bound="0",
        measured=leaked,
        unit="descriptors",
        load=f"{CHANNELS} ch/48 kHz/24 bit, JACK",
        count=f"{SERVERS} servers killed and started",
    )
