"""A listener's own queue of events: a snapshot first, then every event after it, or cut off; and the newest state,
where it follows that. Any thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from rigd.model.errors import LinkError
from rigd.model.events import Event, Snapshot
from rigd.model.state import RigState


class Listener:
    """Made by `Controller.listen`. One that does not keep up is cut off; it never slows the rig."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        longest: int,
        on_ready: Callable[[], None] | None,
        follows: bool = False,
    ) -> None:
        """With `follows` it is also woken where the state changed and nothing happened."""
        self._queue: deque[Snapshot | Event] = deque([snapshot])
        self._state, self._follows = snapshot.state, follows
        self._longest = longest
        self._on_ready = on_ready
        self._changed = threading.Condition()
        self._over = ""

    @property
    def follows(self) -> bool:
        """It is woken at every state."""
        return self._follows

    @property
    def is_over(self) -> bool:
        """No more events will come: closed, or cut off."""
        with self._changed:
            return bool(self._over)

    @property
    def state(self) -> RigState:
        """The newest one."""
        with self._changed:
            return self._state

    def put(self, state: RigState, events: tuple[Event, ...]) -> None:
        """For the controller. Returns at once."""
        with self._changed:
            is_news = bool(events) or (self._follows and state is not self._state)
            self._state = state
            if self._over or not is_news:
                return
            if len(self._queue) + len(events) > self._longest:
                self._queue.clear()
                self._over = f"cut off: more than {self._longest} events behind"
            else:
                self._queue.extend(events)
            self._changed.notify_all()
        if self._on_ready is not None:
            self._on_ready()

    def next(self, timeout_s: float | None = None) -> Snapshot | Event | None:
        """The snapshot, then the events, in order; None when none came in time.

        Raises LinkError once the listener is closed or was cut off: listen again for a new snapshot.
        """
        with self._changed:
            if timeout_s != 0.0:
                self._changed.wait_for(lambda: self._queue or self._over, timeout_s)
            if self._queue:
                return self._queue.popleft()
            if self._over:
                raise LinkError(f"this listener is {self._over}")
            return None

    def close(self) -> None:
        """No more events; a thread that waits in `next` wakes."""
        with self._changed:
            self._queue.clear()
            self._over = self._over or "closed"
            self._changed.notify_all()
