"""`rigd devices` and `rigd learn`: what is plugged in, and the config to paste for it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from rigd.api.client import ControlClient
from rigd.capture.devices import config_lines, list_interfaces, plugin_lines
from rigd.cli.form import Argument, Command, Option, number, whole_number
from rigd.cli.learning import learn as learn_pedal
from rigd.cli.learning import render
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, errors_told, out, print_json, socket_path
from rigd.model.errors import RigError
from rigd.wire.midi.names import FoundPort, midi_lines, stable_name
from rigd.wire.midi.ports import MidiPorts
from rigd.wire.plain_output import write_line
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


def learn(port: str, seconds: float, baud: int | None, as_json: bool, runtime_dir: Path | None) -> None:
    def connect() -> ControlClient:
        return ControlClient(socket_path(runtime_dir))

    with errors_told():
        learned = learn_pedal(port, seconds=seconds, baud=baud, say=write_line, connect=connect)
    if as_json:
        print_json(msgspec.to_builtins(learned))
    else:
        out.print_lines(render(learned))


def _heading(text: str, count: int) -> None:
    out.print(f"# {text}" + ("" if count else ": none"), style="bold")


DEVICES = Command(
    name="devices",
    run=devices,
    about="Audio interfaces, MIDI ports and serial ports, each with the config to paste.",
    parts=(AS_JSON,),
)
LEARN = Command(
    name="learn",
    run=learn,
    about="Step on a switch; rigd tells what it is and prints the config to paste.",
    parts=(
        Argument(
            name="port",
            about='A MIDI port\'s name, or "serial:/dev/...". None: all ports.',
            is_required=False,
            default="",
        ),
        Option(
            name="seconds",
            flags=("--seconds",),
            read=number,
            shown="SECONDS",
            about="How long to wait for the first press.",
            default=30.0,
        ),
        Option(
            name="baud",
            flags=("--baud",),
            read=whole_number,
            shown="BAUD",
            about="Of a serial line. None: looked for (MIDI, deej, rigd's own boxes).",
        ),
        RUNTIME_DIR,
        AS_JSON,
    ),
)
