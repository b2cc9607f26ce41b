"""`rigd devices` and `rigd learn`: what is plugged in, and the config to paste for it."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from rigd.capture.devices import config_lines, list_interfaces
from rigd.cli.terminal import AsJson, errors_told, out, print_json
from rigd.model.errors import RigError
from rigd.surfaces.learn import learn as learn_pedal
from rigd.surfaces.learn import render
from rigd.surfaces.midi_names import stable_name
from rigd.surfaces.midi_ports import MidiPorts
from rigd.surfaces.serial_ports import config_for, list_ports


def devices(as_json: AsJson = False) -> None:
    """Audio interfaces, MIDI ports and serial ports, each with the config to paste."""
    troubles: list[str] = []
    interfaces = []
    try:
        interfaces = list(list_interfaces())
    except RigError as error:
        troubles.append(f"interfaces: {error}")
    midi: list[str] = []
    ports = MidiPorts(client="rigd-devices")
    try:
        midi = [stable_name(port.name) for port in ports.look()]
    except RigError as error:
        troubles.append(f"MIDI: {error}")
    finally:
        ports.close()
    serial = list_ports()
    if as_json:
        print_json(
            {
                "interfaces": [dataclasses.asdict(interface) for interface in interfaces],
                "midi_ports": midi,
                "serial_ports": [dataclasses.asdict(port) for port in serial],
                "troubles": troubles,
            }
        )
        return
    _heading("Audio interfaces", len(interfaces))
    for interface in interfaces:
        out.print(config_lines(interface), markup=False)
    _heading("MIDI ports (rigd learn tells what a pedal sends)", len(midi))
    for name in midi:
        out.print(f'[surface.pedal]\nkind = "midi"\nport = "{name}"\n', markup=False)
    _heading("Serial ports", len(serial))
    for port in serial:
        out.print(config_for(port, serial), markup=False)
    for trouble in troubles:
        out.print(trouble, style="yellow", markup=False)


def learn(
    port: Annotated[
        str, typer.Argument(help='A MIDI port\'s name, or "serial:/dev/...". None: all ports.')
    ] = "",
    seconds: Annotated[float, typer.Option(help="How long to wait for the first press.")] = 30.0,
    baud: Annotated[int, typer.Option(help="Of a serial line.")] = 31_250,
    as_json: AsJson = False,
) -> None:
    """Step on a switch; rigd tells what it is and prints the config to paste."""
    with errors_told():
        learned = learn_pedal(port, seconds=seconds, baud=baud, say=lambda text: typer.echo(text, err=True))
    if as_json:
        print_json(dataclasses.asdict(learned))
    else:
        out.print(render(learned), markup=False)


def _heading(text: str, count: int) -> None:
    out.print(f"# {text}" + ("" if count else ": none"), style="bold", markup=False)
