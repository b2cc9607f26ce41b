"""The view that `rigd run` shows in a terminal: it may be left and shown again, and the rig goes on."""

from __future__ import annotations

import pytest

from rigd.model.state import Transport
from tests.support.patience import wait_for
from tests.support.terminal_rig import Started, TerminalRig

CONFIG = """
[audio]
driver = "simulated"
channels = 4
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_q_leaves_the_view_v_shows_it_again_and_the_take_rolls_on() -> None:
    with TerminalRig(CONFIG, Started.FOREGROUND) as rig:
        wait_for(lambda: " READY " in rig.screen and "q leave" in rig.screen, "the view")
        wait_for(lambda: rig.reads_keys, "it reads keys")
        rig.type(" ")
        rig.await_transport(Transport.ROLLING)
        rig.type("q")
        wait_for(lambda: "You have left the view; the rig goes on" in rig.screen, "it says so")
        rig.type(" ")
        rig.roll(0.5)
        assert rig.state().transport is Transport.ROLLING, "a key of a view that was left does nothing"
        before = len(rig.screen)
        rig.type("v")
        wait_for(lambda: "● REC " in rig.screen[before:], "the view again")
        rig.type("\x03")
        wait_for(lambda: "Ctrl-C again within 3 s" in rig.screen, "what the rig says is in the view")
        rig.say("stop")
        rig.await_closed(1)
        rig.type("\x03")
        wait_for(lambda: rig.daemon.poll() is not None, "it ends")
        wait_for(lambda: "rigd has ended" in rig.screen, "the last line")
