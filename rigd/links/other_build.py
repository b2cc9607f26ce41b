"""After an upgrade: capture and a writer of another build of rigd, whose tape this one cannot read.

They are left alone as long as a take is open in them, which the older writer goes on telling. Once none is, both are
asked to end, and this build's own begin on a tape of their own. Which process is of the other build is told by the
tape that it has mapped. Asked by the links' threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from rigd.model.inputs import OtherBuildFound, OtherBuildGone
from rigd.tape.holds import PRIMARY_WRITER
from rigd.tape.users import maps_tape


class OtherBuild:
    """What the links know of it together."""

    def __init__(self, tape: Path, post: Callable[[OtherBuildFound | OtherBuildGone], None]) -> None:
        self._tape = tape
        self._post = post
        self._lock = threading.Lock()
        self._why = ""
        self._open_takes: dict[str, int] = {}

    def found(self, why: str) -> None:
        """The tape is of another build."""
        with self._lock:
            before, self._why = self._why, why
        if before != why:
            self._post(OtherBuildFound(reason=why))

    def over(self) -> None:
        """The tape is one that this build reads, or there is none."""
        with self._lock:
            before, self._why = self._why, ""
        if before:
            self._post(OtherBuildGone())

    def writer_told(self, name: str, *, open_takes: int | None) -> None:
        """How many takes the writer of that name has open; None: it is gone, and has to tell again."""
        with self._lock:
            if open_takes is None:
                self._open_takes.pop(name, None)
            else:
                self._open_takes[name] = open_takes

    def is_to_end(self, pid: int) -> bool:
        """This process is of the other build and nothing is being recorded by it any more."""
        with self._lock:
            idle = self._open_takes.get(PRIMARY_WRITER) == 0 and not any(self._open_takes.values())
            asked = bool(self._why) and idle
        return asked and pid > 0 and maps_tape(pid, self._tape)
