"""One line for many refusals: what a surface is refused again and again is logged once a minute, with how often.

Used by the binder's thread alone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from rigd.model.units import NS_PER_SECOND, ClockNs, Ns

_log = logging.getLogger(__name__)

EVERY_NS = 60 * NS_PER_SECOND
"""A refusal is logged at once; the same one again (surface, control, command) not before this."""


@dataclass(slots=True)
class _Refusals:
    """Of one command of one control."""

    logged_ns: Ns | None = None
    count: int = 0
    """Since it was logged."""


class RefusalLog:
    """Begins empty with each start of rigd."""

    def __init__(self, clock: ClockNs) -> None:
        self._clock = clock
        self._refusals: dict[tuple[str, str, str], _Refusals] = {}

    def refused(self, surface: str, control: str, verb: str, why: str) -> None:
        """A command of that control (empty: named by its text; no verb: it was none) was refused."""
        now_ns = self._clock()
        refusals = self._refusals.setdefault((surface, control, verb), _Refusals())
        if refusals.logged_ns is not None and now_ns - refusals.logged_ns < EVERY_NS:
            refusals.count += 1
            return
        before = f" (and {refusals.count} times since this was told last)" if refusals.count else ""
        refusals.count, refusals.logged_ns = 0, now_ns
        _log.info("%s %s: %s refused%s: %s", surface, control or "do", verb or "command", before, why)
