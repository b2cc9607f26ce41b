"""The day is that of the take, and an evening does not end at midnight."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from take_maker import BERLIN, begin, close, open_library, order_take

from rigd.library.library import Library
from rigd.model.errors import LibraryError

EVENING = datetime(2025, 6, 1, 23, 30, tzinfo=BERLIN)


class Clock:
    def __init__(self) -> None:
        self.now = EVENING

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def band(root: Path, clock: Clock) -> Iterator[Library]:
    library = open_library(root, now=clock)
    yield library
    library.close()


def record(library: Library, session: str, clock: Clock) -> Path:
    """A take of ten milliseconds, planned as the controller does it: in the session of the day."""
    library.look_ahead()
    other = library.session_of_day(session_folder=session)
    order = order_take(library, session if other is None else other.folder)
    begin(order)
    close(order)
    library.file_take(Path(order.folder))
    return Path(order.folder)


def session_of(take: Path) -> str:
    return take.parent.parent.name


def test_a_rig_that_is_always_on_files_each_take_under_its_day(
    band: Library, clock: Clock, root: Path
) -> None:
    session = band.open_session("Band").folder
    days = []
    for _ in range(5):
        take = record(band, session, clock)
        band.save_session(str(take.parent.parent))
        session = str(take.parent.parent)
        days.append(session_of(take))
        clock.pass_(days=1, hours=7)
    assert days == [
        f"{day} Band" for day in ("2025-06-01", "2025-06-03", "2025-06-04", "2025-06-05", "2025-06-07")
    ]
    assert sorted(name for name in os.listdir(root) if not name.startswith(".")) == days, "no empty ones"
    assert all(take.name == "Take 001" for take in root.glob("*/Blue/*")), "numbers count anew"


def test_nothing_is_made_of_a_day_without_a_take(band: Library, clock: Clock, root: Path) -> None:
    session = band.open_session("Band").folder
    clock.pass_(days=3)
    for _ in range(3):
        band.look_ahead()
    assert [name for name in os.listdir(root) if name != ".rigd"] == [Path(session).name]


def test_an_evening_goes_on_past_midnight(band: Library, clock: Clock) -> None:
    session = band.open_session("Band").folder
    for _ in range(6):
        assert session_of(record(band, session, clock)) == "2025-06-01 Band"
        clock.pass_(hours=2)
    clock.pass_(hours=4, minutes=1)
    assert session_of(record(band, session, clock)) == "2025-06-02 Band"


@pytest.mark.parametrize(("hours", "day"), [(1, "2025-06-01"), (5.9, "2025-06-01"), (6.1, "2025-06-02")])
def test_a_restart_after_midnight_goes_on_too(
    root: Path, band: Library, clock: Clock, hours: float, day: str
) -> None:
    session = band.open_session("Band").folder
    (Path(session) / "Blue").mkdir()
    record_at = record(band, session, clock)
    assert record_at.is_dir()
    # As long as the take began; take_maker's takes all say noon.
    sheet = record_at / "take.json"
    sheet.write_text(sheet.read_text().replace("2025-06-01T12:00:00.250", "2025-06-01T23:30:00.000"))
    band.close()
    clock.pass_(hours=hours)
    library = open_library(root, now=clock)
    assert library.open_session("Band", going_on=True).date == day
    library.close()


def test_todays_session_comes_before_one_that_goes_on(band: Library, clock: Clock) -> None:
    band.open_session("Band")
    clock.pass_(hours=1)
    today = band.open_session("Band").folder
    assert Path(today).name == "2025-06-02 Band", "told to open one, it is today's"
    assert band.open_session("Band", going_on=True).folder == today
    assert band.open_session("Other", going_on=True).date == "2025-06-02"


def test_a_session_that_is_told_to_goes_on_whatever_the_day(band: Library, clock: Clock) -> None:
    session = band.open_session("Band").folder
    record(band, session, clock)
    clock.pass_(days=20)
    opened = band.open_session("Band", newest=True)
    assert (opened.folder, opened.date, len(opened.takes)) == (session, "2025-06-01", 1)
    clock.pass_(days=2)
    assert session_of(record(band, session, clock)) == "2025-06-01 Band"
    with pytest.raises(LibraryError, match="rigd session new Nobody"):
        band.open_session("Nobody", newest=True)


def test_a_clock_that_was_set_back_by_days_is_another_day(band: Library, clock: Clock) -> None:
    session = band.open_session("Band").folder
    record(band, session, clock)
    clock.pass_(days=-3)
    assert session_of(record(band, session, clock)) == "2025-05-29 Band"


def test_todays_session_that_is_there_is_taken_up(band: Library, clock: Clock) -> None:
    session = band.open_session("Band").folder
    clock.pass_(days=1)
    today = band.open_session("Band").folder
    record(band, today, clock)
    clock.pass_(days=-1)
    session = band.open_session("Band").folder
    clock.pass_(days=1)
    band.look_ahead()
    other = band.session_of_day(session_folder=session)
    assert other is not None and other.folder == today
    assert (len(other.takes), band.next_take_number(session_folder=today, song="Blue")) == (1, 2)
