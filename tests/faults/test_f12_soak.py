"""F12 and `make soak`, for seconds: 64 channels, loaded cores, a disk that freezes, one take after another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proof.figures import CHANNELS, Figures, count, is_full
from tests.proof.soak import DISK_FOLDER, MOST_GROWTH, Plan, record, soak
from tests.support.tools import need_mounts

pytestmark = pytest.mark.alone

PLAN = Plan(
    channels=CHANNELS,
    seconds=count(ci=18.0, full=300.0),
    freeze_s=count(ci=2.0, full=20.0),
    freeze_every_s=count(ci=6.0, full=100.0),
    next_every_s=count(ci=5.0, full=60.0),
    stall_s=count(ci=5.0, full=30.0),
    folder=count(ci=Path("/dev/shm"), full=DISK_FOLDER),
)


@pytest.mark.timeout(count(ci=150, full=900))
def test_take_after_take_on_a_loaded_machine_whose_disk_freezes_nothing_is_lost(figures: Figures) -> None:
    need_mounts()
    outcome = soak(PLAN)
    assert outcome.takes >= 3 and outcome.freezes >= 2
    assert outcome.gap_frames == 0
    assert outcome.more_descriptors <= 0
    # In a run of seconds what is met for the first time is more than that.
    assert not is_full() or outcome.growth < MOST_GROWTH, f"memory grew by {100 * outcome.growth:.2f} %"
    record(PLAN, outcome, figures)
