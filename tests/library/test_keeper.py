"""The library as the controller uses it: asked from any thread, told by facts."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace
from take_maker import (
    BERLIN,
    FIRST,
    append,
    begin,
    close,
    open_library,
    order_take,
    retag,
    track,
    write_files,
)

from rigd.control.ports import LibraryPort
from rigd.library.job_queue import LONGEST_QUEUE
from rigd.library.keeper import LibraryKeeper
from rigd.library.library import Library
from rigd.model.errors import LibraryError, RigError
from rigd.model.inputs import ClockReading, NextTakeNumber, PlanTake, TakeAdopted
from rigd.model.library import (
    LibraryFact,
    LibraryFailed,
    LibraryMended,
    SessionOpened,
    SheetWritten,
    TakeRestored,
    TakesDated,
    TakeTrashed,
)
from rigd.model.state import Take
from rigd.model.take import ClockState, GainChange, Gap, GapCause, Marker, Slate, TakeClock, TakeOrder, Xrun
from rigd.model.units import ChannelNumber, Frame, TakeId
from rigd.rules.take_orders import take_of
from rigd.takefile.ledger import Closed, Closing, Durable
from tests.support.patience import PATIENCE_S, wait_for

F = TypeVar("F")


class Desk:
    """Stands where the controller stands."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.facts: queue.Queue[LibraryFact | TakeAdopted] = queue.Queue()
        self.keeper = LibraryKeeper(library, post=self.facts.put)

    def hears(self, kind: type[F]) -> F:
        """The next fact of that kind."""
        while True:
            fact = self.facts.get(timeout=PATIENCE_S)
            if isinstance(fact, kind):
                return fact

    def open_session(self) -> str:
        self.keeper.open_session("Band")
        return self.hears(SessionOpened).folder

    def closed_take(self, session_folder: str) -> tuple[TakeOrder, Take]:
        order = order_take(self.library, session_folder)
        begin(order)
        close(order)
        self.keeper.write_sheet(closed(order))
        return order, self.hears(SheetWritten).take


def closed(order: TakeOrder) -> Take:
    return replace(take_of(order), closed=True, end_frame=Frame(order.first_frame + 480))


def sheet_of(order: TakeOrder) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = json.loads((Path(order.folder) / "take.json").read_bytes())
    except FileNotFoundError:
        return {}
    return plain


def has_digests(order: TakeOrder) -> bool:
    folder = Path(order.folder)
    return all(
        file["sha256"] == hashlib.sha256((folder / file["name"]).read_bytes()).hexdigest()
        for file in sheet_of(order)["files"]
    )


@pytest.fixture
def desk(root: Path) -> Iterator[Desk]:
    library = open_library(root)
    desk = Desk(library)
    desk.keeper.start()
    yield desk
    desk.keeper.stop()
    library.close()
    assert not [thread for thread in threading.enumerate() if thread.name in ("rigd-library", "rigd-hasher")]


def test_the_keeper_is_what_the_controller_asks_for(desk: Desk) -> None:
    port: LibraryPort = desk.keeper
    plan: PlanTake = desk.keeper.plan_take
    number: NextTakeNumber = desk.keeper.next_take_number
    session = desk.open_session()
    slate = Slate(session="Band", song="Blue", number=number(session_folder=session, song="Blue"))
    assert plan(session_folder=session, slate=slate, tracks=(track(1),)).folder.startswith(session)
    assert port is desk.keeper


def test_a_planned_take_and_a_chosen_song_reach_session_json(desk: Desk) -> None:
    session = desk.open_session()
    slate = Slate(session="Band", song="Blue", number=7)
    desk.keeper.plan_take(session_folder=session, slate=slate, tracks=(track(1),))
    desk.keeper.set_song(session_folder=session, song="Red / Green", next_take_number=3)
    sheet = Path(session) / "session.json"

    def said() -> bool:
        plain = json.loads(sheet.read_bytes())
        return (plain["song"], plain["songs"]) == (
            "Red / Green",
            [
                {"name": "Blue", "folder": "Blue", "next_take_number": 8},
                {"name": "Red / Green", "folder": "Red - Green", "next_take_number": 3},
            ],
        )

    wait_for(said, "session.json never said it")


def test_a_song_named_before_any_session_is_open_is_no_fault(desk: Desk) -> None:
    desk.keeper.set_song(session_folder="", song="Blue", next_take_number=1)
    desk.open_session()


def test_a_closed_take_has_its_sheet_told_and_is_listed(desk: Desk) -> None:
    order, take = desk.closed_take(desk.open_session())
    assert take.closed and take.folder == order.folder and sheet_of(order)["rolling"] is False
    row = desk.library.reader.take(order.take_id)
    assert row is not None and row.frames == 480


def test_the_digests_of_a_closed_take_follow(desk: Desk) -> None:
    order, _ = desk.closed_take(desk.open_session())
    wait_for(lambda: has_digests(order), "no SHA-256 was made")


def test_a_new_slate_makes_new_digests_once_the_writer_has_put_it_into_the_files(desk: Desk) -> None:
    order, take = desk.closed_take(desk.open_session())
    wait_for(lambda: has_digests(order), "no SHA-256 was made")
    slate = replace(take.slate, circled=True)
    desk.keeper.write_sheet(replace(take, slate=slate))
    assert desk.hears(SheetWritten).take.slate.circled
    assert sheet_of(order)["files"][0]["sha256"] is None
    retag(order, slate)
    wait_for(
        lambda: has_digests(order) and not sheet_of(order)["ahead_of_journal"], "no new SHA-256 was made"
    )


def test_a_confirmed_gain_is_in_the_sheet_of_the_take_while_it_rolls(desk: Desk) -> None:
    order = order_take(desk.library, desk.open_session())
    begin(order)
    change = GainChange(
        at_frame=Frame(FIRST + 4_800),
        channel=ChannelNumber(1),
        parameter="gain_db",
        value=24.5,
        confirmed=True,
    )
    marker = Marker(at_frame=Frame(FIRST + 9_600), name="solo")
    take = replace(take_of(order), gain_changes=(change,))
    desk.keeper.write_sheet(take)
    wait_for(lambda: sheet_of(order).get("gain_changes"), "take.json never had the gain")
    assert sheet_of(order)["rolling"] is True
    assert sheet_of(order)["gain_changes"] == [
        {"frame": 4_800, "channel": 1, "parameter": "gain_db", "value": 24.5, "confirmed": True}
    ]
    desk.keeper.write_sheet(replace(take, markers=(marker,)))
    wait_for(lambda: sheet_of(order)["markers"] == [{"frame": 9_600, "name": "solo"}], "no marker")
    append(order.folder, change, marker)
    close(order, frames=48_000)
    desk.keeper.write_sheet(closed(order))
    desk.hears(SheetWritten)
    assert sheet_of(order)["rolling"] is False and sheet_of(order)["gain_changes"][0]["value"] == 24.5


def test_what_is_known_before_the_writer_has_begun_is_written_once_it_has(desk: Desk) -> None:
    order = order_take(desk.library, desk.open_session())
    marker = Marker(at_frame=Frame(FIRST + 10), name="early")
    desk.keeper.write_sheet(replace(take_of(order), markers=(marker,)))
    desk.open_session()
    assert not Path(order.folder).exists()  # the folder is the writer's to make
    begin(order)
    wait_for(lambda: sheet_of(order).get("markers"), "the marker never came")


def test_a_late_word_of_an_open_take_does_not_undo_its_closed_sheet(desk: Desk) -> None:
    order, _ = desk.closed_take(desk.open_session())
    desk.keeper.write_sheet(take_of(order))
    time_goes_by(desk)
    assert sheet_of(order)["rolling"] is False


def time_goes_by(desk: Desk) -> None:
    """The library has done what it does each second."""
    before = desk.keeper._next_tick
    wait_for(lambda: desk.keeper._next_tick > before + 1.0, "the library's thread stands still")


def test_a_take_is_adopted_from_its_journal_open_or_closed(desk: Desk) -> None:
    session = desk.open_session()
    order = order_take(desk.library, session)
    begin(order, Marker(at_frame=Frame(FIRST + 5), name="a"), replace(order.slate, circled=True))
    desk.keeper.adopt(order.take_id, order.folder)
    take = desk.hears(TakeAdopted).take
    assert (take.closed, take.slate.circled, len(take.markers), take.first_frame) == (False, True, 1, FIRST)
    close(order, recovered=True)
    desk.keeper.adopt(order.take_id, order.folder)
    take = desk.hears(TakeAdopted).take
    assert (take.closed, take.recovered, take.end_frame) == (True, True, FIRST + 480)


def test_a_take_that_is_not_begun_is_not_adopted(desk: Desk) -> None:
    session = desk.open_session()
    order = order_take(desk.library, session)
    desk.keeper.adopt(order.take_id, order.folder)
    desk.keeper.open_session("Choir")
    assert isinstance(desk.facts.get(timeout=PATIENCE_S), SessionOpened)


def test_a_take_goes_to_the_trash_and_comes_back(desk: Desk) -> None:
    order, take = desk.closed_take(desk.open_session())
    desk.keeper.trash(replace(take, slate=replace(take.slate, false_take=True)))
    trashed = desk.hears(TakeTrashed)
    assert trashed.take_id == order.take_id and Path(trashed.folder).parent.name == ".trash"
    desk.keeper.restore(order.take_id)
    restored = desk.hears(TakeRestored).take
    assert restored.folder == order.folder and not restored.slate.false_take
    row = desk.library.reader.take(order.take_id)
    assert row is not None and row.folder.endswith("Blue/Take 001")
    wait_for(lambda: not sheet_of(order)["false_take"], "still a false take")


def test_what_cannot_be_done_is_told_with_its_name_and_reason(desk: Desk) -> None:
    desk.open_session()
    desk.keeper.restore(TakeId("f" * 32))
    failed = desk.hears(LibraryFailed)
    assert (failed.doing, failed.subject) == ("restore", "f" * 32) and "no such take" in failed.reason


def test_a_damaged_index_is_told_and_rebuilt_meanwhile(root: Path) -> None:
    library = open_library(root)
    first = Desk(library)
    first.keeper.start()
    order, _ = first.closed_take(first.open_session())
    first.keeper.stop()
    library.close()
    (root / ".rigd" / "index.sqlite3").write_bytes(os.urandom(8192))
    library = open_library(root)
    desk = Desk(library)
    desk.keeper.start()
    try:
        assert "rebuilt" in desk.hears(LibraryFailed).reason
        wait_for(lambda: library.reader.take(order.take_id), "the index was not rebuilt")
    finally:
        desk.keeper.stop()
        library.close()


def test_no_error_of_the_index_stops_a_take_from_being_filed(desk: Desk) -> None:
    session = desk.open_session()
    index = desk.library.root / ".rigd"
    assert not list(index.glob("*-shm"))  # a mapped file would end this process by SIGBUS
    for path in index.glob("index.sqlite3*"):
        path.write_bytes(b"\xff" * 4096)
    order, take = desk.closed_take(session)
    assert take.closed and sheet_of(order)["frames"] == 480


def test_while_the_disk_stands_still_nobody_waits_and_what_cannot_wait_is_refused(root: Path) -> None:
    library = open_library(root)
    stuck, asked = threading.Event(), threading.Event()
    real, facts = library.open_session, queue.Queue[LibraryFact | TakeAdopted]()

    def frozen(name: str, *, going_on: bool = False, newest: bool = False) -> SessionOpened:
        asked.set()
        assert stuck.wait(PATIENCE_S)
        return real(name, going_on=going_on, newest=newest)

    folder = library.open_session("Band").folder
    library.open_session = frozen  # type: ignore[method-assign]
    keeper = LibraryKeeper(library, post=facts.put)
    keeper.start()
    try:
        keeper.open_session("Choir")
        assert asked.wait(PATIENCE_S)
        slate = Slate(session="Band", song="Blue", number=1)
        plans = {
            keeper.plan_take(session_folder=folder, slate=slate, tracks=(track(1),)).folder for _ in range(50)
        }
        assert len(plans) == 50
        with pytest.raises(LibraryError, match="has not answered"):
            for _ in range(LONGEST_QUEUE + 1):
                keeper.restore(TakeId("f" * 32))
        keeper.adopt(TakeId("e" * 32), folder)  # may be made good later: not refused
        assert library.catalogue.incomplete
    finally:
        stuck.set()
        keeper.stop()
        library.close()


def test_a_controller_that_does_not_keep_up_is_told_again(root: Path) -> None:
    library = open_library(root)
    heard = queue.Queue[LibraryFact | TakeAdopted]()
    refusals = iter([True, True, True])

    def post(fact: LibraryFact | TakeAdopted) -> None:
        if next(refusals, False):
            raise RigError("the controller does not keep up")
        heard.put(fact)

    keeper = LibraryKeeper(library, post=post)
    keeper.start()
    try:
        keeper.open_session("Band")
        assert isinstance(heard.get(timeout=PATIENCE_S), SessionOpened)
    finally:
        keeper.stop()
        library.close()


def test_a_sheet_that_cannot_be_written_is_told_once_and_written_as_soon_as_it_can(
    desk: Desk, full: set[Path]
) -> None:
    order = order_take(desk.library, desk.open_session())
    begin(order)
    close(order, failure="no space left")
    full.add(Path(order.folder))
    take = replace(closed(order), failure="no space left")
    desk.keeper.write_sheet(take)
    assert "cannot be written" in desk.hears(LibraryFailed).reason
    desk.keeper.write_sheet(take)
    full.clear()
    written: Any = desk.facts.get(timeout=PATIENCE_S)
    assert isinstance(written, SheetWritten), "not told a second time"
    assert written.take.failure == "no space left"
    assert sheet_of(order)["failed"] == "no space left"


def test_a_session_that_cannot_be_written_is_told_once_and_written_as_soon_as_it_can(
    desk: Desk, full: set[Path]
) -> None:
    session = desk.open_session()
    full.add(Path(session))
    for number in (7, 8):
        desk.keeper.set_song(session_folder=session, song="Blue Train", next_take_number=number)
        if number == 7:
            assert "cannot be written" in desk.hears(LibraryFailed).reason
    full.clear()
    mended: Any = desk.facts.get(timeout=PATIENCE_S)
    assert mended == LibraryMended(doing="write session"), "not told a second time"
    assert json.loads((Path(session) / "session.json").read_bytes())["song"] == "Blue Train"


def test_a_failed_take_whose_journal_had_no_room_for_it_has_a_sheet_that_says_so(desk: Desk) -> None:
    order = order_take(desk.library, desk.open_session())
    gaps = [
        Gap(at_frame=Frame(order.first_frame + at), length_frames=20, cause=GapCause.OVERFLOW, exact=True)
        for at in (470, 490)
    ]
    xruns = [Xrun(at_frame=Frame(order.first_frame + at)) for at in (470, 490)]
    begin(order, Durable(frames=460), *gaps, *xruns)  # nor for its last durable point
    write_files(order, 480)
    failed = replace(closed(order), failure="no space left", durable_frames=480)
    desk.keeper.write_sheet(failed)
    assert desk.hears(SheetWritten).take.failure == "no space left"
    sheet = sheet_of(order)
    assert (sheet["failed"], sheet["rolling"], sheet["frames"]) == ("no space left", False, 480)
    assert [(gap["frame"], gap["length_frames"]) for gap in sheet["gaps"]] == [(470, 10)], "of what is kept"
    assert [xrun["frame"] for xrun in sheet["xruns"]] == [470]
    append(order.folder, Closing(frames=470), Closed(frames=470, recovered=True, failure="no space left"))
    desk.keeper.write_sheet(closed(order))
    wait_for(lambda: sheet_of(order)["frames"] == 470, "what the next start closed counts")


@pytest.mark.parametrize("on_its_way", [False, True], ids=["without an index", "after a power cut"])
def test_dating_is_asked_for_again_once_the_folders_were_gone_through(root: Path, on_its_way: bool) -> None:
    """At the start the clock is seen before anybody knows of these takes."""
    library = open_library(root)
    boot, now_boot = "b" * 32, "c" * 32 if on_its_way else "b" * 32
    order = order_take(library, library.open_session("Band").folder)
    order = replace(order, clock=TakeClock(boot_id=boot, boottime_ns=10**9, state=ClockState.UNSYNCHRONISED))
    begin(order)
    close(order)
    library.file_take(Path(order.folder))
    if on_its_way:  # said in take.json, and no more
        says = {**sheet_of(order), "dated": "2025-06-03T12:00:00.000+02:00", "ahead_of_journal": True}
        says |= {"started_at": says["dated"], "on_its_way_to": "2025-06-03 Band"}
        (Path(order.folder) / "take.json").write_text(json.dumps(says))
    else:
        (root / ".rigd" / "index.sqlite3").unlink()
    library.close()
    library = open_library(root)
    now = ClockReading(
        unix_ns=1_750_000_000 * 10**9, boottime_ns=5 * 10**9, boot_id=now_boot, state=ClockState.SYNCHRONISED
    )
    desk = Desk(library)
    desk.keeper = LibraryKeeper(library, post=desk.facts.put, read_clock=lambda: now)
    desk.keeper.start()
    try:
        assert desk.hears(TakesDated) == TakesDated(takes=(), left=True)
        desk.keeper.date_takes()
        (take,) = desk.hears(TakesDated).takes
        day = "2025-06-03" if on_its_way else "2025-06-15"
        assert take.take_id == order.take_id
        assert Path(take.folder).parent.parent == root / f"{day} Band"
    finally:
        desk.keeper.stop()
        library.close()


def test_a_long_take_keeps_its_session_in_use_before_the_disk_has_heard_of_its_end(root: Path) -> None:
    """Over midnight, and the next one is begun at once: the library's thread has not come to it."""
    now = [datetime(2025, 6, 1, 20, 0, tzinfo=BERLIN)]
    library = open_library(root, now=lambda: now[0])
    keeper = LibraryKeeper(library, post=lambda fact: None)  # its thread stands still
    session = library.open_session("Band").folder
    order = order_take(library, session)
    for hours, is_over in ((8, False), (9, True)):
        now[0] += timedelta(hours=hours)
        keeper.write_sheet(closed(order))
        library.look_ahead()
        other = library.session_of_day(session_folder=session)
        assert (other is not None) is is_over, "only its end counts, not what is said of it later"
    library.close()
