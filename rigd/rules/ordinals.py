"""The order of takes: by a number that only grows, whatever is done to the wall clock. Pure.

A take gets the later of two: one more than the highest ordinal that the library knows, and the wall clock in
milliseconds. So takes of one library never change places, be the clock set back or summer time over; and those
of before there were ordinals, or of another library, stand where their clock put them, as well as may be.
"""

from __future__ import annotations

from datetime import datetime

BEYOND = 1 << 52
"""No ordinal that rigd gives; JSON readers still have each one below exactly."""


def ordinal_of(ordinal: int, made_at: str) -> int:
    """The ordinal, or, where there is none that can be, what the clock of the time `made_at` (ISO 8601 with its
    offset) gives; 0 where that is no time either."""
    if 0 < ordinal < BEYOND:
        return ordinal
    try:
        return max(0, round(datetime.fromisoformat(made_at).timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        return 0


def next_ordinal(highest: int, unix_ms: int) -> int:
    """What comes after `highest`."""
    return min(max(highest + 1, unix_ms, 1), BEYOND - 1)
