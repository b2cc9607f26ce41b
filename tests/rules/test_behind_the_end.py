"""A take's end may be told after the writer has come past it: what lies behind it is not the take's."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rigd.model.messages import GapWritten, TakeClosed, TakeProgress, XrunNoted
from rigd.model.state import Take
from rigd.model.take import Gap, GapCause, Xrun
from rigd.model.units import Frame
from rigd.rules.inside_take import gaps_inside
from tests.support.desk import RATE_HZ, WRITER_IDLE, Desk, frame, orders


def gap(at_s: float, length_frames: int = 480) -> Gap:
    return Gap(at_frame=frame(at_s), length_frames=length_frames, cause=GapCause.OVERFLOW, exact=True)


def rolling() -> Desk:
    desk = Desk()
    desk.ok("start")
    desk.now_s = 110.0
    return desk


def gap_faults(desk: Desk) -> list[str]:
    return [fault.what for fault in desk.state.faults if fault.key.startswith("gap ")]


def last(desk: Desk) -> Take:
    return desk.state.takes[-1]


def test_a_gap_that_is_told_after_the_end_counts_as_far_as_it_lies_inside() -> None:
    desk = rolling()
    take = desk.take
    desk.ok("stop")
    end = last(desk).end_frame
    assert end is not None
    desk.hear(GapWritten(take_id=take.take_id, gap=replace(gap(0), at_frame=end)))
    assert last(desk).gaps == ()
    assert gap_faults(desk) == []
    across = replace(gap(0), at_frame=Frame(end - 100))
    desk.hear(GapWritten(take_id=take.take_id, gap=across))
    assert last(desk).gaps == (replace(across, length_frames=100),)
    (fault,) = gap_faults(desk)
    assert "has 1 gap, 100 frames" in fault


def test_gaps_and_markers_that_were_counted_before_an_earlier_end_was_told_are_taken_back() -> None:
    desk = rolling()
    inside, across, behind = gap(105.0), gap(108.0, RATE_HZ), gap(109.5)
    for each in (inside, across, behind):
        desk.hear(GapWritten(take_id=desk.take.take_id, gap=each))
    desk.ok("mark")
    assert len(desk.take.markers) == 1
    (fault,) = gap_faults(desk)
    assert "has 3 gaps" in fault
    desk.ok("stop", at=108.5)
    assert last(desk).gaps == (inside, replace(across, length_frames=frame(108.5) - frame(108.0)))
    assert last(desk).markers == ()
    (fault,) = gap_faults(desk)
    assert "has 2 gaps, 24,480 frames" in fault


def test_a_fault_of_gaps_that_are_all_behind_the_end_is_over() -> None:
    desk = rolling()
    desk.hear(GapWritten(take_id=desk.take.take_id, gap=gap(109.0)))
    assert gap_faults(desk) != []
    desk.ok("stop", at=108.0)
    assert gap_faults(desk) == []


def test_what_the_writer_reports_of_gaps_counts_inside_only() -> None:
    desk = rolling()
    take_id = desk.take.take_id
    desk.ok("stop", at=108.0)
    (order,) = orders(desk)
    progress = TakeProgress(order=order, written_frames=1, durable_frames=1, gaps=(gap(105.0), gap(109.0)))
    desk.hear(replace(WRITER_IDLE, open_takes=(progress,)))
    assert last(desk).take_id == take_id
    assert last(desk).gaps == (gap(105.0),)


def test_xruns_behind_the_end_are_not_counted_and_the_writers_count_is_right_at_the_close() -> None:
    desk = rolling()
    take_id = desk.take.take_id
    for at_s in (105.0, 109.0):
        desk.hear(XrunNoted(take_id=take_id, xrun=Xrun(at_frame=frame(at_s))))
    desk.ok("stop", at=108.0)
    desk.hear(XrunNoted(take_id=take_id, xrun=Xrun(at_frame=frame(109.0))))
    assert last(desk).xruns == 2
    frames = frame(108.0) - last(desk).first_frame
    desk.hear(TakeClosed(take_id=take_id, folder=last(desk).folder, frames=frames, files=(), xruns=1))
    assert last(desk).xruns == 1


@pytest.mark.parametrize(
    ("first", "end", "there"),
    [
        (None, None, (100, 50)),
        (None, 100, None),
        (None, 101, (100, 1)),
        (100, 150, (100, 50)),
        (149, None, (149, 1)),
        (150, 200, None),
        (110, 120, (110, 10)),
    ],
)
def test_a_gap_is_cut_at_both_ends_of_what_it_lies_in(
    first: int | None, end: int | None, there: tuple[int, int] | None
) -> None:
    whole = Gap(at_frame=Frame(100), length_frames=50, cause=GapCause.OVERFLOW, exact=True)
    found = [
        (each.at_frame, each.length_frames)
        for each in gaps_inside((whole,), first_frame=first, end_frame=end)
    ]
    assert found == ([] if there is None else [there])
