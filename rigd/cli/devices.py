"""`rigd devices`: what is plugged in, and the config to paste for it."""

from __future__ import annotations

import msgspec

from rigd.capture.devices import config_lines, list_interfaces, plugin_lines
from rigd.cli.form import Command
from rigd.cli.terminal import AS_JSON, out, print_json
from rigd.model.errors import RigError
from rigd.wire.midi.names import FoundPort, midi_lines, stable_name
from rigd.wire.midi.ports import MidiPorts
from rigd.wire.serial_ports import config_for, list_ports


def devices(as_json: bool) -> None:
    troubles: list[str] = []
    listing = list_interfaces()
    if listing.trouble:
        troubles.append(f"interfaces: {listing.trouble}")
    interfaces = [interface for interface in listing.interfaces if not interface.is_plugin]
    midi: list[FoundPort] = []
    ports = MidiPorts(client="rigd-devices")
    try:
        midi = ports.look()
        troubles += [f"MIDI: {trouble}" for trouble in ports.why_so_few()]
    except RigError as error:
        troubles.append(f"MIDI: {error}")
    finally:
        ports.close()
    serial = list_ports()
    if as_json:
        print_json(
            {
                "interfaces": [msgspec.to_builtins(interface) for interface in listing.interfaces],
                "midi_ports": [stable_name(port.name) for port in midi],
                "midi": [
                    {"port": stable_name(port.name), "usb_path": port.usb_path, "usb_serial": port.usb_serial}
                    for port in midi
                ],
                "serial_ports": [msgspec.to_builtins(port) for port in serial],
                "troubles": troubles,
            }
        )
        return
    _heading("Audio interfaces", len(interfaces))
    for interface in interfaces:
        out.print_lines(config_lines(interface))
    if plugins := plugin_lines(listing.interfaces):
        out.print_lines(plugins)
    _heading("MIDI ports (rigd learn tells what a pedal sends)", len(midi))
    for port in midi:
        out.print_lines(midi_lines(port, midi))
    _heading("Serial ports", len(serial))
    for line in serial:
        out.print_lines(config_for(line, serial))
    for trouble in troubles:
        out.print(trouble, style="yellow")


def _heading(text: str, count: int) -> None:
    out.print(f"# {text}" + ("" if count else ": none"), style="bold")


DEVICES = Command(
    name="devices",
    run=devices,
    about="Audio interfaces, MIDI ports and serial ports, each with the config to paste.",
    parts=(AS_JSON,),
)
