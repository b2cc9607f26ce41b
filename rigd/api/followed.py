"""The changes of the state, numbered, for those who follow it: each made once, kept for who comes back. One thread.

A number is a change's own. The run says which daemon counted: a number of another run means nothing here.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence

from msgspec.structs import replace

from rigd.model.changes import change_between, followed_state
from rigd.model.events import Snapshot
from rigd.model.limits import MOST_CHANGES, MOST_CHANGES_BYTES
from rigd.model.state import RigState
from rigd.wire.codec import encode


class FollowedStates:
    """The newest state as it is followed, and the last changes that led to it. What is taken in between two looks
    is one change."""

    def __init__(self, *, longest: int = MOST_CHANGES, most_bytes: int = MOST_CHANGES_BYTES) -> None:
        self.run = os.urandom(8).hex()
        self.number = 0
        """Of the newest change."""
        self._longest, self._most_bytes = longest, most_bytes
        self._whole: RigState | None = None
        self._newest: RigState | None = None
        self._lines: deque[bytes] = deque()
        """Of the last changes, the newest last, without a hole."""
        self._bytes = 0

    def take_in(self, state: RigState) -> None:
        """What differs from the state before is a change."""
        if state is self._whole:
            return
        before, self._whole, self._newest = self._newest, state, followed_state(state)
        if before is None:
            self.number += 1  # nobody knows what lies between: no change leads here
            return
        change = change_between(before, self._newest)
        if change is None:
            return
        self.number += 1
        self._lines.append(encode(replace(change, change=self.number)))
        self._bytes += len(self._lines[-1])
        while len(self._lines) > self._longest or self._bytes > self._most_bytes:
            self._bytes -= len(self._lines.popleft())

    def forget(self) -> None:
        """Nobody follows: what happens from now on is no change that somebody could ask for."""
        self._whole = self._newest = None
        self._lines.clear()
        self._bytes = 0

    def snapshot(self) -> Snapshot:
        """The newest state, with the number of the change that led to it."""
        assert self._newest is not None
        return Snapshot(state=self._newest, change=self.number, run=self.run)

    def since(self, number: int, *, run: str | None = None) -> Sequence[bytes] | None:
        """The changes after that one, as they are sent; None where they are not all here: only a snapshot helps."""
        behind = self.number - number
        if run not in (None, self.run) or self._newest is None or not 0 <= behind <= len(self._lines):
            return None
        return [self._lines[place] for place in range(len(self._lines) - behind, len(self._lines))]
