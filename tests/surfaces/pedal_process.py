"""The simulated pedal in a process of its own, as a pedal is.

libjack crashes when two threads of one process open and close clients of a dying server; rigd's own threads
take turns, but a pedal in the same process would not.
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from hardware_sim.pedal import Pedal, PortWire


def _play(orders: Connection, name: str) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libjack's words over here are no words of rigd
    pedal = Pedal(lambda: PortWire(name, api="jack"))
    while True:
        what, arguments = orders.recv()
        if what == "end":
            pedal.unplug()
            orders.send(None)
            return
        try:
            attribute = getattr(pedal, what)
            orders.send(attribute(*arguments) if callable(attribute) else attribute)
        except Exception as error:  # told over there, where the test is
            orders.send(RuntimeError(f"the simulated pedal failed in {what}: {error!r}"))


class PedalProcess:
    """What Pedal does, over there. Takes JACK's server from the environment, like any program."""

    def __init__(self, name: str = "Foot") -> None:
        spawn = multiprocessing.get_context("spawn")
        self._orders, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_play, args=(theirs, name), daemon=True)
        self._process.start()
        theirs.close()

    def _do(self, what: str, *arguments: object) -> Any:
        self._orders.send((what, arguments))
        if not self._orders.poll(20):
            raise RuntimeError(f"the simulated pedal hangs in {what}")
        answer = self._orders.recv()
        if isinstance(answer, RuntimeError):
            raise answer
        return answer

    @property
    def port(self) -> str:
        return str(self._do("port"))

    @property
    def lamps(self) -> dict[str, int]:
        return dict(self._do("lamps"))

    def plug_in(self) -> None:
        self._do("plug_in")

    def unplug(self) -> None:
        self._do("unplug")

    def press(self) -> None:
        self._do("press")

    def release(self) -> None:
        self._do("release")

    def tap(self, held_s: float = 0.08) -> None:
        self._do("tap", held_s)

    def send(self, message: bytes) -> None:
        self._do("send", message)

    def __enter__(self) -> PedalProcess:
        self.plug_in()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._do("end")
        finally:
            self._orders.close()
            self._process.join(5)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
            self._process.close()
