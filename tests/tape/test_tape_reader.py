"""Cursors: everything in order, nothing twice, nothing left out."""

from __future__ import annotations

from tape_source import assert_is_counter

from rigd.model.take import GapCause, Xrun
from rigd.model.units import Frame
from rigd.tape.blocks import BlockFlag, Lost, Run


def test_a_reader_follows_in_runs_as_long_as_asked(start) -> None:
    source = start()
    reader = source.tape.reader(Frame(0))
    assert reader.next(1000) is None
    for _ in range(10):
        source.play(100)
    assert reader.next(250) == Run(frame=Frame(0), position=0, frames=250)
    assert (reader.frame, reader.position) == (250, 250)
    assert reader.next(10_000) == Run(frame=Frame(250), position=250, frames=750)
    assert reader.next(10_000) is None
    source.play(1)
    assert reader.next(10_000) == Run(frame=Frame(1000), position=1000, frames=1)


def test_a_reader_ahead_of_the_tape_begins_at_its_frame(start) -> None:
    source = start()
    source.play(100)
    reader = source.tape.reader(Frame(250))
    source.play(100)
    assert reader.next(100) is None
    source.play(100)
    assert reader.next(100) == Run(frame=Frame(250), position=250, frames=50)


def test_a_gap_is_told_from_where_the_reader_stands(start) -> None:
    source = start()
    source.play(100)
    source.play_nothing(50)
    source.play(100)
    lost = Lost(frame=Frame(120), frames=30, cause=GapCause.OVERFLOW, exact=True)
    assert source.tape.reader(Frame(120)).next(10) == lost
    assert source.tape.runs(Frame(120), Frame(140)) == [
        Lost(frame=Frame(120), frames=20, cause=GapCause.OVERFLOW, exact=True)
    ]
    assert source.tape.runs(Frame(0), Frame(100)) == [Run(frame=Frame(0), position=0, frames=100)]
    assert source.tape.frame_to_position(Frame(99)) == 99
    assert source.tape.frame_to_position(Frame(120)) == 100
    assert source.tape.frame_to_position(Frame(150)) == 100
    assert source.tape.frame_to_position(Frame(151)) == 101
    assert source.tape.frame_to_position(Frame(9999)) == 200


def test_marks_stand_before_their_run_and_come_once(start) -> None:
    source = start()
    source.play(100)
    source.play(100, flags=BlockFlag.OVERFLOW)
    reader = source.tape.reader(Frame(0))
    found = [reader.next(60) for _ in range(6)]
    assert found == [
        Run(frame=Frame(0), position=0, frames=60),
        Run(frame=Frame(60), position=60, frames=40),
        Xrun(at_frame=Frame(100)),
        Run(frame=Frame(100), position=100, frames=60),
        Run(frame=Frame(160), position=160, frames=40),
        None,
    ]


def test_a_reader_that_is_overtaken_is_told_exactly_what_it_missed(start) -> None:
    source = start(capacity_frames=4096)
    source.play(500)
    reader = source.tape.reader(Frame(0))
    assert reader.next(300) == Run(frame=Frame(0), position=0, frames=300)
    for _ in range(30):
        source.play(500)
    missed = reader.next(10_000)
    oldest = 31 * 500 - 4096
    assert missed == Lost(frame=Frame(300), frames=oldest - 300, cause=GapCause.OVERWRITTEN, exact=True)
    assert reader.next(100_000) == Run(frame=Frame(oldest), position=oldest, frames=4096)


def test_what_came_before_the_tape_is_told_as_not_there(start) -> None:
    source = start(origin_frame=1000)
    source.play(100)
    assert source.tape.runs(Frame(-500), None) == [
        Lost(frame=Frame(-500), frames=1500, cause=GapCause.OVERWRITTEN, exact=True),
        Run(frame=Frame(1000), position=0, frames=100),
    ]


def test_an_overtaken_reader_still_hears_of_the_gap_after_it(start) -> None:
    source = start(capacity_frames=4096)
    source.play(2000)
    source.play(2000)
    source.play_nothing(100)
    source.play(2000)
    source.play(2000)  # 8000 stored: the first 3904 positions are gone
    pieces = assert_is_counter(source.tape, 0)
    assert [(p.frame, p.frames, getattr(p, "cause", None)) for p in pieces] == [
        (0, 3904, GapCause.OVERWRITTEN),
        (3904, 96, None),
        (4000, 100, GapCause.OVERFLOW),
        (4100, 4000, None),
    ]
    source.play(96)  # now exactly up to the gap
    assert [p.frames for p in assert_is_counter(source.tape, 0)] == [4000, 100, 4096]
    source.play(1)  # and into the block behind it, gap and all
    assert [p.frames for p in assert_is_counter(source.tape, 0)] == [4101, 4096]
