"""The index: finds sessions and takes faster than walking the folders, and is made from them alone.

One connection, used under a lock that is waited for BUSY_S at most: written by the library's thread, read
by any but the controller's. SQLite locks the file for this process alone, so that its WAL index is plain
memory: as a mapped file it would end the daemon by SIGBUS when the disk is pulled out. Each row carries a
checksum, so that a flipped bit is found even where SQLite sees none. A bad file is put aside, never
repaired. Nothing here may reach a take: callers treat every error as "not indexed".
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from rigd.library.index_rows import (
    INDEX_VERSION,
    TABLES,
    UNDER_WAY,
    PackedRow,
    R,
    SessionRow,
    TakeRow,
    Unsound,
    check_is_an_index,
    checksum_of,
    make_tables,
    put_statement,
    rows_of,
    values_of,
)
from rigd.library.walking import is_gone
from rigd.model.errors import LibraryError
from rigd.model.library import TakesWanted
from rigd.model.units import TakeId
from rigd.takefile.beneath import rename

INDEX_NAME = "index.sqlite3"
BUSY_S = 2.0
ROWS_A_STEP = 500


class IndexDamaged(LibraryError):
    """The index has to be begun anew; other errors (no space, no permission) may pass."""


_PASSING = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY}
_PASSING |= {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


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
        except (sqlite3.Error, Unsound):
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
                values = values_of(row)
                transaction.execute(put_statement(type(row)), (*values, checksum_of(values)))

    def remove(self, kind: type[SessionRow] | type[TakeRow], *folders: str) -> None:
        """No row of these folders. Raises LibraryError."""
        with self._in_hand(), self._connection as transaction:
            transaction.executemany(
                f"DELETE FROM {TABLES[kind]} WHERE folder = ?", [(folder,) for folder in folders]
            )

    def folders(self, kind: type[SessionRow] | type[TakeRow]) -> set[str]:
        """All folders of a kind. Raises LibraryError."""
        with self._in_hand():
            return {row[0] for row in self._connection.execute(f"SELECT folder FROM {TABLES[kind]}")}

    def read(self, kind: type[R], rest: str, values: tuple[str | int, ...]) -> tuple[R, ...]:
        """The rows that `rest`, SQL after FROM, picks. Raises LibraryError."""
        with self._in_hand():
            return tuple(rows_of(self._connection, kind, rest, values))

    def take_in(self, folder: str) -> TakeRow | None:
        """The row of a take's folder. Raises LibraryError."""
        rows = self.read(TakeRow, "WHERE folder = ?", (folder,))
        return rows[0] if rows else None

    def takes_of(self, session_folder: str) -> tuple[TakeRow, ...]:
        """The rows of a session's takes. Raises LibraryError."""
        return self.read(TakeRow, "WHERE session_folder = ?", (session_folder,))

    def sums_of(self, session_folders: Sequence[str]) -> dict[str, tuple[int, float, int]]:
        """Of the takes of each session that has any, no false ones: how many, seconds, bytes. Raises LibraryError."""
        marks = ", ".join("?" * len(session_folders))
        statement = (
            "SELECT session_folder, COUNT(*), SUM(CAST(frames AS REAL) / MAX(sample_rate_hz, 1)), SUM(size_bytes) "
            f"FROM takes WHERE false_take = 0 AND session_folder IN ({marks}) GROUP BY session_folder"
        )
        with self._in_hand():
            rows = self._connection.execute(statement, tuple(session_folders)).fetchall()
        return {str(folder): (int(takes), float(s or 0.0), int(size or 0)) for folder, takes, s, size in rows}

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
        except (sqlite3.Error, Unsound) as error:
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
            check_is_an_index(connection, version)  # before anything is changed in it
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
                make_tables(connection)
                connection.execute(f"PRAGMA user_version = {INDEX_VERSION}")
            elif version != INDEX_VERSION:
                raise Unsound(f"its version is {version}, this rigd's is {INDEX_VERSION}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_pages(self) -> None:
        """And the few rows of sessions."""
        (verdict,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise Unsound(str(verdict))
        list(rows_of(self._connection, SessionRow, "", ()))

    @contextlib.contextmanager
    def _in_hand(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=BUSY_S):
            raise LibraryError(f"{self._path}: the disk does not answer; takes are safe without the index")
        try:
            yield
        except (sqlite3.Error, Unsound) as error:
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

    def sessions_after(self, after: tuple[str, int, str], most: int) -> tuple[SessionRow, ...]:
        """At most so many of those behind that date, ordinal and folder, oldest first. Raises LibraryError."""
        rest = "WHERE (date, ordinal, folder) > (?, ?, ?) ORDER BY date, ordinal, folder LIMIT ?"
        return self._read(SessionRow, rest, (*after, most))

    def sums_of(self, session_folders: Sequence[str]) -> dict[str, tuple[int, float, int]]:
        """As of an Index. Raises LibraryError."""
        return self._opened_index().sums_of(session_folders)

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

    def page(self, wanted: TakesWanted, most: int) -> tuple[TakeRow, ...]:
        """At most so many of those takes, whatever their texts, oldest first. Raises LibraryError."""
        terms: list[str] = ["false_take = ?"]
        values: list[str | int] = [int(wanted.in_trash)]
        if wanted.session:
            terms.append("session = ?")
            values.append(wanted.session)
        if wanted.after:
            ordinal, _, folder = wanted.after.partition("/")
            if not re.fullmatch("-?[0-9]{1,18}", ordinal):
                raise LibraryError(f'"{wanted.after[:40]}" is no place in the list of takes')
            terms.append("(ordinal, folder) > (?, ?)")
            values += [int(ordinal), folder]
        where = f"WHERE {' AND '.join(terms)} ORDER BY ordinal, folder LIMIT ?"
        return self._read(TakeRow, where, (*values, most))

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

    def _read(self, kind: type[R], rest: str, values: tuple[str | int, ...]) -> tuple[R, ...]:
        return self._opened_index().read(kind, rest, values)

    def _opened_index(self) -> Index:
        index = self._index()
        if index is None:
            raise LibraryError(
                "the library has no index now. Takes are safe without it; it is rebuilt when rigd starts. "
                "See that the library's folder may be written and has space"
            )
        return index


def _check_is_ours(path: Path) -> None:
    """Neither the file nor what SQLite writes beside it is a link, or has another name elsewhere. Unsound."""
    for beside in (path.with_name(path.name + ending) for ending in (*BESIDE, "")):
        try:
            status = beside.lstat()
        except OSError:
            continue
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise Unsound(f"{beside.name} is a link, or no plain file")


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
