"""The conversation with a deej box: plain lines of all sliders, many times a second, nothing the other way.

Pure but for what it remembers of one open port. One thread. deej's lines have no checksum, so a single line is
never believed: a slider stands where the middle one of its last three lines says. And a hand has its speed: a slider
that jumps has moved once it stays where it jumped to; one that comes back has not.
"""

from __future__ import annotations

from collections import deque

from rigd.model.units import NS_PER_SECOND, Ns
from rigd.surfaces.serial.conversation import (
    CUT_OFF,
    TOO_LONG,
    Met,
    Outcome,
    Parted,
    fader_moved,
    fader_value,
)
from rigd.surfaces.serial.line_protocol import VERSION, BadLine, Greeting, LineCutter, read_deej_line
from rigd.surfaces.serial.refused_lines import RefusedLines
from rigd.surfaces.serial.settings import LineTiming, SerialSettings

JUMP_SHARE = 4
"""From one line to the next a hand moves a slider by less than one part in so many of its way."""
STAYS_NS = 120_000_000
"""A hand that does move it so fast leaves it there for longer than this; noise and a loose wiper do not."""
VOTERS = 3
"""Lines that have a say in where a slider stands. The middle one of three is never that of one wrong line, and
follows a hand with one line of delay (10 ms)."""


class DeejTalk:
    """One open port; see Talk."""

    def __init__(
        self, surface: str, settings: SerialSettings, timing: LineTiming, *, opened_at_ns: Ns
    ) -> None:
        self.box: Greeting | None = None
        self.refused = RefusedLines(baud=settings.line_baud)
        self._surface = surface
        self._settings = settings
        self._dead_ns = round(timing.dead_s * NS_PER_SECOND)
        self._half_line_ns = round(timing.half_line_s * NS_PER_SECOND)
        self._cutter = LineCutter()
        self._is_rest = True
        """The next line may be the rest of one: "23|512" of "1023|512" would look whole."""
        self._jitter = max(1, round(settings.jitter * settings.fader_max / 1023))
        self._voters: deque[tuple[int, ...]] = deque(maxlen=VOTERS)
        self._places: list[int] = []
        self._jumped_ns: dict[int, Ns] = {}
        """The sliders that jumped and are not believed yet, and when."""
        self._heard_at_ns = opened_at_ns
        self._bytes_at_ns = opened_at_ns

    def hear(self, brought: bytes, at_ns: Ns) -> list[Outcome]:
        outcomes: list[Outcome] = []
        overlong = self._cutter.overlong
        self.refused.brought(brought)
        lines = self._cutter.feed(brought)
        if lines and self._is_rest:
            lines, self._is_rest = lines[1:], False
        for line in lines:
            try:
                outcomes += self._hear_sliders(read_deej_line(line), at_ns)
            except BadLine as error:
                self.refused.refuse(line, str(error))
        for _ in range(self._cutter.overlong - overlong):
            self.refused.refuse(self._cutter.dropped, TOO_LONG)
        self._bytes_at_ns = at_ns
        return outcomes

    def _hear_sliders(self, raws: tuple[int, ...], at_ns: Ns) -> list[Outcome]:
        settings = self._settings
        if max(raws) > settings.fader_max:
            raise BadLine(f"a slider is beyond fader_max {settings.fader_max}")
        if self.box is not None and len(raws) != len(self._places):
            raise BadLine(f"{len(raws)} sliders, but {len(self._places)} before")
        if self._voters and len(raws) != len(self._voters[-1]):
            self._voters.clear()  # nobody is met yet: which of the two lines was wrong is not known
        self._voters.append(raws)
        self._heard_at_ns = at_ns
        if len(self._voters) < VOTERS:
            return []
        places = [sorted(votes)[VOTERS // 2] for votes in zip(*self._voters, strict=True)]
        if self.box is None:
            self.box = Greeting(
                version=VERSION, name="deej", firmware="box", faders=len(raws), fader_max=settings.fader_max
            )
            self._places = places
            self._jumped_ns.clear()
            return [Met(box=self.box)]
        return self._moves(places, at_ns)

    def _moves(self, places: list[int], at_ns: Ns) -> list[Outcome]:
        settings = self._settings
        moves: list[Outcome] = []
        for index, raw in enumerate(places):
            was = self._places[index]
            if not self._is_a_hand(index, raw, at_ns):
                continue
            value, before = fader_value(raw, settings.fader_max), fader_value(was, settings.fader_max)
            # At the ends a small move counts: what is pulled down must read 0.
            if abs(raw - was) >= self._jitter or (value != before and value in (0.0, 1.0)):
                self._places[index] = raw
                if value != before:
                    place = 1.0 - value if settings.invert else value
                    moves.append(fader_moved(self._surface, index + 1, place, at_ns))
        return moves

    def _is_a_hand(self, index: int, raw: int, at_ns: Ns) -> bool:
        """Whether a slider may be where it is said to be."""
        if abs(raw - self._places[index]) * JUMP_SHARE < self._settings.fader_max:
            self._jumped_ns.pop(index, None)
            return True
        since_ns = self._jumped_ns.setdefault(index, at_ns)
        if at_ns - since_ns < STAYS_NS:
            return False
        del self._jumped_ns[index]
        return True

    def tick(self, now_ns: Ns) -> list[Outcome]:
        if now_ns - self._bytes_at_ns > self._half_line_ns and (half := self._cutter.drop_half()) is not None:
            # What comes next may be its other half: a board that only stalled goes on where it was.
            self._is_rest = True
            self.refused.refuse(half, CUT_OFF)
        if now_ns - self._heard_at_ns <= self._dead_ns:
            return []
        self._voters.clear()
        if self.box is None:
            return []
        self.box = None
        return [Parted()]

    def trouble(self) -> str:
        baud = self._settings.line_baud
        if cause := self.refused.cause:
            return cause
        if self.refused.count:
            return f"{self.refused.told}; is it set to {baud} baud and deej's lines, is fader_max right?"
        return f"silent at {baud} baud; is this the box, and does it run?"

    def remark(self) -> str:
        return self.refused.told
