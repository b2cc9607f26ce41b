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
from rigd.model.library import LibraryPage, ListedTake, TakesWanted
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
