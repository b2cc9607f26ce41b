"""A page of a library's takes costs as little of the index, be there 10,000 takes or hardly more than a page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from take_maker import closed_take, open_library

from rigd.library.index import INDEX_NAME, Index, IndexReader
from rigd.library.index_rows import TakeRow
from rigd.library.listing import ROWS_A_PAGE
from rigd.model.library import TakesWanted
from rigd.model.units import TakeId

pytestmark = pytest.mark.slow
FEW, MANY = 2 * ROWS_A_PAGE, 10_000
SESSIONS = 500
MORE = 1.2
"""So much more work MANY may be than FEW."""


@pytest.fixture
def row(root: Path) -> TakeRow:
    """Of a take as the library enters it."""
    library = open_library(root)
    closed_take(library, library.open_session("Band", date="2025-06-01").folder)
    for _ in library.catch_up(may_move=lambda: True):
        pass
    (found,) = library.reader.takes()
    library.close()
    return found


def rows(row: TakeRow, count: int, *, sessions: int) -> Iterator[TakeRow]:
    for number in range(1, count + 1):
        session = f"Band {number * sessions // (count + 1):03}"
        yield replace(
            row,
            take_id=TakeId(f"{number:032x}"),
            ordinal=number,
            number=number,
            session=session,
            session_folder=session,
            folder=f"{session}/Blue/Take {number:05}",
        )


class Counted:
    """An index of so many takes; how many steps of SQLite's own machine something takes."""

    def __init__(self, folder: Path, row: TakeRow, count: int, *, sessions: int = 1) -> None:
        folder.mkdir()
        self.index = Index(folder / INDEX_NAME, now=datetime.now(UTC))
        self.index.put(*rows(row, count, sessions=sessions))
        self.reader = IndexReader(lambda: self.index)
        self.steps = 0
        self.index._connection.set_progress_handler(self._stepped, 1)

    def _stepped(self) -> int:
        self.steps += 1
        return 0

    def of_page(self, wanted: TakesWanted) -> int:
        before = self.steps
        page = self.reader.page(wanted, ROWS_A_PAGE)
        assert len(page) == ROWS_A_PAGE
        return self.steps - before


@pytest.mark.parametrize("sessions", [1, SESSIONS])
def test_a_page_costs_the_same_wherever_it_is_and_however_many_takes_there_are(
    tmp_path: Path, row: TakeRow, sessions: int
) -> None:
    few, many = Counted(tmp_path / "few", row, FEW), Counted(tmp_path / "many", row, MANY, sessions=sessions)
    first = few.of_page(TakesWanted())
    assert first > ROWS_A_PAGE
    for place in (0, MANY // 2, MANY - ROWS_A_PAGE):
        folder = next(
            each.folder for each in rows(row, MANY, sessions=sessions) if each.ordinal == max(1, place)
        )
        after = f"{place}/{folder}" if place else ""
        assert many.of_page(TakesWanted(after=after)) <= first * MORE
    few.index.close()
    many.index.close()


def test_a_page_of_a_session_of_ten_thousand_costs_what_one_of_few_does(tmp_path: Path, row: TakeRow) -> None:
    few, many = Counted(tmp_path / "few", row, FEW), Counted(tmp_path / "many", row, MANY)
    wanted = TakesWanted(session="Band 000")
    assert many.of_page(wanted) <= few.of_page(wanted) * MORE
    few.index.close()
    many.index.close()
