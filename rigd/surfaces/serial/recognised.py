"""Which kind of box speaks on a serial line, and which of its controls was moved. Pure; for `rigd learn`.

Fed with bytes as they come. It knows deej's lines and rigd's own; what is neither is MIDI or noise.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from rigd.surfaces.serial.line_protocol import (
    HOST_GREETING,
    BadLine,
    ButtonMoved,
    EncoderTurned,
    FaderAt,
    Greeting,
    LineCutter,
    frame_line,
    read_box_line,
    read_deej_line,
    unframe_line,
)

GREETING = frame_line(HOST_GREETING)
"""To a box of rigd's protocol: it answers with what it has, and where its faders stand."""
_ENOUGH_LINES = 3
"""So many lines of one kind are a box."""
_MOVED_SHARE = 16
"""A slider that moved by one part in so many was moved by a hand."""
_TEN_BITS, _TWELVE_BITS = 1023, 4095


class Box(Struct, frozen=True, kw_only=True):
    """What is there. `control` is what was moved; empty where nothing was yet."""

    protocol: Literal["rigd", "deej"]
    control: str = ""
    fader_max: int = _TEN_BITS
    """Of deej's sliders, by the most that came."""
    what: str = ""
    """As the box says it of itself."""


class BoxRecogniser:
    """Of one open port at one speed."""

    def __init__(self) -> None:
        self._cutter = LineCutter()
        self._lines = {"rigd": 0, "deej": 0}
        self._lowest: list[int] = []
        self._highest: list[int] = []
        self._greeting = ""
        self._moved = ""
        self._is_rest = True

    def feed(self, brought: bytes) -> None:
        """These bytes came."""
        for line in self._cutter.feed(brought):
            if self._is_rest:
                self._is_rest = False  # the first one may be the rest of a line
                continue
            try:
                self._rigd_line(line)
            except BadLine:
                self._deej_line(line)

    def _rigd_line(self, line: bytes) -> None:
        said = read_box_line(unframe_line(line))
        self._lines["rigd"] += 1
        match said:
            case Greeting():
                self._greeting = said.describe()
            case ButtonMoved():
                self._moved = self._moved or f"button {said.number}"
            case EncoderTurned():
                self._moved = self._moved or f"encoder {said.number}"
            case FaderAt():
                self._fader(said.number, said.raw)

    def _fader(self, number: int, raw: int) -> None:
        while len(self._lowest) < number:
            self._lowest.append(-1)
            self._highest.append(-1)
        place = number - 1
        if self._lowest[place] < 0:
            self._lowest[place] = self._highest[place] = raw
        self._lowest[place] = min(self._lowest[place], raw)
        self._highest[place] = max(self._highest[place], raw)

    def _deej_line(self, line: bytes) -> None:
        try:
            raws = read_deej_line(line)
        except BadLine:
            return
        self._lines["deej"] += 1
        if self._highest and len(raws) != len(self._highest):
            return
        for place, raw in enumerate(raws):
            self._fader(place + 1, raw)

    @property
    def box(self) -> Box | None:
        """What is there; None where it is no box that is known."""
        if self._lines["rigd"] >= 1 and self._lines["rigd"] >= self._lines["deej"]:
            return Box(protocol="rigd", control=self._moved or self._slider(), what=self._greeting)
        if self._lines["deej"] < _ENOUGH_LINES:
            return None
        top = max(self._highest, default=0)
        fader_max = _TEN_BITS if top <= _TEN_BITS else _TWELVE_BITS if top <= _TWELVE_BITS else 65_535
        sliders = f"deej, {len(self._highest)} slider{'s' if len(self._highest) > 1 else ''}"
        return Box(protocol="deej", control=self._slider(), fader_max=fader_max, what=sliders)

    def _slider(self) -> str:
        """The slider that was moved most."""
        ways = [high - low for low, high in zip(self._lowest, self._highest, strict=True)]
        if not ways or max(ways) * _MOVED_SHARE < max(*self._highest, _TEN_BITS):
            return ""
        return f"fader {ways.index(max(ways)) + 1}"
