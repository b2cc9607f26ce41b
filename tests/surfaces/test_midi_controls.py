"""Bytes to messages to controls, also from bytes that mean nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.hands.bindings import Binding
from rigd.hands.surface import Motion
from rigd.model.units import ChannelNumber
from rigd.surfaces.midi.controls import FineControls, check_control, message_for, motions_of, touches_in
from rigd.wire.midi.parser import LONGEST_SYSEX_BYTES, MidiParser

RECORD = bytes.fromhex("F07F7F0606F7")


def parsed(*parts: bytes) -> list[bytes]:
    parser = MidiParser()
    return [message for part in parts for message in parser.feed(part)]


@pytest.mark.parametrize(
    ("received", "messages"),
    [
        ("B0507F B05000", ["B0507F", "B05000"]),
        ("903C64 3D64 3C00", ["903C64", "903D64", "903C00"]),  # running status
        ("C003 04", ["C003", "C004"]),
        ("B0 F8 50 FE 7F", ["F8", "FE", "B0507F"]),  # real-time bytes inside a message
        ("F07F F8 7F0606F7", ["F8", "F07F7F0606F7"]),  # and inside a sysex
        ("507F B0507F", ["B0507F"]),  # data before any status
        ("B050 C003", ["C003"]),  # a message that was cut off
        ("B0507F F1 12 507F", ["B0507F", "F112"]),  # system messages end running status
        ("F0 0102 B0507F", ["B0507F"]),  # a sysex that was cut off
        ("F4 507F F5 B0507F", ["B0507F"]),
        ("F7 B0507F F7 F7", ["B0507F"]),
        ("B0507F F0 01 F7 5000", ["B0507F", "F001F7"]),
        ("F20102 F6", ["F20102", "F6"]),
    ],
)
def test_messages_come_out_whole(received: str, messages: list[str]) -> None:
    expected = [bytes.fromhex(message) for message in messages]
    assert parsed(bytes.fromhex(received)) == expected
    assert parsed(*(bytes((byte,)) for byte in bytes.fromhex(received))) == expected


def test_a_hundred_thousand_random_bytes_raise_nothing_and_the_next_message_is_understood() -> None:
    chance = random.Random(36)
    parser = MidiParser()
    for _ in range(1000):
        rubbish = chance.randbytes(100)
        for message in parser.feed(rubbish):
            touches_in(message)
        assert len(parser._held) <= LONGEST_SYSEX_BYTES
        assert parser.feed(bytes.fromhex("B0507F"))[-1] == bytes.fromhex("B0507F")


def test_a_sysex_without_end_is_bounded_and_the_next_message_is_understood() -> None:
    parser = MidiParser()
    assert parser.feed(b"\xf0") == []
    for _ in range(100):
        assert parser.feed(b"\x01" * 10_000) == []
        assert len(parser._held) <= LONGEST_SYSEX_BYTES
    assert parser.feed(b"\xf7") == []  # too long: dropped to its end
    assert parser.feed(RECORD) == [RECORD]
    parser.feed(b"\xf0" + b"\x01" * 10_000)
    assert parser.feed(bytes.fromhex("B0507F")) == [bytes.fromhex("B0507F")]


@given(st.binary(max_size=300))
def test_any_bytes_make_only_whole_messages_and_no_exception(received: bytes) -> None:
    for message in parsed(received):
        assert message[0] >= 0x80
        assert all(byte < 0x80 for byte in message[1:-1])
        for touch in touches_in(message):
            assert check_control(touch.control) == ""
            assert 0 <= touch.value <= 1


@given(st.binary(max_size=80))
def test_any_bytes_taken_for_a_message_raise_nothing(message: bytes) -> None:
    touches_in(message)


def moves(message: str) -> list[tuple[str, Motion]]:
    return [(touch.control, touch.motion) for touch in touches_in(bytes.fromhex(message))]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("B0507F", [("cc 80 ch 1", Motion.ABSOLUTE)]),
        ("BF4040", [("cc 64 ch 16", Motion.ABSOLUTE)]),
        ("913C01", [("note 60 ch 2", Motion.PRESS)]),
        ("913C00", [("note 60 ch 2", Motion.RELEASE)]),
        ("813C40", [("note 60 ch 2", Motion.RELEASE)]),
        ("C203", [("program 3 ch 3", Motion.TRIGGER)]),
        ("FA", [("realtime start", Motion.TRIGGER)]),
        ("E00040", [("pitch ch 1", Motion.ABSOLUTE)]),
        ("D040", []),
        ("B07B00", []),
        ("F112", []),
    ],
)
def test_a_message_is_what_a_control_did(message: str, expected: list[tuple[str, Motion]]) -> None:
    assert moves(message) == expected


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("F07F7F0606F7", ["record"]),
        ("F07F000601F7", ["stop"]),
        ("F07F7F060607F7", ["record", "exit"]),
        ("F07F7F06440601210203040006F7", ["record"]),  # a locate, then record strobe
        ("F07F7F0641044F002020F7", []),
        ("F07F7F0606", []),
        ("F07F7F0706F7", []),
        ("F07E7F0601F7", []),
        ("F07F7F064107F7", []),  # counts more bytes than there are
        ("F07F7F0602 09 02F7", ["play", "pause", "play"]),
    ],
)
def test_machine_control_is_understood_also_when_packed(message: str, words: list[str]) -> None:
    assert moves(message) == [(f"mmc {word}", Motion.TRIGGER) for word in words]


def fine(bound: str, *messages: str) -> list[tuple[str, float]]:
    controls = FineControls([Binding(control=bound, gain=ChannelNumber(1))])
    found = [touch for each in messages for touch in controls.touches_in(bytes.fromhex(each))]
    assert all(touch.motion is Motion.ABSOLUTE for touch in found)
    return [(touch.control, touch.value) for touch in found]


def test_controls_of_fourteen_bits_are_whole_with_their_last_message() -> None:
    pair = ("B1077F", "B1277F", "B10700", "B12700")
    assert fine("cc14 7", *pair) == [("cc14 7 ch 2", 1.0), ("cc14 7 ch 2", 0.0)]
    assert fine("cc14 7 ch 1", *pair) == fine("cc 7", *pair) == []
    nrpn = ("B06302", "B0622C", "B0067F", "B0267F")
    assert fine("nrpn 300 ch 1", *nrpn) == [("nrpn 300 ch 1", 1.0)]
    assert fine("rpn 1", "B06500", "B06401", "B00640", "B02600") == [("rpn 1 ch 1", 8192 / 16383)]


def test_a_fader_that_sends_pitch_goes_from_end_to_end() -> None:
    places = [touches_in(bytes.fromhex(each))[0].value for each in ("E00000", "E0007F", "E07F7F")]
    assert places == [0.0, 16256 / 16383, 1.0]


@pytest.mark.parametrize("control", ["pitch", "pitch ch 9", "cc14 31", "rpn 0"])
def test_controls_of_fourteen_bits_can_only_be_a_place(control: str) -> None:
    assert motions_of(control) == {Motion.ABSOLUTE}


@pytest.mark.parametrize("control", ["cc14 32", "nrpn 16383", "pitch 3", "pitch ch 17", "nrpn"])
def test_one_that_no_message_can_name_is_none(control: str) -> None:
    assert "the forms are" in check_control(control)


@pytest.mark.parametrize("control", ["cc 80", "CC 80 ch 16", "note 127", "program 0 ch 1", "mmc record"])
def test_names_of_controls_are_known(control: str) -> None:
    assert check_control(control) == ""


@pytest.mark.parametrize(
    "control", ["cc", "cc 128", "cc 80 ch 0", "cc 80 ch 17", "mmc jump", "fader 1", "cc -1", "cc 080", "cc80"]
)
def test_a_name_that_is_none_is_told_with_the_forms(control: str) -> None:
    assert "the forms are" in check_control(control)


def test_a_lamps_message_is_on_its_channel() -> None:
    assert message_for("cc 80 ch 2", 127) == bytes.fromhex("B1507F")
    assert message_for("note 60", 0) == bytes.fromhex("903C00")
    with pytest.raises(ValueError, match="cannot be sent"):
        message_for("program 3", 1)
