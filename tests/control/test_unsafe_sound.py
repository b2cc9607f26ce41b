"""What is not yet safe, reckoned from the holds of a real tape."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from rigd.control.unsafe_sound import NOTHING_HELD, UnsafeSoundWatch
from rigd.model.disk_words import TapeWatched
from rigd.model.state import RigState, Take
from rigd.model.units import Frame, Ns, TakeId
from rigd.tape.holds import hold_key, kept_key, waiting_keys
from rigd.tape.view import TapeView
from tests.support.capture_run import runtime_folder
from tests.support.desk import Desk
from tests.support.writer_run import RATE, FedTape

CAPACITY = 1 << 19
TAKE_ID = TakeId("00000000000000070000000000000000")
KEY = hold_key(TAKE_ID, "writer")


class Bench:
    """A tape that is fed by hand, a take that holds it, and a clock that goes with what is fed."""

    def __init__(self, runtime: Path) -> None:
        self.fed = FedTape(runtime, channels=2, capacity_frames=CAPACITY)
        view = TapeView(runtime)
        view.refresh()
        self.view = view
        desk = Desk()
        desk.ok("start")
        self.state: RigState = desk.state
        self.put(replace(desk.take, take_id=TAKE_ID, first_frame=Frame(0)))
        self.posted: queue.Queue[TapeWatched] = queue.Queue()
        self.later_s = 0.0
        self.watch = UnsafeSoundWatch(
            view,
            state=lambda: self.state,
            post=self.posted.put,
            clock_ns=lambda: Ns(round((self.later_s + self.fed.frame / RATE) * 1e9)),
            sync_s=1.0,
        )

    def put(self, take: Take) -> None:
        self.state = replace(self.state, take=take)

    def close(self) -> None:
        self.view.close()
        self.fed.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    with runtime_folder() as runtime:
        bench = Bench(runtime)
        yield bench
        bench.close()


def test_a_tape_that_nobody_holds_is_all_safe(bench: Bench) -> None:
    bench.fed.feed(RATE)
    assert bench.watch.now() == NOTHING_HELD


def test_what_lies_behind_the_hold_is_not_safe_and_grows_as_long_as_it_stays(bench: Bench) -> None:
    with bench.fed.tape.take_hold(Frame(0), key=KEY) as hold:
        assert bench.watch.now().unsafe_s == 0
        bench.fed.feed(3 * RATE)
        seen = bench.watch.now()
        assert (seen.unsafe_s, seen.waiting_s) == (3.0, 3.0)
        assert seen.tape_fill == seen.owed_fill == 3 * RATE / CAPACITY
        hold.advance(bench.fed.tape.frame_to_position(Frame(2 * RATE)))
        assert bench.watch.now().unsafe_s == 1.0
    assert bench.watch.now() == NOTHING_HELD


def test_what_a_take_had_behind_it_when_it_was_ordered_is_owed_from_then_on(bench: Bench) -> None:
    bench.fed.feed(5 * RATE)
    with bench.fed.tape.take_hold(Frame(0), key=KEY):
        first = bench.watch.now()
        assert (first.unsafe_s, first.waiting_s, first.owed_fill) == (5.0, 0.0, 0.0)
        assert first.tape_fill == 5 * RATE / CAPACITY
        bench.fed.feed(RATE)
        second = bench.watch.now()
        assert (second.unsafe_s, second.waiting_s) == (6.0, 1.0)


def test_what_is_kept_of_a_take_that_failed_is_owed_by_whoever_goes_on_with_it(bench: Bench) -> None:
    with bench.fed.tape.take_hold(Frame(0), key=kept_key("writer", 4_097)):
        bench.watch.now()
        bench.fed.feed(3 * RATE)
        seen = bench.watch.now()
        assert (seen.unsafe_s, seen.waiting_s, seen.owed_fill) == (0.0, 0.0, 0.0)
        assert seen.tape_fill == 3 * RATE / CAPACITY
        with bench.fed.tape.take_hold(Frame(RATE), key=KEY):
            assert bench.watch.now().unsafe_s == 2.0


def test_a_take_that_has_ended_owes_no_more_than_up_to_its_end(bench: Bench) -> None:
    with bench.fed.tape.take_hold(Frame(0), key=KEY):
        bench.watch.now()
        bench.fed.feed(4 * RATE)
        take = bench.state.take
        assert take is not None
        bench.put(replace(take, end_frame=Frame(RATE)))
        seen = bench.watch.now()
        assert (seen.unsafe_s, seen.waiting_s) == (1.0, 1.0)
        assert seen.tape_fill == 4 * RATE / CAPACITY, "the tape cannot be used again before it is closed"


def test_a_gap_is_no_sound_that_could_be_lost(bench: Bench) -> None:
    with bench.fed.tape.take_hold(Frame(0), key=KEY):
        bench.watch.now()
        bench.fed.feed(RATE)
        bench.fed.lose(10 * RATE, block_frames=1024)
        assert bench.watch.now().unsafe_s == (RATE + 1024) / RATE


def test_what_is_dropped_because_the_tape_is_full_is_counted_while_it_goes_on(bench: Bench) -> None:
    with bench.fed.tape.take_hold(Frame(0), key=KEY) as hold:
        bench.watch.now()
        bench.fed.feed(CAPACITY)
        assert bench.watch.now().losing_s == 0, "full to the last frame, and nothing lost"
        bench.fed.feed(2 * 48 * 1024)
        seen = bench.watch.now()
        assert (seen.losing_s, seen.tape_fill) == (2 * 48 * 1024 / RATE, 1.0)
        hold.advance(bench.fed.tape.frame_to_position(Frame(RATE)))
        bench.fed.feed(1024)
        assert bench.watch.now().losing_s == 0, "what comes is kept again"


def test_a_hold_that_waits_for_takes_not_yet_open_counts(bench: Bench) -> None:
    with bench.fed.tape.take_hold(Frame(0), key=waiting_keys("writer")[0]):
        bench.watch.now()
        bench.fed.feed(2 * RATE)
        assert bench.watch.now().waiting_s == 2.0


def test_spare_holds_keep_nobody_waiting(bench: Bench) -> None:
    with bench.fed.tape.take_hold(Frame(0), key=hold_key(TAKE_ID, "mirror"), spare=True):
        bench.fed.feed(3 * RATE)
        assert bench.watch.now() == NOTHING_HELD


def test_a_copy_that_is_the_only_one_now_counts_as_the_take_whichever_writer_holds_it(bench: Bench) -> None:
    with bench.fed.tape.take_hold(Frame(0), key=hold_key(TAKE_ID, "mirror"), spare=True) as hold:
        hold.make_firm(Frame(0))
        bench.watch.now()
        bench.fed.feed(4 * RATE)
        take = bench.state.take
        assert take is not None
        bench.put(replace(take, end_frame=Frame(RATE)))
        assert bench.watch.now().unsafe_s == 1.0


def test_the_thread_tells_what_changes_and_is_silent_between(bench: Bench) -> None:
    bench.watch.start()
    try:
        with bench.fed.tape.take_hold(Frame(0), key=KEY):
            bench.fed.feed(1024)
            assert bench.posted.get(timeout=30).tape_fill > 0
            bench.fed.feed(3 * RATE)
            while bench.posted.get(timeout=30).waiting_s < 3.0:
                pass
        while bench.posted.get(timeout=30) != NOTHING_HELD:
            pass
        with pytest.raises(queue.Empty):
            bench.posted.get(timeout=0.6)
    finally:
        bench.watch.stop()
