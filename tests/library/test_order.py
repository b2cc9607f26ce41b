"""The order of takes is that in which they were made, whatever is done to the wall clock in between."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from take_maker import begin, close, open_library, order_take

from rigd.library.library import Library
from rigd.model.take import TakeOrder
from rigd.model.takes import Takes
from rigd.model.units import TakeId
from rigd.rules.ordinals import BEYOND, next_ordinal, ordinal_of
from rigd.rules.take_orders import take_of

DAY = "2026-10-25"
SUMMER, WINTER = timezone(timedelta(hours=2)), timezone(timedelta(hours=1))
LAST_OF_SUMMER = datetime(2026, 10, 25, 2, 59, 40, tzinfo=SUMMER)


class Clock:
    """The wall clock, set by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def record(library: Library, session: str, clock: Clock, *, ordinal: bool = True) -> TakeId:
    """A take by the clock as it is; `ordinal=False`: an older rigd's."""
    order = order_take(library, session)
    order = replace(order, started_at=clock.now.isoformat(timespec="milliseconds"))
    if not ordinal:
        order = replace(order, ordinal=0)
    begin(order)
    close(order)
    library.file_take(Path(order.folder))
    return order.take_id


@pytest.mark.parametrize("index", ["kept", "deleted"])
@pytest.mark.parametrize(
    "later",
    [
        (LAST_OF_SUMMER + timedelta(seconds=40)).astimezone(WINTER),
        LAST_OF_SUMMER - timedelta(seconds=1),
        LAST_OF_SUMMER - timedelta(days=9, hours=3),
        datetime(1970, 1, 1, 0, 0, 9, tzinfo=WINTER),
    ],
    ids=["summer time ends", "a second back", "days back", "1970"],
)
def test_the_last_take_is_the_last_one_recorded_also_after_a_restart(
    root: Path, later: datetime, index: str
) -> None:
    clock = Clock(LAST_OF_SUMMER)
    library = open_library(root, now=clock)
    session = library.open_session("Band", date=DAY).folder
    made = [record(library, session, clock) for _ in range(2)]
    clock.now = later
    made += [record(library, session, clock) for _ in range(2)]
    library.save_session(session)
    library.close()
    if index == "deleted":
        (root / ".rigd" / "index.sqlite3").unlink()

    library = open_library(root, now=clock)
    assert [take.take_id for take in library.open_session("Band", date=DAY).takes] == made
    made.append(record(library, session, clock))
    assert [take.take_id for take in library.open_session("Band", date=DAY).takes] == made
    for _ in library.catch_up(may_move=lambda: True):
        pass
    assert [row.take_id for row in library.reader.takes()] == made
    library.close()


def test_undo_brings_back_what_was_thrown_away_last(root: Path) -> None:
    clock = Clock(LAST_OF_SUMMER)
    library = open_library(root, now=clock)
    session = library.open_session("Band", date=DAY).folder
    first, second = (record(library, session, clock) for _ in range(2))
    library.discard(second)
    clock.now -= timedelta(hours=1)
    library.discard(first)
    library.close()
    library = open_library(root, now=clock)
    assert library.open_session("Band", date=DAY).trashed == (second, first)
    library.restore(first)
    assert library.open_session("Band", date=DAY).trashed == (second,)
    library.close()


def test_takes_of_an_older_rigd_stand_before_by_the_instant_and_not_by_its_text(root: Path) -> None:
    clock = Clock(LAST_OF_SUMMER)
    library = open_library(root, now=clock)
    session = library.open_session("Band", date=DAY).folder
    made = [record(library, session, clock, ordinal=False)]
    clock.now = (LAST_OF_SUMMER + timedelta(seconds=40)).astimezone(WINTER)
    made.append(record(library, session, clock, ordinal=False))
    clock.now = LAST_OF_SUMMER - timedelta(days=1)
    made.append(record(library, session, clock))
    library.close()
    library = open_library(root, now=clock)
    assert [take.take_id for take in library.open_session("Band", date=DAY).takes] == made
    assert [row.take_id for row in library.reader.takes()] == made
    library.close()


def test_a_take_that_was_open_when_rigd_ended_keeps_its_place(root: Path) -> None:
    clock = Clock(LAST_OF_SUMMER)
    library = open_library(root, now=clock)
    session = library.open_session("Band", date=DAY).folder
    cut_off = order_take(library, session)
    begin(cut_off)
    clock.now -= timedelta(hours=2)
    last = record(library, session, clock)
    library.close()
    close(cut_off, recovered=True)
    library = open_library(root, now=clock)
    assert [take.take_id for take in library.open_session("Band", date=DAY).takes] == [cut_off.take_id, last]
    library.close()


def test_an_ordinal_that_nobody_gave_is_not_believed(root: Path) -> None:
    clock = Clock(LAST_OF_SUMMER)
    library = open_library(root, now=clock)
    session = library.open_session("Band", date=DAY).folder
    odd = replace(order_take(library, session), ordinal=1 << 62)
    begin(odd)
    close(odd)
    library.file_take(Path(odd.folder))
    made = record(library, session, clock)
    assert library.open_session("Band", date=DAY).takes[-1].take_id == made
    library.close()


@given(st.lists(st.integers(min_value=-(1 << 62), max_value=1 << 62), min_size=1))
def test_ordinals_only_grow(clocks_ms: list[int]) -> None:
    highest = 0
    for unix_ms in clocks_ms:
        given_now = next_ordinal(highest, unix_ms)
        assert highest < given_now < BEYOND or given_now == BEYOND - 1
        highest = given_now


@pytest.mark.parametrize("text", ["", "soon", "0001-01-01T00:00:00+14:00", "1969-01-01T00:00:00+00:00"])
def test_a_time_that_is_none_is_no_ordinal(text: str) -> None:
    assert ordinal_of(0, text) == 0


def test_the_state_puts_a_take_where_its_ordinal_says(library: Library) -> None:
    session = library.open_session("Band", date=DAY).folder
    orders: list[TakeOrder] = [order_take(library, session) for _ in range(4)]
    texts = ("02:59:40.000+02:00", "02:00:20.000+01:00", "01:00:00.000+01:00", "02:00:00.000+01:00")
    takes = [
        take_of(replace(order, started_at=f"{DAY}T{text}")) for order, text in zip(orders, texts, strict=True)
    ]
    there = Takes()
    for place in (2, 0, 3, 1):
        there = there.placed(takes[place])
    assert list(there) == takes
