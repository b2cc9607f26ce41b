"""The index: finds sessions and takes faster than walking the folders, and is made from them alone.

One connection, used under a lock that is waited for BUSY_S at most: written by the library's thread, read
by any but the controller's. SQLite locks the file for this process alone, so that its WAL index is plain
memory: as a mapped file it would end the daemon by SIGBUS when the disk is pulled out. Each row carries a
checksum, so that a flipped bit is found even where SQLite sees none. A bad file is put aside, never
repaired. Nothing here may reach a take: callers treat every error as "not indexed".
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import stat
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct
from msgspec.structs import FieldInfo, astuple, fields

from rigd.library.walking import is_gone, is_plain
from rigd.model.errors import LibraryError
from rigd.model.units import TakeId
from rigd.takefile.beneath import rename

INDEX_NAME = "index.sqlite3"
MOST_NUMBER = (1 << 63) - 1
INDEX_VERSION = 3
BUSY_S = 2.0
UNDER_WAY = "under way"
ROWS_A_STEP = 500


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


class IndexDamaged(LibraryError):
    """The index has to be begun anew; other errors (no space, no permission) may pass."""


_PASSING = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY}
_PASSING |= {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}

R = TypeVar("R", SessionRow, TakeRow)
_TABLES: dict[type, str] = {SessionRow: "sessions", TakeRow: "takes"}


class Index:
    """The file, open."""

    def __init__(self, path: Path, *, now: datetime) -> None:
        """Open, in the form that rigd gives it. Whether it is whole `check` finds out; each row that is read is
        checked by itself. Costs no more where there are many rows. Raises LibraryError."""
        self._path = path
        self._lock = threading.Lock()
        self.put_aside: Path | None = None
        """Where the damaged one is now."""
        try:
            self._connection = self._opened()
        except (sqlite3.Error, _Unsound):
            self._begin_again(now)

    def check(self) -> Iterator[None]:
        """Every page and every row is sound, at the end. Reads all of it, in steps. Raises LibraryError, IndexDamaged
        where it is not."""
        with self._in_hand():
            self._check_pages()
        some = f"WHERE folder > ? ORDER BY folder LIMIT {ROWS_A_STEP}"
        rows = self.read(TakeRow, some, ("",))
        while len(rows) == ROWS_A_STEP:
            yield
            rows = self.read(TakeRow, some, (rows[-1].folder,))

    def put(self, *rows: SessionRow | TakeRow) -> None:
        """The rows stand in the index, in place of those of the same folders; one that stands there already is not
        written again. One commit. Raises LibraryError."""
        if not rows:
            return
        with self._in_hand(), self._connection as transaction:
            for row in rows:
                values = _values(row)
                transaction.execute(_put_statement(type(row)), (*values, _checksum(values)))

    def remove(self, kind: type[SessionRow] | type[TakeRow], *folders: str) -> None:
        """No row of these folders. Raises LibraryError."""
        with self._in_hand(), self._connection as transaction:
            transaction.executemany(
                f"DELETE FROM {_TABLES[kind]} WHERE folder = ?", [(folder,) for folder in folders]
            )

    def folders(self, kind: type[SessionRow] | type[TakeRow]) -> set[str]:
        """All folders of a kind. Raises LibraryError."""
        with self._in_hand():
            return {row[0] for row in self._connection.execute(f"SELECT folder FROM {_TABLES[kind]}")}

    def read(self, kind: type[R], rest: str, values: tuple[str, ...]) -> tuple[R, ...]:
        """The rows that `rest`, SQL after FROM, picks. Raises LibraryError."""
        with self._in_hand():
            return tuple(_rows(self._connection, kind, rest, values))

    def take_in(self, folder: str) -> TakeRow | None:
        """The row of a take's folder. Raises LibraryError."""
        rows = self.read(TakeRow, "WHERE folder = ?", (folder,))
        return rows[0] if rows else None

    def takes_of(self, session_folder: str) -> tuple[TakeRow, ...]:
        """The rows of a session's takes. Raises LibraryError."""
        return self.read(TakeRow, "WHERE session_folder = ?", (session_folder,))

    def packed_takes(self, session_folder: str) -> list[PackedRow]:
        """Of a session's closed takes what they are believed by. Quick: what is packed has a checksum of its own, and
        the row's is not looked at. Raises LibraryError."""
        chosen = "WHERE session_folder = ? AND packed <> x'' AND undated <> ?"
        statement = f"SELECT {', '.join(PackedRow._fields)} FROM takes {chosen}"
        with self._in_hand():
            found = self._connection.execute(statement, (session_folder, UNDER_WAY)).fetchall()
        kinds = (str, str, int, int, int, int, bytes)
        return [PackedRow(*row) for row in found if tuple(map(type, row)) == kinds]

    def begin_again(self, now: datetime) -> None:
        """An empty index; the old one is put aside. Raises LibraryError."""
        with self._in_hand():
            self._begin_again(now)

    def close(self) -> None:
        """The file is whole and closed."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def _begin_again(self, now: datetime) -> None:
        if hasattr(self, "_connection"):
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        self.put_aside = _aside(self._path, now)
        try:
            self._connection = self._opened()
            self._check_pages()
        except (sqlite3.Error, _Unsound) as error:
            raise LibraryError(
                f"{self._path}: the index cannot be made ({error}). Takes are safe without it; "
                "see that the folder may be written and has space"
            ) from error

    def _opened(self) -> sqlite3.Connection:
        # The lock stands in for SQLite's own check of the thread.
        _check_is_ours(self._path)
        connection = sqlite3.connect(self._path, timeout=BUSY_S, check_same_thread=False)
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            _check_is_an_index(connection, version)  # before anything is changed in it
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            if (
                0 < version < INDEX_VERSION
            ):  # an older rigd's: it was made from the folders, and so is this one
                for (table,) in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                ).fetchall():
                    connection.execute(f'DROP TABLE "{table}"')
                version = 0
            if version == 0 and not connection.execute("SELECT name FROM sqlite_master").fetchall():
                _make_tables(connection)
                connection.execute(f"PRAGMA user_version = {INDEX_VERSION}")
            elif version != INDEX_VERSION:
                raise _Unsound(f"its version is {version}, this rigd's is {INDEX_VERSION}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_pages(self) -> None:
        """And the few rows of sessions."""
        (verdict,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise _Unsound(str(verdict))
        list(_rows(self._connection, SessionRow, "", ()))

    @contextlib.contextmanager
    def _in_hand(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=BUSY_S):
            raise LibraryError(f"{self._path}: the disk does not answer; takes are safe without the index")
        try:
            yield
        except (sqlite3.Error, _Unsound) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
            kind = LibraryError if code in _PASSING else IndexDamaged
            raise kind(f"{self._path}: the index failed ({error}); takes are safe without it") from error
        finally:
            self._lock.release()


class IndexReader:
    """Lists what is in the library. Any thread, but it may wait for the disk: not the controller's."""

    def __init__(self, index: Callable[[], Index | None]) -> None:
        self._index = index

    def sessions(self) -> tuple[SessionRow, ...]:
        """Oldest first. Raises LibraryError."""
        return self._read(SessionRow, "ORDER BY date, ordinal, folder", ())

    def takes(self, *, session_folder: str | None = None, false_takes: bool = False) -> tuple[TakeRow, ...]:
        """Of one session, or of all; oldest first. Raises LibraryError."""
        terms, values = [], []
        if session_folder is not None:
            terms.append("session_folder = ?")
            values.append(session_folder)
        if not false_takes:
            terms.append("false_take = 0")
        where = f"WHERE {' AND '.join(terms)} " if terms else ""
        return self._read(TakeRow, f"{where}ORDER BY ordinal, started_at, folder", tuple(values))

    def undated(self, boot_id: str) -> tuple[TakeRow, ...]:
        """Takes of that run of the machine by a clock that nobody vouched for, and those that are being dated anew;
        in their order. Raises LibraryError."""
        return self._read(TakeRow, "WHERE undated IN (?, ?) ORDER BY ordinal, folder", (boot_id, UNDER_WAY))

    def highest_ordinal(self) -> int:
        """Of all takes; 0 where there is none. Raises LibraryError."""
        rows = self._read(TakeRow, "ORDER BY ordinal DESC LIMIT 1", ())
        return rows[0].ordinal if rows else 0

    def take(self, take_id: TakeId) -> TakeRow | None:
        """The take of that id; of copies, the one whose folder sorts first. Raises LibraryError."""
        rows = self._read(TakeRow, "WHERE take_id = ? ORDER BY folder LIMIT 1", (take_id,))
        return rows[0] if rows else None

    def _read(self, kind: type[R], rest: str, values: tuple[str, ...]) -> tuple[R, ...]:
        index = self._index()
        if index is None:
            raise LibraryError(
                "the library has no index now. Takes are safe without it; it is rebuilt when rigd starts. "
                "See that the library's folder may be written and has space"
            )
        return index.read(kind, rest, values)


class _Unsound(Exception):
    """SQLite is content, but this is not what rigd wrote."""


def _check_is_ours(path: Path) -> None:
    """Neither the file nor what SQLite writes beside it is a link, or has another name elsewhere. _Unsound."""
    for beside in (path.with_name(path.name + ending) for ending in (*BESIDE, "")):
        try:
            status = beside.lstat()
        except OSError:
            continue
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise _Unsound(f"{beside.name} is a link, or no plain file")


@functools.cache
def _put_statement(kind: type) -> str:
    names = [field.name for field in _fields(kind)]
    new = ", ".join(f"{name} = excluded.{name}" for name in (*names[1:], "checksum"))
    marks = ", ".join("?" * (len(names) + 1))
    where = "ON CONFLICT (folder) DO UPDATE SET"
    return f"INSERT INTO {_TABLES[kind]} VALUES ({marks}) {where} {new} WHERE checksum <> excluded.checksum"


def _make_tables(connection: sqlite3.Connection) -> None:
    for kind, table in _TABLES.items():
        connection.execute(f"CREATE TABLE {table} ({_columns(kind)}, checksum INTEGER NOT NULL)")
    connection.execute("CREATE INDEX takes_by_id ON takes (take_id)")
    connection.execute("CREATE INDEX takes_by_session ON takes (session_folder)")
    connection.execute("CREATE INDEX takes_by_ordinal ON takes (ordinal)")


_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master"


def _check_is_an_index(connection: sqlite3.Connection, version: int) -> None:
    """It has no table but an index's, and, of this rigd's version, nothing but what rigd makes: a view in place of
    a table, or a trigger, is a program, and one that never ends would be waited for. _Unsound."""
    found = set(connection.execute(_SCHEMA))
    for kind, name, _, sql in found:
        if kind == "table" and name not in _TABLES.values() and not str(name).startswith("sqlite_"):
            raise _Unsound(f"it has a table {str(name)[:40]!r}, so it is another program's")
        if kind not in ("table", "index") or str(sql).lower().startswith("create virtual"):
            raise _Unsound(f"it has a {str(kind)[:40]!r}, which rigd never makes")
    if version == INDEX_VERSION and found != _schema():
        raise _Unsound("its tables are not as rigd makes them")


@functools.cache
def _schema() -> frozenset[tuple[str, ...]]:
    """Of a new index."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        _make_tables(connection)
        return frozenset(connection.execute(_SCHEMA))


def _check_places(row: SessionRow | TakeRow) -> None:
    """Its folders are such as lie in a library: rows are looked up, moved and written to. _Unsound."""
    depth = 3 if isinstance(row, TakeRow) else 1
    places = [(row.folder, depth)]
    if isinstance(row, TakeRow):
        places.append((row.session_folder, 1))
    for folder, names in places:
        parts = folder.split("/")
        if len(parts) != names or not all(map(is_plain, parts)):
            raise _Unsound(f"a row of {_TABLES[type(row)]} leads out of the library")


def _rows(connection: sqlite3.Connection, kind: type[R], rest: str, values: tuple[str, ...]) -> Iterator[R]:
    names = [field.name for field in _fields(kind)]
    switches = [field.name for field in _fields(kind) if field.type is bool]
    for *found, checksum in connection.execute(
        f"SELECT {', '.join(names)}, checksum FROM {_TABLES[kind]} {rest}", values
    ):
        if checksum != _checksum(tuple(found)):
            raise _Unsound(f"a row of {_TABLES[kind]} is damaged")
        _check_types(kind, found)
        named: dict[str, Any] = dict(zip(names, found, strict=True))
        for name in switches:
            named[name] = bool(named[name])
        row = kind(**named)
        _check_places(row)
        yield row


def _check_types(kind: type, found: list[Any]) -> None:
    """SQLite stores anything in any column, and whoever wrote the row made its checksum. _Unsound."""
    stored = _stored_types(kind)
    if (here := [type(value) for value in found]) != stored:
        odd = next(
            field for field, is_, as_ in zip(_fields(kind), here, stored, strict=True) if is_ is not as_
        )
        raise _Unsound(f"a row of {_TABLES[kind]} has something else in the place of its {odd.name}")


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


def _values(row: SessionRow | TakeRow) -> tuple[Any, ...]:
    return tuple(_storable(value) for value in astuple(row))


def _storable(value: Any) -> Any:
    """As SQLite takes it: text that is UTF-8, numbers of 64 bits. Others come from files that are not rigd's."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, int):
        return max(-MOST_NUMBER - 1, min(int(value), MOST_NUMBER))
    return value


def _checksum(values: tuple[Any, ...]) -> int:
    return zlib.crc32(repr(values).encode())


BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite writes beside a file."""


def _aside(path: Path, now: datetime) -> Path | None:
    """The file and what is beside it under another name; None where there was none."""
    root = path.parent.parent
    stamp = f"bad-{now:%Y%m%d-%H%M%S}"
    target, count = path.with_name(f"{path.name}.{stamp}"), 1
    while not is_gone(target):
        count += 1
        target = path.with_name(f"{path.name}.{stamp}-{count}")
    try:
        for ending in (*BESIDE, ""):
            each = path.with_name(path.name + ending)
            if not is_gone(each):
                rename(root, each, target.with_name(target.name + ending))
    except OSError as error:
        raise LibraryError(f"{path}: is damaged and cannot be put aside ({error.strerror})") from error
    return None if is_gone(target) else target
