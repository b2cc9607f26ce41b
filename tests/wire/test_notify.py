"""What the service manager is told, over a real datagram socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.wire.notify import LONGEST_STATUS, Notifier


class Manager:
    """The far end: `said` gives what came since it was asked last."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    def notifier(self, **more: str) -> Notifier:
        return Notifier({"NOTIFY_SOCKET": self.address, **more})

    def said(self) -> list[str]:
        found = []
        try:
            while True:
                found += self._socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@rigd-test-{os.getpid()}"
    manager = Manager(address)
    yield manager
    manager.close()


def test_it_says_what_systemd_expects(manager: Manager) -> None:
    notifier = manager.notifier()
    notifier.ready("ready")
    notifier.alive()
    notifier.more_time(1.5)
    notifier.stopping("ends")
    assert manager.said() == [
        "READY=1",
        "STATUS=ready",
        "WATCHDOG=1",
        "EXTEND_TIMEOUT_USEC=1500000",
        "STOPPING=1",
        "STATUS=ends",
    ]


def test_a_config_that_is_read_again_is_said_from_its_beginning_to_its_end(manager: Manager) -> None:
    """And nothing that Type=notify does not know."""
    notifier = manager.notifier()
    notifier.ready("ready")
    manager.said()
    notifier.reloading()
    assert manager.said() == ["RELOADING=1"]
    notifier.status("records")
    notifier.reloaded()
    assert manager.said() == ["STATUS=records", "READY=1", "STATUS=records"]


def test_a_status_is_one_line_not_too_long_and_said_when_it_changes(manager: Manager) -> None:
    notifier = manager.notifier()
    for _ in range(3):
        notifier.status("a\nREADY=1")
    assert manager.said() == ["STATUS=a READY=1"]
    notifier.status("x" * 1000)
    assert manager.said() == ["STATUS=" + "x" * LONGEST_STATUS]


def test_the_watchdog_is_fed_at_half_of_its_time_and_only_where_it_watches_this_process(
    manager: Manager,
) -> None:
    assert manager.notifier().feed_every_s == 0
    assert manager.notifier(WATCHDOG_USEC="10000000").feed_every_s == 5
    assert manager.notifier(WATCHDOG_USEC="10000000", WATCHDOG_PID=str(os.getpid())).feed_every_s == 5
    assert manager.notifier(WATCHDOG_USEC="10000000", WATCHDOG_PID="1").feed_every_s == 0
    assert manager.notifier(WATCHDOG_USEC="soon").feed_every_s == 0


def test_without_a_service_manager_and_with_one_that_is_gone_nothing_happens(tmp_path: Path) -> None:
    for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}):
        notifier = Notifier(environ)
        notifier.ready("ready")
        notifier.alive()
    assert not Notifier({}).is_heard
    Notifier({}).await_settings(tmp_path / "not there")  # returns: nobody would start it again
