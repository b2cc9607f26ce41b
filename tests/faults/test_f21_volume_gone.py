"""F21: the library's volume is read-only, pulled out or unmounted while a take rolls. The mirror goes on with it, no
frame is lost; the volume is not written to until it was checked, and then caught up and compared."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hardware_sim.disks import LoopDisk
from rigd.model.state import CopyState, MirrorPhase, Transport
from tests.proof.figures import Figures
from tests.proof.load import start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.support.counter import counter_distance
from tests.support.disks import await_phase, mirrored, phase_of, what_differs
from tests.support.rig import RigRun
from tests.support.tools import need_mounts

CHANNELS = 8
DISK_BYTES = 256 << 20
FAILURES: dict[str, tuple[Callable[[LoopDisk], None], Callable[[LoopDisk], None]]] = {
    "read-only": (LoopDisk.remount_read_only, LoopDisk.remount_read_write),
    "pulled out": (LoopDisk.detach, LoopDisk.plug_in),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", FAILURES)
def test_a_volume_that_fails_in_a_take_is_stood_in_for_and_caught_up_when_it_is_back(
    how: str, rig_of: Callable[..., RigRun], figures: Figures, tmp_path: Path
) -> None:
    need_mounts()
    fail, mend = FAILURES[how]
    with LoopDisk(DISK_BYTES) as disk:
        rig = rig_of(channels=CHANNELS, overrides=mirrored(disk.path / "takes", tmp_path / "mirror"))
        await_phase(rig, MirrorPhase.IN_STEP)
        take = start_take(rig)
        failed_at = time.monotonic()
        fail(disk)
        state = await_phase(rig, MirrorPhase.IN_CHARGE)
        flagged_s = time.monotonic() - failed_at
        assert state.take is not None and state.take.take_id == take.take_id
        assert state.transport is Transport.ROLLING
        assert [fault for fault in state.faults if fault.key == "mirror"]
        rig.roll(2)
        rig.say("next")
        rig.roll(1)
        first, second = (rig.say("stop"), rig.await_closed(2))[1]
        heard = [check_a(closed.folder) for closed in (first, second)]
        for closed in (first, second):
            assert closed.folder.startswith(str(tmp_path / "mirror")) and closed.on_mirror
            check_b(closed.folder)
        lost = sum(each.gap_frames for each in heard) + counter_distance(
            heard[0].follows, heard[1].begins_with
        )
        assert lost == 0
        assert phase_of(rig.state()) is MirrorPhase.IN_CHARGE
        if not os.path.ismount(disk.path):
            assert not list(disk.path.iterdir()), "something was written to where the disk was"

        mend(disk)
        await_phase(rig, MirrorPhase.IN_STEP, within_s=90)
        caught_up = rig.await_closed(2)
        for closed, there in zip(caught_up, (first, second), strict=True):
            assert closed.copy is not None and closed.copy.state is CopyState.SAME
            assert closed.folder.startswith(str(disk.path)) and not closed.on_mirror
            assert not what_differs(closed.folder, there.folder)
            assert check_a(closed.folder).gap_frames == 0
        rig.say("start")
        rig.roll(1)
        third = stop_take(rig, closed=3)
        assert third.folder.startswith(str(disk.path))
        assert check_a(third.folder).gap_frames == 0
    of = "1 disk"
    load = f"{CHANNELS} ch/48 kHz/24 bit"
    figures.record("F21", "frames lost", bound="0 frames", measured=lost, unit="frames", count=of, load=load)
    figures.record(
        "F21",
        "volume gone until the state says so",
        bound="<= 1 s",
        measured=flagged_s,
        unit="s",
        count=of,
        load=load,
    )


@pytest.mark.timeout(300)
def test_a_volume_that_is_unmounted_in_a_take_loses_nothing_and_gets_no_new_take(
    rig_of: Callable[..., RigRun], tmp_path: Path
) -> None:
    need_mounts()
    with LoopDisk(DISK_BYTES) as disk:
        rig = rig_of(channels=CHANNELS, overrides=mirrored(disk.path / "takes", tmp_path / "mirror"))
        await_phase(rig, MirrorPhase.IN_STEP)
        take = start_take(rig)
        disk.lazy_unmount()  # its files stay open, and go on being written to
        rig.await_state(
            lambda state: any(fault.key in ("disk", "mirror") for fault in state.faults), "it is flagged"
        )
        rig.roll(2)
        rig.say("next")
        rig.roll(1)
        rig.say("stop")
        first, second = rig.await_closed(2)
        assert first.take_id == take.take_id and second.on_mirror
        assert not list(disk.path.iterdir()), "something was written to where the disk was"
        assert first.copy is not None
        on_mirror = first.folder if first.on_mirror else first.copy.folder
        assert check_a(on_mirror).gap_frames == 0
        assert check_a(second.folder).begins_with == check_a(on_mirror).follows
        disk.mount()
        await_phase(rig, MirrorPhase.IN_STEP, within_s=90)
        for closed in rig.await_closed(2):
            assert closed.folder.startswith(str(disk.path))
            assert closed.copy is not None and closed.copy.state is CopyState.SAME
            assert not what_differs(closed.folder, closed.copy.folder)


@pytest.mark.timeout(120)
def test_another_disk_in_its_place_is_not_written_to(rig_of: Callable[..., RigRun], tmp_path: Path) -> None:
    need_mounts()
    with LoopDisk(DISK_BYTES) as disk, LoopDisk(DISK_BYTES) as other:
        rig = rig_of(channels=CHANNELS, overrides=mirrored(disk.path / "takes", tmp_path / "mirror"))
        await_phase(rig, MirrorPhase.IN_STEP)
        start_take(rig)
        disk.detach()
        await_phase(rig, MirrorPhase.IN_CHARGE)
        rig.say("stop")
        rig.await_closed(1)
        (other.path / "takes").mkdir()
        before = sorted(other.path.rglob("*"))
        disk.path.rmdir()
        disk.path.symlink_to(other.path)
        try:
            state = rig.await_state(
                lambda state: any("see whether its disk is mounted" in fault.what for fault in state.faults),
                "the wrong disk is seen",
            )
            assert phase_of(state) is MirrorPhase.IN_CHARGE
            assert sorted(other.path.rglob("*")) == before
        finally:
            disk.path.unlink()
            disk.path.mkdir()
