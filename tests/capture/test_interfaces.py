"""Which interface is meant: names, card ids, and what is said where that is not clear."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from rigd.capture.interfaces import Interface, card_address, card_of, choose_interface
from rigd.model.errors import InterfaceError
from rigd.wire.sound_cards import CaptureDevice, Card, read_cards

CARDS = (
    Card(number=0, card_id="PCH", name="HDA Intel PCH"),
    Card(number=2, card_id="RIG", name="Scarlett 18i20 USB", usb_path="1-2"),
    Card(number=3, card_id="USB_1", name="X-USB", usb_path="1-3"),
)
EQUAL = (
    Card(number=1, card_id="USB", name="Scarlett 2i2 USB", usb_path="1-1.2", usb_serial="Y1"),
    Card(number=2, card_id="USB_1", name="Scarlett 2i2 USB", usb_path="1-1.4", usb_serial="Y2"),
)


def interface(name: str, inputs: int, host_api: str = "ALSA", *, is_default: bool = False) -> Interface:
    return Interface(
        index=0, name=name, host_api=host_api, inputs=inputs, default_rate_hz=48_000, is_default=is_default
    )


BUILT_IN = interface("HDA Intel PCH: ALC257 Analog (hw:0,0)", 2, is_default=True)
SCARLETT = interface("Scarlett 18i20 USB: Audio (hw:2,0)", 18)
SECOND = interface("Scarlett 18i20 USB: Audio #1 (hw:2,1)", 2)
SCARLETT_ON_JACK = interface("scarlett bridge", 18, "JACK Audio Connection Kit")
DESK = interface("X-USB: Audio (hw:3,0)", 32)
HELD = interface("Other Card: Audio (hw:4,0)", 0)
ALL = (BUILT_IN, SCARLETT, SECOND, SCARLETT_ON_JACK, DESK, HELD)


def choose(wanted: str, channels: int = 2, among: tuple[Interface, ...] = ALL) -> Interface:
    return choose_interface(among, wanted, channels=channels, cards=CARDS)


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("Scarlett 18i20 USB: Audio (hw:2,0), ALSA", SCARLETT),
        ("scarlett bridge, JACK Audio Connection Kit", SCARLETT_ON_JACK),
        ("scarlett bridge", SCARLETT_ON_JACK),
        ("20 USB: Audio (hw:1,0)", SCARLETT),
        ("x-usb", DESK),
        ("hw:CARD=RIG", SCARLETT),
        ("hw:RIG", SCARLETT),
        ("hw:RIG,0", SCARLETT),
        ("hw:CARD=USB_1,DEV=0", DESK),
        ("hw:CARD=RIG,DEV=1", SECOND),
        ("usb:1-2", SCARLETT),
        ("usb:1-2,DEV=1", SECOND),
        # A name of yesterday, when the card had another number.
        ("Scarlett 18i20 USB: Audio (hw:5,0), ALSA", SCARLETT),
        ("X-USB: Audio (hw:1,0)", DESK),
    ],
)
def test_an_interface_is_found_by_full_name_part_of_a_name_or_card_id(wanted: str, meant: Interface) -> None:
    assert choose(wanted) is meant


def test_a_card_that_got_another_number_is_found_by_its_id() -> None:
    moved = interface("Scarlett 18i20 USB: Audio (hw:7,0)", 18)
    other = interface("X-USB: Audio (hw:2,0)", 32)
    cards = (Card(number=2, card_id="USB_1"), Card(number=7, card_id="RIG"))
    chosen = choose_interface((other, moved), "hw:CARD=RIG", channels=18, cards=cards)
    assert chosen is moved


def test_a_name_that_fits_two_interfaces_is_refused_and_both_are_listed() -> None:
    with pytest.raises(InterfaceError) as caught:
        choose("scarlett")
    words = str(caught.value)
    assert '[audio] device "scarlett" matches 3 interfaces' in words
    assert "hw:CARD=RIG,DEV=1" in words
    assert SCARLETT.full_name in words
    assert SCARLETT_ON_JACK.full_name in words
    assert words.endswith("Use one full name from: rigd devices")


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(InterfaceError, match="was not found") as caught:
        choose("Babyface")
    assert all(known.full_name in str(caught.value) for known in ALL)


def test_an_unknown_card_id_lists_the_ids_there_are() -> None:
    with pytest.raises(InterfaceError, match="hw:CARD=PCH, hw:CARD=RIG, hw:CARD=USB_1"):
        choose("hw:CARD=GONE")


def test_an_interface_without_enough_inputs_is_refused_with_its_number() -> None:
    with pytest.raises(InterfaceError, match="has 18 inputs, the rig needs 32"):
        choose("hw:RIG", channels=32)


def test_an_interface_that_another_program_holds_is_named_as_such() -> None:
    with pytest.raises(InterfaceError, match=r"has no inputs.*another program"):
        choose("other card")


def test_a_card_in_use_is_refused_with_the_name_of_its_user() -> None:
    held = replace(CARDS[1], captures=(CaptureDevice(number=0, used_by="pipewire (pid 4711)"),))
    with pytest.raises(
        InterfaceError, match=r'"hw:CARD=RIG" is there, but pipewire \(pid 4711\) has it open'
    ):
        choose_interface((BUILT_IN,), "hw:CARD=RIG", channels=2, cards=(held,))
    with pytest.raises(InterfaceError, match="pipewire"):
        choose_interface((), "hw:CARD=RIG", channels=2, cards=(held,))


def test_no_interface_at_all_is_said_plainly() -> None:
    with pytest.raises(InterfaceError, match=r"^none is there: the audio system lists no interface at all"):
        choose("", among=())
    with pytest.raises(
        InterfaceError, match='"Scarlett" was not found: the audio system lists no interface at all'
    ):
        choose("Scarlett", among=())


def test_without_a_name_the_only_one_with_enough_inputs_is_taken() -> None:
    assert choose("", channels=32) is DESK


def test_without_a_name_the_default_is_taken_if_it_has_enough_inputs() -> None:
    assert choose("", channels=2) is BUILT_IN


def test_without_a_name_two_that_fit_are_refused() -> None:
    with pytest.raises(InterfaceError, match="device is not set and 3 interfaces have 18 inputs"):
        choose("", channels=18)


def test_without_a_name_and_none_that_fits_the_inputs_are_listed() -> None:
    with pytest.raises(InterfaceError, match="no interface has 64 inputs"):
        choose("", channels=64)


def test_a_cards_number_is_refused_with_what_to_write() -> None:
    """It goes by the order of plugging: tomorrow it may be another card's, and the wrong one would be recorded."""
    for wanted in ("hw:3", "hw:3,0", "hw:CARD=3"):
        with pytest.raises(InterfaceError, match=r"order of plugging.*hw:CARD=USB_1"):
            choose(wanted)


def test_equal_cards_are_told_apart_by_their_usb_sockets_and_by_nothing_else() -> None:
    first = interface("Scarlett 2i2 USB: Audio (hw:1,0)", 2)
    second = interface("Scarlett 2i2 USB: Audio (hw:2,0)", 2)

    def choose_of_two(wanted: str) -> Interface:
        return choose_interface((first, second), wanted, channels=2, cards=EQUAL)

    assert choose_of_two("usb:1-1.4") is second
    for wanted in ("hw:CARD=USB", "hw:USB_1", "hw:CARD=USB_1,DEV=0"):
        with pytest.raises(
            InterfaceError,
            match=r"2 cards have ids that go by the order of plugging.*usb:1-1.2 \(serial number Y1\).*usb:1-1.4",
        ):
            choose_of_two(wanted)
    for wanted in ("2i2", first.full_name):
        with pytest.raises(InterfaceError, match=r"matches 2 interfaces.*usb:1-1.2.*usb:1-1.4"):
            choose_of_two(wanted)
    with pytest.raises(InterfaceError, match=r"no sound card is in the USB socket '1-9'.*usb:1-1.2"):
        choose_of_two("usb:1-9")


def test_what_is_pasted_for_a_card_means_its_device_too_and_for_equal_cards_the_socket() -> None:
    assert card_address(CARDS[1], 0, CARDS) == "hw:CARD=RIG"
    assert card_address(CARDS[1], 1, CARDS) == "hw:CARD=RIG,DEV=1"
    assert card_address(EQUAL[1], 1, EQUAL) == "usb:1-1.4,DEV=1"
    named = (replace(EQUAL[0], card_id="STAGE"), replace(EQUAL[1], card_id="ROOM"))
    assert card_address(named[0], 0, named) == "hw:CARD=STAGE"
    # "USB" of another maker: plugged in the other order, each has the other's id.
    unlike = (EQUAL[0], replace(EQUAL[1], name="X-USB"))
    assert card_address(unlike[1], 0, unlike) == "usb:1-1.4"
    not_on_usb = tuple(replace(card, usb_path="") for card in EQUAL)
    assert card_address(not_on_usb[0], 0, not_on_usb) == ""
    assert card_of(SECOND, CARDS) == (CARDS[1], 1)
    assert card_of(SCARLETT_ON_JACK, CARDS) is None


def test_card_ids_are_read_from_the_kernels_list(tmp_path: Path) -> None:
    (tmp_path / "proc/asound").mkdir(parents=True)
    shutil.copy(Path(__file__).parent / "fixtures" / "cards", tmp_path / "proc/asound/cards")
    assert {card.card_id: (card.number, card.name) for card in read_cards(tmp_path)} == {
        "PCH": (0, "HDA Intel PCH"),
        "RIG": (2, "Scarlett 18i20 USB"),
        "USB_1": (3, "X-USB"),
    }


def test_a_machine_without_alsa_has_no_cards(tmp_path: Path) -> None:
    assert read_cards(tmp_path) == ()
