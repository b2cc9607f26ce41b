"""F15: the library's volume runs full while a take rolls. With a mirror the take goes on there, as the same take,
and is whole in the library once there is room again; without one it ends cleanly, and the rig says so."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hardware_sim.disks import SmallDisk
from rigd.model.state import CopyState, MirrorPhase, Take, Transport
from rigd.model.units import NS_PER_SECOND, Frame
from rigd.takefile.journal import JOURNAL_NAME, read_journal
from rigd.tape.tape import Tape
from tests.proof.figures import Figures, count
from tests.proof.load import PERIOD_FRAMES, start_take, stop_take
from tests.proof.oracle import HEADER_BYTES, check_a, check_b, check_whole
from tests.support.disks import await_phase, mirrored, what_differs
from tests.support.rig import RigRun, sheet_of
from tests.support.tools import need_mounts

CHANNELS = count(ci=8, full=64)
DISK_BYTES = CHANNELS * (24 << 20)
ROOM_BYTES = 8 << 20
SAMPLE_BYTES = 3


@pytest.mark.timeout(240)
def test_on_a_full_disk_the_take_goes_on_on_the_mirror_and_is_whole_on_both_volumes_afterwards(
    rig_of: Callable[..., RigRun], figures: Figures, tmp_path: Path
) -> None:
    need_mounts()
    with SmallDisk(DISK_BYTES) as disk:
        rig = rig_of(channels=CHANNELS, overrides=mirrored(disk.path / "takes", tmp_path / "mirror"))
        await_phase(rig, MirrorPhase.IN_STEP)
        take = start_take(rig)
        ballast = disk.fill(leave_bytes=ROOM_BYTES)
        state = await_phase(rig, MirrorPhase.IN_CHARGE)
        assert state.transport is Transport.ROLLING
        assert state.take is not None and state.take.take_id == take.take_id and state.take.on_mirror
        assert any("No space left" in fault.what for fault in state.faults if fault.key == "mirror")
        rig.roll(3)
        closed = stop_take(rig)
        assert closed.take_id == take.take_id and closed.folder.startswith(str(tmp_path / "mirror"))
        heard = check_whole(closed)
        kept = check_b(take.folder)
        assert check_a(take.folder).gap_frames == 0 and kept < heard.frames

        ballast.unlink()
        await_phase(rig, MirrorPhase.IN_STEP)
        (caught_up,) = rig.await_closed(1)
        assert caught_up.folder == take.folder and not caught_up.on_mirror
        assert caught_up.copy is not None and caught_up.copy.state is CopyState.SAME
        assert check_a(take.folder).frames == heard.frames
        assert not what_differs(take.folder, closed.folder)
        assert sheet_of(caught_up)["mirror"]["state"] == "same" and not sheet_of(caught_up)["failed"]
        assert not [fault for fault in rig.state().faults if fault.key == "mirror"]
        rig.say("start")
        rig.roll(1)
        assert not stop_take(rig, closed=2).on_mirror
    figures.record(
        "F15",
        "frames lost where a mirror takes over",
        bound="0 frames",
        measured=heard.gap_frames,
        unit="frames",
        count="1 full disk",
        load=f"{CHANNELS} ch/48 kHz/24 bit",
    )


@pytest.mark.timeout(120)
def test_without_a_mirror_a_full_disk_ends_the_take_cleanly_and_says_so(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    need_mounts()
    with SmallDisk(DISK_BYTES) as disk:
        rig = rig_of(channels=CHANNELS, overrides=[f"rig.library={json.dumps(str(disk.path / 'takes'))}"])
        take = start_take(rig)
        disk.fill(leave_bytes=ROOM_BYTES)
        state = rig.await_transport(Transport.HALTED)
        said_ns = time.monotonic_ns()
        unused = frames_that_still_fit(take, disk)
        (fault,) = [fault for fault in state.faults if fault.key.startswith("take ")]
        assert "No space left" in fault.what and "Free some space" in fault.what
        heard = check_a(take.folder)
        assert check_b(take.folder) == heard.frames
        assert heard.gap_frames == 0
        (failed,) = rig.state().takes
        assert "No space left" in failed.failure
        with Tape.attach(rig.runtime / "tape", writable=False) as tape:
            full_ns = tape.timeline().ns_at(Frame(take.first_frame + heard.frames))
        assert unused <= PERIOD_FRAMES, f"{unused} frames more had room in every file"
        assert "Traceback" not in rig.logs()
    of, load = "1 full disk", f"{CHANNELS} ch/48 kHz/24 bit"
    figures.record(
        "F15",
        "from the first frame that found no room until the state says so",
        bound="<= 1 s",
        measured=(said_ns - full_ns) / NS_PER_SECOND,
        unit="s",
        count=of,
        load=load,
    )
    figures.record(
        "F15",
        "frames that still had room in every file when the take ended",
        bound=f"<= 1 block ({PERIOD_FRAMES:,} frames)",
        limit=PERIOD_FRAMES,
        measured=unused,
        unit="frames",
        count=of,
        load=load,
    )


def frames_that_still_fit(take: Take, disk: SmallDisk) -> int:
    """The limit is the volume's own: no more frames than this could have been added to all files at once.

    Nothing is kept ready any more once the disk has answered that it is full, and the reserve of the config only
    keeps takes from being started. Room is given in blocks, so a file takes none for a frame that fits in the last
    block it has, and then a whole one. What the take's metadata took since is room that the sound left, too.
    """
    volume = os.statvfs(disk.path)
    block = volume.f_frsize
    folder = Path(take.folder)
    files = sorted(folder.glob("*.wav"))
    frames = read_journal(folder / JOURNAL_NAME).frames

    def blocks_of(frames: int) -> int:
        return -(-(HEADER_BYTES + SAMPLE_BYTES * frames) // block)

    def taken(path: Path) -> int:
        return path.stat().st_blocks * 512 // block if path.exists() else 0

    tails = sum(max(0, taken(path) - blocks_of(frames)) for path in files)
    free = volume.f_bavail + tails + taken(folder / "take.json")
    return ((blocks_of(frames) + free // len(files)) * block - HEADER_BYTES) // SAMPLE_BYTES - frames
