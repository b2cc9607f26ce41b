"""Says lines to systemd's journal with fields of their own, by its native protocol. Any thread.

The protocol is systemd's "Native Journal Protocol" page: one datagram of KEY=value lines to a socket; a value of
several lines is its length and its bytes; what no datagram takes is handed over as a sealed memory file. It is here
because the libraries that speak it (systemd-python, cysystemd) bring C code that wants libsystemd's headers
(docs/decisions/0045-health-and-hooks.md).
"""

from __future__ import annotations

import array
import errno
import fcntl
import logging
import os
import socket
from collections.abc import Mapping

from rigd.model.plain_text import plain_line

SOCKET = "/run/systemd/journal/socket"
STDERR = 2
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""Of syslog(3); below INFO it is 7."""
TOO_LONG = (errno.EMSGSIZE, errno.ENOBUFS)


def priority_of(level: int) -> int:
    """Syslog's number for a level of Python's log."""
    return next((number for least, number in PRIORITIES if level >= least), 7)


class SystemJournal:
    """The way to systemd's journal. One process has one."""

    def __init__(self, address: str = SOCKET, *, identifier: str = "rigd") -> None:
        self._address = address
        self._identifier = identifier
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    @classmethod
    def of_stderr(
        cls, environ: Mapping[str, str] = os.environ, *, address: str = SOCKET, identifier: str = "rigd"
    ) -> SystemJournal | None:
        """None where stderr is not the journal's: in a terminal, a file, or another program's pipe."""
        try:
            found = os.fstat(STDERR)
        except OSError:
            return None
        if environ.get("JOURNAL_STREAM", "") != f"{found.st_dev}:{found.st_ino}":
            return None
        return cls(address, identifier=identifier)

    def send(self, message: str, *, level: int, fields: Mapping[str, str]) -> None:
        """The journal has the entry. Raises OSError where it takes none. Waits where the journal stands still."""
        entry = {
            "MESSAGE": message,
            "PRIORITY": str(priority_of(level)),
            "SYSLOG_IDENTIFIER": self._identifier,
            **{name: plain_line(value) for name, value in fields.items()},
        }
        datagram = b"".join(_field(name, value) for name, value in entry.items())
        try:
            self._socket.sendto(datagram, self._address)
        except OSError as error:
            if error.errno not in TOO_LONG:
                raise
            self._send_as_file(datagram)

    def close(self) -> None:
        """Nothing is sent any more."""
        self._socket.close()

    def _send_as_file(self, datagram: bytes) -> None:
        file = os.memfd_create("rigd-journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            left = memoryview(datagram)
            while left:
                left = left[os.write(file, left) :]
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
            handed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))]
            self._socket.sendmsg([], handed, 0, self._address)
        finally:
            os.close(file)


def _field(name: str, value: str) -> bytes:
    text = value.encode("utf-8", "backslashreplace")
    if b"\n" not in text:
        return b"%s=%s\n" % (name.encode("ascii"), text)
    return b"%s\n%s%s\n" % (name.encode("ascii"), len(text).to_bytes(8, "little"), text)
