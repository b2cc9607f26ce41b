"""System exclusive messages by a template: "F0 00 20 32 {device} 20 {gain:14} F7". Pure.

A template is what a device's manual prints: bytes in hex, and fields in braces.

{name}           one byte of seven bits
{name:14}        two bytes, high half first
{name:14lsb}     two bytes, low half first
{name:nibbles}   one byte in two, high nibble first
{name:*}         all bytes up to what follows it; one a template

Nothing is read that is longer than what the parser keeps.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from rigd.wire.midi.parser import END_OF_SYSEX, LONGEST_SYSEX_BYTES, SYSEX

_TOKEN = re.compile(
    r"(?P<byte>[0-9A-Fa-f]{2})|\{(?P<name>[a-z][a-z0-9_]*)(?::(?P<form>14|14lsb|nibbles|\*))?\}"
)
Value = int | bytes
"""A field's: bytes only of a {name:*}."""


class _Form(Struct, frozen=True, kw_only=True):
    """How a number lies in bytes."""

    length: int
    read: Callable[[bytes], int]


_FORMS = {
    "": _Form(length=1, read=lambda b: b[0]),
    "14": _Form(length=2, read=lambda b: b[0] << 7 | b[1]),
    "14lsb": _Form(length=2, read=lambda b: b[1] << 7 | b[0]),
    "nibbles": _Form(length=2, read=lambda b: (b[0] & 0x0F) << 4 | b[1] & 0x0F),
}
_REST = "*"


class SysexTemplate:
    """One message of a device. Raises ValueError where the template is none, with what is wrong."""

    def __init__(self, template: str) -> None:
        self._parts = [_part(token, template) for token in template.split()]
        if len(self._parts) < 2 or self._parts[0] != SYSEX or self._parts[-1] != END_OF_SYSEX:
            raise ValueError(f'sysex template "{template}" has to begin with F0 and to end with F7')
        inside = self._parts[1:-1]
        if any(isinstance(part, int) and part > 0x7F for part in inside):
            raise ValueError(f'sysex template "{template}" has a byte above 7F inside')
        names = [part[0] for part in inside if isinstance(part, tuple)]
        if len(set(names)) < len(names):
            raise ValueError(f'sysex template "{template}" has a field twice')
        rests = [part for part in inside if isinstance(part, tuple) and part[1] == _REST]
        if len(rests) > 1:
            raise ValueError(f'sysex template "{template}" has two fields of open length')
        self._is_open = bool(rests)
        self._fixed = sum(1 if isinstance(part, int) else _length(part[1]) for part in self._parts)

    def read(self, message: bytes) -> dict[str, Value] | None:
        """The fields of a message of this form; None for any other."""
        spare = len(message) - self._fixed
        if not 0 <= spare <= LONGEST_SYSEX_BYTES or (spare and not self._is_open):
            return None
        fields: dict[str, Value] = {}
        at = 0
        for part in self._parts:
            length = 1 if isinstance(part, int) else spare if part[1] == _REST else _length(part[1])
            piece = message[at : at + length]
            at += length
            if isinstance(part, int):
                if piece[0] != part:
                    return None
            elif any(byte > 0x7F for byte in piece):
                return None
            else:
                fields[part[0]] = piece if part[1] == _REST else _FORMS[part[1]].read(piece)
        return fields


_Part = int | tuple[str, str]
"""A byte, or a field's name and form."""


def _part(token: str, template: str) -> _Part:
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise ValueError(
            f'sysex template "{template}": "{token}" is neither a byte in hex nor {{name}}, {{name:14}}, '
            "{name:14lsb}, {name:nibbles} or {name:*}"
        )
    return int(found["byte"], 16) if found["byte"] else (found["name"], found["form"] or "")


def _length(form: str) -> int:
    return 0 if form == _REST else _FORMS[form].length
