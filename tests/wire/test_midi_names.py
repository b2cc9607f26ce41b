"""Which MIDI port a name means, today and after the next plug."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rigd.model.errors import SurfaceError
from rigd.wire.midi.names import FoundPort, pick, place_lines, placed, remark_on, stable_name
from rigd.wire.sound_cards import Card


def pick_port(wanted: str, names: list[str]) -> str:
    return pick(wanted, [FoundPort(api="alsa", name=name) for name in names]).name


@pytest.mark.parametrize(
    ("wanted", "names", "picked"),
    [
        (
            "SSCOM",
            ["Midi Through:Midi Through Port-0 14:0", "SSCOM:SSCOM MIDI 1 24:0"],
            "SSCOM:SSCOM MIDI 1 24:0",
        ),
        ("SSCOM:SSCOM MIDI 1 20:0", ["SSCOM:SSCOM MIDI 1 24:0"], "SSCOM:SSCOM MIDI 1 24:0"),
        ("pacer midi1", ["PACER:PACER MIDI1 24:0", "PACER:PACER MIDI2 24:1"], "PACER:PACER MIDI1 24:0"),
        ("Foot", ["Foot", "Foot 2"], "Foot"),
        (
            "a2j:FCB+ (v1.0) [20] (capture): [0] FCB+ MIDI 1",
            ["a2j:FCB+ (v1.0) [24] (capture): [0] FCB+ MIDI 1"],
            "a2j:FCB+ (v1.0) [24] (capture): [0] FCB+ MIDI 1",
        ),
        # The lamps of the same pedal: the other direction.
        (
            "a2j:FCB+ (capture): [0] FCB+ MIDI 1",
            ["a2j:FCB+ [24] (playback): [0] FCB+ MIDI 1", "a2j:FCB+ [24] (playback): [1] FCB+ MIDI 2"],
            "a2j:FCB+ [24] (playback): [0] FCB+ MIDI 1",
        ),
    ],
)
def test_a_port_is_found_by_the_part_of_its_name_that_stays(
    wanted: str, names: list[str], picked: str
) -> None:
    assert pick_port(wanted, names) == picked


def test_an_ambiguous_name_lists_every_match() -> None:
    with pytest.raises(SurfaceError, match=r"matches 2 MIDI ports.*MIDI1.*MIDI2.*one full name"):
        pick_port("PACER", ["PACER:PACER MIDI1 24:0", "PACER:PACER MIDI2 24:1"])


def test_a_missing_port_lists_what_there_is() -> None:
    with pytest.raises(SurfaceError, match=r'no MIDI port "FCB".*"Midi Through:Port-0"'):
        pick_port("FCB", ["Midi Through:Port-0 14:0"])


def test_a_clients_number_is_no_part_of_the_name() -> None:
    assert stable_name("SSCOM:SSCOM MIDI 1 24:0") == "SSCOM:SSCOM MIDI 1"
    assert stable_name("system:midi_capture_1") == "system:midi_capture_1"
    a2j = "a2j:FCB+ (v1.0) [20] (capture): [0] FCB+ MIDI 1"
    assert stable_name(a2j) == "a2j:FCB+ (v1.0) (capture): [0] FCB+ MIDI 1"
    assert stable_name("a2j:Pedal [2] (capture): [1] Pedal MIDI 2") == "a2j:Pedal (capture): [1] Pedal MIDI 2"
    assert stable_name("Mixer [20]:out") == "Mixer [20]:out", "this number is the device's own"


LEFT = Card(number=1, card_id="FCB", usb_path="1-1.2", usb_serial="A1")
RIGHT = Card(number=2, card_id="FCB_1", usb_path="1-1.4", usb_serial="B2")


def equal_pedals(*cards: Card, api: str = "alsa") -> list[FoundPort]:
    """What two equal pedals look like in ALSA and behind a2jmidid."""
    names = {
        "alsa": ("FCB:FCB MIDI 1 20:0", "FCB:FCB MIDI 1 24:0"),
        "jack": ("a2j:FCB [20] (capture): [0] FCB MIDI 1", "a2j:FCB [24] (capture): [0] FCB MIDI 1"),
    }[api]
    return [placed(FoundPort(api=api, name=name), cards) for name in names]  # type: ignore[arg-type]


@pytest.mark.parametrize("api", ["alsa", "jack"])
def test_equal_pedals_are_told_apart_by_their_usb_sockets_or_serial_numbers(api: str) -> None:
    left, right = ports = equal_pedals(LEFT, RIGHT, api=api)
    assert (left.usb_path, right.usb_path) == ("1-1.2", "1-1.4")
    assert pick("FCB", ports, usb_path="1-1.4") == right
    assert pick("FCB", ports, usb_serial="A1") == left
    # Plugged in the other order they have each other's numbers.
    swapped = equal_pedals(replace(RIGHT, number=1), replace(LEFT, number=2), api=api)
    assert pick("FCB", swapped, usb_path="1-1.4").name == left.name


def test_of_equal_pedals_none_is_taken_without_a_word_and_the_choice_is_told() -> None:
    with pytest.raises(SurfaceError, match=r'2 MIDI ports of equal devices.*usb_path = "1-1.2".*"1-1.4"'):
        pick("FCB", equal_pedals(LEFT, RIGHT))
    with pytest.raises(SurfaceError, match="nothing tells apart"):
        pick("FCB", equal_pedals())
    with pytest.raises(SurfaceError, match=r'not with usb_path "1-1.9".*"1-1.2"'):
        pick("FCB", equal_pedals(LEFT, RIGHT), usb_path="1-1.9")


def test_what_is_pasted_names_the_socket_only_where_the_name_is_not_enough() -> None:
    left, right = ports = equal_pedals(LEFT, RIGHT)
    assert place_lines(left, ports) == ('usb_serial = "A1"',)
    same_serial = equal_pedals(LEFT, replace(RIGHT, usb_serial="A1"))
    assert place_lines(same_serial[1], same_serial) == ('usb_path = "1-1.4"',)
    assert place_lines(right, [right]) == ()
    other = FoundPort(api="alsa", name="PACER:PACER MIDI1 28:0")
    assert place_lines(other, [other, *ports]) == ()


def test_a_port_that_jack_numbers_by_the_order_of_plugging_is_remarked_on() -> None:
    assert "order of plugging" in remark_on("system:midi_capture_1")
    assert remark_on("a2j:FCB (capture): [0] FCB MIDI 1") == ""
