"""When a writer counts as alive: it goes round and comes to durable points, or the kernel has it wait for a disk."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.wire.notify import Notifier
from rigd.writer.watchdog import WriterWatchdog

WATCHDOG_S = 0.2


class Watched:
    """A WriterWatchdog whose thread's state in the kernel is a file of the test."""

    def __init__(self, folder: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._stat = folder / "stat"
        self.kernel_says("R")
        environ = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6))}
        self.life = WriterWatchdog(Notifier(environ), stat=self._stat)

    def kernel_says(self, state: str) -> None:
        fresh = self._stat.with_suffix(".new")
        fresh.write_text(f"7 (rigd (writer)) {state} 1 7 7 0")
        fresh.replace(self._stat)

    def signs(self, seconds: float) -> list[str]:
        """What was said in that time, of all but what lay there before."""
        self._socket.settimeout(0.0)
        try:
            while True:
                self._socket.recv(4096)
        except BlockingIOError:
            pass
        found = []
        self._socket.settimeout(seconds)
        try:
            while len(found) < 3:
                found.append(self._socket.recv(4096).decode())
        except TimeoutError:
            pass
        return found

    def close(self) -> None:
        self.life.stop()
        self._socket.close()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path)
    watched.life.went_round(has_takes=False)
    watched.life.start()
    yield watched
    watched.close()


def test_a_loop_that_computes_and_does_not_go_round_is_not_alive(watched: Watched) -> None:
    watched.signs(WATCHDOG_S)
    assert "WATCHDOG=1" not in watched.signs(4 * WATCHDOG_S)


def test_one_that_waits_for_a_disk_is_alive_however_long_and_says_so(watched: Watched) -> None:
    watched.kernel_says("D")
    signs = watched.signs(10.0)
    assert "WATCHDOG=1" in signs
    assert any("waits for the disk" in sign for sign in signs)


def test_with_a_take_open_going_round_is_not_enough(watched: Watched) -> None:
    watched.signs(WATCHDOG_S)
    for _ in range(5):
        watched.life.went_round(has_takes=True)
        assert "WATCHDOG=1" not in watched.signs(WATCHDOG_S)
    watched.life.durable()
    watched.life.went_round(has_takes=True)
    assert "WATCHDOG=1" in watched.signs(10.0)


def test_while_takes_are_being_closed_it_asks_for_time(watched: Watched) -> None:
    watched.life.stopping()
    watched.kernel_says("D")
    assert any("EXTEND_TIMEOUT_USEC" in sign for sign in watched.signs(10.0))
