"""What those that follow the state are told of each change of it: made once, however many they are. One thread."""

from __future__ import annotations

from rigd.model.changes import change_between, followed_state
from rigd.model.state import RigState
from rigd.wire.codec import encode


class FollowedStates:
    """Remembers the newest state only: one that has not been told it yet is told all that differs at once."""

    def __init__(self) -> None:
        self._whole: RigState | None = None
        self._newest: RigState | None = None
        self._lines: dict[int, tuple[RigState, bytes]] = {}
        """Changes to the newest state, by the identity of the state before, which is kept so that it stays that."""

    def of(self, state: RigState) -> RigState:
        """The state as it is followed; the same object for the same state."""
        if state is not self._whole or self._newest is None:
            self._whole, self._newest, self._lines = state, followed_state(state), {}
        return self._newest

    def line(self, before: RigState, after: RigState) -> bytes:
        """The Change from `before` to `after`, the newest, as it is sent; empty where they are the same."""
        if before is after:
            return b""
        if id(before) not in self._lines:
            change = change_between(before, after)
            self._lines[id(before)] = (before, b"" if change is None else encode(change))
        return self._lines[id(before)][1]
