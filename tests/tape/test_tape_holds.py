"""Holds: what a writer has not made durable is not overwritten, whoever dies (F1, F13, F14)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from uuid import uuid4

import pytest
from tape_source import assert_is_counter

from rigd.model.errors import TapeError
from rigd.model.take import GapCause
from rigd.model.units import Frame, TakeId
from rigd.tape.blocks import Lost
from rigd.tape.holds import hold_key, waiting_keys
from rigd.tape.tape import Tape


def test_each_writer_has_keys_of_its_own_for_the_same_take_and_for_what_waits() -> None:
    takes = [TakeId(uuid4().hex) for _ in range(100)]
    writers = ("writer", "mirror", "blackbox")
    keys = [hold_key(take, writer) for take in takes for writer in writers]
    keys += [key for writer in writers for key in waiting_keys(writer)]
    assert len(set(keys)) == len(keys) and all(0 < key < 2**64 for key in keys)


def test_what_is_held_is_never_overwritten_and_what_did_not_fit_is_lost_whole(start) -> None:
    source = start(capacity_frames=4096)
    tape = source.tape
    source.play(1000)
    with tape.take_hold(Frame(500), key=7) as hold:
        assert hold.position == 500
        for _ in range(10):
            source.play(300)
        # 1000 + 11 x 300 - 4096 = 204 <= 500: one block more fits, the next does not.
        assert tape.counters().dropped_blocks == 0
        for _ in range(5):
            source.play(300)
        assert tape.counters().dropped_blocks == 4
        assert tape.counters().lost_frames == 1200
        assert tape.next_frame == source.frame, "the frame counter runs on: capture is alive"
        assert tape.written == 1000 + 11 * 300
        hold.advance(2000)
        hold.advance(1000)
        assert hold.position == 2000, "a hold never goes back"
        source.play(300)
        pieces = assert_is_counter(tape, 2000)
        assert pieces[1] == Lost(frame=Frame(4300), frames=1200, cause=GapCause.TAPE_FULL, exact=True)
    for _ in range(30):
        source.play(300)
    assert tape.counters().dropped_blocks == 4, "nobody holds: the tape just loops"
    assert_is_counter(tape, tape.oldest_frame)


def test_the_slowest_of_several_holds_counts(start) -> None:
    source = start(capacity_frames=4096)
    source.play(2000)
    with (
        source.tape.take_hold(Frame(100), key=1) as slow,
        source.tape.take_hold(Frame(1900), key=2),
    ):
        for _ in range(12):
            source.play(200)
        assert source.tape.counters().lost_frames == 400
        slow.release()
        source.play(200)
        assert source.tape.counters().lost_frames == 400


def test_the_block_log_of_what_is_held_is_kept_too(start) -> None:
    source = start(capacity_frames=4096)  # 64 log entries
    source.play(10)
    with source.tape.take_hold(Frame(0), key=1):
        for _ in range(200):
            source.play(1)
        assert source.tape.written == 10 + 63
        assert source.tape.counters().lost_frames == 137
        assert_is_counter(source.tape, 0, 73)
    for _ in range(200):
        source.play(1)
    assert source.tape.oldest_frame == source.frame - 64, "short blocks: the log is the limit"
    assert_is_counter(source.tape, source.tape.oldest_frame)


def test_a_hold_too_far_in_the_past_holds_the_oldest_and_a_reader_tells_the_rest(start) -> None:
    source = start(capacity_frames=4096)
    for _ in range(20):
        source.play(500)
    with source.tape.take_hold(Frame(1000), key=1) as hold:
        assert hold.position == 10_000 - 4096
        for _ in range(4):
            source.play(500)
        pieces = source.tape.runs(Frame(1000), Frame(10_000))
        assert pieces[0] == Lost(frame=Frame(1000), frames=4904, cause=GapCause.OVERWRITTEN, exact=True)
        assert_is_counter(source.tape, 1000, 10_000)


def test_a_hold_in_the_future_holds_from_now(start) -> None:
    source = start(capacity_frames=4096)
    source.play(100)
    with source.tape.take_hold(Frame(1_000_000), key=1) as hold:
        assert hold.position == 100


def test_a_hold_in_a_gap_keeps_what_is_known_of_the_gap(start) -> None:
    source = start(capacity_frames=4096)
    source.play(1000)
    source.play_nothing(500)
    source.play(1000)
    with source.tape.take_hold(Frame(1200), key=1):
        for _ in range(10):
            source.play(1000)
        gap, _ = source.tape.runs(Frame(1200), Frame(2000))
        assert gap == Lost(frame=Frame(1200), frames=300, cause=GapCause.OVERFLOW, exact=True)


def test_keys_are_unique_holds_are_few_and_both_are_said(start) -> None:
    tape = start().tape
    first = tape.take_hold(Frame(0), key=1)
    with pytest.raises(TapeError, match="is taken already; adopt it"):
        tape.take_hold(Frame(0), key=1)
    with pytest.raises(TapeError, match="nobody holds"):
        tape.adopt_hold(2)
    with pytest.raises(TapeError, match="a key is a number from 1"):
        tape.take_hold(Frame(0), key=0)
    others = [tape.take_hold(Frame(0), key=key) for key in range(2, 33)]
    with pytest.raises(TapeError, match="all 32 firm holds are in use"):
        tape.take_hold(Frame(0), key=99)
    spare = [tape.take_hold(Frame(0), key=key, spare=True) for key in range(100, 164)]
    with pytest.raises(TapeError, match="all 64 spare holds are in use"):
        tape.take_hold(Frame(0), key=99, spare=True)
    assert tape.reclaim_dead_holds() == 0
    for hold in (first, first, *others, *spare):
        hold.release()
    assert tape.holds() == ()
    with pytest.raises(TapeError, match="released already"):
        first.advance(5)


HOLDER = """
    import sys, time
    from pathlib import Path
    from rigd.model.units import Frame
    from rigd.tape.tape import Tape
    tape = Tape.attach(Path(sys.argv[1]), writable=True)
    for key in sys.argv[3:]:
        tape.take_hold(Frame(int(sys.argv[2])), key=int(key))
    print("held", flush=True)
    time.sleep(600)
"""


def hold_elsewhere(path: Path, frame: int, *keys: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(path), str(frame), *map(str, keys)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_killed_writer_keeps_its_hold_until_the_next_one_adopts_it(start) -> None:
    source = start(capacity_frames=4096)
    source.play(1000)
    writer = hold_elsewhere(source.tape.path, 200, 5)
    try:
        with pytest.raises(TapeError, match=f"belongs to process {writer.pid}, which runs"):
            source.tape.adopt_hold(5)
    finally:
        kill(writer)
    for _ in range(10):
        source.play(1000)
    (record,) = source.tape.holds()
    assert (record.key, record.pid, record.position, record.owner_alive) == (5, writer.pid, 200, False)
    with source.tape.adopt_hold(5) as hold:
        assert hold.position == 200
        assert source.tape.holds()[0].pid == os.getpid()
        assert_is_counter(source.tape, 200, 4000)
        source.tape.reclaim_dead_holds()
        assert hold.position == 200


def test_a_writer_that_is_dead_but_not_yet_buried_can_be_followed(start) -> None:
    source = start()
    source.play(100)
    writer = hold_elsewhere(source.tape.path, 0, 5)
    writer.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)
    try:
        source.tape.adopt_hold(5).release()
    finally:
        kill(writer)


def test_the_holds_of_the_dead_go_only_when_asked_or_when_there_is_no_other(start) -> None:
    source = start(capacity_frames=4096)
    source.play(100)
    kill(hold_elsewhere(source.tape.path, 0, *range(1, 33)))
    assert len(source.tape.holds()) == 32
    with source.tape.take_hold(Frame(50), key=77):
        assert [record.key for record in source.tape.holds()] == [77]
    kill(hold_elsewhere(source.tape.path, 0, 1, 2))
    assert source.tape.reclaim_dead_holds() == 2
    assert source.tape.holds() == ()


def test_a_hold_outlives_the_mapping_it_was_taken_through(start) -> None:
    source = start(capacity_frames=4096)
    source.play(100)
    with Tape.attach(source.tape.path, writable=True) as other:
        other.take_hold(Frame(0), key=1)
    source.play(1000)
    assert source.tape.adopt_hold(1).position == 0
