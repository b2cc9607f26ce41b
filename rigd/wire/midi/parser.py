"""MIDI bytes to messages. Pure: no port, no thread, no clock.

Whatever the bytes, no exception comes out and no more than LONGEST_SYSEX_BYTES are kept; the next valid
message after any rubbish is understood. After the MIDI 1.0 specification (running status, real-time bytes
inside other messages).
"""

from __future__ import annotations

from collections.abc import Iterable

LONGEST_SYSEX_BYTES = 1024
"""An MMC message has at most 54; what is longer is dropped to its end, and none of it kept."""
SYSEX, END_OF_SYSEX = 0xF0, 0xF7
_FIRST_REAL_TIME = 0xF8
ACTIVE_SENSING, _CLOCK = 0xFE, 0xF8
NOISE = frozenset({ACTIVE_SENSING, _CLOCK})
"""Real-time bytes that come all the time and mean no control."""


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

    def _next(self, byte: int) -> bytes | None:
        if byte >= _FIRST_REAL_TIME:
            return bytes((byte,))
        if byte == END_OF_SYSEX:
            return self._end_sysex()
        if byte >= 0x80:
            return self._begin(byte)
        return self._datum(byte)

    def _begin(self, status: int) -> bytes | None:
        self._held = bytearray((status,))
        self._in_sysex, self._too_long = status == SYSEX, False
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
        message = bytes((*self._held, END_OF_SYSEX)) if whole else None
        self._held.clear()
        self._status, self._wanted, self._in_sysex, self._too_long = 0, 0, False, False
        return message
