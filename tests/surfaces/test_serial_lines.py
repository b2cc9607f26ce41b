"""The line protocol as bytes: the examples of its document, and anything else that a wire can bring."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.hands.surface import ControlInput
from rigd.model.units import Ns
from rigd.surfaces.serial.conversation import RigdTalk
from rigd.surfaces.serial.deej import DeejTalk
from rigd.surfaces.serial.line_protocol import (
    MAX_LINE,
    BadLine,
    Beat,
    Greeting,
    LineCutter,
    NamedCommand,
    answer_line,
    frame_line,
    meters_line,
    plain,
    read_box_line,
    read_deej_line,
    text_line,
    unframe_line,
)
from rigd.surfaces.serial.settings import SerialSettings
from tests.surfaces.serial_bench import QUICK

DOCUMENT = Path(__file__).parents[2] / "docs" / "serial-protocol.md"
WIRE_BYTES = st.one_of(
    st.binary(max_size=400),
    st.text(alphabet="beatfdr 0123456789|*\r\n=/x-", max_size=400).map(str.encode),
    st.sampled_from(
        [
            frame_line(text)
            for text in (
                "beat",
                "fader 1 512",
                "fader 1 1023",
                "encoder 2 -3",
                "button 3 down",
                "button 3 up",
                "do keep 20",
                "again",
                "box 1 b 1 faders=2/1023 encoders=2 buttons=3",
            )
        ]
    ),
    st.sampled_from([b"1023|512|0\r\n", b"0|0|0\n", b"99999|1\n", b"\n"]),
)


def fenced(kind: str) -> list[str]:
    """The lines of the document's blocks of that kind."""
    blocks = re.findall(rf"^```{kind}\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.mark.parametrize("example", fenced("session"))
def test_each_line_of_the_documented_session_has_its_checksum_and_is_understood(example: str) -> None:
    speaker, line = example.split(maxsplit=1)
    text = unframe_line(line.encode())
    assert frame_line(text) == f"{line}\n".encode()
    if speaker == "box":
        assert read_box_line(text) is not None
    else:
        assert text.split()[0] in ("rigd", "beat", "led", "text", "value", "ok", "no", "meters")


def test_the_documented_session_shows_every_line_there_is() -> None:
    words = {line.split()[1].partition("*")[0] for line in fenced("session")}
    named = set(re.findall(r"^\| `([a-z]+)", DOCUMENT.read_text(), re.MULTILINE))
    declared = {"faders", "encoders", "buttons", "leds", "display", "values", "pace"}
    assert named - declared - words <= {"again"}


def test_the_documented_bytes_are_those_of_the_documented_line() -> None:
    (example,) = fenced("bytes")
    pairs, line = example.split("    ")
    assert bytes.fromhex(pairs.replace(" ", "")) == frame_line("beat") == f"{line}\n".encode()


def test_the_documented_deej_line_is_understood() -> None:
    (example,) = fenced("deej")
    assert read_deej_line(example.encode()) == (1023, 512, 0, 88)


def test_a_greeting_says_what_the_box_has_and_ignores_what_it_does_not_know() -> None:
    said = read_box_line("box 1 mixer 2.1 faders=8/4095 leds=3 display=20x4 hologram=9 pace=25 loose")
    assert said == Greeting(
        version=1,
        name="mixer",
        firmware="2.1",
        faders=8,
        fader_max=4095,
        leds=3,
        columns=20,
        rows=4,
        pace_ms=25,
    )


@pytest.mark.parametrize(
    "text",
    [
        "fader", "fader 1", "fader 0 1", "fader 65 1", "fader 1 -1", "fader 1 99999", "fader 1 5e2",
        "fader one 2", "encoder 1 128", "button 1 pressed", "do", "do  ", "box",
        "box 1 name", "box x name 1", "box 1 name 1 faders=4",
        "box 1 name 1 faders=9999/1023", "box 1 name 1 faders=4/0", "box 1 n 1 display=16",
        "box 1 name 1 pace=99999", "fader \u0661 5",
    ],
)  # fmt: skip
def test_a_line_of_a_wrong_form_is_a_bad_line(text: str) -> None:
    with pytest.raises(BadLine):
        read_box_line(text)


@pytest.mark.parametrize(
    "line", [b"", b"beat", b"beat*", b"beat*1", b"beat*13", b"beat*12 ", b"be\x00at*12", b"*"]
)
def test_a_line_without_its_checksum_is_a_bad_line(line: bytes) -> None:
    with pytest.raises(BadLine):
        unframe_line(line)


def test_the_last_star_counts_and_a_carriage_return_does_not() -> None:
    assert unframe_line(frame_line("do mark *1*").replace(b"\n", b"\r")) == "do mark *1*"
    assert read_box_line("do mark *1*") == NamedCommand(text="mark *1*")


def test_unknown_words_are_left_alone() -> None:
    assert read_box_line("wheel 1 17") is None
    assert read_box_line("beat but louder") == Beat()


def test_what_a_person_typed_fits_a_small_display() -> None:
    assert plain("Größe\t☃ ", 16) == "Gro?e??"
    assert text_line(2, "A song with a long name", 16) == "text 2 A song with a lo"
    assert text_line(2, "", 16) == "text 2"
    assert answer_line("", False, "x" * 100) == "no do " + "x" * 40


def test_meters_are_four_decibels_a_step_and_f_is_clipped() -> None:
    readings = [-144.0, -56.1, -56.0, -8.0, -4.1, -4.0, 0.0, 3.0, float("nan"), float("inf")]
    assert meters_line([(peak, False) for peak in readings]) == "meters 001DDEEE0E"
    assert meters_line([(-20.0, True)]) == "meters F"


@given(st.text(max_size=600))
def test_every_line_fits_and_comes_back_as_it_was(text: str) -> None:
    line = frame_line(text)
    assert len(line) <= MAX_LINE
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert unframe_line(line[:-1]) == plain(text)


@given(st.lists(WIRE_BYTES, max_size=30), st.data())
def test_nothing_on_the_wire_makes_the_conversation_fail_or_grow(
    pieces: list[bytes], data: st.DataObject
) -> None:
    settings = SerialSettings(port="/dev/null")
    talks = [kind("box", settings, QUICK, opened_at_ns=Ns(0)) for kind in (RigdTalk, DeejTalk)]
    at_ns = 0
    for piece in pieces:
        at_ns += data.draw(st.integers(0, 600_000_000))
        for talk in talks:
            outcomes = [*talk.hear(piece, Ns(at_ns)), *talk.tick(Ns(at_ns))]
            for outcome in outcomes:
                if isinstance(outcome, ControlInput):
                    assert talk.box is not None
                    assert outcome.at_ns == at_ns
                    assert re.fullmatch(r"(fader|encoder|button) [1-9][0-9]?", outcome.control)
                    assert outcome.control.startswith("encoder") or 0.0 <= outcome.value <= 1.0
            assert talk.trouble()


@given(st.lists(WIRE_BYTES, max_size=20))
def test_lines_are_the_same_however_the_bytes_are_cut(pieces: list[bytes]) -> None:
    whole, cut = LineCutter(), LineCutter()
    stream = b"".join(pieces)
    by_byte = [line for index in range(len(stream)) for line in cut.feed(stream[index : index + 1])]
    assert whole.feed(stream) == by_byte
    assert whole.overlong == cut.overlong
    assert all(len(line) < MAX_LINE for line in by_byte)


@given(
    st.sampled_from(["fader 1 512", "button 1 down", "do keep 20"]), st.integers(0, 200), st.integers(1, 255)
)
def test_a_line_with_one_broken_byte_is_never_acted_on(text: str, place: int, flipped: int) -> None:
    good = frame_line(text)
    broken = bytearray(good)
    broken[place % (len(good) - 1)] ^= flipped
    for part in bytes(broken).split(b"\n"):
        try:
            read = unframe_line(part)
        except BadLine:
            continue
        assert read == text  # small letters in the checksum, or a CR and nothing else


def test_a_megabyte_without_a_newline_costs_one_line_of_memory() -> None:
    cutter = LineCutter()
    piece = b"x" * 1024
    tracemalloc.start()
    try:
        for _ in range(1024):
            assert cutter.feed(piece) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64_000
    assert cutter.overlong == 1
    assert cutter.feed(b"tail\nbeat*12\n") == [b"beat*12"]


def test_a_half_line_is_forgotten_and_the_next_one_is_whole() -> None:
    cutter = LineCutter()
    cutter.feed(b"fader 1 5")
    assert cutter.drop_half()
    assert not cutter.drop_half()
    assert cutter.feed(b"beat*12\n") == [b"beat*12"]
