"""The rows of the index: their columns, how they are stored, and what of them is believed.

Each row carries a checksum, so that a flipped bit is found even where SQLite sees none. Nobody knows who wrote an
index that lies in a library: what rigd would not have written is `Unsound`.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct
from msgspec.structs import FieldInfo, astuple, fields

from rigd.library.walking import is_plain
from rigd.model.units import TakeId

MOST_NUMBER = (1 << 63) - 1
INDEX_VERSION = 3
UNDER_WAY = "under way"


class SessionRow(Struct, frozen=True, kw_only=True):
    """A session. Folders are relative to the library's root."""

    folder: str
    session: str
    date: str
    created_at: str
    ordinal: int
    """Its place among the sessions of its day."""


class TakeRow(Struct, frozen=True, kw_only=True):
    """A take, in short. Folders are relative to the library's root."""

    folder: str
    session_folder: str
    take_id: TakeId
    session: str
    song: str
    number: int
    name: str
    circled: bool
    rating: int
    false_take: bool
    rolling: bool
    recovered: bool
    started_at: str
    ordinal: int
    """Its place among the takes."""
    undated: str
    """Not empty: the machine's run in which it was made, by a clock that nobody vouched for; UNDER_WAY while the take
    is being dated anew."""
    frames: int
    sample_rate_hz: int
    channels: int
    gaps: int
    xruns: int
    markers: int
    size_bytes: int
    journal_bytes: int
    """Length of the journal and time of take.json that this row was made from."""
    sheet_mtime_ns: int
    unhashed: int
    """Files without a SHA-256."""
    place_in_trash: int
    """Its place among the takes that were thrown away."""
    packed: bytes
    """A closed take as the rig's state has it (`packed_take.py`); empty: its folder has to be read."""


class PackedRow(NamedTuple):
    """Some columns of a TakeRow."""

    folder: str
    take_id: str
    false_take: int
    place_in_trash: int
    journal_bytes: int
    sheet_mtime_ns: int
    packed: bytes


R = TypeVar("R", SessionRow, TakeRow)
TABLES: dict[type, str] = {SessionRow: "sessions", TakeRow: "takes"}


class Unsound(Exception):
    """SQLite is content, but this is not what rigd wrote."""


@functools.cache
def put_statement(kind: type) -> str:
    names = [field.name for field in _fields(kind)]
    new = ", ".join(f"{name} = excluded.{name}" for name in (*names[1:], "checksum"))
    marks = ", ".join("?" * (len(names) + 1))
    where = "ON CONFLICT (folder) DO UPDATE SET"
    return f"INSERT INTO {TABLES[kind]} VALUES ({marks}) {where} {new} WHERE checksum <> excluded.checksum"


def make_tables(connection: sqlite3.Connection) -> None:
    for kind, table in TABLES.items():
        connection.execute(f"CREATE TABLE {table} ({_columns(kind)}, checksum INTEGER NOT NULL)")
    connection.execute("CREATE INDEX takes_by_id ON takes (take_id)")
    connection.execute("CREATE INDEX takes_by_session ON takes (session_folder)")
    connection.execute("CREATE INDEX takes_by_ordinal ON takes (ordinal)")


_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master"


def check_is_an_index(connection: sqlite3.Connection, version: int) -> None:
    """It has no table but an index's, and, of this rigd's version, nothing but what rigd makes: a view in place of
    a table, or a trigger, is a program, and one that never ends would be waited for. Unsound."""
    found = set(connection.execute(_SCHEMA))
    for kind, name, _, sql in found:
        if kind == "table" and name not in TABLES.values() and not str(name).startswith("sqlite_"):
            raise Unsound(f"it has a table {str(name)[:40]!r}, so it is another program's")
        if kind not in ("table", "index") or str(sql).lower().startswith("create virtual"):
            raise Unsound(f"it has a {str(kind)[:40]!r}, which rigd never makes")
    if version == INDEX_VERSION and found != _schema():
        raise Unsound("its tables are not as rigd makes them")


@functools.cache
def _schema() -> frozenset[tuple[str, ...]]:
    """Of a new index."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        make_tables(connection)
        return frozenset(connection.execute(_SCHEMA))


def _check_places(row: SessionRow | TakeRow) -> None:
    """Its folders are such as lie in a library: rows are looked up, moved and written to. Unsound."""
    depth = 3 if isinstance(row, TakeRow) else 1
    places = [(row.folder, depth)]
    if isinstance(row, TakeRow):
        places.append((row.session_folder, 1))
    for folder, names in places:
        parts = folder.split("/")
        if len(parts) != names or not all(map(is_plain, parts)):
            raise Unsound(f"a row of {TABLES[type(row)]} leads out of the library")


def rows_of(
    connection: sqlite3.Connection, kind: type[R], rest: str, values: tuple[str | int, ...]
) -> Iterator[R]:
    names = [field.name for field in _fields(kind)]
    switches = [field.name for field in _fields(kind) if field.type is bool]
    for *found, checksum in connection.execute(
        f"SELECT {', '.join(names)}, checksum FROM {TABLES[kind]} {rest}", values
    ):
        if checksum != checksum_of(tuple(found)):
            raise Unsound(f"a row of {TABLES[kind]} is damaged")
        _check_types(kind, found)
        named: dict[str, Any] = dict(zip(names, found, strict=True))
        for name in switches:
            named[name] = bool(named[name])
        row = kind(**named)
        _check_places(row)
        yield row


def _check_types(kind: type, found: list[Any]) -> None:
    """SQLite stores anything in any column, and whoever wrote the row made its checksum. Unsound."""
    stored = _stored_types(kind)
    if (here := [type(value) for value in found]) != stored:
        odd = next(
            field for field, is_, as_ in zip(_fields(kind), here, stored, strict=True) if is_ is not as_
        )
        raise Unsound(f"a row of {TABLES[kind]} has something else in the place of its {odd.name}")


@functools.cache
def _fields(kind: type) -> tuple[FieldInfo, ...]:
    return fields(kind)


@functools.cache
def _stored_types(kind: type) -> list[type]:
    """What SQLite gives back for each column."""
    plain = {bool: int, int: int, bytes: bytes}
    return [plain.get(field.type, str) for field in _fields(kind)]


_COLUMN_TYPES = {int: "INTEGER", bytes: "BLOB", str: "TEXT"}


def _columns(kind: type) -> str:
    return ", ".join(
        f"{field.name} {_COLUMN_TYPES[stored]} NOT NULL" + (" PRIMARY KEY" if field.name == "folder" else "")
        for field, stored in zip(_fields(kind), _stored_types(kind), strict=True)
    )


def values_of(row: SessionRow | TakeRow) -> tuple[Any, ...]:
    return tuple(_storable(value) for value in astuple(row))


def _storable(value: Any) -> Any:
    """As SQLite takes it: text that is UTF-8, numbers of 64 bits. Others come from files that are not rigd's."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, int):
        return max(-MOST_NUMBER - 1, min(int(value), MOST_NUMBER))
    return value


def checksum_of(values: tuple[Any, ...]) -> int:
    return zlib.crc32(repr(values).encode())
