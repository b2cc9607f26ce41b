"""The log of `rigd run`: to the terminal or the service's journal, and to a file once nobody reads there any more.

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

from rigd.wire.own_folder import append_own, own_folder

LONGEST_FILE_BYTES = 1 << 20
MOST_WAITING = 1000
MOST_KEPT = 200
"""Lines that wait for a folder to write the file in."""
FLUSH_WITHIN_S = 1.0


class RunLog(logging.Handler):
    """Lines go to the descriptor `stream` as long as it takes them, else to the file at `path`."""

    def __init__(self, stream: int | None, path: Path) -> None:
        super().__init__()
        self._stream = stream
        self._path = path
        self._lines: queue.Queue[tuple[str, str]] = queue.Queue(MOST_WAITING)
        self._kept: deque[str] = deque(maxlen=MOST_KEPT)
        self._idle = threading.Event()
        self._idle.set()
        self._thread = threading.Thread(target=self._run, name="rigd-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Never waits: where the thread cannot keep up, lines are left out."""
        try:
            line = self.format(record) + "\n"
        except Exception:
            self.handleError(record)
            return
        at = time.strftime("%Y-%m-%d %H:%M:%S ", time.localtime(record.created))
        self._idle.clear()
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait((at, line))

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
            at, line = self._lines.get()
            stream = self._stream
            if stream is not None:
                try:
                    _write(stream, line)
                    continue
                except OSError:  # EIO: hung up; EPIPE: its reader is gone
                    self._stream = None
            self._kept.append(at + line)
            self._write_kept()

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
