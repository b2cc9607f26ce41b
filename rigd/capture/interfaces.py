"""Which interface is meant: from what a person wrote in the config to exactly one interface.

Pure. Any thread. It never guesses: a name that fits two
interfaces is an error that lists both, because recording the wrong one is found out after the session.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

from msgspec import Struct

from rigd.model.errors import InterfaceError
from rigd.wire.sound_cards import Card, twins_of

_CARD_ADDRESS = re.compile(r"hw:(?:CARD=)?(?P<card>[A-Za-z0-9_-]+)(?:,(?:DEV=)?(?P<device>\d+))?", re.ASCII)
_USB_ADDRESS = re.compile(r"usb:(?P<socket>[0-9][0-9.-]*)(?:,(?:DEV=)?(?P<device>\d+))?", re.ASCII)
_CARD_IN_NAME = re.compile(r" ?\(hw:(\d+),(\d+)\)")


class Interface(Struct, frozen=True, kw_only=True):
    """An audio interface as its driver lists it now. `index` is good for this process only."""

    index: int
    name: str
    host_api: str
    inputs: int
    default_rate_hz: int
    is_default: bool = False
    """True for the interface that the system itself would take."""

    @property
    def full_name(self) -> str:
        """The name to write in a config: stable, and never the same for two interfaces of a rig."""
        return f"{self.name}, {self.host_api}"


def lasting_name(device: str) -> str:
    """Its full name without the number that ALSA gave the card this time: that one changes when it is replugged."""
    return _CARD_IN_NAME.sub(r" (device \2)", device)


def is_card_number(wanted: str) -> bool:
    """Whether a config's device is a card by its number, which goes by the order of plugging: "hw:1"."""
    address = _CARD_ADDRESS.fullmatch(wanted.strip())
    return address is not None and address["card"].isdigit()


def card_of(interface: Interface, cards: Sequence[Card]) -> tuple[Card, int] | None:
    """The card of an interface whose name has "(hw:N,D)" in it, and D; None of others."""
    match = _CARD_IN_NAME.search(interface.name)
    found = [card for card in cards if match is not None and card.number == int(match[1])]
    return (found[0], int(match[2])) if match is not None and found else None


def card_address(card: Card, device: int, cards: Sequence[Card]) -> str:
    """What `[audio] device` says so that it means this device of this card tomorrow as well; empty where nothing of
    it lasts: two cards with like ids that are not on USB."""
    of_card = f",DEV={device}" if device else ""
    if not twins_of(card, cards):
        return f"hw:CARD={card.card_id}{of_card}"
    return f"usb:{card.usb_path}{of_card}" if card.usb_path else ""


def choose_interface(
    interfaces: Sequence[Interface],
    wanted: str,
    *,
    channels: int,
    cards: Sequence[Card],
) -> Interface:
    """The one interface meant by `wanted`, with at least `channels` inputs.

    `wanted` is a full name ("Name, host api", with or without today's card number), a name, an ALSA card id
    ("hw:CARD=RIG", "hw:RIG,DEV=1"), a USB socket ("usb:1-1.3"), any part of a full name that fits only one, or
    empty: the only, else the system's default, interface with enough inputs. Raises InterfaceError that says what
    there is and what to write.
    """
    # PortAudio leaves a card out that is in use, and may have nothing else to list.
    places = [found for each in interfaces if (found := card_of(each, cards)) is not None]
    listed = {(card.number, device) for card, device in places}
    user = _user_of(wanted.strip(), cards, listed)
    if user:
        raise InterfaceError(
            f"{_quoted(wanted)} is there, but {user} has it open, so nobody else can. Nothing was opened. End that "
            "program, or record through it (configs/jack.toml); rigd tries again by itself"
        )
    if not interfaces:
        raise InterfaceError(
            f"{_missing(wanted)}: the audio system lists no interface at all. Nothing was "
            "opened. Connect it and switch it on, or start the JACK server; an interface held by another "
            "program (PipeWire, PulseAudio) is not listed either. Then look at: rigd devices"
        )
    if not wanted.strip():
        return _choose_default(interfaces, channels)
    matches = _matches(interfaces, wanted.strip(), cards)
    usable = [interface for interface in matches if interface.inputs > 0]
    if not matches:
        raise InterfaceError(
            f"{_quoted(wanted)} was not found. There are: {_listed(interfaces)}. Nothing was opened. "
            "Connect it, or use one full name from: rigd devices"
        )
    if not usable:
        raise InterfaceError(
            f"{_quoted(wanted)} has no inputs: {_listed(matches)}. Nothing was opened. It may be "
            "held by another program (PipeWire, PulseAudio): stop that program, or use one full name from: "
            "rigd devices"
        )
    if len(usable) > 1:
        raise InterfaceError(
            f"{_quoted(wanted)} matches {len(usable)} interfaces: {_listed(usable, cards)}. Nothing was opened. "
            "Use one full name from: rigd devices"
        )
    (chosen,) = usable
    if chosen.inputs < channels:
        raise InterfaceError(
            f"[audio] device {chosen.full_name!r} has {chosen.inputs} inputs, the rig needs "
            f"{channels}. Nothing was opened. Set audio.channels to {chosen.inputs} or less, or "
            "connect the right interface"
        )
    return chosen


def _matches(interfaces: Sequence[Interface], wanted: str, cards: Sequence[Card]) -> list[Interface]:
    """All interfaces that the strictest rule fits that fits any."""
    address = _CARD_ADDRESS.fullmatch(wanted) or _USB_ADDRESS.fullmatch(wanted)
    if address is not None:
        card = _card_at(address, wanted, cards)
        ending = f"(hw:{card.number},{address['device'] or 0})"
        return [interface for interface in interfaces if interface.name.endswith(ending)]
    name = lasting_name(wanted)
    exact = [
        interface
        for interface in interfaces
        if name in (lasting_name(interface.full_name), lasting_name(interface.name))
    ]
    if exact:
        return exact
    part = name.casefold()
    return [interface for interface in interfaces if part in lasting_name(interface.full_name).casefold()]


def _card_at(address: re.Match[str], wanted: str, cards: Sequence[Card]) -> Card:
    """Raises InterfaceError where no card is there, or where the address may mean another one tomorrow."""
    known = ", ".join(filter(None, (card_address(card, 0, cards) for card in cards))) or "none"
    if "socket" in address.groupdict():
        found = [card for card in cards if card.usb_path == address["socket"]]
        what = f"no sound card is in the USB socket {address['socket']!r}"
    else:
        found = [card for card in cards if card.card_id == address["card"]]
        what = f"there is no sound card with the id {address['card']!r} now"
        if not found and address["card"].isdigit():
            what = "the number of a card goes by the order of plugging, and may be another card's tomorrow"
    if not found:
        raise InterfaceError(
            f"{_quoted(wanted)}: {what} (cards: {known}). Nothing was opened. "
            "Connect it and switch it on, or write one of these; see: rigd devices"
        )
    (card,) = found[:1]
    twins = twins_of(card, cards)
    if twins and "socket" not in address.groupdict():
        choice = ", ".join(
            f"{each.card_id} is now {card_address(each, 0, cards) or 'not on USB'}"
            + (f" (serial number {each.usb_serial})" if each.usb_serial else "")
            for each in sorted((card, *twins), key=lambda each: each.number)
        )
        raise InterfaceError(
            f"{_quoted(wanted)}: {1 + len(twins)} cards have ids that go by the order of plugging: "
            f"{choice}. Nothing was opened. Write the USB socket, or give each card an id of its own by a udev rule "
            "(systemd/80-rigd.rules)"
        )
    return card


def _user_of(wanted: str, cards: Sequence[Card], listed: Container[tuple[int, int]]) -> str:
    """Who records from the card's device that is meant, where it is not `listed`; empty where nobody does."""
    address = _CARD_ADDRESS.fullmatch(wanted) or _USB_ADDRESS.fullmatch(wanted)
    if address is None:
        return ""
    card = _card_at(address, wanted, cards)
    device = int(address["device"] or 0)
    users = [each.used_by for each in card.captures if each.number == device]
    return users[0] if users and (card.number, device) not in listed else ""


def _choose_default(interfaces: Sequence[Interface], channels: int) -> Interface:
    enough = [interface for interface in interfaces if interface.inputs >= channels]
    if not enough:
        raise InterfaceError(
            f"[audio] device is not set and no interface has {channels} inputs: "
            f"{_listed(interfaces)}. Nothing was opened. Connect the interface, or set "
            "audio.channels to what it has"
        )
    defaults = [interface for interface in enough if interface.is_default]
    if len(enough) > 1 and len(defaults) != 1:
        raise InterfaceError(
            f"[audio] device is not set and {len(enough)} interfaces have {channels} inputs: "
            f"{_listed(enough)}. Nothing was opened. Use one full name from: rigd devices"
        )
    return enough[0] if len(enough) == 1 else defaults[0]


def _quoted(wanted: str) -> str:
    return f'[audio] device "{wanted}"'


def _missing(wanted: str) -> str:
    return f"{_quoted(wanted)} was not found" if wanted.strip() else "none is there"


def _listed(interfaces: Sequence[Interface], cards: Sequence[Card] = ()) -> str:
    told = []
    for interface in interfaces:
        found = card_of(interface, cards)
        address = card_address(*found, cards) if found is not None else ""
        lasting = f", {address}" if address else ""
        told.append(f'"{interface.full_name}" ({interface.inputs} inputs{lasting})')
    return "; ".join(told)
