"""`rigd recover` with a stopwatch beside it: how long it is at one take, at the longest.

    python -m tests.proof.stopwatch TIMES.json recover --config rig.toml

The command is rigd's own. It goes through the library a take a step, and only the steps are timed; what they do
is what the writer and the daemon do at their start.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from rigd.cli.main import main
from rigd.library.library import Library
from rigd.model.messages import TakeClosed
from rigd.takefile.recovery import NotRecovered, recover_library

T = TypeVar("T")


class Stopwatch:
    """Times each step of whatever is gone through."""

    def __init__(self) -> None:
        self.slowest_s = 0.0
        self.slowest = ""
        self.steps = self.closed = self.left = 0

    def timed(self, steps: Iterator[T]) -> Iterator[T]:
        """The same steps."""
        while True:
            began = time.monotonic()
            over, step = False, None
            try:
                step = next(steps)
            except StopIteration:
                over = True
            took_s = time.monotonic() - began
            if took_s > self.slowest_s:
                self.slowest_s, self.slowest = took_s, _folder_of(step)
            if over:
                return
            self.steps += 1
            self.closed += isinstance(step, TakeClosed)
            self.left += isinstance(step, NotRecovered)
            yield step  # type: ignore[misc]  # None only where it is over

    def write(self, path: Path) -> None:
        """What it found, as JSON."""
        path.write_text(
            json.dumps(
                {
                    "slowest_s": self.slowest_s,
                    "slowest": self.slowest,
                    "steps": self.steps,
                    "closed": self.closed,
                    "left": self.left,
                }
            )
        )


def _folder_of(step: object) -> str:
    return str(getattr(step, "folder", ""))


def run(times: Path, arguments: list[str]) -> None:
    """The command has run, and `times` has what was measured, however it ended."""
    watch = Stopwatch()

    class TimedLibrary(Library):
        def catch_up(self, *, may_move: Callable[[], bool]) -> Iterator[Any]:
            return watch.timed(super().catch_up(may_move=may_move))

    def timed_recovery(library_root: Path, *, skip: Callable[[str], bool]) -> Iterator[Any]:
        return watch.timed(recover_library(library_root, skip=skip))

    command = importlib.import_module("rigd.cli.recover")
    vars(command).update(Library=TimedLibrary, recover_library=timed_recovery)
    sys.argv = ["rigd", *arguments]
    try:
        main()
    finally:
        watch.write(times)


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2:])
