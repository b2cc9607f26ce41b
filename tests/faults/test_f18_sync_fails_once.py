"""F18 in a whole rig: a sync fails while a take rolls, once, and the next ones succeed. What was not durable is gone
from the disk (hardware_sim/disk_shim.c sees to that). The file is not believed any more and not synced again; the
recording goes on in a fresh folder from exactly the last frame that was durable, and nothing is lost."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from hardware_sim.disk_shim import Call, DiskShim
from rigd.model.state import Transport
from tests.proof.figures import Figures, count
from tests.proof.load import full_load
from tests.proof.oracle import check_a
from tests.support.rig import RigRun

CHANNELS = count(ci=4, full=64)
ERRORS = count(ci=2, full=20)


@pytest.mark.timeout(count(ci=120, full=600))
def test_a_sync_that_fails_costs_no_frame(tmp_path: Path, figures: Figures) -> None:
    fail_a_sync(tmp_path, figures, times=1)


@pytest.mark.timeout(count(ci=120, full=600))
def test_a_sync_that_fails_and_the_next_one_too_cost_no_frame(tmp_path: Path, figures: Figures) -> None:
    fail_a_sync(tmp_path, figures, times=2)


def fail_a_sync(tmp_path: Path, figures: Figures, *, times: int) -> None:
    config = full_load(channels=CHANNELS, preroll_s=0, keep_s=2, stall_s=10)
    lost = 0
    with DiskShim(tmp_path) as shim:
        library = f'rig.library="{tmp_path / "takes"}"'
        with RigRun(config, overrides=[library], environment=shim.environment) as rig:
            closed = 0
            for _ in range(ERRORS):
                rig.say("start")
                rig.roll(1)
                first = rig.state().take
                assert first is not None
                shim.fail(Call.SYNC, errno.EIO, nth=shim.seen(Call.SYNC) + 1, times=times)
                state = rig.await_state(
                    lambda state, first=first: (
                        state.take is not None and state.take.take_id != first.take_id and bool(state.takes)
                    ),
                    "the recording goes on as another take",
                )
                shim.heal()
                assert state.transport is Transport.ROLLING
                assert any("It goes on without a gap as take" in fault.what for fault in state.faults)
                rig.roll(1)
                rig.say("stop")
                closed += 2
                *_, failed, rest = rig.await_closed(closed)
                assert failed.take_id == first.take_id and "Input/output error" in failed.failure
                assert rest.first_frame == failed.first_frame + failed.durable_frames
                one = check_a(failed.folder, frames=failed.durable_frames)
                two = check_a(rest.folder, first=one.follows)
                lost += one.gap_frames + two.gap_frames
                rig.say("clear-fault")
        assert shim.lost_bytes > 0 and shim.retried == 0
    assert lost == 0
    figures.record(
        "F18",
        f"the sync fails {'once' if times == 1 else 'twice'} in a whole rig: frames lost",
        bound="0 frames",
        measured=lost,
        unit="frames",
        count=f"{ERRORS} errors",
        load=f"{CHANNELS} ch/48 kHz/24 bit",
    )
