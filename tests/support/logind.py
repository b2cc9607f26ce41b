"""The far end of what rigd asks of logind: a bus of its own (dbus-daemon) and, on it, a login manager that says yes
or no and keeps count. systemd's own tools talk to it as they talk to the real one."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    new_error,
    new_method_call,
    new_method_return,
)
from jeepney.io.blocking import open_dbus_connection

from tests.support.listens import listens
from tests.support.patience import PATIENCE_S, wait_for
from tests.support.tools import die_with_parent, need_tool

BUS = """<busconfig><type>system</type><listen>unix:path={path}</listen>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
<allow eavesdrop="false"/></policy></busconfig>"""
NAME = "org.freedesktop.login1"
DENIED = "org.freedesktop.DBus.Error.AccessDenied"


class LoginManager:
    """Grants what `grants` says; a lock is held until its other end is closed."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.grants: frozenset[str] = frozenset({"sleep", "idle", "handle-lid-switch"})
        self.may_power_off = True
        self.asked: list[str] = []
        self.power_offs = 0
        self._locks: list[tuple[str, socket.socket]] = []
        self._handed: list[socket.socket] = []
        """The other ends, until they are sent."""
        self._connection = open_dbus_connection(address, enable_fds=True)
        bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
        self._connection.send_and_get_reply(new_method_call(bus, "RequestName", "su", (NAME, 4)))
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="login-manager", daemon=True)

    def __enter__(self) -> LoginManager:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        self._thread.join()
        self._connection.close()
        for _, lock in self._locks:
            lock.close()

    def held(self) -> list[str]:
        """What is held off now."""
        return [what for what, lock in self._locks if not _is_closed(lock)]

    def _run(self) -> None:
        while not self._is_over:
            try:
                message = self._connection.receive(timeout=0.05)
            except TimeoutError:
                continue
            if message.header.message_type is MessageType.method_call:
                self._connection.send(self._answer(message))
                for handed in self._handed:
                    handed.close()
                self._handed.clear()

    def _answer(self, call: Message) -> Message:
        member = call.header.fields.get(HeaderFields.member)
        if member == "Inhibit":
            what = call.body[0]
            self.asked.append(what)
            if not set(what.split(":")) <= self.grants:
                return new_error(call, DENIED, "s", ("Access denied",))
            ours, theirs = socket.socketpair()
            self._locks.append((what, ours))
            self._handed.append(theirs)
            return new_method_return(call, "h", (theirs.fileno(),))
        if member == "PowerOff":
            if not self.may_power_off:
                return new_error(call, DENIED, "s", ("Access denied",))
            self.power_offs += 1
            return new_method_return(call)
        return new_error(call, "org.freedesktop.DBus.Error.UnknownMethod", "s", (f"no {member}",))


def _is_closed(lock: socket.socket) -> bool:
    lock.setblocking(False)
    try:
        return lock.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@contextmanager
def login_manager(folder: Path) -> Iterator[LoginManager]:
    """One on a bus in that folder; whoever has DBUS_SYSTEM_BUS_ADDRESS = its `address` talks to it."""
    for tool in ("dbus-daemon", "systemd-inhibit", "busctl"):
        need_tool(tool)
    path = folder / "bus"
    (folder / "bus.conf").write_text(BUS.format(path=path))
    bus = subprocess.Popen(
        ["dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork", "--nopidfile"],
        preexec_fn=die_with_parent,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: listens(path), "the bus")
        with LoginManager(f"unix:path={path}") as manager:
            yield manager
    finally:
        bus.terminate()
        bus.wait(PATIENCE_S)
