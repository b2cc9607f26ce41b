"""`rigd learn` on a serial line that a running rig holds: it hears through the rig, which goes on as it does."""

from __future__ import annotations

import itertools
from pathlib import Path
from threading import Event, Thread

from hardware_sim.faderbox import Build, FaderBox
from hardware_sim.pedal import Pedal, PtyWire
from rigd.api.client import ControlClient
from rigd.cli.learn import kinds_that_learn
from rigd.cli.learning import learn
from rigd.model.state import Transport
from tests.support.rig import RigRun

CONFIG = """
[audio]
driver = "simulated"
channels = 2
[surface.foot]
kind = "midi"
port = "serial:{pedal}"
[[surface.foot.binding]]
control = "cc 80"
tap = "toggle"
[surface.box]
kind = "serial"
port = "{box}"
protocol = "deej"
[[surface.box.binding]]
control = "fader 1"
gain = 1
[[channel]]
preamp = "desk:1"
[preamp.desk]
kind = "x32"
host = "127.0.0.1"
port = 1
"""


def test_a_line_that_the_rig_holds_is_learnt_through_it(tmp_path: Path) -> None:
    box_path = tmp_path / "box"
    config = CONFIG.format(pedal=tmp_path / "midi", box=box_path)
    with (
        Pedal(lambda: PtyWire(tmp_path / "midi"), number=80) as pedal,
        FaderBox(box_path, Build(lines="deej", faders=2)) as box,
        RigRun(config) as rig,
    ):
        rig.await_surfaces()

        def connect() -> ControlClient:
            return ControlClient(rig.runtime / "rigd.sock")

        said: list[str] = []
        feet: list[Thread] = []

        def say(text: str) -> None:
            said.append(text)
            if "press the switch" in text:
                feet.append(Thread(target=pedal.tap))
                feet[-1].start()

        kind, learned = learn(kinds_that_learn(), pedal.port, seconds=20, say=say, connect=connect)
        feet[0].join()
        assert (kind, learned.facts["control"]) == ("midi", "cc 80 ch 1")
        assert learned.facts["mode"] == "momentary"
        assert "[surface.foot]" in said[0]
        rig.await_transport(Transport.ROLLING)

        over = Event()

        def sweep() -> None:
            for place in itertools.count():
                box.move(2, 900 if place % 2 else 100)
                if over.wait(0.1):
                    return

        hand = Thread(target=sweep)
        hand.start()
        try:
            kind, learned = learn(kinds_that_learn(), str(box_path), seconds=20, connect=connect)
        finally:
            over.set()
            hand.join()
        assert (kind, learned.facts["control"]) == ("serial", "fader 2")
        assert learned.facts["box"]["protocol"] == "deej"
