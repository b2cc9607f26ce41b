"""The reckoning of a full tape itself: what had to be lost, what was lost beyond it, and how many times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.model.units import Frame
from rigd.tape.holds import Hold
from tests.proof.overflow import Episode, HoldMoves, Move, episodes_of
from tests.support.capture_run import runtime_folder
from tests.support.patience import wait_for
from tests.support.writer_run import FedTape

CAPACITY = 1 << 14
BLOCK = 1024
KEY = 7


@pytest.fixture
def runtime() -> Iterator[Path]:
    with runtime_folder() as runtime:
        yield runtime


def move(fed: FedTape, hold: Hold, watched: HoldMoves, to: int) -> None:
    """The hold is there, and was seen to come there after all that was fed."""
    wait_for(lambda: watched.known_at == fed.frame, "it was looked at since")
    hold.advance(to)
    wait_for(lambda: bool(watched.moves) and watched.moves[-1].after == to, "the move is seen")


def test_each_time_that_the_tape_is_full_is_an_episode_and_what_had_to_be_lost_is_known(
    runtime: Path,
) -> None:
    with FedTape(runtime, channels=2, capacity_frames=CAPACITY) as fed:
        fed.feed(BLOCK)
        with fed.tape.take_hold(Frame(300), key=KEY) as hold, HoldMoves(fed.tape.path) as watched:
            wait_for(lambda: watched.known == 300, "the hold is seen")
            fed.feed(CAPACITY - BLOCK + 5 * BLOCK)
            move(fed, hold, watched, 301)
            fed.feed(BLOCK)
            move(fed, hold, watched, 300 + 2 * BLOCK)
            fed.feed(4 * BLOCK)
            move(fed, hold, watched, CAPACITY)
            fed.feed(BLOCK)
            first, second = episodes_of(fed.tape, watched.moves)
    assert (first.at_frame, first.lost_frames, first.unused_frames) == (CAPACITY, 6 * BLOCK, 300)
    assert first.least_excess == first.most_excess == 6 * BLOCK - 300
    assert first.beyond_frames == first.surely_beyond_frames == 300, (
        "less than a block: blocks are kept whole"
    )
    assert (second.at_frame, second.lost_frames) == (CAPACITY + 8 * BLOCK, 2 * BLOCK)
    assert second.unused_frames == second.beyond_frames == 300


def test_what_is_lost_beyond_that_shows(runtime: Path) -> None:
    with FedTape(runtime, channels=2, capacity_frames=CAPACITY) as fed:
        with fed.tape.take_hold(Frame(0), key=KEY):
            fed.feed(CAPACITY + 5 * BLOCK)
        fed.feed(BLOCK)
        # The hold is said to have been moved two blocks before capture kept anything.
        at = CAPACITY + 3 * BLOCK
        moved = Move(before=0, after=CAPACITY, earliest=at, latest=at)
        (episode,) = episodes_of(fed.tape, [moved])
    assert (episode.lost_frames, episode.beyond_frames) == (5 * BLOCK, 2 * BLOCK)


def test_where_a_block_came_with_the_move_both_ends_are_told() -> None:
    episode = Episode(at_frame=0, lost_frames=5000, unused_frames=0, least_excess=4000, most_excess=5024)
    assert (episode.beyond_frames, episode.surely_beyond_frames) == (1000, 0)
