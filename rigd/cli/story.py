"""The last things that happened, as a person reads them: what happens again and again is one line. Pure."""

from __future__ import annotations

import re
from collections import deque

from msgspec import Struct
from msgspec.structs import replace

from rigd.model.events import Event, Happening
from rigd.model.units import NS_PER_SECOND

SWEEP_NS = 2 * NS_PER_SECOND
"""A step that comes within this of the one before is of the same sweep."""
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


class Told(Struct, frozen=True, kw_only=True):
    """Something that happened, and the time of day."""

    at: str
    """ "21:14:03"."""
    event: Event


class Story:
    """The last `most` lines. The library keeps every step. Here of a sweep it counts where it began and where it is,
    and of clips how loud the last one was."""

    def __init__(self, most: int) -> None:
        self._lines: deque[Told] = deque(maxlen=most)
        self._first: Event | None = None
        """The first step of a sweep whose line is the last one."""
        self._last_ns = 0

    @property
    def lines(self) -> tuple[Told, ...]:
        """Oldest first."""
        return tuple(self._lines)

    def add(self, told: Told) -> None:
        """This happened."""
        event, first = told.event, self._first
        if first is not None and _is_step(first, event) and event.at_ns - self._last_ns <= SWEEP_NS:
            seconds = (event.at_ns - first.at_ns) / NS_PER_SECOND
            text = f"{first.text} to {_news(first.text, event.text)} in {seconds:.1f} s"
            self._lines[-1] = replace(told, event=replace(event, text=text))
        else:
            self._first = event if event.what is Happening.SETTING_CHANGED else None
            if self._lines and _clips_again(self._lines[-1].event, event):
                self._lines.pop()
            self._lines.append(told)
        self._last_ns = event.at_ns


def _clips_again(before: Event, event: Event) -> bool:
    """The same clips of the same channel, by another number."""
    return (
        event.what is Happening.CLIPPED
        and (event.what, event.subject) == (before.what, before.subject)
        and _NUMBER.sub("#", event.text) == _NUMBER.sub("#", before.text)
    )


def _is_step(first: Event, event: Event) -> bool:
    """Whether both are the same setting of the same channel."""
    same = (first.what, first.subject, first.origin) == (event.what, event.subject, event.origin)
    return same and _setting(first.text) == _setting(event.text)


def _setting(text: str) -> str:
    """'channel 1 "Kick": gain' of 'channel 1 "Kick": gain 30.0 dB'."""
    who, colon, what = text.rpartition(": ")
    return f"{who}{colon}{what.split(' ', 1)[0]}"


def _news(before: str, text: str) -> str:
    """The value alone."""
    return text.removeprefix(_setting(before)).strip()
