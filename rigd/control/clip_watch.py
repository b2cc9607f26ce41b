"""Looks for clips on every input, be anything recorded or not, by the levels that capture keeps of each block.

Thread "rigd-clips": a look a second, which reads a few numbers a block and no sample. It posts nothing where
nothing clipped. Where in a take a channel clipped, to the sample, its writer counts.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from rigd.model.clips import ClipsSeen
from rigd.model.errors import RigError
from rigd.model.levels import Levels
from rigd.model.units import Frame, InputNumber

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0


class ClipWatch:
    """`read` gives the levels since it was called last, each block once."""

    def __init__(self, read: Callable[[], Levels | None], *, post: Callable[[ClipsSeen], None]) -> None:
        self._read, self._post = read, post
        self._at_frame = Frame(0)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rigd-clips", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> ClipsSeen | None:
        """What is to be told now, if anything."""
        levels = self._read()
        if levels is None or levels.at_frame == self._at_frame:  # else they are those of the look before
            return None
        self._at_frame = levels.at_frame
        samples = tuple(
            (InputNumber(place), count) for place, count in enumerate(levels.clipped, start=1) if count
        )
        return ClipsSeen(at_frame=levels.at_frame, samples=samples) if samples else None

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            try:
                if (seen := self.look()) is not None:
                    self._post(seen)
            except RigError as error:
                log.warning("clips could not be told: %s", error)
            except Exception:
                log.exception("watching for clips failed; it goes on")
