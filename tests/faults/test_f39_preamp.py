"""F39: a preamp that is dead, that answers for another channel, that says what cannot be; orders that would hurt. No
recording waits for it, and what is shown is what the desk last confirmed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest

from hardware_sim.x32 import SimulatedX32
from rigd.model.errors import CommandError
from rigd.model.state import RigState, Setting
from tests.proof.figures import Figures, count
from tests.proof.load import start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.proof.storming import DESK
from tests.support.rig import RigRun

LARGEST_STEP_DB = 6.01
"""As it comes out of the 32-bit float on the wire."""
COMMANDS = 20
TAKES = count(ci=3, full=20)
"""So often a take is stopped, started and followed by another one while the desk is dead."""


def gain(state: RigState) -> Setting:
    return state.channels[0].gain


@pytest.mark.timeout(count(ci=180, full=300))
def test_a_bad_preamp_costs_no_sound_and_no_wait(rig_of: Callable[..., RigRun], figures: Figures) -> None:
    with SimulatedX32() as desk:
        desk.turn(1, 0.0)
        rig = rig_of(more=DESK.format(port=desk.port))
        rig.await_state(lambda state: gain(state).value == 0.0 and gain(state).confirmed, "the desk is heard")
        # Of an armed channel 48 V on wants a second word. Armed it stands all day long; recorded it is under a take.
        assert rig.state().channels[0].armed
        refused = rig.client().say("phantom 1 on")
        assert not refused.accepted and "48 V on wants a confirmation" in refused.text
        assert not desk.phantom(1)
        start_take(rig)

        # What cannot be is not shown.
        for nonsense in (math.nan, math.inf, -math.inf, 1e30, -5.0):
            desk.say(1, "gain", nonsense)
        desk.turn(1, 6.0)
        rig.await_state(lambda state: gain(state).value == 6.0, "the desk's own knob is shown")

        # Out of range is refused; far away is reached in steps that no ear and no meter is hurt by.
        for order in ("gain 1 200", "gain 1 -90", "gain 99 10"):
            assert not rig.client().say(order).accepted, order
        for order in ("gain 1 nan", "gain 1 inf"):
            with pytest.raises(CommandError, match="is not a gain_db"):
                rig.client().say(order)
        assert gain(rig.state()).value == 6.0
        heard_before = len(desk.heard)
        rig.say("gain 1 46")
        rig.await_state(lambda state: gain(state).value == 46.0 and gain(state).confirmed, "46 dB")
        asked = [
            -12.0 + 72.0 * float(message.arguments[0])  # type: ignore[arg-type]
            for message in list(desk.heard)[heard_before:]
            if message.address.endswith("/gain") and message.arguments
        ]
        steps = [after - before for before, after in zip([6.0, *asked], asked, strict=False)]
        assert steps and max(abs(step) for step in steps) <= LARGEST_STEP_DB

        # 48 V is not switched under a take, be it on or off.
        refused = rig.client().say("phantom 1 on")
        assert not refused.accepted and "48 V is not switched while a take rolls" in refused.text
        for order in ("phantom 1 on confirm", "phantom 1 off"):
            assert not rig.client().say(order).accepted, order
        assert not desk.phantom(1)

        # An answer for another socket is not taken for one of ours.
        desk.faults.wrong_channel = True
        rig.say("gain 1 40")
        state = rig.await_state(lambda state: gain(state).asked == 40.0 or gain(state).value == 40.0, "asked")
        desk.faults.wrong_channel = False
        rig.await_state(lambda state: gain(state).value == 40.0 and gain(state).confirmed, "40 dB")

        # A dead one: the last confirmed value stays, the wish is marked, and no command waits for it.
        desk.faults.deaf = True
        rig.say("gain 1 30")
        state = rig.state()
        assert (gain(state).value, gain(state).asked) == (40.0, 30.0)
        longest_s: dict[str, float] = {}

        def timed(command: str) -> None:
            at = time.monotonic()
            rig.say(command)
            longest_s[command] = max(longest_s.get(command, 0.0), time.monotonic() - at)

        for _ in range(COMMANDS):
            timed("mark")
            rig.hear(0.2)
        # It is asked for its gain all the while; takes begin, follow one another and end as ever.
        for turn in range(1, TAKES + 1):
            timed("stop")
            rig.await_closed(2 * turn - 1)
            rig.say(f"gain 1 {30 - turn}")
            timed("start")
            rig.roll(0.5)
            timed("next")
            rig.roll(0.5)
        rig.await_state(lambda state: not state.preamps[0].answering, "the desk is told not to answer")
        state = rig.state()
        assert gain(state).value == 40.0 and not gain(state).confirmed
        desk.faults.deaf = False
        rig.await_state(lambda state: state.preamps[0].answering, "it answers again")
        stop_take(rig, closed=2 * TAKES + 1)
        takes = rig.await_closed(2 * TAKES + 1)
    gap_frames = 0
    for take in takes:
        heard = check_a(take.folder)
        check_b(take.folder)
        assert not heard.gaps
        gap_frames += heard.gap_frames
    of = "1 desk: NaN, out of range, far jumps, wrong socket, dead"
    figures.record("F39", "frames lost", bound="0 frames", measured=gap_frames, unit="frames", count=of)
    figures.record(
        "F39",
        "largest step of a gain",
        bound="<= 6 dB",
        measured=round(max(abs(step) for step in steps), 3),
        unit="dB",
        count="one of 40 dB",
    )
    for command, seconds in longest_s.items():
        figures.record(
            "F39",
            f"longest answer to {command}, desk dead",
            bound="<= 250 ms",
            measured=1000 * seconds,
            unit="ms",
            count=f"{COMMANDS if command == 'mark' else TAKES} times",
        )
