"""Listens to a running rig and remembers every event, beside what a test asks.

with EventLog(rig.runtime / "rigd.sock") as log:
    ...
    assert [event.what for event in log.so_far()] == [...]
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType

from rigd.api.client import ControlClient
from rigd.model.errors import CommandError, LinkError
from rigd.model.events import Event, Happening
from tests.support.patience import PATIENCE_S


class EventLog:
    """A client of its own, on a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._client = ControlClient(path, origin="log")
        self._came: list[tuple[float, Event]] = []
        """With the time at which it came to this process, in seconds of time.monotonic."""
        self._changed = threading.Condition()
        self._listens = threading.Event()
        self._refused = ""
        self._thread = threading.Thread(target=self._run, name="event-log", daemon=True)

    def __enter__(self) -> EventLog:
        """It listens: what happens from now on is remembered."""
        self._thread.start()
        assert self._listens.wait(PATIENCE_S), "rigd sends no events"
        assert not self._refused, f"rigd sends no events: {self._refused}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self._thread.join()

    def so_far(self) -> list[Event]:
        with self._changed:
            return [event for _, event in self._came]

    def await_event(self, what: Happening, *, count: int = 1, within_s: float = 60.0) -> Event:
        """The event that is the `count`th of its kind."""

        def found() -> Event | None:
            same = [event for _, event in self._came if event.what is what]
            return same[count - 1] if len(same) >= count else None

        with self._changed:
            self._changed.wait_for(lambda: found() is not None, within_s)
            event = found()
            texts = [event.text for _, event in self._came]
        assert event is not None, f"waited {within_s:g} s for {what} number {count}; so far: {texts}"
        return event

    def of(self, *kinds: Happening, origin: str = "") -> list[tuple[float, Event]]:
        """Those of these kinds so far, each with its time; of this origin only, if it is given."""
        with self._changed:
            return [each for each in self._came if each[1].what in kinds and origin in ("", each[1].origin)]

    def await_count(
        self, count: int, *kinds: Happening, origin: str = "", within_s: float = 60.0
    ) -> list[tuple[float, Event]]:
        """`of`, once there are so many of them."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.of(*kinds, origin=origin)) >= count, within_s)
            found = self.of(*kinds, origin=origin)
        assert len(found) >= count, f"{len(found)} of {count} events {kinds} came within {within_s:g} s"
        return found

    def settle(self, *kinds: Happening, quiet_s: float = 0.5) -> int:
        """How many there are once none has come for so long."""
        while True:
            with self._changed:
                before = len(self.of(*kinds))
                self._changed.wait_for(lambda: False, quiet_s)
                if len(self.of(*kinds)) == before:
                    return before

    def _run(self) -> None:
        try:
            for news in self._client.events():
                self._listens.set()  # the snapshot comes first
                if isinstance(news, Event):
                    with self._changed:
                        self._came.append((time.monotonic(), news))
                        self._changed.notify_all()
        except (CommandError, LinkError, OSError, ValueError) as error:
            if not self._listens.is_set():
                self._refused = str(error)
                self._listens.set()
            return  # else the test is over, or rigd has ended
