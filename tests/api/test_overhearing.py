"""What comes over a surface's port, asked over the control socket in pieces."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rigd.api.answers import MOST_PIECES
from rigd.api.client import ControlClient
from rigd.api.server import ControlSocket
from rigd.control.levels_fan import LevelsFan
from rigd.model.errors import CommandError
from rigd.model.units import Ns
from rigd.wire.overheard import Overheard
from tests.support.parts import ObedientParts, WoundTape, running_controller
from tests.support.patience import PATIENCE_S
from tests.support.records import NOTHING


def test_a_client_gets_all_that_comes_in_as_many_answers_as_it_takes(tmp_path: Path) -> None:
    port = Overheard()

    def now_ns() -> Ns:
        return Ns(time.monotonic_ns())

    with running_controller(WoundTape(), ObedientParts()) as controller:
        server = ControlSocket(
            tmp_path / "rigd.sock",
            controller=controller,
            levels=LevelsFan(lambda: None, now_ns),
            read_timing=lambda: None,
            clock_ns=now_ns,
            records=NOTHING,
            overheard={"foot": port},
        )
        server.start()
        try:
            with ControlClient(tmp_path / "rigd.sock", answer_within_s=PATIENCE_S) as client:
                first = client.overhear("foot")
                assert (first.pieces, first.next) == ((), 0)
                count = 2 * MOST_PIECES + 3
                for place in range(count):
                    port.note(place.to_bytes(2, "big"), now_ns())
                came: list[int] = []
                after = first.next
                while pieces := (answer := client.overhear("foot", after=after)).pieces:
                    came += [int(piece.sent, 16) for piece in pieces]
                    after = answer.next
                assert came == list(range(count))
                with pytest.raises(CommandError, match=r'no surface "hand" has a port'):
                    client.overhear("hand")
        finally:
            server.stop()
