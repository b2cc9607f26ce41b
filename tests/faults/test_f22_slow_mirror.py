"""F22: the mirror does not keep up. The library's copy loses nothing; the mirror is cut loose rather than it, the rig
says so at once, and the copy is completed after the take and compared, byte by byte."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hardware_sim.disk_shim import DiskShim
from rigd.model.state import CopyState, MirrorPhase, RigState
from tests.proof.figures import Figures, count
from tests.proof.load import RATE_HZ, TapeFill, start_take, stop_take, stopped
from tests.proof.oracle import check_a, check_whole
from tests.support.disks import await_phase, mirrored, what_differs
from tests.support.rig import RigRun
from tests.support.tools import need_tool

CHANNELS = count(ci=8, full=64)
STALL_S = 3.0
KEEP_S = 2.0


@pytest.mark.timeout(300)
def test_a_mirror_that_stands_still_is_cut_loose_and_its_copy_made_good_after_the_take(
    rig_of: Callable[..., RigRun], figures: Figures, tmp_path: Path
) -> None:
    rig = rig_of(
        channels=CHANNELS,
        stall_s=STALL_S,
        keep_s=KEEP_S,
        overrides=mirrored(tmp_path / "takes", tmp_path / "mirror"),
    )
    await_phase(rig, MirrorPhase.IN_STEP)
    start_take(rig)
    events = rig.state().number
    with stopped(rig.pid_of("mirror")), TapeFill(rig) as fill:
        at = time.monotonic()
        await_phase(rig, MirrorPhase.BEHIND)
        degraded_s = time.monotonic() - at
        while fill.most < 0.9:  # the spare hold is in the way of the tape
            rig.hear(0.5)
        rig.hear(3)  # and the tape goes over it
    await_phase(rig, MirrorPhase.CUT_LOOSE)
    rig.roll(2)
    assert raised(rig.state()) == 1
    closed = stop_take(rig)
    heard = check_whole(closed, "the library's copy paid for the mirror")
    assert rig.state().number > events
    await_phase(rig, MirrorPhase.IN_STEP)
    (closed,) = rig.await_closed(1)
    assert closed.copy is not None and closed.copy.state is CopyState.SAME
    assert not what_differs(closed.folder, closed.copy.folder)
    assert not raised(rig.state())
    load = f"{CHANNELS} ch/48 kHz/24 bit"
    figures.record(
        "F22",
        "frames that the library loses to a mirror",
        bound="0 frames",
        measured=heard.gap_frames,
        unit="frames",
        count="1 mirror that stands still until it is cut loose",
        load=load,
    )
    figures.record(
        "F22",
        "mirror stands still until the state says so",
        bound="<= 5 s",
        measured=degraded_s,
        unit="s",
        count="1 mirror",
        load=load,
    )


@pytest.mark.timeout(300)
def test_a_mirror_that_is_behind_at_the_stop_takes_the_rest_from_the_tape(
    rig_of: Callable[..., RigRun], tmp_path: Path
) -> None:
    rig = rig_of(channels=CHANNELS, overrides=mirrored(tmp_path / "takes", tmp_path / "mirror"))
    await_phase(rig, MirrorPhase.IN_STEP)
    start_take(rig)
    with stopped(rig.pid_of("mirror")):
        await_phase(rig, MirrorPhase.BEHIND)
        rig.roll(2)
        closed = stop_take(rig)
        assert check_a(closed.folder).gap_frames == 0
    await_phase(rig, MirrorPhase.IN_STEP)
    (closed,) = rig.await_closed(1)
    assert closed.copy is not None
    rig.await_state(lambda state: copy_state(state) is CopyState.SAME, "compared")
    assert not what_differs(closed.folder, closed.copy.folder)


@pytest.mark.timeout(300)
def test_kills_of_either_writer_and_of_the_daemon_lose_nothing_on_either_volume(
    rig_of: Callable[..., RigRun], tmp_path: Path
) -> None:
    rig = rig_of(channels=CHANNELS, overrides=mirrored(tmp_path / "takes", tmp_path / "mirror"))
    await_phase(rig, MirrorPhase.IN_STEP)
    take = start_take(rig)
    for name in ("mirror", "writer", "mirror"):
        rig.kill(name)
        rig.roll(1)
    rig.kill_daemon()
    rig.start()
    rig.await_state(lambda state: state.take is not None, "the take still rolls")
    await_phase(rig, MirrorPhase.IN_STEP)
    rig.roll(1)
    closed = stop_take(rig)
    assert closed.take_id == take.take_id
    rig.await_state(lambda state: copy_state(state) is CopyState.SAME, "compared")
    (closed,) = rig.await_closed(1)
    assert closed.copy is not None
    for folder in (closed.folder, closed.copy.folder):
        assert check_a(folder).gap_frames == 0
    assert not what_differs(closed.folder, closed.copy.folder)


@pytest.mark.timeout(300)
def test_a_mirror_at_a_quarter_of_the_needed_speed_costs_the_library_nothing_and_is_completed_afterwards(
    rig_of: Callable[..., RigRun], figures: Figures, tmp_path: Path
) -> None:
    need_tool("cc")
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    needed = CHANNELS * RATE_HZ * 3
    with DiskShim(mirror) as shim:
        rig = rig_of(
            channels=CHANNELS,
            stall_s=STALL_S,
            keep_s=KEEP_S,
            overrides=mirrored(tmp_path / "takes", mirror),
            environment=shim.environment,
        )
        await_phase(rig, MirrorPhase.IN_STEP)
        start_take(rig)
        shim.limit(needed // 4)
        at = time.monotonic()
        await_phase(rig, MirrorPhase.BEHIND)
        degraded_s = time.monotonic() - at
        await_phase(rig, MirrorPhase.CUT_LOOSE, within_s=90)
        rig.roll(1)
        assert raised(rig.state()) == 1
        rig.say("stop")
        rig.await_state(lambda state: all(take.closed for take in state.takes), "closed")
        shim.heal()
        await_phase(rig, MirrorPhase.IN_STEP, within_s=120)
        (closed,) = rig.await_closed(1)
        heard = check_whole(closed, "the library's copy paid for the mirror")
        assert closed.copy is not None and closed.copy.state is CopyState.SAME
        assert not what_differs(closed.folder, closed.copy.folder)
    load = f"{CHANNELS} ch/48 kHz/24 bit"
    slow = "1 mirror at a quarter of the needed speed"
    figures.record(
        "F22",
        "frames that the library loses to a slow mirror",
        bound="0 frames",
        measured=heard.gap_frames,
        unit="frames",
        count=slow,
        load=load,
    )
    figures.record(
        "F22",
        "mirror is slow until the state says so",
        bound="<= 5 s",
        measured=degraded_s,
        unit="s",
        count=slow,
        load=load,
    )


def copy_state(state: RigState) -> CopyState | None:
    copy = state.takes[-1].copy if state.takes else None
    return None if copy is None else copy.state


def raised(state: RigState) -> int:
    return sum(fault.key == "mirror" for fault in state.faults)
