"""Which interface is meant: names, card ids, and what is said where that is not clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigd.capture.interfaces import Interface, card_id_of, choose_interface, read_card_numbers
from rigd.model.errors import InterfaceError

CARDS = read_card_numbers(Path(__file__).parent / "fixtures" / "cards")


def interface(name: str, inputs: int, host_api: str = "ALSA", *, is_default: bool = False) -> Interface:
    return Interface(
        index=0, name=name, host_api=host_api, inputs=inputs, default_rate_hz=48_000, is_default=is_default
    )


BUILT_IN = interface("HDA Intel PCH: ALC257 Analog (hw:0,0)", 2, is_default=True)
SCARLETT = interface("Scarlett 18i20 USB: Audio (hw:2,0)", 18)
SCARLETT_ON_JACK = interface("scarlett bridge", 18, "JACK Audio Connection Kit")
DESK = interface("X-USB: Audio (hw:3,0)", 32)
HELD = interface("Other Card: Audio (hw:4,0)", 0)
ALL = (BUILT_IN, SCARLETT, SCARLETT_ON_JACK, DESK, HELD)


def choose(wanted: str, channels: int = 2, among: tuple[Interface, ...] = ALL) -> Interface:
    return choose_interface(among, wanted, channels=channels, card_numbers=CARDS)


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("Scarlett 18i20 USB: Audio (hw:2,0), ALSA", SCARLETT),
        ("scarlett bridge, JACK Audio Connection Kit", SCARLETT_ON_JACK),
        ("scarlett bridge", SCARLETT_ON_JACK),
        ("18I20", SCARLETT),
        ("x-usb", DESK),
        ("hw:CARD=RIG", SCARLETT),
        ("hw:RIG", SCARLETT),
        ("hw:RIG,0", SCARLETT),
        ("hw:CARD=USB_1,DEV=0", DESK),
        ("hw:3", DESK),
    ],
)
def test_an_interface_is_found_by_full_name_part_of_a_name_or_card_id(wanted: str, meant: Interface) -> None:
    assert choose(wanted) is meant


def test_a_card_that_got_another_number_is_found_by_its_id() -> None:
    moved = interface("Scarlett 18i20 USB: Audio (hw:7,0)", 18)
    other = interface("X-USB: Audio (hw:2,0)", 32)
    chosen = choose_interface((other, moved), "hw:CARD=RIG", channels=18, card_numbers={"RIG": 7, "USB_1": 2})
    assert chosen is moved


def test_a_name_that_fits_two_interfaces_is_refused_and_both_are_listed() -> None:
    with pytest.raises(InterfaceError) as caught:
        choose("scarlett")
    words = str(caught.value)
    assert '[audio] device "scarlett" matches 2 interfaces' in words
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


def test_no_interface_at_all_is_said_plainly() -> None:
    with pytest.raises(InterfaceError, match="lists no interface at all"):
        choose("", among=())


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


def test_card_ids_are_read_from_the_kernels_list() -> None:
    assert CARDS == {"PCH": 0, "RIG": 2, "USB_1": 3}
    assert card_id_of(SCARLETT, CARDS) == "RIG"
    assert card_id_of(SCARLETT_ON_JACK, CARDS) == ""


def test_a_machine_without_alsa_has_no_card_ids(tmp_path: Path) -> None:
    assert read_card_numbers(tmp_path / "cards") == {}
