"""The takes of all sessions, page by page: each once, in order, whatever is asked for."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest
from take_maker import closed_take, open_library

from rigd.library import listing as listing_file
from rigd.library.library import Library
from rigd.library.listing import MOST_WAITING, TakeListing
from rigd.model.errors import LibraryError
from rigd.model.library import (
    LibraryPage,
    ListedSession,
    ListedTake,
    SessionsPage,
    SessionsWanted,
    TakesWanted,
)
from rigd.model.take import Slate
from tests.support.patience import PATIENCE_S

DAYS = ("2025-06-01", "2025-06-02")


@pytest.fixture
def library(root: Path) -> Iterator[Library]:
    """Two days of a band and one of a choir; three takes each, and one in the trash."""
    made = open_library(root)
    for session, day in (("Band", DAYS[0]), ("Choir", DAYS[0]), ("Band", DAYS[1])):
        folder = made.open_session(session, date=day).folder
        for song in ("Blue", "Red", "Blue"):
            closed_take(made, folder, song=song, session=session)
    order = closed_take(made, folder, song="Green", session="Band")
    made.discard(order.take_id)
    for _ in made.catch_up(may_move=lambda: True):
        pass
    yield made
    made.close()


@pytest.fixture
def listing(library: Library) -> Iterator[TakeListing]:
    made = TakeListing(library.root, library.reader, is_complete=lambda: True)
    made.start()
    yield made
    made.stop()


def page(listing: TakeListing, wanted: TakesWanted) -> LibraryPage:
    told: queue.Queue[LibraryPage | LibraryError] = queue.Queue()
    listing.page(wanted, told.put)
    found = told.get(timeout=PATIENCE_S)
    if isinstance(found, LibraryError):
        raise found
    return found


def whole(listing: TakeListing, session: str = "") -> list[ListedTake]:
    takes: list[ListedTake] = []
    after = ""
    while True:
        found = page(listing, TakesWanted(session=session, after=after))
        takes += found.takes
        if not found.next:
            return takes
        after = found.next


@pytest.mark.parametrize("rows", [1, 2, 4, 9, 100])
def test_each_take_is_listed_once_and_in_order(
    library: Library, listing: TakeListing, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(listing_file, "ROWS_A_PAGE", rows)
    takes = whole(listing)
    assert [take.take_id for take in takes] == [row.take_id for row in library.reader.takes()]
    assert len(takes) == 9 and [take.ordinal for take in takes] == sorted(take.ordinal for take in takes)
    assert (library.root / takes[0].folder).is_dir()


def test_a_session_is_listed_by_its_name_whatever_its_day(listing: TakeListing) -> None:
    takes = whole(listing, "Band")
    assert len(takes) == 6 and len({take.session_folder for take in takes}) == 2
    assert whole(listing, "Band' OR 1=1 --") == []


def test_a_page_is_no_longer_than_an_answer_has_room_for(
    listing: TakeListing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_file, "PART_BYTES", 1000)
    assert 1 <= len(page(listing, TakesWanted()).takes) <= 3
    assert len(whole(listing)) == 9


@pytest.mark.parametrize("after", ["x", "1e9/a", "9" * 40 + "/a", "/", "1\0"])
def test_a_place_that_is_none_is_refused(listing: TakeListing, after: str) -> None:
    with pytest.raises(LibraryError, match="no place"):
        page(listing, TakesWanted(after=after))


def test_a_disk_that_stands_still_has_only_so_many_waiting(library: Library) -> None:
    waiting = TakeListing(library.root, library.reader, is_complete=lambda: False)
    told: list[object] = []
    for _ in range(MOST_WAITING):
        waiting.page(TakesWanted(), told.append)
    with pytest.raises(LibraryError, match="ask again"):
        waiting.page(TakesWanted(), told.append)
    waiting.start()
    waiting.stop()
    assert len(told) >= MOST_WAITING - 1
    assert all(isinstance(each, LibraryPage) and not each.complete for each in told)


def test_a_search_goes_on_from_page_to_page_until_the_last(
    library: Library, listing: TakeListing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_file, "ROWS_A_PAGE", 2)
    last = whole(listing)[-1]
    slate = Slate(session="Band", song="Blue", number=last.number, notes=("The BEST bridge",))
    library.file_take(library.root / last.folder, slate=slate)
    found: list[ListedTake] = []
    after = "0/"
    while after:
        a_page = page(listing, TakesWanted(text="best b", after=after))
        found, after = found + list(a_page.takes), a_page.next
    assert [(take.take_id, take.found) for take in found] == [(last.take_id, ("note: The BEST bridge",))]


def test_the_trash_has_false_takes_alone_and_says_since_when(listing: TakeListing) -> None:
    (take,) = page(listing, TakesWanted(in_trash=True)).takes
    assert take.song == "Green" and take.discarded_at.startswith("2025-06-01T12:00")


def test_sessions_are_told_in_pages_with_what_is_in_them(
    listing: TakeListing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_file, "SESSIONS_A_PAGE", 2)
    told: queue.Queue[SessionsPage | LibraryError] = queue.Queue()
    found: list[ListedSession] = []
    after = ""
    while after or not found:
        listing.sessions(SessionsWanted(after=after), told.put)
        a_page = told.get(timeout=PATIENCE_S)
        assert isinstance(a_page, SessionsPage)
        found, after = found + list(a_page.sessions), a_page.next
    assert [(each.date, each.session, each.takes) for each in found] == [
        (DAYS[0], "Band", 3),
        (DAYS[0], "Choir", 3),
        (DAYS[1], "Band", 3),
    ]
    assert all(each.length_s == pytest.approx(0.03) and each.size_bytes > 0 for each in found)
