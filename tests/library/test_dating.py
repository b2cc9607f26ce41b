"""Takes that a wrong clock dated are dated anew once it is right, and lie in the session of their day."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from dated_takes import NOW, SYNC, UNSYNC, WRONG, Clock, date, record, sheets, tell_writer
from msgspec.structs import replace
from take_maker import RATE, begin, close, open_library, order_take

from rigd.library.dating import local_time
from rigd.library.library import Library
from rigd.model.errors import LibraryError
from rigd.model.library import SessionOpened
from rigd.model.take import ClockState, Slate, TakeOrder
from rigd.takefile.journal import line_of


def test_takes_of_1970_are_todays_once_the_clock_comes(band: Library, clock: Clock, root: Path) -> None:
    opened = band.open_session("Band")
    assert opened.date.startswith("1972")
    began = clock.since_boot_s
    orders = [record(band, opened.folder, clock, notes=("good",)) for _ in range(3)]
    band.discard(orders[1].take_id)
    assert date(band, clock) is None, "nothing is to be done by a clock that is still wrong"
    clock.comes()
    dated = date(band, clock)
    assert dated is not None and dated.opened is not None and not dated.left
    today = f"{NOW:%Y-%m-%d} Band"
    assert Path(dated.opened.folder).name == today and dated.opened.date == f"{NOW:%Y-%m-%d}"
    assert sorted(os.listdir(root)) == [".rigd", today], "nothing is left of 1972"
    assert [take.take_id for take in dated.opened.takes] == [orders[0].take_id, orders[2].take_id]
    assert dated.opened.trashed == (orders[1].take_id,)
    by_id = sheets(root)
    for place, order in enumerate(orders):
        sheet = by_id[order.take_id]
        started = local_time(NOW.timestamp() + began + 30.0 * place)
        assert sheet["started_at"] == sheet["dated"] == started.isoformat(timespec="milliseconds")
        midnight = started.replace(hour=0, minute=0, second=0, microsecond=0)
        assert sheet["time_reference"] == round((started - midnight).total_seconds() * RATE)
        assert (sheet["number"], sheet["circled"], sheet["notes"]) == (place + 1, True, ["good"])
        assert sheet["ordinal"] == order.ordinal
    assert [Path(take.folder).name for take in dated.opened.takes] == ["Take 001", "Take 003"]
    assert [row.take_id for row in band.reader.takes(false_takes=True)] == [o.take_id for o in orders]
    assert [row.folder for row in band.reader.sessions()] == [today]
    assert (
        dated.opened.next_take_number == 4
        or band.next_take_number(session_folder=dated.opened.folder, song="Blue") == 4
    )
    again = date(band, clock)
    assert again is not None and {t.take_id for t in again.takes} == {o.take_id for o in orders}, (
        "not told yet"
    )
    tell_writer(again)
    for order in orders:
        band.file_take(band.place_of(order.take_id))
    assert date(band, clock) is None, "all is said"
    assert band.restore(orders[1].take_id).folder == root / today / "Blue" / "Take 002"


@pytest.mark.parametrize(
    ("then", "now", "is_dated"),
    [
        (WRONG, WRONG, False),
        (WRONG, UNSYNC, True),
        (WRONG, SYNC, True),
        (UNSYNC, WRONG, False),
        (UNSYNC, UNSYNC, False),
        (UNSYNC, SYNC, True),
        (SYNC, SYNC, False),
        (SYNC, UNSYNC, False),
    ],
)
def test_only_a_clock_that_became_right_dates_anew(
    band: Library, clock: Clock, then: ClockState, now: ClockState, is_dated: bool
) -> None:
    clock.state = then
    record(band, band.open_session("Band").folder, clock)
    clock.comes(now)
    assert (date(band, clock) is not None) is is_dated


def test_a_date_that_was_right_stays(band: Library, clock: Clock) -> None:
    clock.ahead_s, clock.state = 40.0, UNSYNC
    record(band, band.open_session("Band").folder, clock)
    clock.comes()
    assert date(band, clock) is None


def test_takes_of_another_run_of_the_machine_keep_their_date(band: Library, clock: Clock) -> None:
    record(band, band.open_session("Band").folder, clock)
    clock.comes()
    assert band.date_takes(replace(clock.reading(), boot_id="c" * 32), may_go_on=lambda: True) is None


def test_also_after_a_restart_and_without_an_index(root: Path, band: Library, clock: Clock) -> None:
    order = record(band, band.open_session("Band").folder, clock)
    band.close()
    (root / ".rigd" / "index.sqlite3").unlink()
    clock.comes()
    again = open_library(root, now=clock)
    again.open_session("Band")
    for _ in again.catch_up(may_move=lambda: True):
        pass
    dated = date(again, clock)
    assert dated is not None and [take.take_id for take in dated.takes] == [order.take_id]
    assert dated.opened is None, "today's session is open already"
    assert Path(dated.takes[0].folder).parent.parent.name == f"{NOW:%Y-%m-%d} Band"
    again.close()


def test_names_never_clash(band: Library, clock: Clock, root: Path) -> None:
    old = band.open_session("Band").folder
    first = record(band, old, clock)
    clock.comes()
    today = band.open_session("Band").folder
    second = record(band, today, clock)
    dated = date(band, clock)
    assert dated is not None
    places = {sheet["take_id"] for sheet in sheets(root).values()}
    assert places == {first.take_id, second.take_id}
    names = sorted(path.name for path in (Path(today) / "Blue").iterdir())
    assert names == ["Take 001", "Take 001 (2)"]
    assert [take.take_id for take in band.open_session("Band").takes] == [first.take_id, second.take_id]


def test_real_takes_of_that_day_stay_where_they_are(band: Library, clock: Clock, root: Path) -> None:
    clock.ahead_s, clock.state = -7 * 86_400.0, UNSYNC
    last_week = band.open_session("Band").folder
    order = order_take(band, last_week)
    begin(order)
    close(order)
    band.file_take(Path(order.folder))
    todays = record(band, last_week, clock)
    clock.comes()
    dated = date(band, clock)
    assert dated is not None and [take.take_id for take in dated.takes] == [todays.take_id]
    assert Path(order.folder).is_dir() and dated.opened is not None
    assert Path(dated.takes[0].folder).name == "Take 002", "a number that was said stays"


def test_an_evening_stays_one(band: Library, clock: Clock, root: Path) -> None:
    clock.since_boot_s = 8.8 * 3600  # 23:48 of the day of NOW
    folder = band.open_session("Band").folder
    for _ in range(4):
        record(band, folder, clock)
        clock.since_boot_s += 600
    clock.comes()
    dated = date(band, clock)
    assert dated is not None
    assert {take.started_at[:10] for take in dated.takes} == {
        f"{NOW:%Y-%m-%d}",
        f"{NOW + timedelta(days=1):%Y-%m-%d}",
    }
    assert {Path(take.folder).parent.parent.name for take in dated.takes} == {f"{NOW:%Y-%m-%d} Band"}


def test_an_evening_stays_one_where_it_is_dated_at_two_tries(band: Library, clock: Clock) -> None:
    clock.since_boot_s = 8.8 * 3600  # 23:48 of the day of NOW
    folder = band.open_session("Band").folder
    for _ in range(3):
        record(band, folder, clock)
        clock.since_boot_s += 600
    clock.comes()
    may = iter((True, True, False))
    first = band.date_takes(clock.reading(), may_go_on=lambda: next(may))
    assert first is not None and first.left
    dated = date(band, clock)
    assert dated is not None and len(dated.takes) == 3
    assert {Path(take.folder).parent.parent.name for take in dated.takes} == {f"{NOW:%Y-%m-%d} Band"}


def test_a_take_after_midnight_stays_in_the_session_that_was_in_use(band: Library, clock: Clock) -> None:
    """The machine was started again in the evening, and its clock is two minutes off."""
    clock.since_boot_s, clock.ahead_s, clock.state = 8.8 * 3600, 0.0, SYNC
    evening = band.open_session("Band").folder
    record(band, evening, clock, boot_id="a" * 32)
    clock.since_boot_s += 1200
    clock.ahead_s, clock.state = 120.0, UNSYNC
    order = record(band, evening, clock)
    clock.comes()
    dated = date(band, clock)
    assert dated is not None and dated.opened is None
    (take,) = dated.takes
    assert take.folder == order.folder and take.started_at[:10] == f"{NOW + timedelta(days=1):%Y-%m-%d}"


def test_a_take_stays_in_the_session_that_somebody_went_on_with(
    band: Library, clock: Clock, root: Path
) -> None:
    clock.comes()
    last_week = band.open_session("Band", date="2026-11-20").folder
    record(band, last_week, clock, boot_id="a" * 32)
    clock.__init__()  # type: ignore[misc]
    assert band.open_session("Band", newest=True).folder == last_week
    orders = []
    for _ in range(2):
        orders.append(record(band, last_week, clock))
        clock.since_boot_s += 8 * 3600
    clock.comes()
    dated = date(band, clock)
    assert dated is not None and dated.opened is None
    assert [take.folder for take in dated.takes] == [order.folder for order in orders]
    assert dated.takes[0].started_at[:10] == f"{NOW:%Y-%m-%d}"
    assert sorted(os.listdir(root)) == [".rigd", "2026-11-20 Band"]


def test_a_take_that_is_planned_before_anybody_was_told_lies_in_the_right_session(
    band: Library, clock: Clock, root: Path
) -> None:
    wrong_day = band.open_session("Band").folder
    record(band, wrong_day, clock)
    clock.comes()
    dated = date(band, clock)
    assert dated is not None and dated.opened is not None
    pressed = record(band, wrong_day, clock)
    band.save_session(wrong_day)
    assert Path(pressed.folder).is_relative_to(dated.opened.folder)
    assert sorted(os.listdir(root)) == [".rigd", f"{NOW:%Y-%m-%d} Band"]


def test_a_session_in_which_a_take_is_planned_meanwhile_stays(
    band: Library, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong_day = band.open_session("Band").folder
    record(band, wrong_day, clock)
    clock.comes()
    go_along = band._go_along

    def pressed_then(went: dict[Path, Path]) -> SessionOpened | None:
        opened = go_along(went)
        orders.append(order_take(band, wrong_day))
        return opened

    orders: list[TakeOrder] = []
    monkeypatch.setattr(band, "_go_along", pressed_then)
    dated = date(band, clock)
    assert dated is not None and dated.opened is not None
    assert (Path(wrong_day) / "session.json").is_file(), "the take goes there, and is not left without it"
    assert orders[0].folder.startswith(wrong_day)


def test_the_open_session_goes_where_its_own_takes_went(band: Library, clock: Clock, root: Path) -> None:
    folder = band.open_session("Band").folder
    record(band, folder, clock)
    other = record(band, band.open_session("Other").folder, clock, session="Other")
    band.open_session("Band")
    clock.comes()
    dated = date(band, clock)
    assert dated is not None and dated.takes[-1].take_id == other.take_id
    assert dated.opened is not None and dated.opened.session == "Band"
    assert sorted(os.listdir(root)) == [".rigd", *(f"{NOW:%Y-%m-%d} {name}" for name in ("Band", "Other"))]


@pytest.mark.parametrize("place", ["../outside", "/{outside}", "..", ".rigd", "link"])
def test_a_take_json_of_somebody_else_moves_nothing_out_of_the_library(
    band: Library, clock: Clock, root: Path, tmp_path: Path, place: str
) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (root / "link").symlink_to(outside)
    order = record(band, band.open_session("Band").folder, clock)
    sheet = Path(order.folder) / "take.json"
    says = {**json.loads(sheet.read_bytes()), "ahead_of_journal": True, "dated": clock().isoformat()}
    says["started_at"] = says["dated"]
    sheet.write_text(json.dumps({**says, "on_its_way_to": place.format(outside=str(outside)[1:])}))
    band.file_take(Path(order.folder))
    dated = date(band, clock)
    assert dated is not None and [take.folder for take in dated.takes] == [order.folder]
    assert os.listdir(outside) == [] and not (root.parent / "session.json").exists()
    assert not (root / ".rigd" / "session.json").exists()
    assert json.loads(sheet.read_bytes())["on_its_way_to"] == ""


def test_a_take_that_cannot_be_dated_costs_itself_only(band: Library, clock: Clock, full: set[Path]) -> None:
    folder = band.open_session("Band").folder
    orders = [record(band, folder, clock) for _ in range(3)]
    full.add(Path(orders[1].folder))
    clock.comes()
    dated = date(band, clock)
    assert dated is not None and not dated.left
    assert [take.take_id for take in dated.takes] == [orders[0].take_id, orders[2].take_id]
    assert dated.opened is not None and Path(orders[1].folder).is_dir()
    tell_writer(dated)
    for take in dated.takes:
        band.file_take(Path(take.folder))
    with pytest.raises(LibraryError, match="cannot be written"):
        date(band, clock)


def test_nothing_moves_once_somebody_records(band: Library, clock: Clock) -> None:
    folder = band.open_session("Band").folder
    orders = [record(band, folder, clock) for _ in range(3)]
    clock.comes()
    may = iter((True, False, False))
    dated = band.date_takes(clock.reading(), may_go_on=lambda: next(may))
    assert dated is not None and dated.left and dated.opened is None and len(dated.takes) == 1
    assert all(Path(order.folder).is_dir() for order in orders[1:])
    rest = date(band, clock)
    assert rest is not None and not rest.left and rest.opened is not None and len(rest.opened.takes) == 3


def test_a_slate_without_a_date_is_one_that_an_older_rigd_reads() -> None:
    plain = Slate(session="a", song="b", number=1)
    assert b"dated" not in line_of(plain)
    assert b'"dated":"2026-11-29T15:00:00.000+01:00"' in line_of(
        replace(plain, dated="2026-11-29T15:00:00.000+01:00")
    )


def test_without_an_index_the_open_session_is_dated(
    band: Library, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = record(band, band.open_session("Band").folder, clock)

    def broken(boot_id: str) -> None:
        raise LibraryError("there is none")

    monkeypatch.setattr(band.reader, "undated", broken)
    clock.comes()
    dated = date(band, clock)
    assert dated is not None and [take.take_id for take in dated.takes] == [order.take_id]
