"""Which MIDI port a name means, today and after the next plug. Pure.

ALSA numbers its clients anew at every plug, and the number is in the names that rtmidi ("Foot:Foot MIDI 1 24:0") and
a2jmidid ("a2j:Foot [24] (capture): [0] Foot MIDI 1") give to ports. It is no part of the name. What tells two
equal pedals apart is where they are plugged in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from rigd.model.errors import SurfaceError
from rigd.model.plain_text import plain_line, toml_inside
from rigd.wire.sound_cards import Card

_RTMIDI_NUMBER = re.compile(r" (\d+):\d+$")
_A2J_NUMBER = re.compile(r" \[(\d+)\](?= \((?:capture|playback)\):)")
_DIRECTION = re.compile(r" ?\((?:capture|playback)(_\d+)?\)")
_COUNTED = re.compile(r"system:midi_(?:capture|playback)_\d+", re.ASCII)
_FIRST_CARD_CLIENT, _CLIENTS_A_CARD, _FIRST_OTHER_CLIENT = 16, 4, 128
"""The kernel's own clients of ALSA's sequencer: 16 and up, four a card (include/sound/seq_kernel.h)."""


OWN_CLIENTS = "rigd-"
"""How every MIDI client of rigd's own begins; never taken for a pedal."""


class FoundPort(Struct, frozen=True, kw_only=True):
    """A port that can be listened to."""

    api: Literal["alsa", "jack"]
    name: str
    """As the system has it today, with ALSA's client numbers."""
    usb_path: str = ""
    """The USB socket of the device, where that is known."""
    usb_serial: str = ""


def stable_name(name: str) -> str:
    """Without ALSA's client and port number, which change with every plug: "SSCOM:SSCOM MIDI 1 24:0"."""
    return _A2J_NUMBER.sub("", _RTMIDI_NUMBER.sub("", name)).strip()


def alsa_client(name: str) -> int | None:
    """The number of ALSA's client that a name of today tells; None where it tells none."""
    match = _RTMIDI_NUMBER.search(name) or _A2J_NUMBER.search(name)
    return int(match[1]) if match else None


def remark_on(name: str) -> str:
    """What to know of a name that does not last; empty of one that does."""
    if _COUNTED.fullmatch(name):
        return (
            "numbered by JACK in the order of plugging, so another device may have this name tomorrow; use ALSA's "
            "port, or a2jmidid (a2j_control --start), whose ports have the device's name"
        )
    return ""


def placed(port: FoundPort, cards: Sequence[Card]) -> FoundPort:
    """With the USB socket and serial number of the card that this port is of, where the system tells."""
    client = alsa_client(port.name)
    if client is None or not _FIRST_CARD_CLIENT <= client < _FIRST_OTHER_CLIENT:
        return port
    number = (client - _FIRST_CARD_CLIENT) // _CLIENTS_A_CARD
    for card in cards:
        if card.number == number and card.usb_path:
            return FoundPort(api=port.api, name=port.name, usb_path=card.usb_path, usb_serial=card.usb_serial)
    return port


def place_lines(port: FoundPort, ports: Sequence[FoundPort]) -> tuple[str, ...]:
    """What the config has to say beside `port = ...` so that it means this one; nothing where the name is enough."""
    equal = [each for each in ports if each.api == port.api and _key(each.name) == _key(port.name)]
    if len(equal) < 2 or not port.usb_path:
        return ()
    if port.usb_serial and len([each for each in equal if each.usb_serial == port.usb_serial]) == 1:
        return (f'usb_serial = "{toml_inside(port.usb_serial)}"',)
    return (f'usb_path = "{toml_inside(port.usb_path)}"',)


def fitting_ports(wanted: str, ports: Sequence[FoundPort]) -> list[FoundPort]:
    """All whose stable name it is; where it is that of none, all of which it is a part."""
    whole = [port for port in ports if _key(port.name) == _key(wanted)]
    return whole or [port for port in ports if fits(wanted, port.name)]


def midi_lines(port: FoundPort, ports: Sequence[FoundPort], *, name: str = "pedal") -> str:
    """The config to paste for a port: its stable name, and of equal devices the USB socket."""
    lines = [f"[surface.{name}]", 'kind = "midi"', f'port = "{toml_inside(stable_name(port.name))}"']
    lines += place_lines(port, ports)
    equal = [each for each in ports if each.api == port.api and _key(each.name) == _key(port.name)]
    if len(equal) > 1 and not port.usb_path:
        lines.insert(
            0, "# There are several of this name, and nothing tells them apart: rigd opens none of them."
        )
    if remark := remark_on(stable_name(port.name)):
        lines.insert(0, f"# {remark}")
    return "\n".join(map(plain_line, lines)) + "\n"


def output_of(name: str, wanted: str, outputs: Sequence[str]) -> tuple[str, str]:
    """The output that `wanted` means for the port `name`, else why there is none. Of equal devices it is the one of
    the device that is listened to. A pedal whose lamps are not reached still records."""
    outputs = [each for each in outputs if not each.startswith(OWN_CLIENTS)]
    own = alsa_client(name)
    of_device = [each for each in outputs if own is not None and alsa_client(each) == own]
    ports = [FoundPort(api="alsa", name=each) for each in of_device or outputs]
    fitting = fitting_ports(wanted, ports)
    if len(fitting) == 1:
        return fitting[0].name, ""
    if fitting:
        which = ", ".join(f'"{stable_name(port.name)}"' for port in fitting)
        return "", f'"{wanted}" matches {len(fitting)} MIDI outputs: {which}'
    there = ", ".join(f'"{stable_name(each)}"' for each in outputs) or "none"
    return "", f'no MIDI output "{wanted}"; outputs now: {there}'


def fits(wanted: str, name: str) -> bool:
    """Whether `wanted` is the stable name, or a part of it."""
    return _key(wanted) in _key(name)


def pick(wanted: str, ports: Sequence[FoundPort], *, usb_path: str = "", usb_serial: str = "") -> FoundPort:
    """The one of `ports` that is meant: the whole stable name, or a part of just one; of equal ones that which is
    in that USB socket or has that serial number.

    Raises SurfaceError that lists what there is.
    """
    fitting = fitting_ports(wanted, ports)
    if not fitting:
        there = ", ".join(f'"{stable_name(port.name)}"' for port in ports) or "none"
        raise SurfaceError(
            f'no MIDI port "{wanted}"; plug it in, rigd looks every second. Ports now: {there}'
        )
    placed_here = [
        port
        for port in fitting
        if (not usb_path or port.usb_path == usb_path) and (not usb_serial or port.usb_serial == usb_serial)
    ]
    if len(placed_here) == 1:
        return placed_here[0]
    place = f'usb_path "{usb_path}"' if usb_path else f'usb_serial "{usb_serial}"'
    if not placed_here:
        raise SurfaceError(
            f'MIDI port "{wanted}" is there, but not with {place}: {_choice(fitting)}. Nothing was opened; '
            "plug it in there, or set what it has now"
        )
    raise SurfaceError(_which(wanted, placed_here))


def _which(wanted: str, fitting: Sequence[FoundPort]) -> str:
    matches = f'"{wanted}" matches {len(fitting)} MIDI ports'
    if len({_key(port.name) for port in fitting}) == len(fitting):
        which = ", ".join(f'"{stable_name(port.name)}"' for port in fitting)
        return f'{matches}: {which}. Nothing was opened. Use one full name in port = "..."'
    if all(port.usb_path for port in fitting):
        return f"{matches} of equal devices: {_choice(fitting)}. Nothing was opened. Add the line of the one you mean"
    return (
        f"{matches} that nothing tells apart: {_choice(fitting)}. Nothing was opened. Unplug the one that is not "
        "meant, or give one of them another name"
    )


def _choice(ports: Sequence[FoundPort]) -> str:
    told = []
    for port in ports:
        place = f'usb_path = "{port.usb_path}"' if port.usb_path else "not on USB"
        if port.usb_path and port.usb_serial:
            place += f' or usb_serial = "{port.usb_serial}"'
        told.append(f'"{stable_name(port.name)}" ({place})')
    return ", ".join(told)


def _key(name: str) -> str:
    """What is compared: the input for lamps has the same name as the pedal's output but for the direction."""
    return _DIRECTION.sub(r"\1", stable_name(name)).casefold()
