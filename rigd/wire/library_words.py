"""What libraries print on stderr by themselves, kept off the screen: RtMidi does so whenever its ring is full.

While it lasts descriptor 2 is a pipe that one thread reads, and Python's own stderr is the screen as before. What a
child process gets as its stderr is its starter's affair.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

_STDERR = 2
_MOST_BYTES = 4096
MOST_LINES = 100
"""So many are passed on; a library that goes on printing is read, and no more than that."""


class LibraryWords:
    """From `with` to its end. `take` gets each line, on a thread of its own."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._screen: int | None = None
        self._before: TextIO | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Where stderr is closed, or there are no descriptors to have, nothing is done."""
        try:
            self._screen = os.dup(_STDERR)
            reading, writing = os.pipe()
        except OSError:
            return self
        os.dup2(writing, _STDERR)
        os.close(writing)
        self._before = sys.stderr
        sys.stderr = os.fdopen(os.dup(self._screen), "w", buffering=1, errors="backslashreplace")
        self._reader = threading.Thread(
            target=self._read, args=(reading,), name="rigd-library-words", daemon=True
        )
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        screen = self._screen
        if screen is not None and self._reader is not None:
            os.dup2(screen, _STDERR)  # closes the pipe's last end, unless a child of ours has it, too
        self.let_go()
        if self._reader is not None:
            self._reader.join(timeout=1.0)

    def let_go(self) -> None:
        """The screen is held no longer, as where its terminal is gone."""
        if self._before is not None:
            sys.stderr.close()
            sys.stderr, self._before = self._before, None
        if self._screen is not None:
            os.close(self._screen)
            self._screen = None

    def _read(self, reading: int) -> None:
        rest, left = b"", MOST_LINES
        try:
            while brought := os.read(reading, _MOST_BYTES):
                *lines, rest = (rest + brought).split(b"\n")
                rest = rest[-_MOST_BYTES:]
                for line in filter(None, map(bytes.strip, lines)):
                    if left:
                        left -= 1
                        self._take(line.decode("utf-8", "backslashreplace"))
        finally:
            os.close(reading)
