"""What [surface.<name>] of kind "serial" may say, and how quickly the line lives and dies. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Struct
from pydantic import AfterValidator, Field, model_validator

from rigd.config.options import Options, option
from rigd.hands.bindings import plain_control
from rigd.hands.showing import LAMP_FORMS, channel_of_lamp, lamp_fault
from rigd.hands.surface import Motion
from rigd.model.access import Access
from rigd.model.errors import SurfaceError
from rigd.surfaces.serial.line_protocol import MAX_CONTROLS
from rigd.wire.serial_ports import is_counted

_MOTIONS = {
    "fader": frozenset({Motion.ABSOLUTE}),
    "encoder": frozenset({Motion.RELATIVE}),
    "button": frozenset({Motion.PRESS, Motion.RELEASE}),
}
_NUMBER = re.compile(r"[1-9][0-9]?", re.ASCII)


def _known_lamp(lamp: str) -> str:
    if lamp and (fault := lamp_fault(lamp)):
        raise ValueError(f'{fault}, or "" for nothing')
    return lamp


def _known_control(control: str) -> str:
    if not re.fullmatch(r"(fader|encoder) [1-9][0-9]?", control):
        raise ValueError(f'"{control}" is not a control with a value: "fader 1", "encoder 2"')
    return control


Lamp = Annotated[str, AfterValidator(_known_lamp)]
ValueControl = Annotated[str, AfterValidator(_known_control)]
ChannelRef = Annotated[int, Field(ge=1)]


class SerialSettings(Options):
    """A fader box on a serial port: rigd's line protocol, or deej's plain lines."""

    port: str = option("", 'Path of the port; best a link such as "/dev/serial/by-id/..."', longest=4096)
    usb_serial: str = option("", "Or the box's USB serial number: found at any USB socket", longest=256)
    usb_path: str = option("", 'Or the USB socket it is in ("1-1.3"), for chips without number', longest=256)
    protocol: Literal["rigd", "deej"] = option("rigd", "rigd's line protocol, or deej's plain 1023|512|0")
    baud: int | None = option(
        None, "Speed; where not given 115200, or 9600 for deej", unit="bit/s", least=300, most=4_000_000
    )
    dtr: bool = option(True, "false: do not raise DTR, so that most boards are not reset when rigd starts")
    greeting_wait_s: float = option(
        2.0,
        "How long a silent box is left to its boot-loader after opening",
        unit="s",
        least=0.0,
        most=10.0,
    )
    leds: tuple[Lamp, ...] = option(
        ("recording", "armed", "fault", "locked"),
        f'What LED 1, 2, 3 ... show, or "" for nothing: {LAMP_FORMS}; see "Lamps" below',
        longest=MAX_CONTROLS,
    )
    values: dict[ValueControl, ChannelRef] = option(
        {}, 'More gains to show: { "fader 1" = CHANNEL }; what turns a gain by a binding shows it anyway'
    )
    meters: tuple[ChannelRef, ...] = option(
        (), "Channels on the box's meters; where none are given the first of the config", longest=MAX_CONTROLS
    )
    fader_max: int = option(1023, "What a deej box sends at the top: 4095 for ESP32", least=15, most=65535)
    jitter: int = option(
        4, "A deej slider that moves by less than this of 1023 has not moved", least=1, most=64
    )
    invert: bool = option(False, "true: the top of a deej slider is its 0")

    @model_validator(mode="after")
    def _one_port(self) -> SerialSettings:
        given = [key for key in ("port", "usb_serial", "usb_path") if getattr(self, key)]
        if len(given) != 1:
            said = f"these are given: {', '.join(given)}" if given else "none is given"
            raise ValueError(
                f"exactly one of port, usb_serial and usb_path names the port; {said} (rigd devices)"
            )
        if self.baud == 1200:
            raise ValueError("baud 1200 starts the boot-loader of Leonardo boards; use another, best 115200")
        return self

    def motions_of(self, control: str) -> frozenset[Motion]:
        """See rigd.hands.surface.SurfaceSettings. How many of a kind a box has, it says itself when it greets."""
        kind, _, number = plain_control(control).partition(" ")
        has = ("fader",) if self.protocol == "deej" else tuple(_MOTIONS)
        if kind not in has or not _NUMBER.fullmatch(number) or int(number) > MAX_CONTROLS:
            forms = ", ".join(f'"{each} 1"' for each in has)
            whose = "a deej box" if self.protocol == "deej" else "a box on a serial line"
            raise SurfaceError(
                f'"{control[:40]}" is not a control of {whose}; the forms are: {forms} (1 to {MAX_CONTROLS})'
            )
        return _MOTIONS[kind]

    def channels_shown(self) -> Iterator[tuple[tuple[str | int, ...], str, int]]:
        """See rigd.hands.surface.SurfaceSettings."""
        for place, lamp in enumerate(self.leds):
            if (channel := channel_of_lamp(lamp)) is not None:
                yield ("leds", place), f'leds = ["{lamp}"]', channel
        for control, number in self.values.items():
            yield ("values", control), f'values = {{ "{control}" = {number} }}', number
        for place, number in enumerate(self.meters):
            yield ("meters", place), f"meters = [{number}]", number

    @property
    def names_commands(self) -> bool:
        """Its lines can name commands, not only move controls."""
        return self.protocol == "rigd"

    def warnings(self) -> Iterator[str]:
        """See rigd.hands.surface.SurfaceSettings."""
        if is_counted(self.port):
            yield (
                f'port "{self.port}" is the order of plugging: with two such boxes rigd refuses it. Write usb_serial '
                "or usb_path as rigd devices prints it"
            )

    def access(self) -> Access:
        """The line."""
        return Access(lines=(self.port,) if self.port else (), usb_line=not self.port)

    @property
    def line_baud(self) -> int:
        """Bits per second that the port is opened with."""
        return self.baud or (9600 if self.protocol == "deej" else 115200)


class LineTiming(Struct, frozen=True, kw_only=True):
    """The line's clockwork. The protocol fixes it; tests shorten it."""

    beat_s: float = 1.0
    """A sign of life each way."""
    dead_s: float = 3.0
    """Without one for so long the other side is not there."""
    half_line_s: float = 0.5
    """A line that began and did not end by then was cut."""
    retry_s: float = 0.5
    """How often a missing port is looked for."""
    meters_s: float = 0.1
    """Least time between two meter lines."""
