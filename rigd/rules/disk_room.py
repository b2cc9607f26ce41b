"""The rules of the disk: what is not yet safe, how much room is left, whether the volume is fast enough. Pure.

None of it stops a take. The figures of what is safe are the tape's own and the daemon's (control/unsafe_sound.py),
because a writer that hangs in a frozen disk reports nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from math import ceil

from msgspec.structs import replace

from rigd.model.commands import MeasureDisk
from rigd.model.disk_words import DiskMeasured, TapeWatched, measurement_text
from rigd.model.durations import time_left
from rigd.model.effects import TryDisk
from rigd.model.events import Happening
from rigd.model.messages import WriterReport
from rigd.model.state import Ending, is_rolling
from rigd.model.take import SAMPLE_BYTES, GapCause
from rigd.rules.mirroring import is_in_charge
from rigd.rules.step_work import Refusal, Work, open_session_takes, open_takes
from rigd.rules.take_orders import bytes_per_second

NOT_SAFE_S = 2.0
"""More than this on the tape only is an alarm: faults.md promises no more to be lost by a power cut."""
SAFE_AGAIN = 0.75
"""Share of the limit below which the alarm is over. Between two durable points there is always a second or so."""
SLOW_FILL = 0.10
IN_TIME_FILL = 0.05
SPACE_WARNINGS_S = (600.0, 120.0, 30.0)
ENOUGH_AGAIN = 1.1
"""So many times a warning's seconds are room enough for it to be told anew: what is free wavers a little."""
NEEDED_SPEEDS = 2.0
"""A volume slower than twice the need cannot catch up while the interface goes on."""
TAPE_RESERVE_S = 2.0
"""Of the tape, what blocks under way take; a stall may be as long as the rest."""
SLOW_DISK_CURE = "End what else writes to this disk, arm fewer channels, or record to a faster one"


def not_safe_limit_s(sync_s: float) -> float:
    """Where the alarm begins: 2 s, or two durable points where the config has them further apart."""
    return max(NOT_SAFE_S, 2.0 * sync_s)


def shown_of(fact: TapeWatched, *, sync_s: float) -> tuple[float, ...]:
    """What a person would see of it. As long as this is the same there is nothing to tell."""
    limit_s = not_safe_limit_s(sync_s)
    late = bisect_right((SAFE_AGAIN * limit_s, limit_s), fact.waiting_s)
    slow = bisect_right((IN_TIME_FILL, SLOW_FILL), fact.owed_fill)
    seconds = round(fact.unsafe_s) if late else 0
    twentieths = int(20 * fact.tape_fill) if slow else 0
    return float(fact.tape_fill > 0), late, slow, seconds, twentieths, ceil(fact.losing_s)


def tape_watched(work: Work, fact: TapeWatched) -> None:
    """Two alarms, one event each as they come and go: sound that is not yet safe, and a tape that fills up."""
    work.change(unsafe_s=fact.unsafe_s, tape_fill=fact.tape_fill)
    limit_s = not_safe_limit_s(work.rules.sync_s)
    stands = any(fault.key == "not safe" for fault in work.state.faults)
    if fact.waiting_s > limit_s or (stands and fact.waiting_s >= SAFE_AGAIN * limit_s):
        work.raise_fault(
            "not safe",
            f"{fact.unsafe_s:.0f} s of sound are not yet safe on the disk; the tape keeps them and is "
            f"{fact.tape_fill:.0%} full. Do not switch off; see to the disk, and to the writer: rigd status",
        )
    else:
        work.clear_fault("not safe")
    stands = any(fault.key == "disk slow" for fault in work.state.faults)
    if fact.owed_fill >= SLOW_FILL or (stands and fact.owed_fill >= IN_TIME_FILL):
        work.raise_fault("disk slow", _slow_text(work, losing_s=fact.losing_s))
    else:
        work.clear_fault("disk slow")


def sound_was_lost(work: Work) -> None:
    """A take has a gap because the tape was full. The alarm goes when the tape is empty again, the gap's own
    fault only when somebody has seen it."""
    if work.state.tape_fill >= IN_TIME_FILL:
        work.raise_fault("disk slow", _slow_text(work))


def _slow_text(work: Work, *, losing_s: float = 0.0) -> str:
    fill, tape_s = work.state.tape_fill, work.rules.tape_s
    text = (
        f"the disk is slow: {fill * tape_s:.0f} s of the {tape_s:.0f} s that the tape holds wait to be safe"
    )
    if losing_s:
        return f"{text}; the tape is full and sound is being lost, {losing_s:.1f} s of it so far. {SLOW_DISK_CURE}"
    lost = sum(
        gap.length_frames
        for take in open_session_takes(work.state)
        for gap in take.gaps
        if gap.cause is GapCause.TAPE_FULL
    )
    beyond = f"the tape was full and {lost:,} frames are lost" if lost else "beyond that sound is lost"
    return f"{text}; {beyond}. {SLOW_DISK_CURE}"


# Room.


def needs_bytes_per_second(work: Work) -> int:
    """What the rolling take needs, else a take of the armed channels."""
    take = work.state.take
    if take is None:
        return bytes_per_second(work)
    return len(take.channels) * work.state.sample_rate_hz * SAMPLE_BYTES[work.rules.sample]


def seconds_left(work: Work, fact: WriterReport) -> float | None:
    """How long there is room from now on: what the tape has and the disk has not yet is room already used."""
    needs = needs_bytes_per_second(work)
    if needs <= 0 or fact.problem:
        return None
    owed_s = fact.behind_frames / work.state.sample_rate_hz if is_rolling(work.state) else 0.0
    return max(0.0, fact.free_bytes / needs - owed_s)


def _left_for_takes(work: Work) -> tuple[float | None, int, str]:
    """How long there is room where takes go, the bytes of it, and what that is called."""
    state = work.state
    if is_in_charge(state) and state.mirror is not None and (needs := needs_bytes_per_second(work)) > 0:
        free_bytes = state.mirror.free_bytes
        owed_s = state.mirror.behind_frames / state.sample_rate_hz if is_rolling(state) else 0.0
        known = state.mirror.heard_at_ns is not None and not state.mirror.problem
        return max(0.0, free_bytes / needs - owed_s) if known else None, free_bytes, "mirror"
    if state.disk is None:
        return None, 0, "disk"
    return state.disk.seconds_left, state.disk.free_bytes, "disk"


def note_report(work: Work, fact: WriterReport) -> None:
    """After each report of the writer: `state.disk` is of this report, but for how long there is room."""
    assert work.state.disk is not None
    work.change(disk=replace(work.state.disk, seconds_left=seconds_left(work, fact)))
    _warn_of_space(work)
    _judge_speed(work)
    _have_it_tried(work, fact)


def _warn_of_space(work: Work) -> None:
    """While a take rolls: at 10 min, 2 min and 30 s, each once until there is room again. Of the volume that takes
    go to: that is the mirror while it is in charge."""
    (left_s, free_bytes, place), warned_s = _left_for_takes(work), work.state.space_warned_s
    if left_s is None:
        return
    if warned_s and left_s > ENOUGH_AGAIN * warned_s:
        warned_s = min((each for each in SPACE_WARNINGS_S if left_s <= ENOUGH_AGAIN * each), default=0.0)
        work.change(space_warned_s=warned_s)
    if not warned_s and left_s > SPACE_WARNINGS_S[0]:
        work.clear_fault("disk space")
    due_s = min((each for each in SPACE_WARNINGS_S if left_s <= each), default=0.0)
    left = f"{time_left(left_s)} of recording left on the {place} ({free_bytes / 1e6:,.0f} MB free)"
    if is_rolling(work.state) and due_s and (not warned_s or due_s < warned_s):
        work.change(space_warned_s=due_s)
        work.say(Happening.DISK_SPACE, place, left)
    if work.state.space_warned_s:
        work.raise_fault("disk space", f"{left}. Free some space: what is already recorded is safe")


# Speed.


def measure(work: Work, command: MeasureDisk) -> str:
    """The volume is tried out; `rigd disk` shows what came of it."""
    state = work.state
    if is_rolling(state):
        raise Refusal("the disk is not measured while a take rolls; stop first")
    if is_in_charge(state):
        raise Refusal(
            "the disk is not in use: takes go to the mirror alone until it is fit again; see: rigd status"
        )
    if open_takes(state):
        raise Refusal("the disk is not measured while a take is being closed; try again in a moment")
    if state.measuring:
        raise Refusal("the disk is being measured already; see: rigd disk")
    if state.disk is None or state.disk.problem:
        why = state.disk.problem if state.disk is not None else "the writer does not run"
        raise Refusal(f"the disk cannot be measured: {why}")
    work.change(measuring=True)
    work.do(TryDisk())
    return "the disk is being measured; see: rigd disk"


def disk_measured(work: Work, fact: DiskMeasured) -> None:
    """The trial is over. One that a take broke off is made again once nothing rolls."""
    work.change(measuring=False)
    disk, found = work.state.disk, fact.measurement
    if disk is None or found is None:
        return
    work.change(disk=replace(disk, measured=found))
    work.say(Happening.DISK_MEASURED, "disk", f"disk: {measurement_text(found)}")
    _judge_speed(work)


def _judge_speed(work: Work) -> None:
    """A warning that stands, not a refusal: a slow disk with a tape before it still records."""
    disk = work.state.disk
    found = disk.measured if disk is not None else None
    if found is None or found.failure:
        work.clear_fault("disk speed")
        return
    needs, bears_s = bytes_per_second(work), work.rules.tape_s - TAPE_RESERVE_S
    again = "Then: rigd disk --measure"
    if found.bytes_per_second < NEEDED_SPEEDS * needs:
        figures = f"{found.bytes_per_second / 1e6:.1f} MB/s were measured, the armed channels need {needs / 1e6:.1f}"
        work.raise_fault(
            "disk speed",
            f"the disk is too slow: {figures}, and twice that is wanted. {SLOW_DISK_CURE}. {again}",
        )
    elif found.longest_stall_s > bears_s:
        figures = f"one write took {found.longest_stall_s:.0f} s and the tape bears {max(0.0, bears_s):.0f} s"
        work.raise_fault(
            "disk speed",
            f"the disk stalls: {figures}. Raise [tape] stall_seconds or use a better disk. {again}",
        )
    else:
        work.clear_fault("disk speed")


def _have_it_tried(work: Work, fact: WriterReport) -> None:
    state = work.state
    known = state.disk is None or state.disk.measured is not None or state.measuring
    busy = is_rolling(state) or bool(fact.open_takes or open_takes(state))
    fit = not fact.problem and state.ending is Ending.NO
    if work.rules.measure_at_start and not known and not busy and fit:
        work.change(measuring=True)
        work.do(TryDisk())
