"""MIDI messages to what a control did, and the names of controls. Pure.

After the MIDI 1.0 specification and RP-013, MIDI Machine Control.
"""

from __future__ import annotations

import re

from msgspec import Struct

from rigd.hands.bindings import plain_control
from rigd.hands.surface import Motion
from rigd.model.errors import SurfaceError
from rigd.surfaces.midi.nothing_held import LETS_GO
from rigd.wire.midi.parser import END_OF_SYSEX, SYSEX

_NOTE_OFF, _NOTE_ON, _CONTROL_CHANGE, _PROGRAM_CHANGE, _PITCH_BEND = 0x80, 0x90, 0xB0, 0xC0, 0xE0
_SONG_SELECT = 0xF3
_BEND_TOP = 0x3FFF

MMC_COMMANDS = {
    0x01: "stop",
    0x02: "play",
    0x03: "play",  # deferred: after a locate, which rigd never has to wait for
    0x04: "forward",
    0x05: "rewind",
    0x06: "record",  # record strobe
    0x07: "exit",  # record exit
    0x08: "ready",  # record pause
    0x09: "pause",
}
REAL_TIME = {0xFA: "start", 0xFB: "continue", 0xFC: "stop"}


class Touch(Struct, frozen=True, kw_only=True):
    """What one control did, by one message. `control` always names the channel where there is one."""

    control: str
    motion: Motion
    value: float = 0.0


def touches_in(message: bytes) -> tuple[Touch, ...]:
    """What a message means; empty for one that is no control.

    A controller tells its place (0 to 1); whether that is a switch which went down, `PortSwitches` says.
    Programs and notes are numbered from 0, as on the wire; channels from 1.
    """
    if len(message) < 1:
        return ()
    status, channel = message[0] & 0xF0, (message[0] & 0x0F) + 1
    if message[0] == SYSEX:
        return tuple(Touch(control=f"mmc {word}", motion=Motion.TRIGGER) for word in mmc_commands(message))
    if message[0] in REAL_TIME:
        return (Touch(control=f"realtime {REAL_TIME[message[0]]}", motion=Motion.TRIGGER),)
    if status == _PROGRAM_CHANGE and len(message) == 2:
        return (Touch(control=f"program {message[1]} ch {channel}", motion=Motion.TRIGGER),)
    if message[0] == _SONG_SELECT and len(message) == 2:
        return (Touch(control=f"song {message[1]}", motion=Motion.TRIGGER),)
    if len(message) != 3:
        return ()
    number, value = message[1], message[2]
    if status == _CONTROL_CHANGE and number in LETS_GO:
        return ()
    if status == _CONTROL_CHANGE:
        return (Touch(control=f"cc {number} ch {channel}", motion=Motion.ABSOLUTE, value=value / 127),)
    if status == _PITCH_BEND:
        place = (value << 7 | number) / _BEND_TOP
        return (Touch(control=f"pitch ch {channel}", motion=Motion.ABSOLUTE, value=place),)
    if status in (_NOTE_ON, _NOTE_OFF):
        down = status == _NOTE_ON and value > 0
        motion = Motion.PRESS if down else Motion.RELEASE
        return (Touch(control=f"note {number} ch {channel}", motion=motion, value=value / 127),)
    return ()


def mmc_commands(message: bytes) -> list[str]:
    """The commands of one MMC sysex, F0 7F <device> 06 <commands> F7, any device; several may be packed."""
    if len(message) < 6 or message[1] != 0x7F or message[3] != 0x06 or message[-1] != END_OF_SYSEX:
        return []
    words: list[str] = []
    body = message[4:-1]
    place = 0
    while place < len(body):
        command = body[place]
        if command in MMC_COMMANDS:
            words.append(MMC_COMMANDS[command])
        # 40 to 77 say how many bytes follow; all others stand alone; 00 would extend the table.
        counted = 0x40 <= command <= 0x77 and place + 1 < len(body)
        place += 2 + body[place + 1] if counted else 1
    return words


_CONTROL = re.compile(
    r"(?:(?P<kind>cc|note|program|nrpn) (?P<number>0|[1-9][0-9]{0,4})|pitch)(?: ch (?P<channel>[1-9][0-9]?))?"
    r"|song (?P<song>0|[1-9][0-9]{0,2})"
    r"|mmc (?:" + "|".join(sorted(set(MMC_COMMANDS.values()))) + r")"
    r"|realtime (?:start|continue|stop)"
)


_MOTIONS = {
    "cc": frozenset({Motion.PRESS, Motion.RELEASE, Motion.ABSOLUTE}),
    "note": frozenset({Motion.PRESS, Motion.RELEASE}),
    "nrpn": frozenset({Motion.PRESS, Motion.RELEASE, Motion.ABSOLUTE}),
    "pitch": frozenset({Motion.ABSOLUTE}),
    "program": frozenset({Motion.TRIGGER}),
    "song": frozenset({Motion.TRIGGER}),
    "mmc": frozenset({Motion.TRIGGER}),
    "realtime": frozenset({Motion.TRIGGER}),
}


def motions_of(control: str) -> frozenset[Motion]:
    """What that control of a MIDI port can do, by `touches_in`. Raises SurfaceError where there is none."""
    if fault := check_control(control):
        raise SurfaceError(fault)
    return _MOTIONS[plain_control(control).partition(" ")[0]]


def check_control(control: str) -> str:
    """Why `control` is not one of a MIDI port; empty when it is."""
    known = _CONTROL.fullmatch(plain_control(control))
    if known is not None and known["kind"] == "cc" and int(known["number"]) in LETS_GO:
        return f'"{control[:40]}" says that nothing is held (all notes off and the like), so it is no control'
    if known is not None and 1 <= int(known["channel"] or 1) <= 16:
        most = 16_382 if known["kind"] == "nrpn" else 127
        if int(known["number"] or 0) <= most and int(known["song"] or 0) <= 127:
            return ""
    forms = '"cc 80", "cc 80 ch 2", "note 60", "program 3" (0 to 127, channels 1 to 16), "mmc record"'
    return f'"{control[:40]}" is not a control of a MIDI port; the forms are: {forms}; see: rigd learn'


def message_for(control: str, value: int) -> bytes:
    """The bytes that set a lamp: a controller or note at `value`, on channel 1 where none is named.

    Raises ValueError where `control` is neither.
    """
    known = _CONTROL.fullmatch(plain_control(control))
    if known is None or known["kind"] not in ("cc", "note") or check_control(control):
        raise ValueError(f'"{control[:40]}" cannot be sent; the forms are: "cc 80", "cc 80 ch 2", "note 60"')
    status = (_CONTROL_CHANGE if known["kind"] == "cc" else _NOTE_ON) | (int(known["channel"] or 1) - 1)
    return bytes((status, int(known["number"]), value & 0x7F))
