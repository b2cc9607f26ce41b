"""Spare holds: what a mirror would like to keep costs the primary no block (F22)."""

from __future__ import annotations

import os

import pytest
from tape_source import assert_is_counter
from test_tape_holds import hold_elsewhere, kill

from rigd.model.errors import TapeError
from rigd.model.take import GapCause
from rigd.model.units import Frame, TakeId
from rigd.tape.blocks import Lost
from rigd.tape.holds import HoldLetGoError, NoFreeHoldError, hold_key


def test_capture_lets_go_of_a_spare_hold_rather_than_dropping_a_block(start) -> None:
    source = start(capacity_frames=4096)
    tape = source.tape
    source.play(1000)
    with tape.take_hold(Frame(500), key=7, spare=True) as hold:
        assert hold.spare and not hold.let_go and hold.position == 500
        for _ in range(11):
            source.play(300)
        assert hold.position == 500, "what is held is held while there is room"
        for _ in range(20):
            source.play(300)
        assert tape.counters().dropped_blocks == 0
        assert hold.let_go
        (record,) = tape.holds()
        assert record.spare and record.let_go and record.pid == os.getpid()
        with pytest.raises(HoldLetGoError, match="let go of"):
            hold.advance(tape.written)
        assert hold.let_go, "it stays so until its owner has seen it"
        lost, *_ = tape.runs(Frame(500), None)
        assert isinstance(lost, Lost) and lost.cause is GapCause.OVERWRITTEN
        hold.renew(Frame(500))
        assert hold.position == tape.written - 4096, "it holds again, from what is there"
        hold.advance(tape.written)
        source.play(300)
        assert not hold.let_go
    assert tape.holds() == ()


def test_only_the_spare_holds_that_are_in_the_way_are_let_go_of(start) -> None:
    source = start(capacity_frames=4096)
    tape = source.tape
    source.play(2000)
    with (
        tape.take_hold(Frame(100), key=1, spare=True) as slow,
        tape.take_hold(Frame(1900), key=2, spare=True) as quick,
        tape.take_hold(Frame(1000), key=3) as firm,
    ):
        for _ in range(14):
            source.play(200)
        assert slow.let_go and not quick.let_go
        assert tape.counters().dropped_blocks == 0
        assert (firm.position, quick.position) == (1000, 1900)
        for _ in range(10):
            source.play(200)
        assert tape.counters().dropped_blocks > 0, "of a firm one capture never lets go"
        assert not quick.let_go, "a block that is dropped anyway costs no hold"
        assert_is_counter(tape, 1000, 4000)


def test_a_spare_hold_is_in_the_way_of_the_block_log_too(start) -> None:
    source = start(capacity_frames=4096)  # 64 log entries
    source.play(10)
    with source.tape.take_hold(Frame(0), key=1, spare=True) as hold:
        for _ in range(63):
            source.play(1)
        assert not hold.let_go
        source.play(1)
        assert hold.let_go and source.tape.counters().dropped_blocks == 0


def test_a_spare_hold_becomes_firm_without_a_moment_in_between(start) -> None:
    source = start(capacity_frames=4096)
    tape = source.tape
    source.play(1000)
    with tape.take_hold(Frame(200), key=5, spare=True) as hold:
        hold.make_firm(Frame(200))
        assert not hold.spare and hold.position == 200
        assert [record.key for record in tape.holds()] == [5]
        for _ in range(20):
            source.play(300)
        assert tape.counters().dropped_blocks > 0 and hold.position == 200
        assert_is_counter(tape, 200, 4000)
        hold.make_firm(Frame(900))
        assert hold.position == 200, "a firm one stays as it is"


def test_one_that_was_let_go_of_becomes_firm_from_what_is_there(start) -> None:
    source = start(capacity_frames=4096)
    source.play(100)
    with source.tape.take_hold(Frame(0), key=5, spare=True) as hold:
        for _ in range(20):
            source.play(300)
        assert hold.let_go
        hold.make_firm(Frame(0))
        assert (hold.spare, hold.let_go, hold.position) == (False, False, source.tape.written - 4096)


def test_where_no_firm_hold_is_free_a_spare_one_stays_as_it_is(start) -> None:
    tape = start(capacity_frames=4096).tape
    firm = [tape.take_hold(Frame(0), key=key) for key in range(1, 33)]
    with tape.take_hold(Frame(0), key=50, spare=True) as hold:
        with pytest.raises(NoFreeHoldError):
            hold.make_firm(Frame(0))
        assert hold.spare and hold.position == 0
        firm[3].release()
        hold.make_firm(Frame(0))
        assert not hold.spare
    for each in firm:
        each.release()
    assert tape.holds() == ()


def test_a_writer_clears_up_after_its_own_name_only(start) -> None:
    tape = start(capacity_frames=4096).tape
    take = TakeId("0123456789abcdef" * 2)
    keys = {name: hold_key(take, name) for name in ("writer", "mirror")}
    kill(hold_elsewhere(tape.path, 0, *keys.values()))
    assert tape.reclaim_dead_holds("mirror") == 1
    assert [record.key for record in tape.holds()] == [keys["writer"]], "its next writer will want it"
    with pytest.raises(TapeError, match="nobody holds"):
        tape.adopt_hold(keys["mirror"])
    tape.adopt_hold(keys["writer"]).release()
