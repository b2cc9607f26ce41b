"""OSC packets, against python-osc and against anything at all."""

from __future__ import annotations

import math
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc import osc_message, osc_message_builder

from hardware_sim.osc_broken import WAYS, right_packet
from rigd.wire.osc import DEEPEST_BUNDLE, OscError, OscMessage, decode_packet, encode_message

numbers = st.integers(-(2**31), 2**31 - 1)
words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
values = (
    numbers
    | st.floats(width=32, allow_nan=False)
    | words
    | st.binary(min_size=1, max_size=40)
    | st.booleans()
)


def bundled(*elements: bytes) -> bytes:
    return b"#bundle\0" + bytes(7) + b"\1" + b"".join(struct.pack(">i", len(e)) + e for e in elements)


def test_an_order_to_an_x32_is_the_bytes_of_its_manual() -> None:
    packet = encode_message("/headamp/000/gain", (30 + 12) / 72)
    assert packet.hex(" ") == (
        "2f 68 65 61 64 61 6d 70 2f 30 30 30 2f 67 61 69 6e 00 00 00 2c 66 00 00 3f 15 55 55"
    )


def test_a_query_is_the_address_alone() -> None:
    assert encode_message("/xremote") == b"/xremote\0\0\0\0"
    assert decode_packet(b"/xremote\0\0\0\0") == (OscMessage("/xremote"),)


@given(st.lists(values, min_size=1, max_size=8))
def test_what_rigd_sends_is_what_python_osc_reads(arguments: list[int | float | str | bytes | bool]) -> None:
    read = osc_message.OscMessage(encode_message("/a/b", *arguments))
    assert read.address == "/a/b"
    assert list(read.params) == arguments


@given(st.lists(values, min_size=1, max_size=8))
def test_what_python_osc_sends_is_what_rigd_reads(arguments: list[int | float | str | bytes | bool]) -> None:
    builder = osc_message_builder.OscMessageBuilder(address="/a/b")
    for argument in arguments:
        builder.add_arg(argument)
    (message,) = decode_packet(builder.build().dgram)
    assert message == OscMessage("/a/b", tuple(arguments))


def test_a_bundle_is_its_messages_in_order() -> None:
    inner = bundled(encode_message("/b", 2), encode_message("/c", "x"))
    packet = bundled(encode_message("/a", 1), inner)
    assert [message.address for message in decode_packet(packet)] == ["/a", "/b", "/c"]


def test_arrays_and_wide_numbers_are_read() -> None:
    packet = b"/a\0\0,[ih]dTFNtc\0" + struct.pack(">iqdQI", 1, 2**40, 0.5, 2**63, 65)
    assert decode_packet(packet) == (OscMessage("/a", ((1, 2**40), 0.5, True, False, None, 2**63, 65)),)


def nested(depth: int) -> bytes:
    packet = encode_message("/a")
    for _ in range(depth):
        packet = bundled(packet)
    return packet


def test_bundles_may_be_nested_so_deep_and_no_deeper() -> None:
    assert decode_packet(nested(DEEPEST_BUNDLE)) == (OscMessage("/a"),)
    with pytest.raises(OscError, match="nested too deeply"):
        decode_packet(nested(DEEPEST_BUNDLE + 1))


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"/",
        b"abc\0",
        b"/a\xff\0",
        b"/a b\0\0\0\0",
        b"/a\0\0,i\0\0\0\0",
        b"/a\0\0,i\0\0" + bytes(8),
        b"/a\0\0,q\0\0",
        b"/a\0\0,]\0\0",
        b"/a\0\0,[\0\0",
        b"/a\0\0,b\0\0\x7f\xff\xff\xff",
        b"/a\0\0,b\0\0\xff\xff\xff\xff",
        b"/a\0\0,s\0\0\xff\xff\0\0",
        b"/a\0\0i\0\0\0" + bytes(4),
        b"#bundle\0",
        bundled(b"")[:-4] + b"\0\0\0\0",
        b"#bundle\0" + bytes(8) + struct.pack(">i", 400),
        b"/a\0\0,s\0\0" + b"x" * 8192 + b"\0\0\0\0",
    ],
)
def test_what_is_not_osc_is_refused_whole(packet: bytes) -> None:
    with pytest.raises(OscError):
        decode_packet(packet)


@pytest.mark.parametrize("time_tag", [0, 2, 1 << 63, 2_208_988_800 << 32, 4_070_908_800 << 32, (1 << 64) - 1])
def test_a_bundle_for_another_time_is_not_done_now_either(time_tag: int) -> None:
    dated = b"#bundle\0" + struct.pack(">Q", time_tag) + struct.pack(">i", 4) + b"/a\0\0"
    for packet in (dated, bundled(dated), bundled(encode_message("/b"), dated)):
        with pytest.raises(OscError, match="another time"):
            decode_packet(packet)


@pytest.mark.parametrize("how", WAYS)
@given(chance=st.randoms(use_true_random=False))
def test_one_thing_that_is_wrong_is_enough_to_refuse_a_packet(how: str, chance: random.Random) -> None:
    with pytest.raises(OscError):
        decode_packet(WAYS[how](chance, "/headamp/000/gain", 0.75))


@given(chance=st.randoms(use_true_random=False))
def test_a_packet_with_nothing_wrong_is_understood(chance: random.Random) -> None:
    assert decode_packet(right_packet(chance))[-1] == OscMessage("/headamp/000/gain", (0.75,))


@given(st.binary(max_size=200))
def test_any_bytes_give_messages_or_an_osc_error(packet: bytes) -> None:
    try:
        decode_packet(packet)
    except OscError:
        return


@given(st.data())
def test_mutated_packets_give_messages_or_an_osc_error(data: st.DataObject) -> None:
    packet = bytearray(bundled(encode_message("/headamp/000/gain", 0.5, "x", b"yy", 7), nested(3)))
    for _ in range(data.draw(st.integers(1, 6))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    del packet[data.draw(st.integers(0, len(packet))) :]
    try:
        decode_packet(bytes(packet))
    except OscError:
        return


@pytest.mark.parametrize(
    ("address", "arguments"),
    [("a", (1,)), ("/a b", (1,)), ("/a", (2**31,)), ("/a", (1e300,)), ("/a", ("\0",)), ("/a", ("x" * 9000,))],
)
def test_what_cannot_be_sent_is_refused(address: str, arguments: tuple[int | float | str, ...]) -> None:
    with pytest.raises(OscError):
        encode_message(address, *arguments)


def test_nan_is_read_as_it_is_and_left_to_whoever_asked() -> None:
    (message,) = decode_packet(b"/a\0\0,f\0\0" + struct.pack(">f", math.nan))
    assert isinstance(message.arguments[0], float)
    assert math.isnan(message.arguments[0])
