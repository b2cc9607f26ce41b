"""MIDI bytes to messages, and messages to what a control did. Pure: no port, no thread, no clock.

Whatever the bytes, no exception comes out and no more than LONGEST_SYSEX_BYTES are kept; the next valid
message after any rubbish is understood. After the MIDI 1.0 specification (running status, real-time bytes
inside other messages) and RP-013, MIDI Machine Control.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rigd.model.surface import Motion

LONGEST_SYSEX_BYTES = 1024
"""An MMC message has at most 54; what is longer is dropped to its end, and none of it kept."""
SWITCH_ON_FROM = 64
"""A controller switch is on from here (MIDI 1.0, controllers 64 to 69)."""

_SYSEX, _END_OF_SYSEX, _FIRST_REAL_TIME = 0xF0, 0xF7, 0xF8
_NOTE_OFF, _NOTE_ON, _CONTROL_CHANGE, _PROGRAM_CHANGE = 0x80, 0x90, 0xB0, 0xC0
_ACTIVE_SENSING, _CLOCK = 0xFE, 0xF8
NOISE = frozenset({_ACTIVE_SENSING, _CLOCK})
"""Real-time bytes that come all the time and mean no control."""

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


class MidiParser:
    """Fed with bytes as they come from a serial line; gives whole messages, each with its status byte."""

    def __init__(self) -> None:
        self._status = 0
        self._wanted = 0
        self._held = bytearray()
        self._in_sysex = False
        self._too_long = False

    def feed(self, received: Iterable[int]) -> list[bytes]:
        """The messages that `received` completes, in order. Real-time bytes come as messages of one byte."""
        messages: list[bytes] = []
        for byte in received:
            message = self._next(byte & 0xFF)
            if message is not None:
                messages.append(message)
        return messages

    @property
    def kept_bytes(self) -> int:
        """What is kept of a message that is not complete yet."""
        return len(self._held)

    def _next(self, byte: int) -> bytes | None:
        if byte >= _FIRST_REAL_TIME:
            return bytes((byte,))
        if byte == _END_OF_SYSEX:
            return self._end_sysex()
        if byte >= 0x80:
            return self._begin(byte)
        return self._datum(byte)

    def _begin(self, status: int) -> bytes | None:
        self._held = bytearray((status,))
        self._in_sysex, self._too_long = status == _SYSEX, False
        if status < 0xF0:
            self._status, self._wanted = status, 2 if status & 0xE0 == 0xC0 else 3
            return None
        # System messages end running status; F1 and F3 have one byte, F2 two, F4 to F6 none.
        self._status, self._wanted = 0, {0xF1: 2, 0xF2: 3, 0xF3: 2}.get(status, 0)
        if status == 0xF6:
            self._held.clear()
            return bytes((status,))
        return None

    def _datum(self, byte: int) -> bytes | None:
        if self._in_sysex:
            if len(self._held) >= LONGEST_SYSEX_BYTES:
                self._held.clear()
                self._too_long = True
            if not self._too_long:
                self._held.append(byte)
            return None
        if not self._held and self._status:
            self._held.append(self._status)
        if not self._held or not self._wanted:
            return None
        self._held.append(byte)
        if len(self._held) < self._wanted:
            return None
        message = bytes(self._held)
        self._held.clear()
        return message

    def _end_sysex(self) -> bytes | None:
        whole = self._in_sysex and not self._too_long
        message = bytes((*self._held, _END_OF_SYSEX)) if whole else None
        self._held.clear()
        self._status, self._wanted, self._in_sysex, self._too_long = 0, 0, False, False
        return message


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """What one control did, by one message. `control` always names the channel where there is one."""

    control: str
    motion: Motion
    value: float = 0.0


def touches_in(message: bytes) -> tuple[Touch, ...]:
    """What a message means; empty for one that is no control.

    A controller tells its switch (on from 64) and its place (0 to 1): which of them counts is for the
    binding to say. Programs and notes are numbered from 0, as on the wire; channels from 1.
    """
    if len(message) < 1:
        return ()
    status, channel = message[0] & 0xF0, (message[0] & 0x0F) + 1
    if message[0] == _SYSEX:
        return tuple(Touch(control=f"mmc {word}", motion=Motion.TRIGGER) for word in mmc_commands(message))
    if message[0] in REAL_TIME:
        return (Touch(control=f"realtime {REAL_TIME[message[0]]}", motion=Motion.TRIGGER),)
    if status == _PROGRAM_CHANGE and len(message) == 2:
        return (Touch(control=f"program {message[1]} ch {channel}", motion=Motion.TRIGGER),)
    if len(message) != 3:
        return ()
    number, value = message[1], message[2]
    if status == _CONTROL_CHANGE:
        name = f"cc {number} ch {channel}"
        motion = Motion.PRESS if value >= SWITCH_ON_FROM else Motion.RELEASE
        place = value / 127
        return (
            Touch(control=name, motion=motion, value=place),
            Touch(control=name, motion=Motion.ABSOLUTE, value=place),
        )
    if status in (_NOTE_ON, _NOTE_OFF):
        down = status == _NOTE_ON and value > 0
        motion = Motion.PRESS if down else Motion.RELEASE
        return (Touch(control=f"note {number} ch {channel}", motion=motion, value=value / 127),)
    return ()


def mmc_commands(message: bytes) -> list[str]:
    """The commands of one MMC sysex, F0 7F <device> 06 <commands> F7, any device; several may be packed."""
    if len(message) < 6 or message[1] != 0x7F or message[3] != 0x06 or message[-1] != _END_OF_SYSEX:
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
    r"(?P<kind>cc|note|program) (?P<number>\d{1,3})(?: ch (?P<channel>\d{1,2}))?"
    r"|mmc (?:" + "|".join(sorted(set(MMC_COMMANDS.values()))) + r")"
    r"|realtime (?:start|continue|stop)"
)


def check_control(control: str) -> str:
    """Why `control` is not one of a MIDI port; empty when it is."""
    known = _CONTROL.fullmatch(" ".join(control.lower().split()))
    number, channel = (known["number"], known["channel"]) if known else (None, None)
    if known and int(number or 0) <= 127 and 1 <= int(channel or 1) <= 16:
        return ""
    forms = '"cc 80", "cc 80 ch 2", "note 60", "program 3" (0 to 127, channels 1 to 16), "mmc record"'
    return f'"{control[:40]}" is not a control of a MIDI port; the forms are: {forms}; see: rigd learn'


def message_for(control: str, value: int) -> bytes:
    """The bytes that set a lamp: a controller or note at `value`, on channel 1 where none is named.

    Raises ValueError where `control` is neither.
    """
    known = _CONTROL.fullmatch(" ".join(control.lower().split()))
    if known is None or known["kind"] not in ("cc", "note") or check_control(control):
        raise ValueError(f'"{control[:40]}" cannot be sent; the forms are: "cc 80", "cc 80 ch 2", "note 60"')
    status = (_CONTROL_CHANGE if known["kind"] == "cc" else _NOTE_ON) | (int(known["channel"] or 1) - 1)
    return bytes((status, int(known["number"]), value & 0x7F))
