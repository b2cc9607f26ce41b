"""F38: a hundred presses a second, a switch that is stuck from the start. Each press is one action or one refusal
that is told; the rig ends as the accepted presses say; a stuck switch starts nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from hardware_sim.pedal import Pedal, PtyWire
from hardware_sim.storms import Piece, Storm
from rigd.model.events import Happening
from rigd.model.state import Transport
from tests.proof.figures import Figures, count
from tests.proof.oracle import check_a, check_b
from tests.proof.storming import PEDAL_PRESS, pedal_section
from tests.support.events import EventLog
from tests.support.rig import RigRun

PRESSES = count(ci=101, full=1001)
PER_SECOND = 100
CHANNELS = 4
LOAD = f"{CHANNELS} ch/48 kHz/24 bit"
ACTIONS = (Happening.TAKE_STARTED, Happening.TAKE_STOPPED)


@pytest.mark.timeout(count(ci=180, full=900))
def test_every_press_of_a_storm_is_one_action_or_one_refusal(
    rig_of: Callable[..., RigRun], figures: Figures, tmp_path: Path
) -> None:
    with Pedal(lambda: PtyWire(tmp_path / "pedal"), kind="fixed") as pedal:
        rig = rig_of(
            channels=CHANNELS,
            preroll_s=0.0,
            more=pedal_section(pedal.port, mode="trigger", press="toggle", debounce_ms=0),
        )
        rig.await_surfaces()
        rig.await_heard(0.5)
        with EventLog(rig.runtime / "rigd.sock") as events:
            presses = itertools.repeat(PEDAL_PRESS, PRESSES)
            with Storm(pedal.send, presses, per_second=PER_SECOND) as storm:
                storm.wait(300)
            told = events.await_count(PRESSES, *ACTIONS, Happening.COMMAND_REJECTED)
            assert events.settle(*ACTIONS, Happening.COMMAND_REJECTED) == PRESSES
        accepted = sum(event.what in ACTIONS for _, event in told)
        state = rig.state()
        assert state.transport is (Transport.ROLLING if accepted % 2 else Transport.READY)
        if accepted % 2:
            pedal.tap()
        takes = rig.await_closed((accepted + 1) // 2)
        for take in takes:
            assert not check_a(take.folder).gaps
            check_b(take.folder)
    figures.record(
        "F38",
        "presses without an answer",
        bound="0",
        measured=PRESSES - len(told),
        unit="presses",
        load=LOAD,
        count=f"{PRESSES} presses, {PER_SECOND} a second, {len(takes)} takes",
    )


def test_a_switch_that_is_stuck_from_the_start_starts_nothing_until_it_was_released(
    rig_of: Callable[..., RigRun], tmp_path: Path, figures: Figures
) -> None:
    with Pedal(lambda: PtyWire(tmp_path / "pedal")) as pedal:
        stuck: itertools.repeat[Piece] = itertools.repeat(PEDAL_PRESS)
        with Storm(pedal.send, stuck, per_second=20):
            rig = rig_of(channels=CHANNELS, more=pedal_section(pedal.port, tap="toggle", hold="again"))
            rig.await_surfaces()
            rig.hear(2)
            state = rig.state()
        started = state.earlier_takes + len(state.takes) + (state.take is not None)
        assert (started, state.transport) == (0, Transport.READY)
        pedal.release()
        rig.hear(0.3)
        assert rig.state().transport is Transport.READY
        pedal.tap()
        rig.await_transport(Transport.ROLLING)
    figures.record(
        "F38", "takes that a stuck switch started", bound="0", measured=started, unit="takes", load=LOAD,
        count="1 start of rigd with the switch down",
    )  # fmt: skip
