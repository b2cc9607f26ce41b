"""The process at the other end of a connection, and whether it has ended."""

from __future__ import annotations

import contextlib
import os

from rigd.wire.process_handle import ProcessHandle


class PeerProcess:
    """Made while the connection is there. `pid` 0, or one that this process cannot see: nothing is known of it."""

    def __init__(self, pid: int) -> None:
        self._handle: ProcessHandle | None = None
        self._is_this_one = pid == os.getpid()
        if pid > 0:
            with contextlib.suppress(OSError):
                self._handle = ProcessHandle.of_number(pid)

    def has_ended(self, *, within_s: float = 0.0) -> bool | None:
        """None where nobody knows. A process that is ending closes its files a moment before."""
        if self._is_this_one:
            return False
        return None if self._handle is None else self._handle.has_ended(within_s=within_s)

    def close(self) -> None:
        """Nothing is known of it any more."""
        self._handle = None
