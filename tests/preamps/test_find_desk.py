"""A desk is found by what it answers, and nothing else passes for one."""

from __future__ import annotations

import socket
import threading
from typing import Literal

import pytest

from hardware_sim.x32 import SimulatedX32
from rigd.preamps.osc_desk.find import FoundDesk, Question, find_desk
from rigd.wire.osc import encode_message

KINDS: tuple[Literal["x32", "xair"], ...] = ("x32", "xair")


def questions(port: int) -> tuple[Question, ...]:
    return (
        Question(kind="x32", port=port, address="/info"),
        Question(kind="xair", port=port, address="/xinfo"),
    )


@pytest.mark.parametrize("make", KINDS)
def test_each_kind_by_its_own_answer(make: Literal["x32", "xair"]) -> None:
    desk = SimulatedX32(make=make)
    desk.start()
    try:
        found = find_desk("127.0.0.1", questions(desk.port))
    finally:
        desk.stop()
    assert found == FoundDesk(kind=make, model={"x32": "X32", "xair": "XR18"}[make])


@pytest.mark.parametrize(
    "answer", [b"", b"\0" * 8, b"/info\0\0\0,s\0\0no\0\0", encode_message("/info", 1, 2)]
)
def test_nothing_else_is_a_desk(answer: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))

        def answers() -> None:
            for _ in range(2):
                _, sender = other.recvfrom(1000)
                other.sendto(answer, sender)

        thread = threading.Thread(target=answers, daemon=True)
        thread.start()
        assert find_desk("127.0.0.1", questions(other.getsockname()[1]), within_s=0.3) is None
        thread.join()


@pytest.mark.parametrize("host", ["", "no such name.invalid", "\udce4", "x" * 300])
def test_a_name_that_leads_nowhere(host: str) -> None:
    assert find_desk(host, questions(9), within_s=0.1) is None
