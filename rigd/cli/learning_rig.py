"""`rigd learn` through a rigd that runs: it holds the serial line itself, so what comes there is asked of it.

One thread. The rig goes on as it does: what is bound acts.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from rigd.api.client import ControlClient
from rigd.model.errors import LinkError, RigError, SurfaceError
from rigd.model.units import Ns
from rigd.surfaces.serial.recognised import Box, BoxRecogniser
from rigd.wire.midi.links import SERIAL_PREFIX, Heard

_ASK_EVERY_S = 0.05


class RigEar:
    """The port of one surface of a running rig."""

    def __init__(self, client: ControlClient, *, surface: str, kind: str, port: str) -> None:
        self.name = SERIAL_PREFIX + port
        self.surface = surface
        self.baud = None
        self._client = client
        self._after = 0
        self._recogniser = BoxRecogniser() if kind == "serial" else None
        self._pause = threading.Event()
        self.wait(0.0)  # from now on it is kept

    @property
    def box(self) -> Box | None:
        """The box that speaks there; None where it is MIDI."""
        return self._recogniser.box if self._recogniser is not None else None

    def wait(self, timeout_s: float) -> list[Heard]:
        """MIDI messages that came. Raises SurfaceError where the rig is gone."""
        self._pause.wait(min(timeout_s, _ASK_EVERY_S))
        try:
            answer = self._client.overhear(self.surface, after=self._after)
        except LinkError as error:
            raise SurfaceError(f"the rigd that holds {self.name} has gone ({error}); learn again") from error
        self._after = answer.next
        brought = [(bytes.fromhex(piece.sent), Ns(piece.at_ns)) for piece in answer.pieces]
        if self._recogniser is None:
            return brought
        for sent, _ in brought:
            self._recogniser.feed(sent)
        return []

    def close(self) -> None:
        """The connection is over."""
        self._client.close()


def ear_of_running_rig(path: str, connect: Callable[[], ControlClient]) -> RigEar | None:
    """The surface of a running rig that holds the serial line `path`; None where none does."""
    try:
        client = connect()
    except RigError:
        return None
    with contextlib.ExitStack() as unless_found:
        unless_found.callback(client.close)
        with contextlib.suppress(RigError):
            for surface in client.status().state.surfaces:
                held = surface.port.removeprefix(SERIAL_PREFIX)
                if held.startswith("/") and _same(held, path):
                    ear = RigEar(client, surface=surface.name, kind=surface.kind, port=path)
                    unless_found.pop_all()
                    return ear
    return None


def _same(one: str, other: str) -> bool:
    try:
        return Path(one).resolve() == Path(other).resolve()
    except OSError:
        return False
