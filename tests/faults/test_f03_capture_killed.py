"""F3: the capture process is killed (SIGKILL). Heard again within a second; one declared gap each; the same files."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

import pytest

from tests.proof.device import is_heard, seconds_until_another
from tests.proof.figures import Figures, count
from tests.proof.load import PERIOD_FRAMES, RATE_HZ, start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.support.rig import RigRun

pytestmark = pytest.mark.alone

KILLS = count(ci=3, full=50)


@pytest.mark.timeout(count(ci=120, full=600))
def test_kills_of_capture_cost_a_declared_gap_each_and_every_track_stays_aligned(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    rig = rig_of()
    start_take(rig)
    moments = random.Random(3)
    for kills in range(1, KILLS + 1):
        rig.hear(moments.uniform(0.3, 1.5))
        before = rig.pid_of("capture")
        at = time.monotonic()
        os.kill(before, signal.SIGKILL)
        seconds_until_another(rig, before, at)
        rig.await_state(
            lambda state, kills=kills: (  # type: ignore[misc]
                is_heard(state) and state.take is not None and len(state.take.gaps) == kills
            ),
            f"gap {kills} is declared and the interface is heard",
        )
    rig.roll(1)
    take = stop_take(rig)
    heard = check_a(take.folder)
    check_b(take.folder)
    assert len(heard.gaps) == KILLS
    longest = max(gap.length_frames for gap in heard.gaps)
    of = f"{KILLS} kills"
    figures.record("F3", "gap", bound="<= 1.0 s", measured=longest / RATE_HZ, unit="s", count=of)
    figures.record(
        "F3",
        "declared gap is wrong by",
        bound="<= 2 blocks",
        measured=heard.worst_gap_error / PERIOD_FRAMES,
        unit="blocks",
        count=of,
    )
