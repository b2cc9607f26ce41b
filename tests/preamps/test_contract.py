"""The contract of all preamps over the kinds that rigd brings, each with the far end of its wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest

from hardware_sim.x32 import SimulatedX32
from rigd.model.gain import GAIN, Preamp
from rigd.model.units import SettingName
from rigd.preamps.x32.preamp import X32Preamp, X32Settings, XAirPreamp, XAirSettings
from tests.preamps.contract import Bench, PreampContract, Sink

pytestmark = pytest.mark.slow
SOCKETS = (1, 2, 16)


class DeskDevice:
    """A simulated desk as the contract sees it."""

    def __init__(self, desk: SimulatedX32) -> None:
        self.desk = desk
        self.vanish, self.come_back = desk.vanish, desk.come_back

    def value_of(self, socket: int, name: SettingName) -> float:
        return self.desk.gain_db(socket) if name == GAIN else float(self.desk.phantom(socket))

    def turn(self, socket: int, name: SettingName, value: float) -> None:
        if name == GAIN:
            self.desk.turn(socket, value)
        else:
            self.desk.switch_phantom(socket, on=value > 0.5)

    def obeys(self, yes: bool) -> None:
        self.desk.faults.locked = not yes

    def orders(self, socket: int, name: SettingName) -> list[float]:
        make = self.desk.make
        address = f"/headamp/{socket - 1 + make.first_number:0{make.digits}}/{name}"
        values = [
            float(str(each.arguments[0]))
            for each in self.desk.heard
            if each.address == address and each.arguments
        ]
        return [round((-12 + 72 * value) * 2) / 2 for value in values] if name == GAIN else values


def bench_of(make: Literal["x32", "xair"]) -> Iterator[Bench]:
    with SimulatedX32(make=make) as desk:

        def preamp(sink: Sink) -> Preamp:
            if make == "x32":
                return X32Preamp("desk", X32Settings(host=desk.host, port=desk.port), SOCKETS, sink)
            return XAirPreamp("desk", XAirSettings(host=desk.host, port=desk.port), SOCKETS, sink)

        yield Bench(device=DeskDevice(desk), make=preamp, sockets=SOCKETS)


class TestX32(PreampContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        yield from bench_of("x32")


class TestXAir(PreampContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        yield from bench_of("xair")
