"""The MIDI ports of this machine, with the config to paste: for `rigd devices`."""

from __future__ import annotations

from rigd.model.errors import RigError
from rigd.model.found import FoundHere, OfferedSurface
from rigd.wire.midi.names import midi_lines, stable_name
from rigd.wire.midi.ports import MidiPorts


def found_here() -> FoundHere:
    """Every port that can be listened to, by the name that lasts."""
    troubles: list[str] = []
    ports = MidiPorts(client="rigd-devices")
    try:
        found = ports.look()
        troubles += [f"MIDI: {trouble}" for trouble in ports.why_so_few()]
    except RigError as error:
        found = []
        troubles.append(f"MIDI: {error}")
    finally:
        ports.close()
    return FoundHere(
        title="MIDI ports (rigd learn tells what a pedal sends)",
        pieces=tuple(midi_lines(port, found) for port in found),
        facts={
            "midi_ports": [stable_name(port.name) for port in found],
            "midi": [
                {"port": stable_name(port.name), "usb_path": port.usb_path, "usb_serial": port.usb_serial}
                for port in found
            ],
        },
        troubles=tuple(troubles),
        surfaces=tuple(OfferedSurface(called=stable_name(port.name)) for port in found),
    )
