"""The three ways in which an encoder tells its turns by a controller's value. Pure.

"twos complement": 1 is one to the right, 127 one to the left. "offset": 65 right, 63 left; 64 is none. "sign bit": 1
right, 65 left. Some encoders send the value that means no turn after each step.
"""

from __future__ import annotations

from collections.abc import Sequence

from rigd.hands.bindings import Encoder

_MOST_DETENTS = 15
"""A hand turns no more in the time between two messages."""
_TURNS = 3
"""So many messages are a turn; a switch sends fewer in a second, and one of its values is 0."""


def _turns_both_ways(turns: Sequence[int]) -> bool:
    """1 and 127: with 0 between them that is an encoder, and 1 and 0 alone are a button."""
    return min(turns) <= _MOST_DETENTS and max(turns) >= 128 - _MOST_DETENTS and len(set(turns)) > 1


_SHOWN: dict[tuple[bool, bool, bool, bool], tuple[Encoder, bool]] = {
    (True, True, False, False): ("twos complement", True),
    (False, False, True, True): ("offset", True),
    (True, False, True, False): ("sign bit", True),
    (True, False, False, False): ("twos complement", False),
    (False, False, True, False): ("offset", False),
    (False, False, False, True): ("offset", True),
}
"""By which values came: 1 and up, 127 and down, 65 and up, 63 and down."""


def detents(encoder: Encoder, value: int) -> int:
    """How far it was turned, right positive."""
    if encoder == "twos complement":
        return value if value < 64 else value - 128
    if encoder == "offset":
        return value - 64
    return value if value < 64 else 64 - value


def encoder_of(values: Sequence[int]) -> tuple[Encoder | None, bool]:
    """Which of them these values are, None for no encoder; and whether they can be of no other."""
    turns = [each for each in values if each not in (0, 64)]
    if len(turns) < _TURNS or (0 in values and not _turns_both_ways(turns)):
        return None, False
    values = turns
    right = any(1 <= each <= _MOST_DETENTS for each in values)
    left = any(each >= 128 - _MOST_DETENTS for each in values)
    above = any(64 < each <= 64 + _MOST_DETENTS for each in values)
    below = any(64 - _MOST_DETENTS <= each < 64 for each in values)
    known = sum(
        1 <= each <= _MOST_DETENTS or each >= 128 - _MOST_DETENTS or 0 < abs(each - 64) <= _MOST_DETENTS
        for each in values
    )
    if known < len(values):
        return None, False
    return _SHOWN.get((right, left, above, below), (None, False))
