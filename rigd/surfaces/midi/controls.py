"""MIDI messages to what a control did, and the names of controls. Pure.

After the MIDI 1.0 specification and RP-013, MIDI Machine Control.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from rigd.hands.bindings import Bound, control_fits, plain_control
from rigd.hands.surface import Motion
from rigd.model.errors import SurfaceError
from rigd.surfaces.midi.nothing_held import LETS_GO
from rigd.wire.midi.messages import built, named
from rigd.wire.midi.parameters import (
    HIGHEST_PAIR,
    NO_PARAMETER,
    TOP_14_BIT,
    PairReader,
    Parameter,
    ParameterReader,
)
from rigd.wire.midi.sysex import SysexTemplate

_PITCH_CENTRE = 8192
FINE = ("cc14", "nrpn", "rpn")
"""Kinds of control whose value of 14 bits comes in several messages."""
_MMC = SysexTemplate("F0 7F {device} 06 {commands:*} F7")

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
REAL_TIME = ("start", "continue", "stop")


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
    found = named(message)
    if found is None:
        return ()
    kind = found.type
    if kind == "sysex":
        return tuple(Touch(control=f"mmc {word}", motion=Motion.TRIGGER) for word in mmc_commands(message))
    if kind in REAL_TIME:
        return (Touch(control=f"realtime {kind}", motion=Motion.TRIGGER),)
    if kind == "program_change":
        name = f"program {found.program} ch {found.channel + 1}"
        return (Touch(control=name, motion=Motion.TRIGGER),)
    if kind == "song_select":
        return (Touch(control=f"song {found.song}", motion=Motion.TRIGGER),)
    if kind == "control_change":
        if found.control in LETS_GO:
            return ()
        name = f"cc {found.control} ch {found.channel + 1}"
        return (Touch(control=name, motion=Motion.ABSOLUTE, value=found.value / 127),)
    if kind == "pitchwheel":
        place = (found.pitch + _PITCH_CENTRE) / TOP_14_BIT
        return (Touch(control=f"pitch ch {found.channel + 1}", motion=Motion.ABSOLUTE, value=place),)
    if kind in ("note_on", "note_off"):
        name = f"note {found.note} ch {found.channel + 1}"
        down = kind == "note_on" and found.velocity > 0
        motion = Motion.PRESS if down else Motion.RELEASE
        return (Touch(control=name, motion=motion, value=found.velocity / 127),)
    return ()


class FineControls:
    """Of one open port the controls whose value comes in several messages. Only those that are bound are looked for:
    no message tells that a controller is half of a pair.

    A gain waits for the low half of a value, or it would jump. A switch does not: the high half says whether it is
    down, and a device may send no other."""

    def __init__(self, bindings: Iterable[Bound]) -> None:
        names = [
            (known, each)
            for each in bindings
            if (known := _CONTROL.fullmatch(plain_control(each.control))) and known["kind"] in FINE
        ]
        self._pairs = PairReader(
            {
                (channel, int(known["number"]))
                for known, _ in names
                if known["kind"] == "cc14"
                for channel in ([int(known["channel"]) - 1] if known["channel"] else range(16))
            }
        )
        self._gains = [each.control for _, each in names if each.gain is not None]
        self._switches = [each.control for _, each in names if each.gain is None]
        self._whole, self._high = ParameterReader(bits=None), ParameterReader(bits=7)
        self.any_bound = bool(names)

    def touches_in(self, message: bytes) -> tuple[Touch, ...]:
        """What the message completes."""
        if not self.any_bound or (found := named(message)) is None:
            return ()
        touches: list[Touch] = []
        if pair := self._pairs.read(found):
            place = pair.value / TOP_14_BIT
            name = f"cc14 {pair.control} ch {pair.channel + 1}"
            touches.append(Touch(control=name, motion=Motion.ABSOLUTE, value=place))
        for reader, bound in ((self._whole, self._gains), (self._high, self._switches)):
            if parameter := reader.read(found):
                touch = parameter_touch(parameter)
                touches += [touch] if any(control_fits(each, touch.control) for each in bound) else []
        return tuple(touches)


def parameter_touch(parameter: Parameter) -> Touch:
    """What an NRPN or RPN means."""
    name = f"{parameter.kind} {parameter.number} ch {parameter.channel + 1}"
    return Touch(control=name, motion=Motion.ABSOLUTE, value=parameter.value / ((1 << parameter.bits) - 1))


def mmc_commands(message: bytes) -> list[str]:
    """The commands of one MMC sysex, F0 7F <device> 06 <commands> F7, any device; several may be packed."""
    found = _MMC.read(message)
    body = found["commands"] if found else b""
    assert isinstance(body, bytes)
    words: list[str] = []
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
    r"(?:(?P<kind>cc|cc14|note|program|nrpn|rpn) (?P<number>0|[1-9][0-9]{0,4})|pitch)"
    r"(?: ch (?P<channel>[1-9][0-9]?))?"
    r"|song (?P<song>0|[1-9][0-9]{0,2})"
    r"|mmc (?:" + "|".join(sorted(set(MMC_COMMANDS.values()))) + r")"
    r"|realtime (?:start|continue|stop)"
)

_HIGHEST = {"cc14": HIGHEST_PAIR, "nrpn": NO_PARAMETER - 1, "rpn": NO_PARAMETER - 1}

_MOTIONS = {
    "cc": frozenset({Motion.PRESS, Motion.RELEASE, Motion.ABSOLUTE}),
    "note": frozenset({Motion.PRESS, Motion.RELEASE}),
    "nrpn": frozenset({Motion.PRESS, Motion.RELEASE, Motion.ABSOLUTE}),
    "pitch": frozenset({Motion.ABSOLUTE}),
    "program": frozenset({Motion.TRIGGER}),
    "cc14": frozenset({Motion.ABSOLUTE}),
    "rpn": frozenset({Motion.ABSOLUTE}),
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
    if known is not None:
        highest = _HIGHEST.get(known["kind"] or "", 127)
        number = int(known["number"] or known["song"] or 0)
        if number <= highest and 1 <= int(known["channel"] or 1) <= 16:
            return ""
    forms = (
        '"cc 80", "cc 80 ch 2", "note 60", "program 3" (0 to 127, channels 1 to 16), "pitch ch 1", "cc14 7" '
        '(0 to 31), "nrpn 300", "mmc record"'
    )
    return f'"{control[:40]}" is not a control of a MIDI port; the forms are: {forms}; see: rigd learn'


def check_lamp(control: str) -> str:
    """Why `control` cannot be sent to set a lamp; empty when it can."""
    known = _CONTROL.fullmatch(plain_control(control))
    if known is None or known["kind"] not in ("cc", "note") or check_control(control):
        return f'"{control[:40]}" cannot be sent; the forms are: "cc 80", "cc 80 ch 2", "note 60"'
    return ""


def message_for(control: str, value: int) -> bytes:
    """The bytes that set a lamp: a controller or note at `value`, on channel 1 where none is named.

    Raises ValueError where `control` is neither.
    """
    known = _CONTROL.fullmatch(plain_control(control))
    if (fault := check_lamp(control)) or known is None:
        raise ValueError(fault)
    channel, number = int(known["channel"] or 1) - 1, int(known["number"])
    if known["kind"] == "cc":
        return built("control_change", channel=channel, control=number, value=value)
    return built("note_on", channel=channel, note=number, velocity=value)
