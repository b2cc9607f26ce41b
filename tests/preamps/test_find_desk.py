"""A desk is found by what it answers, and nothing else passes for one."""

from __future__ import annotations

import socket
import threading
import tomllib
from typing import Literal

import pytest

from hardware_sim.x32 import SimulatedX32
from rigd.preamps.osc_desk.find import model_at
from rigd.preamps.x32.preamp import X32Preamp, XAirPreamp
from rigd.wire.osc import encode_message

MAKES: tuple[Literal["x32", "xair"], ...] = ("x32", "xair")


@pytest.mark.parametrize("kind", [X32Preamp, XAirPreamp])
def test_each_kind_by_its_own_answer(kind: type[X32Preamp]) -> None:
    """And the config that it gives is one that means this desk."""
    for make in MAKES:
        desk = SimulatedX32(make=make)
        desk.start()
        try:
            found = kind.find_at("127.0.0.1", port=desk.port)
        finally:
            desk.stop()
        if make != kind.kind:
            assert found is None
            continue
        assert found is not None
        settings = dict(tomllib.loads(found.lines))
        assert (settings.pop("kind"), found.called) == (make, {"x32": "X32", "xair": "XR18"}[make])
        assert kind.settings_model(**settings).port == desk.port
        assert found.sockets == {"x32": 32, "xair": 16}[make]


@pytest.mark.parametrize(
    "answer", [b"", b"\0" * 8, b"/info\0\0\0,s\0\0no\0\0", encode_message("/info", 1, 2)]
)
def test_nothing_else_is_a_desk(answer: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))

        def answers() -> None:
            _, sender = other.recvfrom(1000)
            other.sendto(answer, sender)

        thread = threading.Thread(target=answers, daemon=True)
        thread.start()
        assert model_at("127.0.0.1", other.getsockname()[1], "/info", within_s=0.3) == ""
        thread.join()


@pytest.mark.parametrize("host", ["", "no such name.invalid", "\udce4", "x" * 300])
def test_a_name_that_leads_nowhere(host: str) -> None:
    assert model_at(host, 9, "/info", within_s=0.1) == ""
