"""F54: a desk that is away. An order to it is given up after its time and nothing old is sent when it returns; under
a name with several addresses, or with a new one, it is reached within 10 s."""

from __future__ import annotations

import itertools
import socket
import time
from contextlib import ExitStack
from typing import Any

import pytest

from hardware_sim.x32 import SimulatedX32
from rigd.model.gain import WISH_S
from rigd.preamps.x32.preamp import X32Preamp, X32Settings
from tests.preamps.test_x32 import Told, orders
from tests.proof.figures import Figures, count
from tests.support.patience import wait_for

MOVES = count(ci=1, full=10)
GAIN = "/headamp/000/gain"


class Names:
    """What the desk's name stands for now."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    def resolve(self, host: str, port: int, **kind: Any) -> list[tuple[Any, ...]]:
        rows = (socket.getaddrinfo(address, port, **kind) for address in self.addresses)
        return list(itertools.chain.from_iterable(rows))


def started_at(places: list[str]) -> list[SimulatedX32] | None:
    """A desk on each of these addresses, all on one port; None where another program has it on one of them."""
    desks: list[SimulatedX32] = []
    try:
        for place in places:
            desks.append(SimulatedX32(host=place, port=desks[0].port if desks else 0))
            desks[-1].start()
    except OSError:
        for desk in desks:
            desk.stop()
        return None
    return desks


@pytest.mark.timeout(120)
def test_an_order_to_a_desk_that_is_away_is_given_up_and_nothing_old_is_sent(figures: Figures) -> None:
    told = Told()
    with SimulatedX32() as desk:
        preamp = X32Preamp("desk", X32Settings(host=desk.host, port=desk.port), [1], told)
        preamp.start()
        try:
            wait_for(lambda: told.latest(1) == (0.0, True))
            desk.vanish()
            wait_for(lambda: told.answering() is False)
            preamp.request(1, "gain", 30.0)
            at = time.monotonic()
            wait_for(lambda: any(setting.given_up for setting in list(told.settings)))
            took_s = time.monotonic() - at
            desk.come_back()
            wait_for(lambda: told.answering() and told.latest(1) == (0.0, True))
            preamp.request(1, "gain", 3.0)
            wait_for(lambda: told.latest(1) == (3.0, True))
            old = [value for value in orders(desk, GAIN) if value != orders(desk, GAIN)[-1]]
        finally:
            preamp.stop()
    assert old == []
    figures.record(
        "F54", "old orders sent", bound="0", measured=len(old), unit="orders", load="1 desk", count="1 order"
    )
    late_s = took_s - WISH_S
    figures.record(
        "F54",
        "given up too late by",
        bound="<= 1 s",
        measured=late_s,
        unit="s",
        load="1 desk",
        count="1 order",
    )


@pytest.mark.timeout(count(ci=120, full=600))
def test_a_desk_that_comes_back_with_another_address_is_reached(figures: Figures) -> None:
    told, worst_s = Told(), 0.0
    names = Names("::1", "127.0.0.2")
    with ExitStack() as stack:
        places = [f"127.0.0.{number}" for number in range(2, 3 + MOVES)]
        first, *later = wait_for(lambda: started_at(places), "a port that is free on all")
        for desk in (first, *later):
            stack.callback(desk.stop)
        settings = X32Settings(host="desk.local", port=first.port)
        preamp = X32Preamp("desk", settings, [1], told, resolver=names.resolve)
        for desk in later:
            desk.vanish()
        preamp.start()
        stack.callback(preamp.stop)
        wait_for(lambda: told.answering())
        first.vanish()
        for desk in later:
            wait_for(lambda: told.answering() is False)
            desk.come_back()
            at = time.monotonic()
            names.addresses = (desk.host,)
            wait_for(lambda: told.answering())
            worst_s = max(worst_s, time.monotonic() - at)
            wait_for(lambda desk=desk: desk.host in told.statuses[-1].detail)  # type: ignore[misc]
            desk.vanish()
    figures.record(
        "F54",
        "reached at its new address after",
        bound="<= 10 s",
        measured=worst_s,
        unit="s",
        load="1 desk",
        count=f"{MOVES} moves",
    )
