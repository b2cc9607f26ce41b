"""The log of `rigd run`: to the terminal or the service's journal, and to a file once nobody reads there any more.

The journal gets each record with its fields (`RIGD_EVENT`, `RIGD_TAKE_ID`, ...); everybody else a line with its time.

One thread writes it ("rigd-log"). A terminal that hangs up, is stopped (Ctrl-S) or sits behind a dead network
holds up that thread alone; nobody who logs something ever waits for it or gets its errors.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
from collections import deque
from pathlib import Path

from msgspec import Struct

from rigd.wire.journal import SystemJournal
from rigd.wire.own_folder import append_own, own_folder
from rigd.wire.plain_log import FIELDS, PlainFormatter

LONGEST_FILE_BYTES = 1 << 20
MOST_WAITING = 1000
MOST_KEPT = 200
"""Lines that wait for a folder to write the file in."""
FLUSH_WITHIN_S = 1.0


class _Line(Struct, frozen=True, kw_only=True):
    """A record, ready to be written."""

    at: str
    text: str
    """With its level and its part, as a line."""
    level: int
    message: str
    """Without them."""
    fields: dict[str, str]


class RunLog(logging.Handler):
    """Lines go to the descriptor `stream` as long as it takes them, else to the file at `path`. Where the stream is
    the journal's they go to `journal`, which knows the time, the level and the fields by themselves."""

    def __init__(self, stream: int | None, path: Path, *, journal: SystemJournal | None = None) -> None:
        super().__init__()
        self._stream = stream
        self._path = path
        self._journal = journal
        self._message_only = PlainFormatter("%(message)s")
        self._lines: queue.Queue[_Line] = queue.Queue(MOST_WAITING)
        self._kept: deque[str] = deque(maxlen=MOST_KEPT)
        self._idle = threading.Event()
        self._idle.set()
        self._thread = threading.Thread(target=self._run, name="rigd-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Never waits: where the thread cannot keep up, lines are left out."""
        try:
            line = _Line(
                at=time.strftime("%Y-%m-%d %H:%M:%S ", time.localtime(record.created)),
                text=self.format(record) + "\n",
                level=record.levelno,
                message=self._message_only.format(record) if self._journal is not None else "",
                fields={"RIGD_PART": record.name, **getattr(record, FIELDS, {})},
            )
        except Exception:
            self.handleError(record)
            return
        self._idle.clear()
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(line)

    def to_file(self) -> None:
        """Nobody reads the stream any more. From now on all goes to the file."""
        self._stream = None

    def flush(self) -> None:
        """What was logged is written, if that can be done within a second."""
        self._idle.wait(FLUSH_WITHIN_S)

    def _run(self) -> None:
        while True:
            if self._lines.empty():
                self._idle.set()
            line = self._lines.get()
            if not self._is_taken(line):
                self._kept.append(line.at + line.text)
                self._write_kept()

    def _is_taken(self, line: _Line) -> bool:
        """By the journal, else by the stream."""
        stream = self._stream
        if stream is None:
            return False
        if self._journal is not None:
            with contextlib.suppress(OSError):
                self._journal.send(line.message, level=line.level, fields=line.fields)
                return True
        try:
            _write(stream, line.at + line.text)
        except OSError:  # EIO: hung up; EPIPE: its reader is gone
            self._stream = None
            return False
        return True

    def _write_kept(self) -> None:
        """Opened for each line: the file is rare to write, and its folder may be another one by now. Until it is this
        user's own, lines wait."""
        name = self._path.name
        try:
            with own_folder(self._path.parent) as folder, contextlib.suppress(FileNotFoundError):
                if os.stat(name, dir_fd=folder, follow_symlinks=False).st_size > LONGEST_FILE_BYTES:
                    os.rename(name, f"{name}.old", src_dir_fd=folder, dst_dir_fd=folder)
            while self._kept:
                append_own(self._path, self._kept[0].encode("utf-8", "backslashreplace"))
                self._kept.popleft()
        except OSError:
            return  # the folder is not there, not this user's, or full: the next line tries again


def _write(stream: int, line: str) -> None:
    left = line.encode("utf-8", "backslashreplace")
    while left:
        left = left[os.write(stream, left) :]
