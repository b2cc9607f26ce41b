"""`rigd learn` through a rigd that runs: it holds the serial line itself, so what comes there is asked of it.

One thread. The rig goes on as it does: what is bound acts.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from rigd.api.client import ControlClient
from rigd.hands.learning import Learner
from rigd.model.errors import LinkError, RigError, SurfaceError
from rigd.model.units import Ns
from rigd.wire.serial_ports import SERIAL_PREFIX

_ASK_EVERY_S = 0.05


class HeldLine:
    """The line of one surface of a running rig."""

    def __init__(self, client: ControlClient, learner: Learner, *, surface: str, path: str) -> None:
        self.surface = surface
        self._path = path
        self._client = client
        self._learner = learner
        self._after = 0
        self._pause = threading.Event()
        learner.begin_line(path, None, lambda said: None)  # the rig itself speaks to the device
        self.wait(0.0)  # from now on it is kept

    def wait(self, timeout_s: float) -> None:
        """See learning.Source."""
        self._pause.wait(min(timeout_s, _ASK_EVERY_S))
        try:
            answer = self._client.overhear(self.surface, after=self._after)
        except LinkError as error:
            raise SurfaceError(f"the rigd that holds {self._path} has gone ({error}); learn again") from error
        self._after = answer.next
        for piece in answer.pieces:
            self._learner.feed(bytes.fromhex(piece.sent), Ns(piece.at_ns))

    def close(self) -> None:
        """The connection is over."""
        self._client.close()


def held_by_rig(
    path: str, learners: Mapping[str, Learner], connect: Callable[[], ControlClient]
) -> HeldLine | None:
    """The surface of a running rig that holds the serial line `path`; None where none does whose kind can learn."""
    try:
        client = connect()
    except RigError:
        return None
    with contextlib.ExitStack() as unless_found:
        unless_found.callback(client.close)
        with contextlib.suppress(RigError):
            for surface in client.status().state.surfaces:
                held = surface.port.removeprefix(SERIAL_PREFIX)
                if held.startswith("/") and _same(held, path) and surface.kind in learners:
                    line = HeldLine(client, learners[surface.kind], surface=surface.name, path=path)
                    unless_found.pop_all()
                    return line
    return None


def _same(one: str, other: str) -> bool:
    try:
        return Path(one).resolve() == Path(other).resolve()
    except OSError:
        return False
