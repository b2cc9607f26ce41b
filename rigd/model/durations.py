"""Lengths of time as a person writes them: 90, 90s, 40m, 2h, 1h30m, 30d. Pure."""

from __future__ import annotations

import re

_NUMBER = r"\d+(?:\.\d+)?"
_WITH_UNITS = re.compile(
    rf"(?:({_NUMBER})d)?(?:({_NUMBER})h)?(?:({_NUMBER})m)?(?:({_NUMBER})s)?", re.IGNORECASE | re.ASCII
)


def seconds_of(text: str) -> float:
    """The seconds that `text` stands for: a plain number, or days, hours, minutes and seconds in that order.

    Raises ValueError where it is neither. A plain number may be negative: what that means its user decides.
    """
    found = _WITH_UNITS.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        return float(text)
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return 86_400 * days + 3600 * hours + 60 * minutes + seconds


def told(seconds: float) -> str:
    """ "35 s", "12.5 min", "2 h": a length for a sentence."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def clock_text(seconds: int) -> str:
    """ "01:02:05": hours, minutes, seconds of a take, as a clock shows them; nothing is negative."""
    whole = max(0, seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def time_left(seconds: float) -> str:
    """ "2 h 05 min", "35 min", "9 min 59 s", "29 s": how long there is still room, as exact as it matters."""
    whole = max(0, round(seconds))
    if whole >= 3600:
        return f"{whole // 3600} h {whole // 60 % 60:02} min"
    if whole >= 600:
        return f"{whole // 60} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"
