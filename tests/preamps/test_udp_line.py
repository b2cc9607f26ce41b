"""The desk's UDP line: by a name with several addresses, one that changes, one that a slow resolver looks up; and in
a flood, where no more is read than a processor can spare."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from rigd.model.units import Ns
from rigd.preamps.osc_desk.udp_line import LOOK_UP_NS, MOST_IN_A_WINDOW, WINDOW_S, DeskLine
from tests.support.patience import wait_for


def test_of_a_flood_so_much_is_read_in_a_window_and_the_bell_is_heard_all_the_while() -> None:
    now_s = [100.0]
    bell, rung = socket.socketpair()
    bell.setblocking(False)
    with bell, rung, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as desk:
        desk.bind(("127.0.0.1", 0))
        line = DeskLine("127.0.0.1", desk.getsockname()[1], clock=lambda: now_s[0])
        line.open(Ns(1), answering=False)
        line.send(b"hello")
        _, rig = desk.recvfrom(100)

        def read_all() -> int:
            count = 0
            while packets := line.wait(bell, 0.0):
                count += len(packets)
            return count

        read = 0
        while read < MOST_IN_A_WINDOW:
            for _ in range(64):  # fewer than the kernel keeps
                desk.sendto(b"x", rig)
            read += read_all()
        assert read <= MOST_IN_A_WINDOW + 64
        desk.sendto(b"x", rig)
        assert read_all() == 0
        rung.send(b"!")
        at = time.monotonic()
        assert line.wait(bell, 60.0) == []
        assert time.monotonic() - at < 30
        now_s[0] += WINDOW_S
        assert read_all() >= 1
        line.close()


class Names:
    """A name service: what `desk.local` stands for now. Held up while `slow` is set."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0
        self.slow = threading.Event()
        self.answers = threading.Event()

    def resolve(self, host: str, port: int, **kind: Any) -> list[tuple[Any, ...]]:
        assert host == "desk.local"
        self.asked += 1
        if self.slow.is_set():
            self.answers.wait(60)
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        rows = (socket.getaddrinfo(address, port, **kind) for address in self.addresses)
        return list(itertools.chain.from_iterable(rows))


@contextmanager
def desk_at(address: str) -> Iterator[socket.socket]:
    """The far end: a desk on one address."""
    with desks_at(address) as (desk,):
        yield desk


@contextmanager
def desks_at(*addresses: str) -> Iterator[list[socket.socket]]:
    """One on each address, all on one port: one that nobody has on any of them."""
    with ExitStack() as opened:
        desks = wait_for(lambda: _bound(addresses), "a port that is free on all")
        for desk in desks:
            opened.enter_context(desk)
            desk.settimeout(0.0)
        yield desks


def _bound(addresses: Sequence[str]) -> list[socket.socket] | None:
    desks: list[socket.socket] = []
    try:
        for address in addresses:
            desks.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            desks[-1].bind((address, desks[0].getsockname()[1]))
    except OSError:
        for desk in desks:
            desk.close()
        return None
    return desks


def answers(line: DeskLine, desk: socket.socket, bell: socket.socket, at_ns: int) -> bool:
    """One turn of the line: whether the desk heard it and its answer came back."""
    line.open(Ns(at_ns), answering=False)
    line.send(b"hello")
    try:
        _, rig = desk.recvfrom(100)
    except BlockingIOError:
        return False
    desk.sendto(b"here", rig)
    return line.wait(bell, 1.0) == [b"here"]


def found_within_ns(line: DeskLine, desk: socket.socket, *, at_ns: int = 1) -> int:
    """By the line's own clock, a turn every 100 ms; the resolver's thread has real time to answer."""
    bell, rung = socket.socketpair()
    with bell, rung:
        for turn in range(600):
            if answers(line, desk, bell, at_ns + turn * 100_000_000):
                return turn * 100_000_000
            time.sleep(0.002)
    raise AssertionError(f"not found: {line.trouble}")


@pytest.mark.parametrize("first", [("::1", "127.0.0.1"), ("127.0.0.9", "127.0.0.1"), ("127.0.0.1", "::1")])
def test_every_address_of_a_name_is_tried(first: tuple[str, ...]) -> None:
    names = Names(*first)
    with desk_at("127.0.0.1") as desk:
        line = DeskLine("desk.local", desk.getsockname()[1], resolver=names.resolve)
        found_within_ns(line, desk)
        line.open(Ns(2), answering=True)
        assert line.place == f"desk.local:{desk.getsockname()[1]} (127.0.0.1)"
        line.close()


def test_a_desk_that_comes_back_with_another_address_is_found_by_its_name() -> None:
    names = Names("127.0.0.2")
    with desks_at("127.0.0.2", "127.0.0.3") as (before, after):
        line = DeskLine("desk.local", before.getsockname()[1], resolver=names.resolve)
        found_within_ns(line, before)
        line.open(Ns(2), answering=True)
        before.close()
        names.addresses = ("127.0.0.3",)
        assert found_within_ns(line, after, at_ns=10_000_000_000) <= 5_000_000_000
        line.open(Ns(2), answering=True)
        assert "127.0.0.3" in line.place and "127.0.0.2" not in line.place
        line.close()


def test_a_desk_that_answers_is_not_looked_up_again() -> None:
    names = Names("127.0.0.1")
    with desk_at("127.0.0.1") as desk:
        line = DeskLine("desk.local", desk.getsockname()[1], resolver=names.resolve)
        found_within_ns(line, desk)
        asked = names.asked
        for second in range(100):
            line.open(Ns(second * 1_000_000_000), answering=True)
        assert names.asked == asked
        line.close()


def test_a_resolver_that_hangs_holds_up_nobody() -> None:
    names = Names("127.0.0.1")
    names.slow.set()
    with desk_at("127.0.0.1") as desk:
        line = DeskLine("desk.local", desk.getsockname()[1], resolver=names.resolve)
        before = time.thread_time()
        for turn in range(100):
            line.open(Ns(turn * LOOK_UP_NS), answering=False)
        assert names.asked == 1
        assert time.thread_time() - before < 1.0
        names.answers.set()
        found_within_ns(line, desk)
        line.close()


def test_a_name_that_nobody_knows_is_asked_for_again_until_somebody_does() -> None:
    names = Names()
    with desk_at("127.0.0.1") as desk:
        line = DeskLine("desk.local", desk.getsockname()[1], resolver=names.resolve)
        for turn in range(1000):
            line.open(Ns(turn * 100_000_000), answering=False)
            if line.trouble:
                break
            time.sleep(0.002)
        assert "not known" in line.trouble
        names.addresses = ("127.0.0.1",)
        found_within_ns(line, desk, at_ns=200_000_000_000)
        assert line.trouble == ""
        line.close()


def test_who_answers_without_being_the_desk_is_not_stayed_with() -> None:
    """Another program on the name's first address: only where the conversation says so is a line kept."""
    names = Names("127.0.0.2", "127.0.0.1")
    with desks_at("127.0.0.1", "127.0.0.2") as (desk, stranger):
        line = DeskLine("desk.local", desk.getsockname()[1], resolver=names.resolve)
        found_within_ns(line, stranger)
        found_within_ns(line, desk, at_ns=1_000_000_000)
        line.open(Ns(2), answering=True)
        assert "(127.0.0.1)" in line.place
        line.close()
