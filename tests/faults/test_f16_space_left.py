"""F16: the disk runs full while a take rolls. Warnings at 10 min, 2 min and 30 s, each once, each in time.

One channel on a tmpfs. In the small run ballast takes most of the time after each warning off the disk, at the take's
own rate: what is checked is how long the recording would have gone on, and in the full run how long it did.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hardware_sim.disks import SmallDisk
from rigd.model.events import Event, Happening
from rigd.model.state import Transport
from tests.proof.figures import Figures, count, is_full
from tests.proof.load import full_load
from tests.proof.oracle import check_a
from tests.support.events import EventLog
from tests.support.rig import RigRun
from tests.support.tools import need_mounts

NEEDS = 48_000 * 3
"""Bytes a second of one channel."""
WARNINGS_S = (600.0, 120.0, 30.0)
AHEAD_S = 4.0
"""So long before the next warning, or the end, the ballast leaves off."""
WORST_PERCENT = 10.0
"""In a run on a busy machine; 5 is promised."""


@pytest.mark.timeout(count(ci=240, full=1200))
def test_three_warnings_come_each_once_and_in_time(figures: Figures) -> None:
    need_mounts()
    config = full_load(channels=1, preroll_s=0, keep_s=2, stall_s=10, more="[disk]\nreserve_seconds = 1\n")
    room = round((WARNINGS_S[0] + AHEAD_S + 3) * NEEDS)
    with SmallDisk(room) as disk:
        library = json.dumps(str(disk.path / "takes"))
        with RigRun(config, overrides=[f"rig.library={library}"]) as rig:
            with EventLog(rig.runtime / "rigd.sock") as log:
                rig.say("start")
                warnings: list[Event] = []
                ballast_bytes: list[int] = []
                for number, next_s in enumerate((*WARNINGS_S[1:], 0.0), start=1):
                    warnings.append(log.await_event(Happening.DISK_SPACE, count=number, within_s=900))
                    ballast_bytes.append(0 if is_full() else _take_room(disk, leave_s=next_s + AHEAD_S))
                rig.await_state(
                    lambda state: state.transport is Transport.HALTED, "the full disk", within_s=120
                )
                told = [event for event in log.so_far() if event.what is Happening.DISK_SPACE]
                assert told == warnings, "each once"
                raised = [event for event in log.so_far() if event.what is Happening.FAULT_RAISED]
                assert [event.subject for event in raised].count("disk space") == 1
            (take,) = rig.await_closed(1)
            assert "No space left" in take.failure
            check_a(take.folder, frames=take.durable_frames)
    ended = take.first_frame + take.durable_frames
    for place, (warning, seconds) in enumerate(zip(warnings, WARNINGS_S, strict=True)):
        assert warning.at_frame is not None
        truly_s = (ended - warning.at_frame) / 48_000 + sum(ballast_bytes[place:]) / NEEDS
        wrong = 100 * abs(truly_s - seconds) / seconds
        assert wrong <= WORST_PERCENT, f"{warning.text}: there were {truly_s:.1f} s"
        figures.record(
            "F16",
            "warnings of the room that is left: wrong by",
            bound="<= 5 %",
            measured=wrong,
            unit="%",
            count="3 warnings" + ("" if is_full() else ", ballast between them"),
            load="1 ch/48 kHz/24 bit",
        )


def _take_room(disk: SmallDisk, *, leave_s: float) -> int:
    """Ballast leaves room for so many seconds. Returns the bytes it took."""
    ballast: Path = disk.path / "ballast"
    before = os.stat(ballast).st_blocks * 512 if ballast.exists() else 0
    disk.fill(leave_bytes=round(leave_s * NEEDS))
    return os.stat(ballast).st_blocks * 512 - before
