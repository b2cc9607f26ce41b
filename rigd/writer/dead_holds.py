"""Firm holds of dead writers of other names, for which no next writer comes: a mirror that was the only copy, was
killed, and is configured no more. Each would make the tape stand still for ever. The primary writer's one thread."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from rigd.model.errors import TapeError
from rigd.tape.holds import is_of
from rigd.tape.tape import Tape

DEAD_SECONDS = 60.0
"""A writer that is to come back is back long before."""

log = logging.getLogger(__name__)


class DeadStrangers:
    """`writer` is who looks; `clock` is monotonic, in seconds."""

    def __init__(self, *, writer: str, clock: Callable[[], float]) -> None:
        self._writer = writer
        self._clock = clock
        self._seen: dict[int, float] = {}

    def look(self, tape: Tape) -> None:
        """Those that have been dead for so long hold nothing any more."""
        now = self._clock()
        dead = [
            record.key
            for record in tape.holds()
            if not record.spare and not record.owner_alive and not is_of(record.key, self._writer)
        ]
        self._seen = {key: self._seen.get(key, now) for key in dead}
        for key, since in self._seen.items():
            if now - since >= DEAD_SECONDS:
                with contextlib.suppress(TapeError):
                    tape.adopt_hold(key).release()
                    log.warning(
                        "the hold %016x of a writer that is dead and did not come back was released", key
                    )
