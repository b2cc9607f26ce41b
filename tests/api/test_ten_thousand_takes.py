"""A session of 10,000 takes costs a step, and those who watch it, what one of ten does. Work is counted, not time."""

from __future__ import annotations

import logging
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from rigd.api.followed import FollowedStates
from rigd.control.event_log import EventLog
from rigd.model.brief import brief_state
from rigd.model.disk_words import TapeWatched
from rigd.model.messages import GapWritten, OpenTake, TakeClosed, TakeProgress
from rigd.model.state import Take
from rigd.model.take import ClosedFile, Gap, GapCause, Slate
from rigd.model.takes import Takes
from rigd.model.units import Frame, TakeId
from rigd.wire.codec import encode
from tests.support.desk import OPENED, WRITER_IDLE, Desk

FEW, MANY = 10, 10_000
MORE = 1.2
"""So much more work MANY may be than FEW."""
COMMANDS = (
    "mark chorus",
    "circle",
    "note loud",
    "arm 1",
    "gain 1 20",
    "keep 3",
    "next",
    "stop",
    "discard",
    "undo",
)
BYTES_A_TAKE = 250
"""Changing one take copies references to all (`model/takes.py`): a tuple and two tables of the register."""


def behind(number: int) -> Take:
    folder = f"{OPENED.folder}/Waltz/Take {number:03}"
    return Take(
        take_id=TakeId(f"f{number:031x}"),
        folder=folder,
        slate=Slate(session="Rehearsal", song="Waltz", number=number),
        first_frame=Frame(0),
        end_frame=Frame(48_000),
        started_at="2023-11-14T20:00:00.000+01:00",
        channels=(1, 2, 3, 4),  # type: ignore[arg-type]
        files=tuple(
            ClosedFile(name=f"{n:02}.wav", channels=(n,), frames=48_000, size_bytes=150_000)  # type: ignore[arg-type]
            for n in range(1, 5)
        ),
        closed=True,
        ordinal=number,
    )


def rolling(count: int) -> Desk:
    """A rig with so many takes behind it, and one that rolls."""
    desk = Desk()
    takes = tuple(behind(number) for number in range(1, count + 1))
    desk.hear(replace(OPENED, takes=takes, next_take_number=count + 1))
    desk.ok("start")
    desk.now_s += 5
    assert type(desk.state.takes) is Takes and len(desk.state.takes) == count
    return desk


def calls_of(work: Callable[[], object]) -> int:
    """Functions that were called, Python's and C's."""
    count = 0

    def called(frame: Any, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def bytes_of(work: Callable[[], object]) -> int:
    """What was allocated at once, at the most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def works(desk: Desk) -> dict[str, Callable[[], object]]:
    """What an evening is made of, in an order in which each can be done."""
    take = desk.take
    order = next(message.order for message in desk.told(OpenTake))
    progress = TakeProgress(order=order, written_frames=9, durable_frames=8)
    gap = Gap(at_frame=take.first_frame, length_frames=10, cause=GapCause.OVERFLOW, exact=True)

    def hear(fact: object) -> Callable[[], object]:
        return lambda: desk.hear(fact)

    def command(text: str) -> Callable[[], object]:
        def give() -> None:
            desk.now_s += 1
            desk.ok(text)

        return give

    return {
        "report": hear(replace(WRITER_IDLE, open_takes=(progress,))),
        "tape": hear(TapeWatched(unsafe_s=3.0, waiting_s=3.0, tape_fill=0.2, owed_fill=0.2)),
        "gap": hear(GapWritten(take_id=take.take_id, gap=gap)),
        **{text: command(text) for text in COMMANDS},
        "closed": hear(TakeClosed(take_id=take.take_id, folder=take.folder, frames=240_000, files=())),
    }


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[int, tuple[int, int]]]:
    """Calls and bytes of each step, with FEW and with MANY takes behind it."""
    found: dict[str, dict[int, tuple[int, int]]] = {}
    for count in (FEW, MANY):
        counted, weighed = works(rolling(count)), works(rolling(count))
        for name in counted:
            found.setdefault(name, {})[count] = (calls_of(counted[name]), bytes_of(weighed[name]))
    return found


def test_no_step_does_more_for_the_takes_that_are_behind(
    measured: dict[str, dict[int, tuple[int, int]]],
) -> None:
    calls = {name: (of[FEW][0], of[MANY][0]) for name, of in measured.items()}
    assert {name: pair for name, pair in calls.items() if pair[1] > pair[0] * MORE} == {}


def test_a_step_copies_no_more_than_references_to_them(
    measured: dict[str, dict[int, tuple[int, int]]],
) -> None:
    more = {name: of[MANY][1] - of[FEW][1] for name, of in measured.items()}
    assert {name: size for name, size in more.items() if size > MANY * BYTES_A_TAKE} == {}
    for name in ("report", "tape", "gap", "mark chorus", "arm 1", "gain 1 20"):
        assert more[name] < MANY, f"{name} changes no take that is behind"


def changes_of(count: int) -> list[tuple[int, int]]:
    """Calls that each step's change took to be found, and the bytes that it is told in."""
    desk, changes, found = rolling(count), FollowedStates(), []
    changes.take_in(desk.state)
    for work in works(desk).values():
        number = changes.number
        work()
        calls = calls_of(lambda: changes.take_in(desk.state))
        lines = changes.since(number)
        assert lines is not None
        found.append((calls, sum(map(len, lines))))
    return found


def test_a_change_is_as_short_and_is_found_with_as_little() -> None:
    few, many = changes_of(FEW), changes_of(MANY)
    for (few_calls, few_bytes), (calls, size) in zip(few, many, strict=True):
        assert calls <= few_calls * MORE
        assert size < 4_000 and size <= few_bytes * MORE


def test_a_status_is_as_long_and_made_with_as_little_as_of_a_thousand() -> None:
    """An answer tells as many takes as it has room for, and how many more there are."""
    states = {count: rolling(count).state for count in (1_000, MANY)}
    calls = {count: calls_of(partial(brief_state, state)) for count, state in states.items()}
    sizes = {count: len(encode(brief_state(state))) for count, state in states.items()}
    assert calls[MANY] <= calls[1_000] * MORE and sizes[MANY] <= sizes[1_000] * MORE


def calls_of_the_log(count: int) -> int:
    desk, log = rolling(count), EventLog(logging.getLogger("rigd"))
    found = 0
    for text in ("mark", "next", "next"):  # the first lines of a logger cost more
        before, heard = desk.state, len(desk.events)
        desk.now_s += 61
        desk.ok(text)
        events = desk.events[heard:]
        found = calls_of(partial(log.say, before, desk.state, events, now_ns=events[-1].at_ns))
    return found


def test_the_log_looks_at_none_of_them() -> None:
    assert calls_of_the_log(MANY) <= calls_of_the_log(FEW) * MORE
