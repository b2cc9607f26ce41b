"""Several channels in one word: "3", "1-4", "1,3,5-8". Read once, where a text, a list or a number comes in. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NewType

from rigd.model.errors import CommandError
from rigd.model.units import ChannelNumber

Channels = NewType("Channels", tuple[ChannelNumber, ...])
"""The numbers of one or more channels, ascending, each once. Made by `channels_of` and `read_channels` only."""

MOST_CHANNELS = 1024
"""That one command names."""
FORM = '"3", "1-4" or "1,3,5-8"'
_PART = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", re.ASCII)


def channels_of(numbers: Iterable[int]) -> Channels:
    """Those channels. Raises CommandError where there is none, or too many."""
    unique = sorted({ChannelNumber(number) for number in numbers})
    if not 1 <= len(unique) <= MOST_CHANNELS:
        raise CommandError(f"a command is for 1 to {MOST_CHANNELS} channels, not for {len(unique)}")
    return Channels(tuple(unique))


def read_channels(text: str) -> Channels:
    """What a person wrote. Raises CommandError with the forms there are."""
    numbers: set[int] = set()
    for part in text.replace(",", " ").split():
        found = _PART.fullmatch(part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if first > last:
            raise CommandError(f'"{part[:40]}" is not a channel; channels are named as {FORM}')
        numbers.update(range(first, last + 1))
    if not numbers:
        raise CommandError(f'"{text[:40]}" is not a channel; channels are named as {FORM}')
    return channels_of(numbers)


def channels_given(value: object) -> Channels:
    """As a client may give them: a number, a list of numbers, or the text. Raises CommandError."""
    if isinstance(value, str):
        return read_channels(value)
    given = value if isinstance(value, list | tuple) else [value]
    numbers = [number for number in given if isinstance(number, int) and not isinstance(number, bool)]
    if len(numbers) < len(given) or len(numbers) > MOST_CHANNELS:
        raise CommandError(f"channels are a number, a list of numbers, or a text such as {FORM}")
    return channels_of(numbers)


def runs_text(numbers: Iterable[int], *, to: str, between: str) -> str:
    """Ascending numbers, those that follow one another as "first, `to`, last"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return between.join(str(first) if first == last else f"{first}{to}{last}" for first, last in runs)


def channels_text(channels: Sequence[int]) -> str:
    """ "1-4,7": as `read_channels` reads it."""
    return runs_text(channels, to="-", between=",")
