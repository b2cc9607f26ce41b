"""The state as it was published last. Made before everybody who reads it; only the controller sets it.

Any thread reads it, without a lock: it is one reference to something frozen.
"""

from __future__ import annotations

from rigd.model.state import RigState


class Published:
    """Starts with the state that is true before anything was heard."""

    def __init__(self, state: RigState) -> None:
        self._state = state

    def newest(self) -> RigState:
        """Frozen: it may be kept and read at leisure."""
        return self._state

    def replace(self, state: RigState) -> None:
        """For the controller, which tells its listeners."""
        self._state = state
