"""F1: SIGKILL of the writer at random instants of a take of 64 channels. No frame is lost, no gap is declared."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

import pytest

from rigd.tape.tape import Tape
from tests.proof.figures import Figures, count
from tests.proof.load import RATE_HZ, TapeFill, start_take, stop_take
from tests.proof.oracle import check_b_rolling, check_rolling, check_whole
from tests.proof.trailing import Trailing
from tests.support.patience import wait_for
from tests.support.rig import RigRun

KILLS = count(ci=4, full=50)
LOOKS = count(ci=2, full=10)
"""Before the first kill; between the others there is one for each second kill."""


@pytest.mark.timeout(count(ci=120, full=900))
def test_the_writer_is_killed_at_random_instants_and_nothing_is_lost(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    rig = rig_of()
    take = start_take(rig)
    moments = random.Random(1)
    restarts_ms: list[float] = []
    behind_s: list[float] = []
    seen = 0
    trailing = Trailing(rig, take, moments)
    trailing.look(LOOKS)
    with TapeFill(rig) as fill:
        for number in range(KILLS):
            rig.hear(moments.uniform(0.05, 1.2))
            killed = rig.pid_of("writer")
            at = time.monotonic()
            os.kill(killed, signal.SIGKILL)
            if number % 2:  # the check opens 64 files in three programs: the others are for the stop-watch
                told = check_b_rolling(take.folder)
                assert told >= seen, "a file has become shorter"
                seen = told
                adopted_after(rig, killed)
                behind_s.append((trailing.heard_frames() - told) / RATE_HZ)
                rig.roll(0.1)  # its successor has told of a durable point: what it found is dealt with
                trailing.look()
            else:
                restarts_ms.append(1000 * (adopted_after(rig, killed) - at))
    check_rolling(take.folder)
    rig.roll(1)
    closed = stop_take(rig)
    assert closed.take_id == take.take_id
    heard = check_whole(closed)
    of = f"{KILLS} kills"
    figures.record("F1", "frames lost", bound="0 frames", measured=heard.gap_frames, unit="frames", count=of)
    figures.record(
        "F1",
        "kill until another writer has the take",
        bound="<= 500 ms",
        measured=max(restarts_ms),
        unit="ms",
        count=f"{len(restarts_ms)} kills",
    )
    trailing.record(figures, "F1", f"before and between {KILLS} kills")
    figures.record(
        "F1",
        "files trail the sound by, until another writer has the take",
        bound="<= 1 s + 500 ms",
        limit=1.5,
        measured=max(behind_s),
        unit="s",
        count=f"{len(behind_s)} kills",
    )
    figures.record(
        "F1", "most of the tape in use", bound="< 25 %", measured=100 * fill.most, unit="%", count=of
    )


def adopted_after(rig: RigRun, killed: int) -> float:
    """CLOCK_MONOTONIC at which another process than `killed` was seen to have the take's hold on the tape."""
    with Tape.attach(rig.runtime / "tape", writable=False) as tape:
        wait_for(
            lambda: any(hold.owner_alive and hold.pid != killed for hold in tape.holds()),
            "another writer takes up the take",
        )
    return time.monotonic()
