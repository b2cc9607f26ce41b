"""F34: mutated OSC packets. Nothing but OscError comes out of the parser; none is understood as something else
than its bytes say, and one thing that is wrong is enough for it to be refused. A whole rig that hears such packets
from its desk stays as it is, and says so once. While a take rolls, and 20,000 a second: test_f35_osc_storm.py.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hardware_sim.osc_broken import WAYS, broken_packet, right_packet
from hardware_sim.storms import Storm, dated_bundles, mutated, nested_bundles, osc_bundle, osc_message
from hardware_sim.x32 import SimulatedX32
from rigd.model.events import Happening
from rigd.model.state import RigState
from rigd.preamps.osc_desk.flood_guard import PER_SECOND
from rigd.wire.osc import DEEPEST_BUNDLE, LARGEST_PACKET_BYTES, OscError, decode_packet, encode_message
from tests.proof.figures import Figures, count
from tests.proof.storming import DESK, await_intake, log_lines
from tests.support.events import EventLog
from tests.support.patience import wait_for
from tests.support.rig import RigRun

PACKETS = count(ci=50_000, full=1_000_000)
"""Half of them changed blindly, half broken in a way that is known."""
EXAMPLES = count(ci=500, full=20_000)
POURED = count(ci=600, full=12_000)
READ_PER_S = 50
"""What rigd itself may ask the desk, and be answered."""
GAIN = osc_message("/headamp/000/gain", 0.5)
ROOTS = (
    GAIN,
    encode_message("/take/name", "Blue", 7, b"bytes", True, 0.25),
    osc_bundle(GAIN, osc_message("/fader/1", 0.1, 0.2), osc_bundle(GAIN)),
    *dated_bundles(GAIN),
    nested_bundles(DEEPEST_BUNDLE - 1),
)
BITING = (
    b"/\xff\xfe\0\0,\0\0\0",  # an address that is not UTF-8
    nested_bundles(400),  # 8 kB of bundles in bundles
    b"",
    b"#bundle\0",
    GAIN + bytes(LARGEST_PACKET_BYTES),
)
"""What broke other parsers: faults F34."""


@pytest.mark.timeout(count(ci=120, full=900))
def test_no_packet_brings_anything_but_messages_or_an_osc_error(figures: Figures) -> None:
    understood = refused = 0
    blind = PACKETS // 2
    for packet in itertools.chain(BITING, mutated(ROOTS, count=blind, seed=34)):
        try:
            messages = decode_packet(packet)
        except OscError:
            refused += 1
            continue
        understood += 1
        for message in messages:
            # What was understood stands in the packet: no value was made up.
            assert message.address.encode() in packet
    assert understood and refused
    assert understood + refused == blind + len(BITING)
    chance, ways = random.Random(34), Counter[str]()
    for _ in range(PACKETS - blind):
        how, packet = broken_packet(chance)
        with pytest.raises(OscError):
            decode_packet(packet)
        ways[how] += 1
    assert set(ways) == set(WAYS)
    figures.record(
        "F34",
        "exceptions past the parser, or a broken packet understood",
        bound="0",
        measured=0,
        unit="packets",
        load="the parser alone",
        count=f"{blind:,} changed blindly, {refused:,} of them refused;"
        f" {PACKETS - blind:,} broken in {len(WAYS)} known ways, all refused",
    )


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chance=st.randoms(use_true_random=False), address=st.from_regex(r"/[a-z0-9/]{0,40}", fullmatch=True))
def test_whatever_the_address_one_wrong_thing_is_found_and_a_right_packet_is_read(
    chance: random.Random, address: str
) -> None:
    how, packet = broken_packet(chance, address=address)
    try:
        messages = decode_packet(packet)
    except OscError:
        pass
    else:
        raise AssertionError(f"{how}: understood as {messages}")
    assert decode_packet(right_packet(chance, address=address))[-1].address == address


@pytest.mark.timeout(count(ci=180, full=600))
def test_packets_that_are_no_osc_change_nothing_of_a_running_rig(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    """Each would set the gain to 42 dB, were what is wrong with it overlooked."""
    chance = random.Random(34)
    broken = [packet for _, packet in (broken_packet(chance, value=0.75) for _ in range(POURED))]
    with SimulatedX32() as desk:
        desk.turn(1, 10.0)
        rig = rig_of(channels=2, more=DESK.format(port=desk.port))
        rig.await_state(lambda state: state.channels[0].gain.value == 10.0, "the desk is heard")
        rig.await_state(lambda state: state.channels[0].phantom.value is not None, "all of it")
        rig.await_state(lambda state: not state.measuring, "the disk is measured")
        before, lines_before = settled(rig.state()), log_lines(rig)
        with EventLog(rig.runtime / "rigd.sock") as events:
            with Storm(desk.send, [*BITING, *broken], per_second=PER_SECOND - READ_PER_S) as storm:
                poured = storm.wait(500)
            intake = await_intake(rig)
            after = settled(rig.state())
            lines = log_lines(rig) - lines_before
            # It was there and heard all along.
            desk.turn(1, 20.0)
            events.await_event(Happening.SETTING_CHANGED)
            changed = [event.text for _, event in events.of(Happening.SETTING_CHANGED)]
            wait_for(lambda: rig.state().channels[0].gain.value == 20.0, "the desk's own knob is shown")
    assert after == before
    assert len(changed) == 1, changed
    assert intake.dropped == 0 and intake.refused > POURED // 2
    assert lines <= poured.seconds
    of = f"{poured.pieces:,} broken packets, {intake.refused:,} of them for the parser, {lines} log lines"
    figures.record(
        "F34",
        "changes of a rig's state by packets that are no OSC",
        bound="0",
        measured=len(changed) - 1,
        unit="changes",
        count=of,
        load="2 ch, an X32",
    )
    figures.record(
        "F34",
        "log lines",
        bound="<= 1 a second",
        measured=lines / poured.seconds,
        unit="a second",
        count=of,
        load="2 ch, an X32",
    )


def settled(state: RigState) -> RigState:
    """Without what the writer's and the interface's reports of each second may change: room, and what they count."""
    return replace(state, disk=None, interface=None)
