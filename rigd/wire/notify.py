"""Tells the service manager how this process fares (sd_notify(3)), where one listens at $NOTIFY_SOCKET.

Any thread; never waits and never fails: without a service manager nothing is sent. What counts as a sign of
life is decided by the caller, who must say `alive` only where there was progress.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from rigd.model.plain_text import plain_line

LONGEST_STATUS = 200
LOOK_FOR_SETTINGS_S = 0.2


class Notifier:
    """The way to the service manager of this process."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._status = ""
        mine = environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        usec = environ.get("WATCHDOG_USEC", "")
        self.feed_every_s = int(usec) / 2e6 if self._address and mine and usec.isdecimal() else 0.0
        """How often `alive` must be said: half of what the service manager allows; 0 where it does not watch."""

    @property
    def is_heard(self) -> bool:
        """A service manager started this process and listens."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """What was to be started is. `status` is a line that a person understands."""
        self._status = status[:LONGEST_STATUS]
        self._say("READY=1", f"STATUS={self._status}")

    def reloading(self) -> None:
        """The config is being read again, until `reloaded`. Without MONOTONIC_USEC, which Type=notify-reload alone
        wants: Type=notify takes this by itself (sd_notify(3))."""
        self._say("RELOADING=1")

    def reloaded(self) -> None:
        """It is in force, or was refused; the process goes on as it was or by that."""
        self._say("READY=1", f"STATUS={self._status}")

    def status(self, status: str) -> None:
        """One line for `systemctl status`; sent where it is another one than before."""
        if status[:LONGEST_STATUS] != self._status:
            self._status = status[:LONGEST_STATUS]
            self._say(f"STATUS={self._status}")

    def alive(self) -> None:
        """There was progress since this was said last."""
        self._say("WATCHDOG=1")

    def stopping(self, status: str) -> None:
        """The process was asked to end and is about to."""
        self._say("STOPPING=1", f"STATUS={status[:LONGEST_STATUS]}")

    def more_time(self, seconds: float) -> None:
        """What goes on, a start or a stop, may take so much longer, counted from now."""
        self._say(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def await_settings(self, path: Path) -> None:
        """What rigd is to lay down there for this process is there. A service manager may start it before rigd has
        ever run, and to end would only make it start again; started by hand it does not wait."""
        while self._address and not path.exists():
            self.status("waits for rigd to say what to do")
            self.alive()
            time.sleep(LOOK_FOR_SETTINGS_S)

    def _say(self, *lines: str) -> None:
        if not self._address:
            return
        text = "\n".join(plain_line(line.replace("\n", " ")) for line in lines)
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.setblocking(False)
            to.sendto(text.encode("utf-8", "replace"), self._address)
