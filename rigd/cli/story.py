"""The last things that happened, as a person reads them: a fader's sweep is one line. Pure."""

from __future__ import annotations

from collections import deque

from msgspec.structs import replace

from rigd.model.events import Event, Happening
from rigd.model.units import NS_PER_SECOND

SWEEP_NS = 2 * NS_PER_SECOND
"""A step that comes within this of the one before is of the same sweep."""


class Story:
    """The last `most` lines. The library keeps every step; here only where a sweep began and where it is count."""

    def __init__(self, most: int) -> None:
        self._lines: deque[Event] = deque(maxlen=most)
        self._first: Event | None = None
        """The first step of a sweep whose line is the last one."""
        self._last_ns = 0

    @property
    def lines(self) -> tuple[Event, ...]:
        """Oldest first."""
        return tuple(self._lines)

    def add(self, event: Event) -> None:
        """This happened."""
        first = self._first
        if first is None or not _is_step(first, event) or event.at_ns - self._last_ns > SWEEP_NS:
            self._first = event if event.what is Happening.SETTING_CHANGED else None
            self._lines.append(event)
        else:
            seconds = (event.at_ns - first.at_ns) / NS_PER_SECOND
            self._lines[-1] = replace(
                event, text=f"{first.text} to {_news(first.text, event.text)} in {seconds:.1f} s"
            )
        self._last_ns = event.at_ns


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
