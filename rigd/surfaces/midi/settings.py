"""What [surface.<name>] of kind "midi" may say. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator

from rigd.config.options import NEEDED, Options, option
from rigd.hands.showing import LAMP_FORMS, channel_of_lamp, lamp_fault
from rigd.hands.surface import Motion
from rigd.model.access import Access
from rigd.surfaces.midi.controls import check_lamp, motions_of
from rigd.wire.midi.names import remark_on, stable_name
from rigd.wire.midi.ports import Api
from rigd.wire.serial_ports import SERIAL_PREFIX, is_counted


def _known_lamp(lamp: str) -> str:
    if fault := lamp_fault(lamp):
        raise ValueError(fault)
    return lamp


def _sendable(control: str) -> str:
    if fault := check_lamp(control):
        raise ValueError(fault)
    return control


def _named(port: str) -> str:
    if not port.strip():
        raise ValueError("is empty; `rigd devices` lists the MIDI ports")
    return port


class LampSettings(Options):
    """A lamp of the device: the message that sets it, and what it shows. A lamp that blinks is blinked by rigd, which
    sends `lit` and `dark` in turn."""

    on: Annotated[str, AfterValidator(_known_lamp)] = option(
        NEEDED, f'What it shows: {LAMP_FORMS}; see "Lamps" below'
    )
    send: Annotated[str, AfterValidator(_sendable)] = option(
        NEEDED, 'The message that sets it: "cc 80", "cc 80 ch 2", "note 60"; channel 1 where none is named'
    )
    lit: int = option(127, "The message's value while it is lit; a colour on some pedals", least=0, most=127)
    dark: int = option(0, "The message's value while it is dark", least=0, most=127)


class MidiSettings(Options):
    """A MIDI port: of ALSA or JACK by name, or a serial line."""

    port: Annotated[str, AfterValidator(_named)] = option(
        NEEDED,
        "The port's name, or a part of it that fits no other (`rigd devices`), without ALSA's changing numbers. Or "
        '"serial:/dev/ttyAMA0": raw MIDI on a serial line',
        longest=200,
    )
    usb_path: str = option(
        "",
        'Which of several equal devices: the one in this USB socket ("1-1.3"), as `rigd devices` prints it',
        longest=256,
    )
    usb_serial: str = option("", "Or the one with this USB serial number", longest=256)
    output: str | None = option(
        None,
        'The port where its lamps are, where that has another name; "": its lamps are not lit. None: the same name',
        longest=200,
    )
    api: Api = option(
        "auto",
        "Which MIDI system has the port. auto: ALSA's sequencer, and JACK where that has none of this name",
    )
    baud: int = option(
        31_250,
        "Speed of a serial line: 31250 is DIN MIDI, 115200 is usual for an Arduino over USB",
        unit="bit/s",
        least=300,
        most=4_000_000,
    )
    settle_ms: int = option(
        300,
        "What a device sends within this time after its port was opened is its state and no foot: a switch that is "
        "down then does nothing until it is released. An Arduino that restarts at opening wants 2000",
        unit="ms",
        least=0,
        most=10_000,
    )
    led: tuple[LampSettings, ...] = option(
        (), "The lamps, a table each: [[surface.NAME.led]], see below", longest=256
    )

    def motions_of(self, control: str) -> frozenset[Motion]:
        """See rigd.hands.surface.SurfaceSettings."""
        return motions_of(control)

    def channels_shown(self) -> Iterator[tuple[tuple[str | int, ...], str, int]]:
        """See rigd.hands.surface.SurfaceSettings."""
        for place, lamp in enumerate(self.led):
            if (channel := channel_of_lamp(lamp.on)) is not None:
                yield ("led", place, "on"), f'on = "{lamp.on}"', channel

    def warnings(self) -> Iterator[str]:
        """See rigd.hands.surface.SurfaceSettings."""
        line = self.port.removeprefix(SERIAL_PREFIX)
        if line != self.port and is_counted(line):
            yield (
                f'port "{self.port}" is the order of plugging: with two such lines rigd refuses it. Write '
                "serial:/dev/serial/by-id/... or by-path/..., as rigd learn prints it"
            )
        elif remark := remark_on(stable_name(self.port)):
            yield f'port "{self.port}" is {remark}'

    def access(self) -> Access:
        """A serial line, ALSA's sequencer, or the server."""
        if self.port.startswith(SERIAL_PREFIX):
            return Access(lines=(self.port.removeprefix(SERIAL_PREFIX),))
        return Access(sound=self.api != "jack", shared_memory=self.api != "alsa")
