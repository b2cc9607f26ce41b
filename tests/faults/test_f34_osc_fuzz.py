"""F34: mutated OSC packets. Nothing but OscError comes out of the parser; none is understood as something else
than its bytes say. What a whole rig makes of them while a take rolls is test_f35_osc_storm.py."""

from __future__ import annotations

import itertools

import pytest

from hardware_sim.storms import dated_bundles, mutated, nested_bundles, osc_bundle, osc_message
from rigd.wire.osc import DEEPEST_BUNDLE, LARGEST_PACKET_BYTES, OscError, decode_packet, encode_message
from tests.faults.figures import Figures, count

PACKETS = count(ci=50_000, full=1_000_000)
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
    for packet in itertools.chain(BITING, mutated(ROOTS, count=PACKETS, seed=34)):
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
    assert understood + refused == PACKETS + len(BITING)
    figures.record(
        "F34",
        "exceptions past the parser",
        bound="0",
        measured=0,
        unit="exceptions",
        load="the parser alone",
        count=f"{PACKETS:,} mutated packets, {refused:,} of them refused",
    )
