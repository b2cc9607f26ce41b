"""Listens to a running rig and remembers every event, beside what a test asks.

with EventLog(rig.runtime / "rigd.sock") as log:
    ...
    assert [event.what for event in log.so_far()] == [...]
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

from rigd.control.client import ControlClient
from rigd.model.errors import LinkError
from rigd.model.events import Event, Happening


class EventLog:
    """A client of its own, on a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._client = ControlClient(path, origin="log")
        self._events: list[Event] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="event-log", daemon=True)

    def __enter__(self) -> EventLog:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self._thread.join()

    def so_far(self) -> list[Event]:
        with self._changed:
            return list(self._events)

    def await_event(self, what: Happening, *, count: int = 1, within_s: float = 60.0) -> Event:
        """The event that is the `count`th of its kind."""

        def found() -> Event | None:
            same = [event for event in self._events if event.what is what]
            return same[count - 1] if len(same) >= count else None

        with self._changed:
            self._changed.wait_for(lambda: found() is not None, within_s)
            event = found()
            texts = [event.text for event in self._events]
        assert event is not None, f"waited {within_s:g} s for {what} number {count}; so far: {texts}"
        return event

    def _run(self) -> None:
        try:
            for news in self._client.events():
                if isinstance(news, Event):
                    with self._changed:
                        self._events.append(news)
                        self._changed.notify_all()
        except (LinkError, OSError, ValueError):
            return  # the test is over, or rigd has ended
