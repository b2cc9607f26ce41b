"""The serial ports of this machine, with the config to paste: for `rigd devices`."""

from __future__ import annotations

from msgspec import to_builtins

from rigd.model.found import FoundHere
from rigd.wire.serial_ports import config_for, list_ports


def found_here() -> FoundHere:
    """Every serial port, by what tells it from the others."""
    ports = list_ports()
    return FoundHere(
        title="Serial ports",
        pieces=tuple(config_for(port, ports) for port in ports),
        facts={"serial_ports": [to_builtins(port) for port in ports]},
    )
