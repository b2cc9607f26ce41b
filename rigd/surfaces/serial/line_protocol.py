"""rigd's open line protocol, version 1, for boxes that a person can build (docs/serial-protocol.md).

Pure: bytes in, words out, and the other way round. Keeps at most one line; whatever a broken cable or a wrong
baud rate brings, it raises nothing but `BadLine`, and only for the line at hand.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable

from msgspec import Struct

from rigd.hands.showing import Light
from rigd.model.errors import SurfaceError

VERSION = 1
MAX_LINE = 256
"""Bytes of a line, checksum and newline included, both ways."""
MAX_CONTROLS = 64
"""Of a kind; a box that declares more is not believed."""
TAIL = 4
"""Bytes after the text: star, two hexadecimal digits, newline."""
MAX_ANSWER = 40
"""Characters of a reply's text: what two lines of a small display can show."""


class BadLine(SurfaceError):
    """A line that is not of the protocol's form, or whose checksum is wrong."""


# --- lines ------------------------------------------------------------------------------------------


def checksum(text: bytes) -> int:
    """XOR of all bytes before the star, as in NMEA 0183."""
    total = 0
    for byte in text:
        total ^= byte
    return total


def plain(text: str, width: int = MAX_LINE - TAIL) -> str:
    """`text` as a small display can show it: printable ASCII without accents, at most `width` of it."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "".join(c if " " <= c <= "~" else "?" for c in bare)[:width].rstrip()


def frame_line(text: str) -> bytes:
    """The bytes of one line: text, star, checksum, newline. Never longer than MAX_LINE."""
    body = plain(text).encode("ascii")
    return b"%s*%02X\n" % (body, checksum(body))


_DEEJ = re.compile(rb"[0-9]{1,5}(\|[0-9]{1,5}){0,63}\r?", re.ASCII)
_LINE = re.compile(rb"([ -~]*)\*([0-9A-Fa-f]{2})", re.ASCII)


def unframe_line(line: bytes) -> str:
    """The text of a line without its newline. Raises BadLine. The last star is the one that counts."""
    match = _LINE.fullmatch(line.removesuffix(b"\r"))
    if match is None and _DEEJ.fullmatch(line) and b"|" in line:
        raise BadLine(
            'this is how a deej box speaks; write protocol = "deej" (and its baud, most often 9600)'
        )
    if match is None:
        raise BadLine("not a line of the protocol (text*HH)")
    body, digits = match.groups()
    if checksum(body) != int(digits, 16):
        raise BadLine(f"checksum is {digits.decode()}, the text gives {checksum(body):02X}")
    return body.decode("ascii")


class LineCutter:
    """Cuts a stream into lines. Holds at most MAX_LINE bytes; a longer line is dropped up to its newline."""

    def __init__(self) -> None:
        self._part = b""
        self._skipping = False
        self.overlong = 0
        """Lines dropped for their length."""
        self.dropped = b""
        """How the last of them began."""

    def feed(self, brought: bytes) -> list[bytes]:
        """The lines that `brought` completes, without their newlines."""
        *ends, rest = brought.split(b"\n")
        lines = []
        for end in ends:
            if not self._skipping:
                line = self._part + end
                if len(line) < MAX_LINE:
                    lines.append(line)
                else:
                    self._drop(line)
            self._part, self._skipping = b"", False
        if self._skipping:
            return lines
        if len(self._part) + len(rest) >= MAX_LINE:
            self._drop(self._part + rest)
            self._part, self._skipping = b"", True
        else:
            self._part += rest
        return lines

    def _drop(self, line: bytes) -> None:
        self.overlong += 1
        self.dropped = line[:MAX_LINE]

    def drop_half(self) -> bytes | None:
        """Forgets a line that began and never ended: what there was of it; None where there was none."""
        half = self._part if self._part or self._skipping else None
        self._part, self._skipping = b"", False
        return half


# --- box to host ------------------------------------------------------------------------------------


class Greeting(Struct, frozen=True, kw_only=True):
    """What a box says of itself: at its start and whenever the host greets."""

    version: int
    name: str
    firmware: str
    faders: int = 0
    fader_max: int = 1023
    encoders: int = 0
    buttons: int = 0
    leds: int = 0
    columns: int = 0
    rows: int = 0
    values: bool = False
    """It can show a text for each fader and encoder."""
    meters: int = 0
    pace_ms: int = 10
    """Least time between two lines to the box."""

    def describe(self) -> str:
        """'faderbox 1.0: 4 faders, 4 encoders, display 16x2'."""
        counts = {"fader": self.faders, "encoder": self.encoders, "button": self.buttons, "LED": self.leds}
        counts["meter"] = self.meters
        parts = [f"{count} {word}{'s' if count > 1 else ''}" for word, count in counts.items() if count]
        if self.rows:
            parts.append(f"display {self.columns}x{self.rows}")
        return f"{self.name} {self.firmware}: {', '.join(parts) or 'no controls'}"


class FaderAt(Struct, frozen=True, kw_only=True):
    """Where a fader stands, 0 to the declared maximum."""

    number: int
    raw: int


class EncoderTurned(Struct, frozen=True, kw_only=True):
    """Detents since the last such line, clockwise positive."""

    number: int
    detents: int


class ButtonMoved(Struct, frozen=True, kw_only=True):
    """A button went down or up."""

    number: int
    down: bool


class NamedCommand(Struct, frozen=True, kw_only=True):
    """The box names a command of rigd's itself: "keep 20"."""

    text: str


class Beat(Struct, frozen=True, kw_only=True):
    """Still there."""


class Again(Struct, frozen=True, kw_only=True):
    """The box has missed something: it wants to be sent everything once more."""


BoxLine = Greeting | FaderAt | EncoderTurned | ButtonMoved | NamedCommand | Beat | Again


def read_box_line(text: str) -> BoxLine | None:
    """What a box's line says; None for a word this version does not know. Raises BadLine."""
    verb, _, rest = text.partition(" ")
    if verb == "beat":
        return Beat()
    if verb == "again":
        return Again()
    if verb == "do":
        if not rest.strip():
            raise BadLine("do: no command named")
        return NamedCommand(text=rest.strip())
    words = rest.split()
    if verb == "box":
        return _greeting(words)
    if verb not in ("fader", "encoder", "button"):
        return None
    if len(words) < 2:
        raise BadLine(f"{verb}: needs a number and a value")
    if re.fullmatch(r"[+-]?0+", words[0]):
        raise BadLine(
            f"there is no {verb} 0: the controls of a kind count from 1; have the box send {verb} 1 for its first"
        )
    number = _whole(words[0], verb, 1, MAX_CONTROLS)
    if verb == "fader":
        return FaderAt(number=number, raw=_whole(words[1], verb, 0, 65535))
    if verb == "encoder":
        return EncoderTurned(number=number, detents=_whole(words[1], verb, -127, 127))
    if words[1] not in ("down", "up"):
        raise BadLine("button: neither down nor up")
    return ButtonMoved(number=number, down=words[1] == "down")


def _whole(word: str, what: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,5}", word) or not least <= int(word) <= most:
        raise BadLine(f'{what}: "{word[:20]}" is not a whole number from {least} to {most}')
    return int(word)


def _declared(word: str, kind: str, most: int) -> int:
    """How many of a kind a box says it has; one that has more than rigd takes is told so."""
    if re.fullmatch(r"[0-9]{1,5}", word) and int(word) > most > 1:
        raise BadLine(
            f"the box declares {int(word)} {kind}, rigd takes at most {most}; declare {most} or fewer"
        )
    return _whole(word, kind, 0, most)


def _pair(word: str, what: str, between: str) -> tuple[str, str]:
    first, found, second = word.partition(between)
    if not found:
        raise BadLine(f'{what}: "{word[:20]}" is not of the form A{between}B')
    return first, second


def _greeting(words: list[str]) -> Greeting:
    """`box VERSION NAME FIRMWARE [key=value ...]`; keys that this version does not know are left alone."""
    if len(words) < 3:
        raise BadLine("box: needs a version, a name and a firmware version")
    version = _whole(words[0], "box", 1, 999)
    said = dict(word.split("=", 1) for word in words[3:] if "=" in word)

    def count(key: str, most: int = MAX_CONTROLS) -> int:
        return _declared(said.get(key, "0"), key, most)

    faders, fader_max = _pair(said.get("faders", "0/1023"), "faders", "/")
    columns, rows = _pair(said.get("display", "0x0"), "display", "x")
    return Greeting(
        version=version,
        name=words[1],
        firmware=words[2],
        faders=_declared(faders, "faders", MAX_CONTROLS),
        fader_max=_whole(fader_max, "faders", 15, 65535),
        encoders=count("encoders"),
        buttons=count("buttons"),
        leds=count("leds"),
        columns=_whole(columns, "display", 0, 80),
        rows=_whole(rows, "display", 0, 8),
        values=bool(count("values", 1)),
        meters=count("meters"),
        pace_ms=_whole(said.get("pace", "10"), "pace", 0, 500),
    )


# --- host to box ------------------------------------------------------------------------------------

HOST_GREETING = f"rigd {VERSION}"
HOST_BEAT = "beat"


def led_line(number: int, light: Light) -> str:
    """An LED off, on or blinking."""
    return f"led {number} {light}"


def value_line(control: str, text: str) -> str:
    """The text beside a control: the gain it turns."""
    return f"value {control} {plain(text, 8)}".rstrip()


def text_line(row: int, text: str, columns: int) -> str:
    """One row of the display; the box fills up with blanks."""
    return f"text {row} {plain(text, columns)}".rstrip()


def meters_line(levels: Iterable[tuple[float, bool]]) -> str:
    """One hexadecimal digit a meter, from (peak dBFS, clipped): 0 below -56, 4 dB a step, F clipped."""
    digits = ("F" if clipped else f"{_step(peak_dbfs):X}" for peak_dbfs, clipped in levels)
    return f"meters {''.join(digits)}"


def _step(peak_dbfs: float) -> int:
    if math.isnan(peak_dbfs):
        return 0
    return min(14, math.floor((min(0.0, max(-60.0, peak_dbfs)) + 60.0) / 4.0))


def answer_line(control: str, accepted: bool, text: str) -> str:
    """What came of an action: `control` is the one that was touched, empty for a named command."""
    return f"{'ok' if accepted else 'no'} {control or 'do'} {plain(text, MAX_ANSWER)}".rstrip()


# --- deej -------------------------------------------------------------------------------------------


def read_deej_line(line: bytes) -> tuple[int, ...]:
    """The sliders of a deej box, in order. Raises BadLine. Form: github.com/omriharel/deej, `1023|512|0`."""
    if not _DEEJ.fullmatch(line):
        if _LINE.fullmatch(line.removesuffix(b"\r")):
            raise BadLine('this is a line of rigd\'s own protocol; write protocol = "rigd"')
        raise BadLine("not a deej line (1023|512|0)")
    return tuple(int(word) for word in line.rstrip(b"\r").split(b"|"))
