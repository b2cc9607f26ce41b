"""F53: a wrong, a spiked, a cut line of a box without checksums, and a sensor that wavers at a switch's threshold. No
gain moves that nobody touched, and no take begins."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hardware_sim.pedal import Pedal, PtyWire
from rigd.hands.bindings import Binding
from rigd.hands.faders import GainFader
from rigd.hands.surface import ControlInput, Motion
from rigd.model.state import Setting
from rigd.model.units import NS_PER_SECOND, Ns
from rigd.surfaces.serial.deej import DeejTalk
from rigd.surfaces.serial.settings import LineTiming, SerialSettings
from tests.proof.figures import Figures, count
from tests.surfaces.midi_bench import running, wait_for
from tests.surfaces.serial_bench import channel

LINES = count(ci=2_000, full=200_000)
STEPS = count(ci=500, full=5_000)
LINE_NS = NS_PER_SECOND // 100
TRUE_DB = 30.0


def spoil(line: bytes, dice: random.Random) -> bytes:
    """The line as a bad cable, a noise spike or a board that resets makes it; it may be two, or half of one."""
    place = dice.randrange(len(line))
    match dice.randrange(6):
        case 0:
            return line[:place] + line[place + 1 :]
        case 1:
            return line[:place] + bytes([line[place] ^ (1 << dice.randrange(8))]) + line[place + 1 :]
        case 2:
            return line[place:]
        case 3:
            return b"%d|%d\r\n" % (dice.choice((0, 1023)), dice.choice((0, 1023)))
        case 4:
            return line[:place] + b"%d" % dice.randrange(10) + line[place:]
        case _:
            return line[:place]


def test_no_wrong_line_of_a_deej_box_moves_a_gain(figures: Figures) -> None:
    dice = random.Random(53)
    settings = SerialSettings(port="/dev/null", protocol="deej")
    talk = DeejTalk("box", settings, LineTiming(), opened_at_ns=Ns(0))
    rig_channel = channel(1, gain=Setting(value=TRUE_DB, confirmed=True))
    faders = [GainFader(Binding(control=f"fader {number}", gain=1)) for number in (1, 2)]
    moves = spoilt = 0
    now_ns = 0
    for _ in range(LINES):
        # Where the sliders stand: below the true gain and above it, and nobody touches them.
        for line in [*[b"102|1000\r\n"] * dice.randint(2, 6), spoil(b"102|1000\r\n", dice)]:
            now_ns += LINE_NS
            if dice.random() < 0.01:
                now_ns += NS_PER_SECOND  # it hung in mid-line
            for outcome in [*talk.tick(Ns(now_ns)), *talk.hear(line, Ns(now_ns))]:
                if isinstance(outcome, ControlInput):
                    fader = faders[int(outcome.control.split()[1]) - 1]
                    moves += fader.moved(outcome.value, rig_channel) is not None
        spoilt += 1
    assert moves == 0
    assert talk.refused.count > 0
    figures.record(
        "F53",
        "gains moved by nobody",
        bound="0",
        measured=moves,
        unit="gains",
        load="2 sliders",
        count=f"{spoilt:,} wrong lines",
    )


@pytest.mark.timeout(count(ci=60, full=300))
def test_a_sensor_that_wavers_at_a_switchs_threshold_presses_nothing(
    figures: Figures, tmp_path: Path
) -> None:
    dice = random.Random(54)
    with Pedal(lambda: PtyWire(tmp_path / "midi"), number=11) as pedal, running(pedal) as (_, sink):
        for _ in range(STEPS):
            pedal.send(bytes((0xB0, 11, 64 + dice.choice((-6, -3, -2, -1, 0, 1, 2, 5)))))
        pedal.send(bytes((0xB0, 12, 127)))
        wait_for(lambda: ("cc 12 ch 1", Motion.PRESS) in sink.switches, "a real switch is heard behind it")
        pressed = [each for each in sink.switches if each == ("cc 11 ch 1", Motion.PRESS)]
    assert pressed == []
    figures.record(
        "F53",
        "presses by no foot",
        bound="0",
        measured=len(pressed),
        unit="presses",
        load="1 pedal",
        count=f"{STEPS:,} values",
    )
