"""Every lamp word on a pedal's MIDI line and on a box's line: the two show the same, in every state."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardware_sim.faderbox import Build
from hardware_sim.pedal import Pedal, PtyWire
from rigd.hands.showing import HALF_BLINK_NS, LAMPS, Light, light_of
from rigd.model.state import RigState, Transport
from rigd.model.units import Ns
from tests.hands.test_showing import BUSY, CALM
from tests.support.patience import wait_for
from tests.surfaces.box_bench import Bench
from tests.surfaces.midi_bench import running

WORDS = (*LAMPS, "armed 1", "phantom 1")
CONTROLS = [f"cc {20 + place}" for place in range(len(WORDS))]
LED = [{"on": word, "send": control} for word, control in zip(WORDS, CONTROLS, strict=True)]


class Hand:
    """A clock that stands until it is turned, so that both halves of a blink can be looked at."""

    def __init__(self) -> None:
        self.now_ns = Ns(100 * HALF_BLINK_NS)

    def __call__(self) -> Ns:
        return self.now_ns

    def turn(self) -> None:
        self.now_ns = Ns(self.now_ns + HALF_BLINK_NS)


def expected(state: RigState, *, dark_half: bool) -> dict[str, int]:
    """The pedal's lamps, in the one half of a blink or in the other."""
    lit = {Light.ON} if dark_half else {Light.ON, Light.BLINK}
    return {
        control: 127 if light_of(word, state) in lit else 0
        for word, control in zip(WORDS, CONTROLS, strict=True)
    }


@pytest.mark.slow
def test_every_lamp_is_the_same_on_a_pedal_and_on_a_box(bench: Bench, tmp_path: Path) -> None:
    hand = Hand()
    pedal = Pedal(lambda: PtyWire(tmp_path / "midi"))
    surface, box = bench.met(Build(beat_s=0.1, dead_s=0.4, pace_ms=1, leds=len(WORDS)), leds=WORDS)
    with pedal, running(pedal, clock=hand, settle_ms=0, led=LED) as (pedal_surface, _):
        for state in (*CALM.values(), *BUSY.values()):
            surface.show(state, None)
            pedal_surface.show(state, None)
            lights = tuple(light_of(word, state).value for word in WORDS)
            wait_for(lambda lights=lights: box.front().leds == lights, f"the box, {state.transport}")  # type: ignore[misc]
            for dark_half in (False, True):
                lamps = expected(state, dark_half=dark_half)
                wait_for(
                    lambda lamps=lamps: pedal.lamps == lamps,  # type: ignore[misc]
                    f"the pedal, {state.transport}",
                    instead=lambda: pedal.lamps,
                )
                hand.turn()


def test_in_post_roll_the_pedal_says_that_it_records_and_not_that_it_is_ready(tmp_path: Path) -> None:
    led = [{"on": "recording", "send": "cc 80"}, {"on": "ready", "send": "cc 81"}]
    with Pedal(lambda: PtyWire(tmp_path / "midi")) as pedal, running(pedal, led=led) as (surface, _):
        surface.show(CALM[Transport.POSTROLL], None)
        for value in (127, 0, 127, 0):
            wait_for(lambda value=value: pedal.lamps == {"cc 80": value, "cc 81": 0})  # type: ignore[misc]


def test_a_refusal_is_lit_for_a_moment_on_both(bench: Bench, tmp_path: Path) -> None:
    surface, box = bench.met(Build(beat_s=0.1, dead_s=0.4, pace_ms=1, leds=1), leds=("refused",))
    led = [{"on": "refused", "send": "cc 90"}]
    with Pedal(lambda: PtyWire(tmp_path / "midi")) as pedal, running(pedal, led=led) as (pedal_surface, _):
        for each in (surface, pedal_surface):
            each.show(CALM[Transport.READY], None)
        wait_for(lambda: pedal.lamps == {"cc 90": 0})
        surface.answered("button 1", False, "no channel is armed")
        wait_for(lambda: box.front().leds == ("on",))
        wait_for(lambda: box.front().leds == ("off",))
        pedal_surface.answered("cc 80", False, "no channel is armed")
        wait_for(lambda: pedal.lamps == {"cc 90": 127})
        wait_for(lambda: pedal.lamps == {"cc 90": 0})
