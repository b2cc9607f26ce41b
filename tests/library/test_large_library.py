"""A start costs what has changed, not what is there: rows written, commits, take.json read, whatever lies behind."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from take_maker import NOON, closed_take, open_library

from rigd.library import sessions, sheet_file
from rigd.library.library import Library
from rigd.library.packed_take import packed, unpacked
from rigd.library.sheet_file import read_sheet, write_sheet
from rigd.model.names import parse_naming
from rigd.model.state import Take
from rigd.model.take import Marker, Slate, TakeOrder
from rigd.model.units import Frame, TakeId

DAY = "2025-06-01"
TAKES = 12
SESSIONS = 5


class Work:
    """What was done: rows that were written and commits of the index, take.json that were read."""

    def __init__(self) -> None:
        self.rows = self.commits = self.sheets = 0
        self.statements: list[str] = []


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    work, connections, real = Work(), [], sqlite3.connect

    def said(statement: str) -> None:
        work.statements.append(statement)
        work.commits += statement == "COMMIT"

    def connect(path: object, *more: object, **options: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(path, *more, **options)  # type: ignore[call-overload]
        if path != ":memory:":
            connections.append(connection)
            connection.set_trace_callback(said)
        return connection

    def read_json(path: Path, *, real: object = sheet_file.read_json) -> object:
        work.sheets += path.name == "take.json"
        return real(path)  # type: ignore[operator]

    with monkeypatch.context() as patched:
        patched.setattr("rigd.library.index.sqlite3.connect", connect)
        patched.setattr(sheet_file, "read_json", read_json)
        yield work
        work.rows = sum(connection.total_changes for connection in connections)


def later(root: Path) -> Library:
    """As the daemon opens it."""
    return Library(root, naming=parse_naming(), now=lambda: NOON, check_index=False)


def catch_up(library: Library) -> None:
    assert all(True for _ in library.catch_up(may_move=lambda: True))


@pytest.fixture
def takes(root: Path) -> list[TakeOrder]:
    """One session of TAKES takes with their SHA-256, and SESSIONS with one each, all in the index."""
    library = open_library(root)
    folder = library.open_session("Band", date=DAY).folder
    orders = [closed_take(library, folder) for _ in range(TAKES)]
    for number in range(SESSIONS):
        name = f"Choir {number}"
        closed_take(library, library.open_session(name, date=DAY).folder, session=name)
    for row in library.reader.takes():
        place = root / row.folder
        digests = {path.name: "0" * 64 for path in place.glob("*.wav")}
        library.file_digests(place, digests, journal_bytes=row.journal_bytes)
    catch_up(library)
    library.close()
    return orders


def test_a_start_where_nothing_changed_writes_no_row_and_reads_no_sheet(
    takes: list[TakeOrder], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counted(monkeypatch) as work:
        library = later(root)
        opened = library.open_session("Band", date=DAY)
        assert [take.take_id for take in opened.takes] == [order.take_id for order in takes]
        assert work.sheets == 0
        catch_up(library)
    assert (work.rows, work.sheets) == (0, 0)
    library.close()


def test_a_session_of_twice_as_many_is_opened_with_the_same_questions(
    takes: list[TakeOrder], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows come at once, and no file of a take is looked at: what is left is to read each row."""
    asked: list[list[str]] = []
    for _ in range(2):
        with counted(monkeypatch) as work:
            library = later(root)
            opened = library.open_session("Band", date=DAY)
        assert (work.rows, work.sheets) == (0, 0)
        asked.append(list(work.statements))
        for _ in opened.takes:
            closed_take(library, opened.folder)
        catch_up(library)
        library.close()
    assert len(opened.takes) == 2 * TAKES and len(asked[0]) == len(asked[1])


def test_opening_a_library_reads_one_row_and_checks_nothing(
    takes: list[TakeOrder], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Capture is started behind it."""
    with counted(monkeypatch) as work:
        library = later(root)
    reads = [each for each in work.statements if " FROM takes" in each or "integrity" in each]
    assert len(reads) == 1 and reads[0].endswith("ORDER BY ordinal DESC LIMIT 1")
    library.close()


def test_the_check_of_the_index_is_done_in_steps(
    takes: list[TakeOrder], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rigd.library.index.ROWS_A_STEP", 4)
    library = later(root)
    assert len(list(library.catalogue.check())) == (TAKES + SESSIONS) // 4
    assert not library.catalogue.unchecked and not library.catalogue.fault
    library.close()


def test_what_is_believed_is_what_the_folder_says(takes: list[TakeOrder], root: Path) -> None:
    library = later(root)
    believed = library.open_session("Band", date=DAY)
    library.close()
    (root / ".rigd" / "index.sqlite3").unlink()
    library = later(root)
    assert library.open_session("Band", date=DAY) == believed
    library.close()


def test_an_index_that_has_to_be_made_anew_takes_few_commits(
    takes: list[TakeOrder], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (root / ".rigd").glob("index.sqlite3*"):
        path.unlink()
    with counted(monkeypatch) as work:
        library = later(root)
        catch_up(library)
    assert work.rows == TAKES + 2 * SESSIONS + 1
    assert work.commits <= 3
    assert len(library.reader.takes()) == TAKES + SESSIONS
    library.close()


def test_a_take_that_changed_while_rigd_was_off_is_read_again_and_only_that(
    takes: list[TakeOrder], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = Path(takes[3].folder)
    sheet = read_sheet(changed)
    assert sheet is not None
    write_sheet(changed, replace(sheet, name="encore"))
    library = later(root)
    opened = library.open_session("Band", date=DAY)
    assert not any(take.slate.name for take in opened.takes), "as the index has it"
    with counted(monkeypatch) as work:
        catch_up(library)
    (found,) = library.found_otherwise()
    assert (found.believed, found.take.slate.name) == (opened.takes[3], "encore")
    assert work.sheets == 1
    assert library.reader.take(takes[3].take_id).name == "encore"  # type: ignore[union-attr]
    assert library.found_otherwise() == []
    library.close()


def test_a_take_that_is_gone_is_not_believed_and_one_that_came_is_read(
    takes: list[TakeOrder], root: Path
) -> None:
    gone, here = Path(takes[0].folder), Path(takes[1].folder)
    gone.rename(here.with_name("Take of a friend"))
    library = later(root)
    folders = {Path(take.folder).name for take in library.open_session("Band", date=DAY).takes}
    assert gone.name not in folders and "Take of a friend" in folders and len(folders) == TAKES
    library.close()


@pytest.mark.parametrize("what", ["name", "ordinal", "take_id", "frames", "other take"])
def test_a_row_that_rigd_would_not_have_written_is_not_believed(
    takes: list[TakeOrder], root: Path, what: str
) -> None:
    """Whoever wrote it made its checksum."""
    library = open_library(root)
    real = library.open_session("Band", date=DAY)
    row = library.reader.take(takes[2].take_id)
    assert row is not None and library.catalogue._index is not None
    plain = json.loads(unpack(row.packed))
    match what:
        case "name":
            plain["slate"]["name"] = "\x1b[2J"
        case "ordinal":
            plain["ordinal"] = 1 << 60
        case "take_id":
            plain["take_id"] = "../" * 10
        case "frames":
            plain["files"][0]["frames"] = -1
        case "other take":
            plain["take_id"] = takes[4].take_id
    library.catalogue._index.put(replace(row, packed=pack(plain)))
    library.close()
    library = later(root)
    assert library.open_session("Band", date=DAY) == real
    library.close()


def test_a_packed_take_that_is_longer_than_any_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes may stand for gigabytes."""
    take = Take(
        take_id=TakeId("a" * 32),
        folder="/takes/Band/Blue/Take 001",
        slate=Slate(session="Band", song="Blue", number=1),
        first_frame=Frame(0),
        end_frame=Frame(9),
        started_at="",
        channels=(),
        markers=tuple(Marker(at_frame=Frame(n)) for n in range(1_000)),
        closed=True,
        ordinal=1,
    )
    row = packed(take)
    assert unpacked(row, take.folder) == take and len(row) < 10_000
    monkeypatch.setattr("rigd.library.packed_take.LONGEST_PACKED_BYTES", 20_000)
    assert unpacked(row, take.folder) is None and packed(take) == b""
    assert packed(replace(take, closed=False)) == b""


def test_the_last_of_many_sessions_is_found_by_reading_one(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = open_library(root)
    for day in range(1, 21):
        library.open_session("Band", date=f"2025-05-{day:02}")
    catch_up(library)
    library.close()
    library, read = later(root), Counter[str]()

    def read_session(folder: Path, *more: object, real: object = sessions.read_session) -> object:
        read[folder.name] += 1
        return real(folder, *more)  # type: ignore[operator]

    monkeypatch.setattr(sessions, "read_session", read_session)
    assert library.open_session("Band", newest=True).date == "2025-05-20"
    assert read.total() == 1
    library.close()


def unpack(row: bytes) -> bytes:
    return row[4:]


def pack(plain: object) -> bytes:
    return with_checksum(json.dumps(plain).encode())


def with_checksum(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(4, "big") + body
