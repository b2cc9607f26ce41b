"""The serial ports of this machine, with the config to paste: for `rigd devices` and `rigd init`."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import to_builtins

from rigd.model.found import FoundHere, FurtherQuestion, OfferedSurface
from rigd.wire.serial_ports import SerialPort, config_for, list_ports

MOST_FADERS = 64
QUESTIONS = (
    FurtherQuestion(question="Does it send deej's lines (1023|512|0)", lines='protocol = "deej"\n'),
    FurtherQuestion(
        question="How many of its faders set a gain (channel 1 on)",
        lines='\n[[surface.box.binding]]\ncontrol = "fader {n}"\ngain = {n}\n',
        most=MOST_FADERS,
    ),
)
"""In an order in which the lines may follow one another."""


def found_here() -> FoundHere:
    """Every serial port, by what tells it from the others."""
    ports = list_ports()
    return FoundHere(
        title="Serial ports",
        pieces=tuple(config_for(port, ports) for port in ports),
        facts={"serial_ports": [to_builtins(port) for port in ports]},
        surfaces=tuple(offered(port, ports) for port in ports if port.usb_id),
    )


def offered(port: SerialPort, ports: Sequence[SerialPort]) -> OfferedSurface:
    """A box on that port. A line without USB is a console or a modem more often than a box."""
    called = f"{port.product or 'serial line'}, now {port.device}"
    return OfferedSurface(called=called, lines=config_for(port, ports), questions=QUESTIONS)
