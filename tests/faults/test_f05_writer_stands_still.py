"""F5: the writer stands still (SIGSTOP) for as long as a disk may stall. Nothing is lost, and it catches up."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from rigd.model.state import Transport
from rigd.tape.tape import Tape
from tests.proof.figures import Figures, count
from tests.proof.load import RATE_HZ, TapeFill, start_take, stop_take, stopped
from tests.proof.oracle import check_b_rolling, check_whole
from tests.support.rig import RigRun

STALL_S = count(ci=4.0, full=30.0)


@pytest.mark.timeout(count(ci=120, full=300))
def test_the_writer_stands_still_and_catches_up_with_every_frame(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    rig = rig_of(stall_s=STALL_S, keep_s=0)
    take = start_take(rig)
    with TapeFill(rig) as fill:
        with stopped(rig.pid_of("writer")):
            rig.hear(STALL_S)
            check_b_rolling(take.folder)
            assert rig.state().transport is Transport.ROLLING
        at = time.monotonic()
        with Tape.attach(rig.runtime / "tape", writable=False) as tape:
            rig.await_state(
                lambda state: (
                    state.take is not None
                    and state.take.first_frame + state.take.durable_frames >= tape.next_frame - 2 * RATE_HZ
                ),
                "the writer has caught up",
                within_s=60,
            )
        caught_up_s = time.monotonic() - at
    rig.roll(1)
    closed = stop_take(rig)
    heard = check_whole(closed)
    of = f"1 stall of {STALL_S:g} s, tape for {STALL_S:g} s"
    figures.record("F5", "frames lost", bound="0 frames", measured=heard.gap_frames, unit="frames", count=of)
    figures.record(
        "F5",
        "most of the tape in use",
        bound="60-75 %",
        measured=100 * fill.most,
        unit="%",
        count=of,
        limit=75,
    )
    figures.record("F5", "until it has caught up", bound="<= 10 s", measured=caught_up_s, unit="s", count=of)
