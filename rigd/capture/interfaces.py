"""Which interface is meant: from what a person wrote in the config to exactly one interface.

Pure but for `read_card_numbers`, which reads one file. Any thread. It never guesses: a name that fits two
interfaces is an error that lists both, because recording the wrong one is found out after the session.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rigd.model.errors import InterfaceError

CARDS = Path("/proc/asound/cards")
"""ALSA's list of sound cards: number, [id], driver - name (kernel: sound/core/init.c)."""

_CARD_LINE = re.compile(r"^\s*(\d+)\s+\[(\S+)\s*\]:")
_CARD_ADDRESS = re.compile(r"hw:(?:CARD=)?(?P<card>[A-Za-z0-9_-]+)(?:,(?:DEV=)?(?P<device>\d+))?", re.ASCII)
_CARD_IN_NAME = re.compile(r"\(hw:(\d+),(\d+)\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
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


def read_card_numbers(path: Path = CARDS) -> dict[str, int]:
    """Card id -> card number. Empty where the machine has no ALSA."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    found = (_CARD_LINE.match(line) for line in text.splitlines())
    return {match[2]: int(match[1]) for match in found if match}


def card_id_of(interface: Interface, card_numbers: Mapping[str, int]) -> str:
    """The stable ALSA card id of an interface whose name ends in "(hw:N,0)"; empty for others."""
    match = _CARD_IN_NAME.search(interface.name)
    if match is None:
        return ""
    return next((card for card, number in card_numbers.items() if number == int(match[1])), "")


def choose_interface(
    interfaces: Sequence[Interface],
    wanted: str,
    *,
    channels: int,
    card_numbers: Mapping[str, int],
) -> Interface:
    """The one interface meant by `wanted`, with at least `channels` inputs.

    `wanted` is a full name ("Name, host api"), a name, an ALSA card id ("hw:CARD=RIG", "hw:RIG"), any
    part of a full name that fits only one, or empty: the only, else the system's default, interface with
    enough inputs. Raises InterfaceError that says what there is and what to write.
    """
    if not interfaces:
        raise InterfaceError(
            f"{_quoted(wanted)} was not found: the audio system lists no interface at all. Nothing was "
            "opened. Connect it and switch it on, or start the JACK server; an interface held by another "
            "program (PipeWire, PulseAudio) is not listed either. Then look at: rigd devices"
        )
    if not wanted.strip():
        return _choose_default(interfaces, channels)
    matches = _matches(interfaces, wanted.strip(), card_numbers)
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
            f"{_quoted(wanted)} matches {len(usable)} interfaces: {_listed(usable)}. Nothing was opened. "
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


def _matches(
    interfaces: Sequence[Interface], wanted: str, card_numbers: Mapping[str, int]
) -> list[Interface]:
    """All interfaces that the strictest rule fits that fits any."""
    address = _CARD_ADDRESS.fullmatch(wanted)
    if address is not None:
        number = _card_number(address["card"], wanted, card_numbers)
        ending = f"(hw:{number},{address['device'] or 0})"
        return [interface for interface in interfaces if interface.name.endswith(ending)]
    exact = [interface for interface in interfaces if wanted in (interface.full_name, interface.name)]
    if exact:
        return exact
    part = wanted.casefold()
    return [interface for interface in interfaces if part in interface.full_name.casefold()]


def _card_number(card: str, wanted: str, card_numbers: Mapping[str, int]) -> int:
    if card in card_numbers:
        return card_numbers[card]
    if card.isdigit():
        return int(card)
    known = ", ".join(f"hw:CARD={name}" for name in card_numbers) or "none"
    raise InterfaceError(
        f"{_quoted(wanted)}: there is no sound card with the id {card!r} now (cards: {known}). Nothing was "
        "opened. Connect it and switch it on, or look at: rigd devices"
    )


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


def _listed(interfaces: Sequence[Interface]) -> str:
    return "; ".join(f'"{interface.full_name}" ({interface.inputs} inputs)' for interface in interfaces)
