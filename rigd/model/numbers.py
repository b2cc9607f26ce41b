"""Numbers as a person writes them. Pure."""

from __future__ import annotations

import math
import re

from rigd.model.errors import CommandError

_WITH_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+", re.ASCII)


def read_number(word: str) -> float:
    """Raises ValueError, with a sentence; CommandError where it has a comma, as channels have between them."""
    if _WITH_COMMA.fullmatch(word):
        point = word.replace(",", ".")
        raise CommandError(f'"{word[:40]}" has a comma, which separates channels; write {point[:40]}')
    try:
        found = float(word)
    except ValueError:
        raise ValueError(f'"{word[:40]}" is not a number') from None
    if not math.isfinite(found):
        raise ValueError(f'"{word[:40]}" is not a number')
    return found
