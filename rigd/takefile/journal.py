"""A take's journal: `take.journal`, append-only text, one fact a line, a checksum before each.

A line is the CRC-32 of its JSON in eight hexadecimal digits, a space, the JSON, a newline. The first line
is the order. What a crash tore off at the end is left out by the reader and cut off by the next writer.
Runs on the thread of whoever calls; never rewrites a line. Where a sync has failed the same lines go on in a fresh
file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import zlib
from pathlib import Path

from msgspec.structs import replace

from rigd.model.errors import LinkError, TakeError
from rigd.model.limits import LONGEST_NOTE
from rigd.model.read_back import as_typed, change_as_typed, marker_as_typed, order_as_typed, slate_as_typed
from rigd.model.structs import loaded
from rigd.model.take import GainChange, Gap, Marker, Slate, Xrun
from rigd.takefile.beneath import new_in, open_in, open_plain
from rigd.takefile.folders import MOST_FRAMES, check_order
from rigd.takefile.ledger import (
    JOURNAL_NAME,
    JOURNAL_VERSION,
    Begun,
    Closed,
    Closing,
    Durable,
    Ended,
    Entry,
    Ledger,
    Mended,
    NextPart,
    Resumed,
    Retagged,
    TakeLevels,
    TakeRecord,
)
from rigd.takefile.steps import Steps, to_end
from rigd.wire.codec import Codec, to_plain

__all__ = ["JOURNAL_NAME", "FollowedJournal", "Journal", "TakeRecord", "read_journal", "read_ledger"]

_CODEC = Codec(
    (
        Begun,
        Gap,
        Xrun,
        Marker,
        GainChange,
        Slate,
        Durable,
        NextPart,
        Ended,
        Resumed,
        Mended,
        Closing,
        Closed,
        Retagged,
        TakeLevels,
    )
)
LONGEST_JOURNAL_BYTES = 256 << 20
"""Two months of a take. What is longer is none of rigd's, and is not read into memory."""
LONGEST_ENTRY_BYTES = 4 << 20
"""The longest is the order of a take of 512 channels with the longest names. JSON takes thirty times its length in
memory where it is all brackets, and the process that reads it may be recording."""
LINES_A_STEP = 5000
FRESH_NAME = f".{JOURNAL_NAME}.new"
_DURABLE = b'{"type":"Durable"'


def line_of(entry: Entry) -> bytes:
    """The line that says `entry`."""
    plain = to_plain(entry)
    if plain.get("dated") == "":
        del plain["dated"]  # a rigd of before takes were dated anew reads the line, too
    text = json.dumps(plain, ensure_ascii=True, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _text_of(line: bytes) -> bytes | None:
    """The JSON of a line without its newline; None where the checksum says that it is not whole."""
    if len(line) < 10 or line[8:9] != b" ":
        return None
    text = line[9:]
    return text if line[:8] == b"%08x" % zlib.crc32(text) else None


class _Reading:
    """What the lines of a journal say, in as many pieces as they come."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._ledger: Ledger | None = None
        self._faults: list[str] = []
        self._lines = 0
        """Whole lines that were read."""

    def read(self, content: bytes) -> Steps[int]:
        """How many bytes of `content` are whole lines; those are part of the ledger. The next piece begins there."""
        whole = start = 0
        durable: bytes | None = None
        number = self._lines
        unread: str | None = None
        while (end := content.find(b"\n", start)) >= 0:
            number += 1
            if number % LINES_A_STEP == 0:
                yield
            text = _text_of(content[start:end]) if end - start <= LONGEST_ENTRY_BYTES else None
            start = end + 1
            if text is None:
                # Only a fault if a good line follows: else it is the end that a crash tore.
                unread = unread or f"line {number} is damaged and was left out"
                continue
            if unread is not None:
                self._faults.append(unread)
                unread = None
            whole, self._lines = start, number
            if text.startswith(_DURABLE):
                durable = text  # one a second: only the last one is worth decoding
            else:
                self._note(text, f"line {number} was")
        if durable is not None and self._ledger is not None:
            self._note(durable, "the last line that tells what is durable was")
        return whole

    def _note(self, text: bytes, which_was: str) -> None:
        try:
            entry = _as_typed(_CODEC.from_plain(loaded(text)))
            _check_frames(entry)
        except (LinkError, ValueError, RecursionError) as error:
            self._faults.append(f"{which_was} left out: {error}")
            return
        if self._ledger is not None:
            self._ledger.note(entry)
            return
        if not isinstance(entry, Begun):
            raise TakeError(f'"{self._path}": the journal does not begin with an order; it was left alone')
        if entry.journal_version > JOURNAL_VERSION:
            raise TakeError(f'"{self._path}": the journal was written by a newer rigd; it was left alone')
        check_order(entry.order)
        self._ledger = Ledger(entry)

    def ledger(self) -> Ledger:
        """All that was read. Raises TakeError."""
        if self._ledger is None:
            raise TakeError(f'"{self._path}": the journal holds no whole order; it was left alone')
        self._ledger.faults = list(self._faults)
        return self._ledger


def _ledger_of(content: bytes, path: Path | str) -> Steps[tuple[Ledger, int]]:
    """What the lines say, and how many bytes of `content` are whole lines."""
    reading = _Reading(path)
    whole = yield from reading.read(content)
    return reading.ledger(), whole


class FollowedJournal:
    """A journal that is being written, read on from where it was read to. One owner."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reading, self._read_bytes = _Reading(path), 0
        self._file: tuple[int, int] | None = None

    def record(self) -> TakeRecord:
        """All that it says now; only what came to it is read, unless it stands in a fresh file. Raises TakeError."""
        try:
            with open(open_plain(self._path), "rb") as file:
                status = os.fstat(file.fileno())
                check_length(self._path, status.st_size)
                if self._file != (status.st_dev, status.st_ino) or status.st_size < self._read_bytes:
                    self._reading, self._read_bytes = _Reading(self._path), 0
                    self._file = (status.st_dev, status.st_ino)
                file.seek(self._read_bytes)
                content = file.read()
        except OSError as error:
            why = f'the journal "{self._path}" cannot be read ({error.strerror}); it was left alone'
            raise TakeError(why) from error
        self._read_bytes += to_end(self._reading.read(content))
        return self._reading.ledger().record()


def _as_typed(entry: Entry) -> Entry:
    """Its texts are such as could have been typed."""
    match entry:
        case Begun():
            return replace(entry, order=order_as_typed(entry.order))
        case Slate():
            return slate_as_typed(entry)
        case Marker():
            return marker_as_typed(entry)
        case GainChange():
            return change_as_typed(entry)
        case Closed() if entry.failure:
            return replace(entry, failure=as_typed(entry.failure, LONGEST_NOTE))
        case Mended():
            return replace(entry, name=as_typed(entry.name))
    return entry


def _check_frames(entry: object) -> None:
    """No count of frames is negative or beyond all time, no gap is of no length. Raises ValueError."""
    numbers: tuple[int, ...] = ()
    match entry:
        case Gap():
            numbers = (entry.at_frame, entry.length_frames, entry.length_frames - 1)
        case Durable() | NextPart() | Resumed() | Closing() | Closed() | Mended():
            numbers = (entry.frames,)
        case Ended(end_frame=end_frame) if end_frame is not None:
            numbers = (end_frame,)
        case Xrun():
            numbers = (entry.at_frame, entry.about_frames)
        case TakeLevels():
            numbers = (entry.frames, *(number for level in entry.tracks for number in level.numbers()))
        case Marker() | GainChange():
            numbers = (abs(entry.at_frame),)
        case Begun(order=order):
            numbers = tuple(abs(change.at_frame) for change in order.gain_changes)
    if not all(0 <= number < MOST_FRAMES for number in numbers):
        raise ValueError("it says a number of frames that cannot be")


def check_length(path: Path | str, size_bytes: int) -> None:
    """It is short enough to be read at once. Raises TakeError."""
    if size_bytes > LONGEST_JOURNAL_BYTES:
        raise TakeError(f'"{path}": {size_bytes:,} bytes are too long for a journal; it was left alone')


def _content_of(path: Path) -> bytes:
    try:
        with open(open_plain(path), "rb") as file:
            check_length(path, os.fstat(file.fileno()).st_size)
            return file.read()
    except OSError as error:
        why = f'the journal "{path}" cannot be read ({error.strerror}); it was left alone'
        raise TakeError(why) from error


def read_ledger(path: Path) -> Ledger:
    """As read_journal, in the form that can be written on."""
    return to_end(_ledger_of(_content_of(path), path))[0]


def read_journal(path: Path) -> TakeRecord:
    """All that a take's journal says. Any process may call it at any time, also while the take rolls.

    Raises TakeError where there is no journal or no whole first line. Damaged lines inside are left out
    and listed in `faults`; a torn last line is no fault.
    """
    return read_ledger(path).record()


def last_line_closes(folder: Path) -> bool:
    """True where the journal's last line says that nothing is left to do. Looks at its end only."""
    with open(open_plain(folder / JOURNAL_NAME), "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        lines = file.read().split(b"\n")
    text = _text_of(lines[-2]) if len(lines) > 1 and not lines[-1] else None
    return text is not None and text.startswith((b'{"type":"Closed"', b'{"type":"Retagged"'))


def has_begun(folder: Path) -> bool:
    """False where the journal's writer was killed before its first line was whole: there is no take then."""
    try:
        with open(open_plain(folder / JOURNAL_NAME), "rb") as file:
            return b"\n" in file.read(1 << 20)
    except FileNotFoundError:
        return False


def is_begun(folder: str) -> bool:
    """There is a take in the folder; also False where the folder cannot be looked into."""
    with contextlib.suppress(OSError, ValueError):
        return has_begun(Path(folder))
    return False


class Journal:
    """Writes one journal. One owner; every append is one write(2)."""

    def __init__(self, fd: int, unsafe: bytes = b"") -> None:
        """`unsafe`: what is in the file already, and perhaps in the page cache only."""
        self._fd = fd
        self._safe_bytes = 0
        self._unsafe = bytearray(unsafe)
        """What was added since the last good sync: where that fails, the file may have lost it."""
        self._doubtful = False

    @classmethod
    def create(cls, begun: Begun, *, folder_fd: int) -> Journal:
        """A journal with its first line in an open folder. Raises OSError; FileExistsError where one is.

        One without a whole line does not count: its writer was killed before it made any other file.
        """
        path = f"{begun.order.folder}/{JOURNAL_NAME}"
        journal = cls(open_in(folder_fd, JOURNAL_NAME, os.O_RDWR | os.O_CREAT | os.O_APPEND, path=path))
        try:
            fcntl.flock(journal._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if b"\n" in os.read(journal._fd, 1 << 20):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), JOURNAL_NAME)
            os.ftruncate(journal._fd, 0)
            journal.append(begun)
        except (FileExistsError, BlockingIOError):
            journal.close()
            raise
        except BaseException:
            journal.close()
            os.unlink(JOURNAL_NAME, dir_fd=folder_fd)
            raise
        return journal

    @classmethod
    def reopen(cls, *, folder: str, folder_fd: int) -> tuple[Journal, Ledger]:
        """A journal to be written on, without its torn end, and what it says.

        TakeError where there is none, no order in it, or another process writes it; OSError.
        """
        return to_end(cls.reopening(folder=folder, folder_fd=folder_fd))

    @classmethod
    def reopening(cls, *, folder: str, folder_fd: int) -> Steps[tuple[Journal, Ledger]]:
        """As `reopen`, in steps: somebody else's may be long."""
        fd = open_in(folder_fd, JOURNAL_NAME, os.O_RDWR | os.O_APPEND, path=f"{folder}/{JOURNAL_NAME}")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            check_length(f"{folder}/{JOURNAL_NAME}", os.fstat(fd).st_size)
            content = b"".join(iter(lambda: os.read(fd, 1 << 20), b""))
            ledger, whole = yield from _ledger_of(content, f"{folder}/{JOURNAL_NAME}")
            if whole < len(content):
                os.ftruncate(fd, whole)
        except BlockingIOError as error:
            os.close(fd)
            raise TakeError(f'take "{folder}": another process writes it; it was left alone') from error
        except BaseException:
            os.close(fd)
            raise
        return cls(fd, content[:whole]), ledger

    def append(self, *entries: Entry) -> None:
        """The lines are in the page cache, all or none. Raises OSError."""
        lines = b"".join(line_of(entry) for entry in entries)
        try:
            written = os.write(self._fd, lines)
            if written < len(lines):  # a full volume takes a part first and says so at the next try
                written += os.write(self._fd, lines[written:])
            if written < len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            os.ftruncate(self._fd, self._safe_bytes + len(self._unsafe))
            raise OSError(error.errno, error.strerror, JOURNAL_NAME) from error
        self._unsafe += lines

    def make_durable(self) -> None:
        """Every line so far survives a power cut. Raises OSError: then `make_anew`, and not this once more."""
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            self._doubtful = True
            raise OSError(error.errno, error.strerror, JOURNAL_NAME) from error
        self._safe_bytes += len(self._unsafe)
        self._unsafe.clear()

    def doubt(self) -> None:
        """A sync of its file system has failed: lines since the last good one may be gone from the file."""
        self._doubtful = True

    def make_anew(self, folder_fd: int) -> None:
        """Where a sync has failed, every line stands in a fresh file under the journal's name, durable: a second sync
        of the old one would succeed and say nothing of what the first one lost. Raises OSError, and the old
        one is as it was."""
        if not self._doubtful:
            return
        fd = new_in(folder_fd, FRESH_NAME, os.O_APPEND)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lines = memoryview(os.pread(self._fd, self._safe_bytes, 0) + self._unsafe)
            while lines:
                lines = lines[os.write(fd, lines) :]
            os.fdatasync(fd)
            os.rename(FRESH_NAME, JOURNAL_NAME, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
        except OSError as error:
            os.close(fd)
            with contextlib.suppress(OSError):
                os.unlink(FRESH_NAME, dir_fd=folder_fd)
            raise OSError(error.errno, error.strerror, JOURNAL_NAME) from error
        os.close(self._fd)
        self._fd = fd
        self._safe_bytes += len(self._unsafe)
        self._unsafe.clear()
        self._doubtful = False

    def close(self) -> None:
        """The file is closed and unlocked; nothing is added. May be called again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
