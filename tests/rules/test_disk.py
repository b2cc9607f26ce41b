"""The rules of the disk: what is not yet safe, how much room is left, how fast the volume is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rigd.model.disk_words import DiskMeasured, Measurement, TapeWatched
from rigd.model.durations import time_left
from rigd.model.effects import TryDisk
from rigd.model.events import Happening
from rigd.model.messages import GapWritten, WriterReport
from rigd.model.state import Fault
from rigd.model.take import Gap, GapCause
from rigd.model.units import Frame
from rigd.rules.disk_room import not_safe_limit_s, shown_of
from tests.support.desk import LISTENING, OPENED, QUICK_DISK, RATE_HZ, WRITER_IDLE, Desk

NEED = 4 * RATE_HZ * 3
"""Bytes a second of the desk's four channels."""


def watched(seconds: float, *, tape_s: float = 43.0, owed_s: float | None = None) -> TapeWatched:
    """So much is on the tape only; `owed_s` of it since the writer could have written it."""
    owed = seconds if owed_s is None else owed_s
    return TapeWatched(
        unsafe_s=seconds, waiting_s=owed, tape_fill=seconds / tape_s, owed_fill=min(1.0, owed / tape_s)
    )


def fault(desk: Desk, key: str) -> Fault | None:
    return next((each for each in desk.state.faults if each.key == key), None)


def told(desk: Desk, what: Happening) -> list[str]:
    return [event.text for event in desk.events if event.what is what]


# What is not yet safe.


def test_more_than_two_seconds_that_are_not_safe_are_an_alarm_which_ends_below_one_and_a_half() -> None:
    desk = Desk()
    desk.ok("start")
    desk.hear(watched(1.9))
    assert fault(desk, "not safe") is None
    desk.hear(watched(2.1))
    alarm = fault(desk, "not safe")
    assert alarm is not None and "2 s of sound are not yet safe" in alarm.what
    assert desk.state.unsafe_s == 2.1
    desk.hear(watched(1.6))
    assert fault(desk, "not safe") is not None, "it does not flicker"
    desk.hear(watched(1.4))
    assert fault(desk, "not safe") is None


def test_an_alarm_is_one_event_as_it_comes_and_one_as_it_goes_however_long_it_stands() -> None:
    desk = Desk()
    desk.ok("start")
    desk.events.clear()
    for seconds in (2.1, 3.0, 9.0, 20.0, 8.0, 1.0):
        desk.hear(watched(seconds))
    assert [event.subject for event in desk.events if event.what is Happening.FAULT_RAISED] == [
        "not safe",
        "disk slow",
    ]
    assert sorted(event.subject for event in desk.events if event.what is Happening.FAULT_CLEARED) == [
        "disk slow",
        "not safe",
    ]


def test_clear_fault_does_not_take_away_an_alarm_whose_cause_is_there() -> None:
    desk = Desk()
    desk.ok("start")
    desk.hear(watched(9.0))
    assert "clears by itself" in desk.ok("clear-fault")
    assert {each.key for each in desk.state.faults} == {"not safe", "disk slow"}


def test_seconds_that_a_take_had_behind_it_when_it_was_ordered_are_shown_and_are_no_alarm() -> None:
    desk = Desk()
    desk.ok("keep 20")
    desk.hear(watched(20.0, owed_s=0.3))
    assert desk.state.unsafe_s == 20.0 and desk.state.faults == ()


def test_a_tape_that_is_a_tenth_full_is_a_slow_disk_until_it_is_nearly_empty() -> None:
    desk = Desk()
    desk.ok("start")
    desk.hear(watched(4.2))
    assert fault(desk, "disk slow") is None
    desk.hear(watched(4.4))
    slow = fault(desk, "disk slow")
    assert slow is not None and "4 s of the 43 s that the tape holds" in slow.what
    desk.hear(watched(2.5))
    assert fault(desk, "disk slow") is not None
    desk.hear(watched(2.0))
    assert fault(desk, "disk slow") is None


def test_sound_that_was_lost_because_the_tape_was_full_is_named_by_the_slow_disk() -> None:
    desk = Desk()
    desk.ok("start")
    desk.hear(watched(42.9))
    gap = Gap(at_frame=Frame(99 * RATE_HZ), length_frames=480, cause=GapCause.TAPE_FULL, exact=True)
    desk.hear(GapWritten(take_id=desk.take.take_id, gap=gap))
    slow = fault(desk, "disk slow")
    assert slow is not None and "the tape was full and 480 frames are lost" in slow.what
    desk.hear(watched(0.5))
    assert [each.key for each in desk.state.faults] == [f"gap {desk.take.take_id}"]


def test_sound_that_is_being_lost_is_told_with_its_length_while_it_goes_on() -> None:
    desk = Desk()
    desk.ok("start")
    desk.hear(watched(43.0))
    desk.hear(replace(watched(43.0), losing_s=12.3))
    slow = fault(desk, "disk slow")
    assert slow is not None and "sound is being lost, 12.3 s of it so far" in slow.what
    desk.hear(watched(20.0))
    slow = fault(desk, "disk slow")
    assert slow is not None and "being lost" not in slow.what
    shown = [
        shown_of(replace(watched(43.0), losing_s=each), sync_s=1.0) for each in (0.0, 0.1, 0.9, 1.1, 2.1)
    ]
    assert len(set(shown)) == 4, "at once, and then each second"


def test_durable_points_that_are_far_apart_by_config_make_no_alarm() -> None:
    assert not_safe_limit_s(1.0) == 2.0 and not_safe_limit_s(0.2) == 2.0
    desk = Desk(sync_s=5.0)
    desk.ok("start")
    desk.hear(watched(6.0, tape_s=100.0))
    assert desk.state.faults == ()
    desk.hear(watched(10.1, tape_s=1000.0))
    assert fault(desk, "not safe") is not None


def test_nothing_is_told_while_a_take_is_written_as_it_should_be() -> None:
    calm = {shown_of(watched(seconds), sync_s=1.0) for seconds in (0.1, 0.5, 1.0, 1.4)}
    assert len(calm) == 1
    late = [shown_of(watched(seconds), sync_s=1.0) for seconds in (1.4, 1.6, 2.1, 3.1, 4.4, 5.1)]
    assert len(set(late)) == len(late)


# How much room is left.


def report(seconds: float, **more: object) -> WriterReport:
    return replace(WRITER_IDLE, free_bytes=round(seconds * NEED), **more)  # type: ignore[arg-type]


def test_three_warnings_are_told_as_room_runs_out_each_once() -> None:
    desk = Desk()
    desk.ok("start")
    left = 700.0
    while left > 5:
        desk.hear(report(left))
        left -= 1
    assert told(desk, Happening.DISK_SPACE) == [
        "10 min of recording left on the disk (346 MB free)",
        "2 min 00 s of recording left on the disk (69 MB free)",
        "30 s of recording left on the disk (17 MB free)",
    ]
    assert [event.subject for event in desk.events if event.what is Happening.FAULT_RAISED] == ["disk space"]
    warning = fault(desk, "disk space")
    assert (
        warning is not None and "6 s of recording left" in warning.what and "Free some space" in warning.what
    )


def test_a_rig_at_rest_is_not_warned_and_a_take_that_starts_short_of_room_is_at_once() -> None:
    desk = Desk()
    desk.hear(report(300))
    assert told(desk, Happening.DISK_SPACE) == []
    desk.ok("start")
    desk.hear(report(299))
    assert told(desk, Happening.DISK_SPACE) == ["4 min 59 s of recording left on the disk (172 MB free)"]
    desk.now_s += 1
    desk.ok("next")
    desk.hear(report(290))
    assert len(told(desk, Happening.DISK_SPACE)) == 1, "the next take of the same evening"


def test_room_again_ends_the_warning_and_when_it_runs_out_once_more_it_is_told_once_more() -> None:
    desk = Desk()
    desk.ok("start")
    for seconds in (110.0, 125.0, 118.0):
        desk.hear(report(seconds))
    assert len(told(desk, Happening.DISK_SPACE)) == 1, "what wavers is no news"
    desk.hear(report(5000))
    assert fault(desk, "disk space") is None
    desk.hear(report(110))
    assert len(told(desk, Happening.DISK_SPACE)) == 2


def test_room_from_two_minutes_to_nine_leaves_the_ten_minute_warning_told_and_the_others_to_come() -> None:
    desk = Desk()
    desk.ok("start")
    for seconds in (100.0, 500.0, 119.0):
        desk.hear(report(seconds))
    assert len(told(desk, Happening.DISK_SPACE)) == 2


def test_what_the_tape_has_and_the_disk_has_not_yet_counts_as_room_used() -> None:
    desk = Desk()
    desk.hear(report(100, behind_frames=5 * RATE_HZ))
    assert desk.state.disk is not None and desk.state.disk.seconds_left == pytest.approx(100.0)
    desk.ok("start")
    desk.hear(report(100, behind_frames=5 * RATE_HZ))
    assert desk.state.disk is not None and desk.state.disk.seconds_left == pytest.approx(95.0)


def test_the_forecast_goes_by_the_channels_of_the_take_that_rolls() -> None:
    desk = Desk()
    desk.ok("start")
    desk.ok("disarm 1")
    desk.ok("disarm 2")
    desk.hear(report(100))
    assert desk.state.disk is not None and desk.state.disk.seconds_left == pytest.approx(100.0)


def test_below_the_reserve_no_take_is_started_and_the_refusal_has_the_figure_and_the_cure() -> None:
    desk = Desk(least_disk_s=60.0)
    desk.hear(report(41))
    reason = desk.no("start")
    assert "room for 41 s of the armed channels (23 MB free) and 60 s are wanted" in reason
    assert "free some space, or arm fewer channels" in reason
    desk.ok("keep 20")
    desk.hear(report(61))
    desk.ok("start")
    desk.hear(report(41))
    desk.now_s += 1
    assert "60 s are wanted" in desk.no("next")
    assert desk.take.end_frame is None, "it rolls on"


def test_the_last_seconds_are_kept_where_there_is_room_for_them_whatever_the_reserve() -> None:
    desk = Desk(least_disk_s=60.0)
    desk.hear(report(25))
    desk.ok("keep 20")
    assert "30 s are wanted" in desk.no("keep 30")


def test_lengths_of_time_are_told_as_people_say_them() -> None:
    assert [time_left(seconds) for seconds in (7530, 3000, 600, 599.7, 118, 60, 29.6, -1)] == [
        "2 h 05 min",
        "50 min",
        "10 min",
        "10 min",
        "1 min 58 s",
        "1 min 00 s",
        "30 s",
        "0 s",
    ]


# How fast it is.


def fresh(**rules: object) -> Desk:
    """A rig that has just been started and whose writer has not been heard of."""
    desk = Desk(ready=False, **rules)
    desk.hear(OPENED)
    desk.hear(LISTENING)
    return desk


def test_the_disk_is_tried_out_once_when_the_writer_is_first_heard_of() -> None:
    desk = fresh()
    desk.hear(WRITER_IDLE)
    desk.hear(WRITER_IDLE)
    assert desk.done(TryDisk) == [TryDisk()] and desk.state.measuring
    desk.hear(DiskMeasured(measurement=QUICK_DISK))
    desk.hear(WRITER_IDLE)
    assert len(desk.done(TryDisk)) == 1 and not desk.state.measuring
    assert desk.state.disk is not None and desk.state.disk.measured == QUICK_DISK
    assert told(desk, Happening.DISK_MEASURED) == ["disk: 200.0 MB/s, longest stall 0.01 s"]
    assert desk.state.faults == ()


def test_a_trial_that_a_take_broke_off_is_made_when_the_take_is_closed() -> None:
    desk = fresh()
    desk.hear(WRITER_IDLE)
    desk.ok("start")
    desk.hear(DiskMeasured(measurement=None))
    desk.hear(WRITER_IDLE)
    assert len(desk.done(TryDisk)) == 1
    desk.now_s += 5
    desk.ok("stop")
    desk.hear(WRITER_IDLE)
    assert len(desk.done(TryDisk)) == 1
    desk.close(desk.state.takes[-1])
    desk.hear(WRITER_IDLE)
    assert len(desk.done(TryDisk)) == 2


def test_by_config_the_disk_is_only_tried_out_when_somebody_asks() -> None:
    desk = fresh(measure_at_start=False)
    desk.hear(WRITER_IDLE)
    assert not desk.done(TryDisk)
    desk.ok("measure")
    assert desk.done(TryDisk)
    assert "being measured already" in desk.no("measure")


def test_the_disk_is_not_measured_while_a_take_rolls_or_is_being_closed() -> None:
    desk = Desk()
    desk.ok("start")
    assert "while a take rolls" in desk.no("measure")
    desk.now_s += 5
    desk.ok("stop")
    assert "being closed" in desk.no("measure")
    desk.close(desk.state.takes[-1])
    desk.ok("measure")


def test_a_disk_of_less_than_twice_the_need_is_a_warning_with_figures_and_no_refusal() -> None:
    desk = Desk()
    desk.hear(DiskMeasured(measurement=replace(QUICK_DISK, bytes_per_second=1_000_000)))
    slow = fault(desk, "disk speed")
    assert slow is not None
    assert "1.0 MB/s were measured, the armed channels need 0.6" in slow.what
    assert "arm fewer channels" in slow.what and "rigd disk --measure" in slow.what
    desk.ok("disarm 1")
    desk.ok("disarm 2")
    desk.hear(WRITER_IDLE)
    assert fault(desk, "disk speed") is None, "half the channels, half the need"
    desk.ok("arm")
    desk.hear(WRITER_IDLE)
    assert fault(desk, "disk speed") is not None
    desk.ok("start")


def test_a_stall_longer_than_the_tape_bears_is_a_warning() -> None:
    desk = Desk(tape_s=43.0)
    desk.hear(DiskMeasured(measurement=replace(QUICK_DISK, longest_stall_s=42.0)))
    stalls = fault(desk, "disk speed")
    assert stalls is not None and "one write took 42 s and the tape bears 41 s" in stalls.what
    desk.hear(DiskMeasured(measurement=QUICK_DISK))
    assert fault(desk, "disk speed") is None


def test_a_disk_that_could_not_be_measured_is_no_slow_one() -> None:
    desk = Desk()
    nothing = Measurement(bytes_per_second=0, longest_stall_s=0.0, bytes_written=0, failure="no room")
    desk.hear(DiskMeasured(measurement=nothing))
    assert desk.state.faults == ()
    assert told(desk, Happening.DISK_MEASURED) == ["disk: could not be measured: no room"]
