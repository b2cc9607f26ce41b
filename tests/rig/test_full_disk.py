"""The take volume runs full while a take rolls: the take is kept whole, the rig says so, and records again as
soon as there is room and somebody has seen to it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np

from rigd.model.state import Transport
from tests.support.counter import check_counter
from tests.support.patience import wait_for
from tests.support.rig import RigRun, check_take, sheet_of
from tests.support.writer_run import read_codes, small_disk

DISK_BYTES = 96 << 20
ROOM_BYTES = 2 << 20
CONFIG = """
[audio]
driver = "simulated"
channels = 8
period_frames = 480
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 10
keep_seconds = 5
[take]
preroll_seconds = 0
"""


def fill(path: Path, *, leave_bytes: int) -> None:
    """The volume has only so much room left."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as filler:
        while filler.write(bytes(1 << 16)):
            pass
    with path.open("r+b") as filler:
        filler.truncate(max(0, path.stat().st_size - leave_bytes))


def test_after_a_full_disk_the_take_is_whole_and_with_room_again_the_rig_records(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", DISK_BYTES) as disk:
        library = f"rig.library={json.dumps(str(disk / 'takes'))}"
        with RigRun(CONFIG, overrides=[library]) as rig:
            rig.say("start")
            rig.roll(1)
            fill(disk / "filler", leave_bytes=ROOM_BYTES)
            state = rig.await_transport(Transport.HALTED)
            (fault,) = [fault.what for fault in state.faults if fault.key.startswith("take ")]
            assert "No space left on device" in fault and fault.count("Kept") == 1
            assert fault.endswith("Free some space, then: rigd clear-fault") and "fault clear" not in fault
            (kept,) = rig.await_closed(1)
            assert kept.durable_frames > 48_000
            files = [read_codes(path) for path in sorted(Path(kept.folder).glob("*.wav"))]
            assert [codes.shape for codes in files] == [(1, kept.durable_frames)] * 8, "whole and equal"
            check_counter(np.concatenate(files), what="the take that the disk ended")

            (disk / "filler").unlink()
            rig.await_state(
                lambda state: state.disk is not None and state.disk.free_bytes > DISK_BYTES // 2,
                "the writer has seen the room",
            )
            wait_for(lambda: sheet_of(kept).get("failed"), "take.json, as soon as there is room for it")
            assert "No space left" in sheet_of(kept)["failed"] and "No space left" in kept.failure
            assert sheet_of(kept)["frames"] == kept.durable_frames
            rig.say("clear-fault")
            rig.await_state(
                lambda state: {fault.key for fault in state.faults} <= {"disk space"},
                "no fault but that the disk is a small one",
            )
            rig.say("start")
            rig.roll(1)
            rig.say("stop")
            _, after = rig.await_closed(2)
            assert after.durable_frames > 48_000
            check_take(after)
