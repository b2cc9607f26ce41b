"""What somebody meant who mistyped a word. Pure; loaded only once a word is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST_WORD = 100


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'; did you mean "armed"?', by the nearest of the known words; empty where none is near."""
    known = list(known)
    word = word[:LONGEST_WORD].lower()
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    near = near or [name for name in known if len(word) > 2 and name.startswith(word)]
    return f'; did you mean "{near[0]}"?' if near else ""
