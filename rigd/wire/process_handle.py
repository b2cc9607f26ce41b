"""One process, and none that gets its number later (pidfd_open(2)). Any thread."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import weakref
from collections.abc import Sequence
from pathlib import Path

from rigd.wire.peers import peer_of

SO_PEERPIDFD = 77
"""A handle of who is at the other end (Linux 6.5, asm-generic/socket.h); Python has no name for it."""


class ProcessHandle:
    """Its number is this process's as long as it has not ended, and was so when the handle was made."""

    def __init__(self, pid: int, fd: int) -> None:
        self.pid = pid
        self._fd = fd
        weakref.finalize(self, os.close, fd)

    @classmethod
    def of_number(cls, pid: int) -> ProcessHandle:
        """Of whoever has the number now. What it was known by is to be looked at after this. OSError: nobody."""
        return cls(pid, os.pidfd_open(pid))

    @classmethod
    def of_listener(cls, stream: socket.socket) -> ProcessHandle:
        """Of the process that listens at the other end. OSError: it has ended; since Linux 6.5 its handle
        may say so instead."""
        pid = peer_of(stream).pid
        try:
            fd = stream.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD)
        except OSError as error:
            if error.errno != errno.ENOPROTOOPT:
                raise
            handle = cls.of_number(pid)
            poller = select.poll()
            poller.register(stream, select.POLLIN)
            if any(events & (select.POLLHUP | select.POLLERR) for _, events in poller.poll(0)):
                raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH)) from None
            return handle
        return cls(pid, fd)

    def has_ended(self, *, within_s: float = 0.0) -> bool:
        """Also where nobody has asked for its exit code yet."""
        poller = select.poll()
        poller.register(self._fd, select.POLLIN)
        return bool(poller.poll(within_s * 1000))

    def kill(self) -> None:
        """It is told to die at once (SIGKILL), if it has not ended. OSError where that is not allowed."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, signal.SIGKILL)


def is_run_by(pid: int, command: Sequence[str]) -> bool:
    """It is this user's, and was started with these very words, by whatever path to the program. A process that is
    just being started has nothing else yet to be known by."""
    with contextlib.suppress(OSError):
        entry = Path("/proc") / str(pid)
        words = (entry / "cmdline").read_bytes().split(b"\0")[:-1]
        is_so = bool(words) and [os.fsdecode(word) for word in words[1:]] == list(command[1:])
        return is_so and entry.stat().st_uid == os.geteuid()
    return False
