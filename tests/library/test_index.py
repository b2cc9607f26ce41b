"""The index is made from the folders alone, whatever becomes of it (F25)."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from take_maker import begin, close, closed_take, open_library, order_take, retag

from rigd.library.index_rows import TakeRow, checksum_of
from rigd.library.library import Library
from rigd.model.errors import LibraryError

DAY = "2025-06-01"


def catch_up(library: Library) -> int:
    """How many takes had to be looked into."""
    return sum(found is not None for found in library.catch_up(may_move=lambda: True))


def listing(library: Library) -> list[TakeRow]:
    return sorted(library.reader.takes(false_takes=True), key=lambda row: row.folder)


@pytest.fixture
def filled(root: Path) -> list[TakeRow]:
    """A closed library with two sessions, seven takes, one of them in the trash; its listing."""
    library = open_library(root)
    for session in ("Band", "Choir"):
        folder = library.open_session(session, date=DAY).folder
        for song in ("Blue", "Red", "Blue"):
            closed_take(library, folder, song=song, session=session)
    order = closed_take(library, folder, song="Green", session="Choir")
    library.discard(order.take_id)
    catch_up(library)
    rows = listing(library)
    library.close()
    assert len(rows) == 7
    return rows


def delete(path: Path) -> None:
    path.unlink()


def truncate_by(part: float) -> Callable[[Path], None]:
    def truncate(path: Path) -> None:
        os.truncate(path, int(path.stat().st_size * part))

    return truncate


def future(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.execute("ALTER TABLE takes RENAME TO recordings")
    connection.commit()
    connection.close()


def text(path: Path) -> None:
    path.write_bytes(b"this is no database, and long enough to look at" * 100)


def other_schema(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE takes (shopping TEXT)")
    connection.commit()
    connection.close()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        delete,
        truncate_by(0),
        truncate_by(0.01),
        truncate_by(0.5),
        truncate_by(0.9),
        future,
        text,
        other_schema,
        folder,
    ],
)
def test_after_any_damage_no_take_is_missing(
    filled: list[TakeRow], root: Path, damage: Callable[[Path], None]
) -> None:
    index = root / ".rigd" / "index.sqlite3"
    damage(index)
    library = open_library(root)
    catch_up(library)
    assert listing(library) == filled
    assert [row.session for row in library.reader.sessions()] == ["Band", "Choir"]
    library.close()
    put_aside = [
        path for path in index.parent.glob("index.sqlite3.bad-*") if not path.name.endswith(("wal", "shm"))
    ]
    assert len(put_aside) == (0 if damage in (delete,) or index_was_empty(damage) else 1)


def index_was_empty(damage: Callable[[Path], None]) -> bool:
    return damage.__name__ == "truncate" and damage.__closure__[0].cell_contents == 0  # type: ignore[index]


@pytest.mark.parametrize("seed", range(24))
def test_after_any_flipped_bit_no_take_is_missing_and_none_is_wrong(
    filled: list[TakeRow], root: Path, seed: int
) -> None:
    index = root / ".rigd" / "index.sqlite3"
    chance = random.Random(seed)
    content = bytearray(index.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    index.write_bytes(content)
    library = open_library(root)
    catch_up(library)
    assert listing(library) == filled
    library.close()


def test_a_flipped_bit_in_a_name_is_found_although_sqlite_sees_none(
    filled: list[TakeRow], root: Path
) -> None:
    index = root / ".rigd" / "index.sqlite3"
    content = index.read_bytes()
    assert b"Green" in content
    index.write_bytes(content.replace(b"Green", b"Gseen"))
    library = open_library(root)
    assert library.catalogue.fault and library.reader.takes() == ()
    catch_up(library)
    assert listing(library) == filled
    library.close()


def test_damage_while_rigd_runs_is_mended_and_costs_no_take(filled: list[TakeRow], root: Path) -> None:
    library = open_library(root)
    session = library.open_session("Band", date=DAY).folder
    index = root / ".rigd" / "index.sqlite3"
    for path in (index, index.with_name("index.sqlite3-wal")):
        if path.exists():
            path.write_bytes(b"\xff" * path.stat().st_size)
    for _ in range(3):
        closed_take(library, session)
    library.catalogue.incomplete = True
    catch_up(library)
    library.close()
    library = open_library(root)
    catch_up(library)
    assert len(listing(library)) == len(filled) + 3
    library.close()


def test_without_an_index_takes_are_recorded_discarded_and_brought_back(root: Path) -> None:
    library = open_library(root)
    library.catalogue.close()
    opened = library.open_session("Band", date=DAY)
    order = closed_take(library, opened.folder)
    library.discard(order.take_id)
    library.restore(order.take_id)
    catch_up(library)
    assert len(library.open_session("Band", date=DAY).takes) == 1
    library.close()


def test_an_old_index_is_brought_in_step(filled: list[TakeRow], root: Path) -> None:
    backup = root.parent / "backup"
    shutil.copy(root / ".rigd" / "index.sqlite3", backup)
    library = open_library(root)
    session = library.open_session("Band", date=DAY).folder
    new = closed_take(library, session)
    library.discard(filled[0].take_id)
    library.close()
    shutil.copy(backup, root / ".rigd" / "index.sqlite3")
    library = open_library(root)
    catch_up(library)
    ids = [row.take_id for row in library.reader.takes()]
    library.close()
    assert new.take_id in ids and filled[0].take_id not in ids and len(ids) == 6


def test_a_take_that_is_gone_from_the_disk_is_no_longer_listed(filled: list[TakeRow], root: Path) -> None:
    shutil.rmtree(root / filled[0].folder)
    shutil.rmtree(root / filled[-1].session_folder)
    library = open_library(root)
    catch_up(library)
    assert len(listing(library)) == 2
    assert [row.session for row in library.reader.sessions()] == ["Band"]
    library.close()


def test_a_take_filed_while_the_folders_are_walked_stays_listed(filled: list[TakeRow], root: Path) -> None:
    library = open_library(root)
    session = library.open_session("Band", date=DAY).folder
    walk = library.catch_up(may_move=lambda: True)
    for _ in range(4):  # past the first session
        next(walk)
    order = closed_take(library, session)
    assert all(True for _ in walk)
    assert library.reader.take(order.take_id) is not None
    library.close()


def test_what_the_index_knows_is_not_read_again(filled: list[TakeRow], root: Path) -> None:
    library = open_library(root)
    looked_into = catch_up(library)
    library.close()
    assert looked_into == 7  # no SHA-256 yet: they still want work
    library = open_library(root)
    for row in filled:
        place = root / row.folder
        digests = {path.name: "0" * 64 for path in place.glob("*.wav")}
        library.file_digests(place, digests, journal_bytes=row.journal_bytes)
    assert catch_up(library) == 0
    order_folder = root / filled[0].folder
    (order_folder / "take.json").unlink()
    assert catch_up(library) == 1
    library.close()


def test_closed_takes_without_a_sheet_and_those_retagged_unheard_are_caught_up(root: Path) -> None:
    library = open_library(root)
    session = library.open_session("Band", date=DAY).folder
    recovered = order_take(library, session)
    begin(recovered)
    close(recovered, recovered=True)
    renamed = closed_take(library, session)
    retag(renamed, replace(renamed.slate, name="encore"))
    catch_up(library)
    rows = {row.take_id: row for row in listing(library)}
    library.close()
    assert rows[recovered.take_id].recovered and (Path(recovered.folder) / "take.json").exists()
    assert rows[renamed.take_id].name == "encore"


def test_an_open_take_is_listed_as_rolling_and_its_sheet_left_to_others(root: Path) -> None:
    library = open_library(root)
    session = library.open_session("Band", date=DAY).folder
    order = order_take(library, session)
    begin(order)
    catch_up(library)
    (row,) = listing(library)
    library.close()
    assert row.rolling and not (Path(order.folder) / "take.json").exists()


def test_a_copy_of_a_take_made_by_hand_is_listed_beside_it(filled: list[TakeRow], root: Path) -> None:
    shutil.copytree(root / filled[0].folder, root / f"{filled[0].folder} copy")
    library = open_library(root)
    catch_up(library)
    assert len(listing(library)) == 8
    assert library.place_of(filled[0].take_id).is_dir()
    library.close()


def test_takes_can_be_listed_by_session_with_length_and_size(filled: list[TakeRow], root: Path) -> None:
    library = open_library(root)
    rows = library.reader.takes(session_folder=filled[0].session_folder)
    library.close()
    assert len(rows) == 3
    assert all(row.frames == 480 and row.size_bytes > 2 * 480 * 3 and row.channels == 2 for row in rows)


def test_an_index_that_is_not_there_says_that_takes_are_safe(root: Path) -> None:
    library = open_library(root)
    library.catalogue.close()
    with pytest.raises(LibraryError, match="Takes are safe"):
        library.reader.takes()
    library.close()


def test_a_folder_whose_name_is_no_text_and_a_number_beyond_all_are_listed_too(
    filled: list[TakeRow], root: Path
) -> None:
    odd = root / os.fsdecode(os.fsencode(filled[0].folder) + b" \xff\xfe")
    shutil.copytree(root / filled[0].folder, odd)
    sheet = json.loads((odd / "take.json").read_text("utf-8"))
    (odd / "take.json").write_text(json.dumps({**sheet, "number": 1 << 70}), "utf-8")
    (odd / "take.journal").unlink()
    library = open_library(root)
    catch_up(library)
    assert len(listing(library)) == 8
    assert max(row.number for row in listing(library)) == (1 << 63) - 1
    library.close()


NEVER_ENDS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT {} FROM c WHERE x < 0"


def put_a_view_in_place_of_a_table(index: sqlite3.Connection) -> None:
    names = [row[1] for row in index.execute("PRAGMA table_info(takes)")]
    index.execute("DROP TABLE takes")
    index.execute(f"CREATE VIEW takes AS {NEVER_ENDS.format(', '.join(f'x AS {name}' for name in names))}")


def add_a_trigger(index: sqlite3.Connection) -> None:
    deletes = f"DELETE FROM takes WHERE folder IN ({NEVER_ENDS.format('x')})"
    index.execute(f"CREATE TRIGGER odd AFTER INSERT ON sessions BEGIN {deletes}; END")


def put_something_else_for(column: int, value: object) -> Callable[[sqlite3.Connection], None]:
    def put(index: sqlite3.Connection) -> None:
        *row, _ = index.execute("SELECT * FROM sessions").fetchone()
        row[column] = value
        index.execute("DELETE FROM sessions")
        index.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)", (*row, checksum_of(tuple(row))))

    return put


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(put_a_view_in_place_of_a_table, id="a view that never ends"),
        pytest.param(add_a_trigger, id="a trigger that never ends"),
        pytest.param(put_something_else_for(0, b"Band"), id="bytes for a folder"),
        pytest.param(put_something_else_for(4, "many"), id="a word for a number"),
    ],
)
def test_an_index_that_is_a_program_or_holds_other_kinds_is_begun_anew(
    root: Path, filled: list[TakeRow], spoil: Callable[[sqlite3.Connection], None]
) -> None:
    """Whoever wrote it knows how rigd makes its checksums."""
    path = root / ".rigd" / "index.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as index, index:
        spoil(index)
    library = open_library(root)
    try:
        assert list(path.parent.glob("index.sqlite3.bad-*"))
        catch_up(library)
        assert listing(library) == filled
    finally:
        library.close()
