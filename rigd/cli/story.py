"""The last things that happened, as a person reads them: what happens again and again is one line. Pure."""

from __future__ import annotations

from collections import deque

from msgspec.structs import replace

from rigd.cli.words import SWEEP_S
from rigd.model.events import Event, Happening
from rigd.model.units import NS_PER_SECOND


def time_of_day(event: Event) -> str:
    """ "21:14:03", by the clock of the rig."""
    return event.at_time[11:19]


class Story:
    """The last `most` lines. The library keeps every step. Here of a sweep it counts where it began and where it is,
    and of the same channels that clip again and again when they did last."""

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
        if (
            first is not None
            and _is_step(first, event)
            and event.at_ns - self._last_ns <= SWEEP_S * NS_PER_SECOND
        ):
            seconds = (event.at_ns - first.at_ns) / NS_PER_SECOND
            text = f"{first.text} to {_news(first.text, event.text)} in {seconds:.1f} s"
            self._lines[-1] = replace(event, text=text)
        else:
            self._first = event if event.what is Happening.SETTING_CHANGED else None
            if self._lines and _clips_again(self._lines[-1], event):
                self._lines.pop()
            self._lines.append(event)
        self._last_ns = event.at_ns


def _clips_again(before: Event, event: Event) -> bool:
    """The same channels clipped."""
    same = (event.what, event.subject, event.text) == (before.what, before.subject, before.text)
    return event.what is Happening.CLIPPED and same


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
