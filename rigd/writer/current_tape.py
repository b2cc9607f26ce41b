"""Which tape is the one now: attached when it is new, found again each second. The writer's one thread."""

from __future__ import annotations

import logging
from pathlib import Path

from rigd.model.errors import TapeError
from rigd.tape.tape import Tape

log = logging.getLogger(__name__)


class CurrentTape:
    """`now` is the tape that is attached; None before the first. One that is replaced is not closed here,
    because takes may still be on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: tuple[int, int] | None = None
        self.now: Tape | None = None
        self._is_mapped_in = False
        self.trouble = ""
        """Why the tape that is there now could not be attached."""

    def look(self) -> Tape | None:
        """Attaches to the tape that is there now, if it is another one. Returns the one it replaced."""
        try:
            status = self.path.stat()
        except OSError:
            self.trouble = ""
            if self.now is not None:  # it still has its sound, for the next writer too
                self.now.name_again()
            return None
        file = (status.st_dev, status.st_ino)
        if file == self._file:
            self.trouble = ""
            return None
        try:
            tape = Tape.attach(self.path, writable=True)
        except TapeError as error:
            if str(error) != self.trouble:
                log.error("%s", error)
            self.trouble = str(error)
            return None
        old, self.now = self.now, tape
        self._file, self.trouble, self._is_mapped_in = file, "", False
        return old

    def map_in(self) -> None:
        """Once the tape has all its memory its pages are mapped, before a take reads them one by one."""
        if self.now is not None and not self._is_mapped_in:
            self._is_mapped_in = self.now.map_in()
