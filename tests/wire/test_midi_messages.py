"""Names, values of 14 bits and sysex templates: what a device sends is read, and no bytes make trouble."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rigd.wire.midi.messages import built, named
from rigd.wire.midi.parameters import (
    NO_PARAMETER,
    TOP_14_BIT,
    PairReader,
    PairValue,
    Parameter,
    ParameterReader,
)
from rigd.wire.midi.parser import LONGEST_SYSEX_BYTES, MidiParser
from rigd.wire.midi.sysex import SysexTemplate

channels = st.integers(0, 15)
fourteen = st.integers(0, TOP_14_BIT)
parameters = st.builds(
    Parameter,
    kind=st.sampled_from(["nrpn", "rpn"]),
    channel=channels,
    number=st.integers(0, NO_PARAMETER - 1),
    value=fourteen,
)
pairs = st.builds(PairValue, channel=channels, control=st.integers(0, 31), value=fourteen)


def change(channel: int, control: int, value: int) -> bytes:
    return bytes((0xB0 | channel, control, value))


def pair_messages(pair: PairValue) -> tuple[bytes, bytes]:
    """As a device sends it: high half, then low."""
    high, low = divmod(pair.value, 128)
    return change(pair.channel, pair.control, high), change(pair.channel, pair.control + 32, low)


def parameter_messages(sent: Parameter) -> tuple[bytes, ...]:
    """The parameter's number, then its value."""
    channel, select = sent.channel, (99, 98) if sent.kind == "nrpn" else (101, 100)
    number = [
        change(channel, control, half) for control, half in zip(select, divmod(sent.number, 128), strict=True)
    ]
    if sent.bits == 7:
        return (*number, change(channel, 6, sent.value))
    high, low = divmod(sent.value, 128)
    return (*number, change(channel, 6, high), change(channel, 38, low))


def on_the_wire(messages: Iterable[bytes]) -> list[mido.Message]:
    """As a receiver has them: the bytes, whole messages, names."""
    found = [named(message) for message in MidiParser().feed(b"".join(messages))]
    assert all(each is not None for each in found)
    return [each for each in found if each is not None]


def test_a_message_has_midos_names_and_bytes_that_are_none_have_none() -> None:
    message = named(bytes.fromhex("B1507F"))
    assert message is not None and (message.channel, message.control, message.value) == (1, 80, 127)
    assert built("control_change", channel=1, control=80, value=127) == bytes.fromhex("B1507F")
    assert built("pitchwheel", channel=0, pitch=-8192) == bytes.fromhex("E00000")
    with pytest.raises(ValueError):
        built("control_change", channel=0, control=80, value=128)
    for none in ("", "B050", "B0507F00", "50", "F001", "F9", "B0FFFF"):
        assert named(bytes.fromhex(none)) is None


@given(st.binary(max_size=40))
def test_any_bytes_have_a_name_or_none(message: bytes) -> None:
    found = named(message)
    assert found is None or bytes(found.bin()) == message


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_what_the_parser_gives_has_a_name_or_is_undefined(received: list[bytes]) -> None:
    parser = MidiParser()
    for part in received:
        for message in parser.feed(part):
            assert named(message) is not None or message[0] in (0xF9, 0xFD)


@given(st.lists(parameters, max_size=8))
def test_parameters_come_out_as_they_were_sent(sent: list[Parameter]) -> None:
    reader = ParameterReader()
    wire = on_the_wire(message for each in sent for message in parameter_messages(each))
    assert [found for message in wire if (found := reader.read(message))] == sent


@given(st.lists(parameters, max_size=8))
def test_so_do_those_of_seven_bits(sent: list[Parameter]) -> None:
    coarse = [replace(each, value=each.value & 0x7F, bits=7) for each in sent]
    reader = ParameterReader(bits=7)
    wire = on_the_wire(message for each in coarse for message in parameter_messages(each))
    assert [found for message in wire if (found := reader.read(message))] == coarse


def test_a_parameter_that_was_chosen_once_takes_value_after_value() -> None:
    reader = ParameterReader()
    wire = on_the_wire([bytes.fromhex("B06302 B0622C B00640 B02601 B02602 B00641 B02600")])
    assert [found.value for message in wire if (found := reader.read(message))] == [8193, 8194, 8320]


def test_what_follows_the_number_of_none_or_half_a_number_is_for_none() -> None:
    reader = ParameterReader()
    wire = on_the_wire([bytes.fromhex("B06302 B00640 B02601 B0622C B0657F B0647F B00640 B02601")])
    assert [reader.read(message) for message in wire] == [None] * len(wire)


@given(st.lists(pairs, max_size=20))
def test_pairs_come_out_as_they_were_sent(sent: list[PairValue]) -> None:
    reader = PairReader({(pair.channel, pair.control) for pair in sent})
    wire = on_the_wire(message for each in sent for message in pair_messages(each))
    assert [found for message in wire if (found := reader.read(message))] == sent


def test_a_pair_never_passes_a_place_where_the_fader_was_not() -> None:
    reader = PairReader({(0, 7)})
    down = [PairValue(channel=0, control=7, value=value) for value in range(8200, 8180, -1)]
    wire = on_the_wire(message for each in down for message in pair_messages(each))
    values = [found.value for message in wire if (found := reader.read(message))]
    assert values == sorted(values, reverse=True)


def test_a_low_half_alone_counts_with_the_high_half_before_it() -> None:
    reader = PairReader({(0, 7)})
    wire = on_the_wire([bytes.fromhex("B02705 B00740 B02705 B02706 B10840 B12801")])
    assert [found.value for message in wire if (found := reader.read(message))] == [8197, 8198]


@given(st.binary(max_size=200))
def test_any_messages_leave_the_readers_in_order(received: bytes) -> None:
    parameter_reader, pair_reader = ParameterReader(), PairReader({(0, 7)})
    for message in on_the_wire([bytes(byte for byte in received if byte not in (0xF9, 0xFD))]):
        for found in (parameter_reader.read(message), pair_reader.read(message)):
            assert found is None or 0 <= found.value <= TOP_14_BIT
    last = Parameter(channel=3, number=300, value=9000)
    wire = on_the_wire(parameter_messages(last))
    assert [found for message in wire if (found := parameter_reader.read(message))] == [last]


GAIN = SysexTemplate("F0 00 20 32 {device} 20 {gain:14} {trim:14lsb} {pad:nibbles} F7")
TEXT = SysexTemplate("F0 00 00 66 14 12 {offset} {text:*} F7")


def gain_message(device: int, gain: int, trim: int, pad: int) -> bytes:
    trim_high, trim_low = divmod(trim, 128)
    return bytes(
        (*b"\xf0\x00\x20\x32", device, 0x20, *divmod(gain, 128), trim_low, trim_high, *divmod(pad, 16), 0xF7)
    )


def text_message(offset: int, text: bytes) -> bytes:
    return bytes.fromhex("F00000661412") + bytes((offset,)) + text + b"\xf7"


def test_a_template_reads_as_the_manual_prints_it() -> None:
    message = bytes.fromhex("F0 002032 01 20 022C 2C02 0A0B F7")
    assert message == gain_message(1, 300, 300, 0xAB)
    assert GAIN.read(message) == {"device": 1, "gain": 300, "trim": 300, "pad": 0xAB}
    assert TEXT.read(text_message(7, b"Vox")) == {"offset": 7, "text": b"Vox"}
    assert TEXT.read(text_message(7, b"")) == {"offset": 7, "text": b""}


@given(
    st.fixed_dictionaries(
        {"device": st.integers(0, 127), "gain": fourteen, "trim": fourteen, "pad": st.integers(0, 255)}
    )
)
def test_what_a_device_sends_of_a_template_is_read(fields: dict[str, int]) -> None:
    message = gain_message(**fields)
    assert MidiParser().feed(message) == [message]
    assert GAIN.read(message) == fields
    assert TEXT.read(message) is None


@given(st.binary(max_size=40))
def test_any_bytes_are_of_a_template_or_not(message: bytes) -> None:
    for received in (message, b"\xf0" + message + b"\xf7", bytes.fromhex("F00000661412") + message):
        found = TEXT.read(received)
        assert found is None or text_message(**found) == received  # type: ignore[arg-type]
        GAIN.read(received)


def test_what_is_longer_than_the_parser_keeps_is_not_read() -> None:
    assert TEXT.read(text_message(0, b"x" * LONGEST_SYSEX_BYTES)) is not None
    assert TEXT.read(text_message(0, b"x" * (LONGEST_SYSEX_BYTES + 1))) is None


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("00 20 F7", "begin with F0"),
        ("F0", "begin with F0"),
        ("F0 80 F7", "above 7F"),
        ("F0 {a} {a} F7", "twice"),
        ("F0 {a:*} {b:*} F7", "two fields"),
        ("F0 {a:15} F7", "neither"),
        ("F0 1 F7", "neither"),
    ],
)
def test_a_template_that_is_none_is_refused(template: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        SysexTemplate(template)


def test_no_midi_library_is_loaded_before_a_thread_needs_it() -> None:
    """They take a fifth of a second, which the first frame would wait for."""
    loads = (
        "import sys, rigd.surfaces.midi.surface; print({'mido', 'alsa_midi', 'rtmidi'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", loads], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
