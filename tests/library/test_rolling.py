"""The take.json of a take that rolls costs what came to its journal, not what is behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from take_maker import FIRST, append, begin, order_take

from rigd.library.keeper import LibraryKeeper
from rigd.library.library import Library
from rigd.library.rolling import ENTRIES_A_SECOND, RollingTake
from rigd.library.sheet_file import read_sheet
from rigd.model.take import Gap, GapCause, Marker, Slate
from rigd.model.units import Frame
from rigd.rules.take_orders import take_of
from rigd.takefile import journal as journal_file
from rigd.takefile.journal import JOURNAL_NAME, FollowedJournal, read_journal
from rigd.takefile.ledger import Durable, Ended, Entry

MANY = 2_000
ENTRIES: tuple[Entry, ...] = (
    Marker(at_frame=Frame(FIRST + 5), name="a"),
    Marker(at_frame=Frame(FIRST + 3)),
    Gap(at_frame=Frame(FIRST + 9), length_frames=4, cause=GapCause.OVERFLOW, exact=True),
    Slate(session="Band", song="Blue", number=1, notes=("x",)),
    Durable(frames=480),
    Ended(end_frame=Frame(FIRST + 1000)),
    Ended(end_frame=None),
)


@pytest.fixture
def session_folder(library: Library) -> str:
    return library.open_session("Band", date="2025-06-01").folder


def markers(count: int) -> tuple[Marker, ...]:
    return tuple(Marker(at_frame=Frame(FIRST + n), name=f"marker {n}") for n in range(count))


def test_only_what_came_to_the_journal_is_read(
    library: Library, session_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = order_take(library, session_folder)
    begin(order, *markers(MANY))
    read: list[int] = []
    real = journal_file._Reading.read

    def counted(self: journal_file._Reading, content: bytes) -> object:
        read.append(len(content))
        return real(self, content)

    monkeypatch.setattr(journal_file._Reading, "read", counted)
    rolling, take = RollingTake(), take_of(order)
    for number in range(3):
        assert rolling.refresh(take) is not None
        sheet = read_sheet(Path(order.folder))
        assert sheet is not None and len(sheet.markers) == MANY + number
        append(order.folder, Marker(at_frame=Frame(FIRST + MANY + number), name="the next"))
    first, *others = read
    assert first > 50 * MANY and max(others) < 200


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(st.lists(st.sampled_from(ENTRIES), max_size=4), max_size=8),
    torn=st.integers(0, 40),
    damaged=st.booleans(),
)
def test_read_on_it_says_what_it_says_read_at_once(
    library: Library, session_folder: str, pieces: list[list[Entry]], torn: int, damaged: bool
) -> None:
    order = order_take(library, session_folder)
    begin(order)
    path = Path(order.folder) / JOURNAL_NAME
    followed = FollowedJournal(path)
    for piece in pieces:
        before = path.stat().st_size
        append(order.folder, *piece)
        whole = path.read_bytes()
        path.write_bytes(whole[: max(before, len(whole) - torn)])  # half a line, as a reader may find it
        assert followed.record() == read_journal(path)
        path.write_bytes(whole)
        if damaged:
            with path.open("ab") as file:
                file.write(b"00000000 {}\n")
        assert followed.record() == read_journal(path)


def test_a_journal_that_goes_on_in_a_fresh_file_is_read_anew(library: Library, session_folder: str) -> None:
    order = order_take(library, session_folder)
    begin(order, *markers(3))
    path = Path(order.folder) / JOURNAL_NAME
    followed = FollowedJournal(path)
    assert len(followed.record().markers) == 3
    fresh = path.with_name("fresh")
    fresh.write_bytes(path.read_bytes())
    os.replace(fresh, path)
    append(order.folder, *markers(1))
    assert followed.record() == read_journal(path)


def test_a_sheet_of_many_entries_stands_longer(library: Library, session_folder: str) -> None:
    order = order_take(library, session_folder)
    begin(order, *markers(10 * ENTRIES_A_SECOND))
    rolling = RollingTake()
    assert rolling.pause_s == 0
    rolling.refresh(take_of(order))
    assert rolling.pause_s == 10


def test_the_sheet_of_many_entries_is_written_once_its_pause_is_over(
    library: Library, session_folder: str
) -> None:
    order = order_take(library, session_folder)
    begin(order, *markers(2 * ENTRIES_A_SECOND))
    now = [100.0]
    keeper = LibraryKeeper(library, post=lambda fact: None, clock=lambda: now[0])
    take, written = take_of(order), []
    for name in ("first", "second", "third"):
        keeper.write_sheet(replace(take, slate=replace(take.slate, name=name)))
        keeper._tick()
        sheet = read_sheet(Path(order.folder))
        assert sheet is not None
        written.append(sheet.name)
        now[0] += 1.0
    assert written == ["first", "first", "third"]
