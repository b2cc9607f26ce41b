"""F5 and F13, what is told of them: the writer stands still, or its disk is frozen. The alarms come by themselves, in
time, from a daemon that hears nothing of the writer, and it answers as quickly as ever."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hardware_sim.disks import LoopDisk
from rigd.model.events import Event, Happening
from tests.proof.figures import Figures, count
from tests.proof.load import RATE_HZ, full_load, start_take, stop_take, stopped
from tests.proof.oracle import check_a
from tests.support.events import EventLog
from tests.support.rig import RigRun
from tests.support.tools import need_mounts

CHANNELS = count(ci=8, full=64)
STALL_S = count(ci=8.0, full=30.0)


@contextmanager
def frozen(disk: LoopDisk) -> Iterator[None]:
    disk.freeze()
    try:
        yield
    finally:
        disk.thaw()


@pytest.mark.timeout(count(ci=180, full=400))
@pytest.mark.parametrize("fault", ["F5", "F13"])
def test_sound_that_is_not_yet_safe_is_told_while_the_writer_says_nothing(
    fault: str, figures: Figures
) -> None:
    need_mounts()
    config = full_load(channels=CHANNELS, stall_s=STALL_S, keep_s=2, preroll_s=0)
    with LoopDisk(count(ci=192, full=1536) << 20) as disk:
        library = f"rig.library={json.dumps(str(disk.path / 'takes'))}"
        with RigRun(config, overrides=[library]) as rig, EventLog(rig.runtime / "rigd.sock") as log:
            start_take(rig)
            slowest_s = 0.0
            with frozen(disk) if fault == "F13" else stopped(rig.pid_of("writer")):
                until = rig.heard_frames() + STALL_S * RATE_HZ
                while rig.heard_frames() < until:
                    asked = time.monotonic()
                    state = rig.client().status().state
                    slowest_s = max(slowest_s, time.monotonic() - asked)
                keys = {each.key for each in state.faults}
                assert {"not safe", "disk slow"} <= keys
                assert state.take is not None and state.unsafe_s > STALL_S - 2
                durable_to = state.take.first_frame + state.take.durable_frames
                tape_s = (state.unsafe_s / state.tape_fill) if state.tape_fill else 0.0
            rig.await_state(
                lambda now: not {"not safe", "disk slow"} & {each.key for each in now.faults},
                "both alarms are over",
            )
            rig.roll(1)
            take = stop_take(rig)
            assert check_a(take.folder).gap_frames == 0
            slow = _only(log, "disk slow")
            unsafe = _only(log, "not safe")
    of = f"1 stall of {STALL_S:g} s"
    load = f"{CHANNELS} ch/48 kHz/24 bit"
    late_s = _behind_s(slow, durable_to) - 0.1 * tape_s
    figures.record(
        fault,
        '"disk slow" is told after the tape is 10 % full',
        bound="<= 1 s",
        measured=late_s,
        unit="s",
        count=of,
        load=load,
    )
    figures.record(
        fault,
        "not yet safe when the alarm is told",
        bound="<= 2.5 s",
        measured=_behind_s(unsafe, durable_to),
        unit="s",
        count=of,
        load=load,
    )
    figures.record(
        fault,
        "longest answer meanwhile",
        bound="<= 200 ms",
        measured=1000 * slowest_s,
        unit="ms",
        count=of,
        load=load,
    )


def _only(log: EventLog, key: str) -> Event:
    (event,) = [each for each in log.so_far() if each.what is Happening.FAULT_RAISED and each.subject == key]
    cleared = [each for each in log.so_far() if each.what is Happening.FAULT_CLEARED and each.subject == key]
    assert len(cleared) == 1
    return event


def _behind_s(event: Event, durable_to: int) -> float:
    """How much was on the tape only when it was told."""
    assert event.at_frame is not None
    return (event.at_frame - durable_to) / RATE_HZ
