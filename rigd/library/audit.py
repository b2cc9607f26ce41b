"""The audit: every command and what came of it, a line of JSON each, in the library's own folder.

`answered` is for any thread and returns at once. Thread "rigd-audit" alone touches the disk: it appends what has come
together in one write, and syncs nothing, so that no take waits for it. Two files, bounded by size: the newer one
becomes the older one when it is full. What cannot be written (a full disk, a volume that is gone) is counted, is told
in the log once, and stands in the next line that can be written; nothing else is lost for it.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from rigd.model.audit import AuditEntry, audit_entry
from rigd.model.commands import Command, Reply
from rigd.model.errors import LibraryError
from rigd.model.units import ClockNs, Ns
from rigd.rules.permissions import Principal
from rigd.takefile import beneath
from rigd.takefile.volume import OWN_FOLDER

log = logging.getLogger(__name__)

NEWER, OLDER = "audit.jsonl", "audit.older.jsonl"
MOST_BYTES = 16 << 20
"""Of each: some 50,000 commands."""
MOST_WAITING = 4096
"""Commands that wait for a disk that stands still; beyond them the newest are lost."""
MOST_READS_WAITING = 32
READ_BYTES = 256 << 10
LONGEST_LINE_BYTES = 16 << 10
_decoder = msgspec.json.Decoder(AuditEntry)

Told = Callable[[Sequence[AuditEntry] | LibraryError], None]


class AuditJournal:
    """Of the library at `root`. Started once, stopped once."""

    def __init__(
        self,
        root: Path,
        *,
        clock_ns: ClockNs = lambda: Ns(time.monotonic_ns()),
        wall_ns: Callable[[], int] = time.time_ns,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._root, self._most_bytes = root, most_bytes
        self._clock_ns, self._wall_ns = clock_ns, wall_ns
        self._newer, self._older = root / OWN_FOLDER / NEWER, root / OWN_FOLDER / OLDER
        self._changed = threading.Condition()
        self._waiting: deque[AuditEntry] = deque()
        self._reads: deque[tuple[int, int | None, Told]] = deque()
        self._lost = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="rigd-audit", daemon=True)
        # The thread's own.
        self._number: int | None = None
        """Of the last line; None until the file was looked at."""
        self._failed = False

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, within_s: float = 5.0) -> None:
        """What was noted is written; a disk that stands still is not waited for."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(within_s)

    def answered(self, command: Command, by: Principal, reply: Reply) -> None:
        """That this came of that command now will be written. As `note`."""
        entry = audit_entry(
            command,
            reply,
            who=by.name,
            role=by.role,
            unix_ns=self._wall_ns(),
            answered_ns=self._clock_ns(),
        )
        self.note(entry)

    def note(self, entry: AuditEntry) -> None:
        """It will be written. Any thread; returns at once."""
        with self._changed:
            if len(self._waiting) >= MOST_WAITING:
                self._lost += 1
                return
            self._waiting.append(entry)
            self._changed.notify()

    def read(self, last: int, before: int | None, told: Told) -> None:
        """`told` gets the last so many entries, oldest first, of those with a number less than `before`, on the
        thread of the audit. Raises LibraryError where too many ask."""
        with self._changed:
            if len(self._reads) >= MOST_READS_WAITING or self._stopping:
                raise LibraryError("the audit is read by many already, or its disk stands still; ask again")
            self._reads.append((last, before, told))
            self._changed.notify()

    # The thread

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._reads or self._stopping)
                entries, self._waiting = self._waiting, deque()
                reads, self._reads = self._reads, deque()
                lost, self._lost = self._lost, 0
                stopping = self._stopping
            if entries or lost:
                self._write(entries, lost)
            for last, before, told in reads:
                self._answer(last, before, told)
            if stopping and not entries:
                return

    def _write(self, entries: deque[AuditEntry], lost: int) -> None:
        if not entries:
            with self._changed:
                self._lost += lost
            return
        try:
            begins = self._numbered_from()
            lines = [replace(entry, number=begins + place) for place, entry in enumerate(entries)]
            lines[0] = replace(lines[0], lost=lost)
            self._append(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        except OSError as error:
            with self._changed:
                self._lost += lost + len(entries)
            if not self._failed:
                self._failed = True
                log.warning(
                    "%s: cannot be written (%s). Commands are carried out and not written down; the next line that "
                    "can be written says how many",
                    self._newer,
                    error.strerror,
                )
            return
        self._number = begins + len(entries) - 1
        if self._failed:
            self._failed = False
            log.info("%s: is written again; %d commands before are not in it", self._newer, lost)

    def _append(self, content: bytes) -> None:
        handle = beneath.open_file(self._root, self._newer, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            size = os.fstat(handle).st_size
            if size + len(content) > self._most_bytes and size:
                os.close(handle)
                handle = -1
                beneath.rename(self._root, self._newer, self._older)
                handle = beneath.open_file(self._root, self._newer, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
                size = 0
            written = os.write(handle, content)
            if written < len(content):
                # What does not fit is none of it written: half a line would be nobody's.
                os.ftruncate(handle, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            if handle >= 0:
                os.close(handle)

    def _numbered_from(self) -> int:
        """The number of the next line. A line that a power cut broke is ended first."""
        if self._number is None:
            newest = next(self._newest_first(), None)
            with contextlib.suppress(FileNotFoundError):
                handle = beneath.open_file(self._root, self._newer, os.O_RDONLY)
                try:
                    size = os.fstat(handle).st_size
                    if size and os.pread(handle, 1, size - 1) != b"\n":
                        self._append(b"\n")
                finally:
                    os.close(handle)
            self._number = 0 if newest is None else newest.number
        return self._number + 1

    def _answer(self, last: int, before: int | None, told: Told) -> None:
        found: list[AuditEntry] = []
        try:
            for entry in self._newest_first():
                if len(found) >= last:
                    break
                if before is None or entry.number < before:
                    found.append(entry)
        except OSError as error:
            told(LibraryError(f"{self._newer}: cannot be read ({error.strerror})"))
            return
        told(found[::-1])

    def _newest_first(self) -> Iterator[AuditEntry]:
        """What is no whole line is passed by."""
        for path in (self._newer, self._older):
            with contextlib.suppress(FileNotFoundError):
                handle = beneath.open_file(self._root, path, os.O_RDONLY)
                try:
                    for line in _lines_from_end(handle):
                        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                            yield _decoder.decode(line)
                finally:
                    os.close(handle)


def _lines_from_end(handle: int) -> Iterator[bytes]:
    end, rest = os.fstat(handle).st_size, b""
    while end > 0:
        begin = max(0, end - READ_BYTES)
        rest = os.pread(handle, end - begin, begin) + rest
        end = begin
        first, *lines = rest.split(b"\n")
        if end > 0:
            rest = first[-LONGEST_LINE_BYTES:]
            yield from reversed(lines)
        else:
            yield from reversed([first, *lines])
