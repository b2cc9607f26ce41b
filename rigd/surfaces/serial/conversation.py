"""The conversation with a box in rigd's line protocol; deej's is in deej_talk.py.

Pure but for what it remembers of one open port: bytes and times in, what they mean out. One thread.
It must never raise on anything that a port can bring, nor keep more than a line and one place a control.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from rigd.hands.surface import ControlInput, Motion
from rigd.model.units import NS_PER_SECOND, Ns
from rigd.surfaces.serial.line_protocol import (
    HOST_BEAT,
    HOST_GREETING,
    MAX_LINE,
    VERSION,
    Again,
    BadLine,
    Beat,
    ButtonMoved,
    EncoderTurned,
    FaderAt,
    Greeting,
    LineCutter,
    NamedCommand,
    read_box_line,
    unframe_line,
)
from rigd.surfaces.serial.refused_lines import RefusedLines
from rigd.surfaces.serial.settings import LineTiming, SerialSettings


class Met(Struct, frozen=True, kw_only=True):
    """A box is there and may be told everything."""

    box: Greeting


class Parted(Struct, frozen=True, kw_only=True):
    """The box is no longer there: what was held on it is let go."""


class Say(Struct, frozen=True, kw_only=True):
    """A line that the box must hear now."""

    line: str


class Resend(Struct, frozen=True, kw_only=True):
    """The box is still the same, but must be told everything once more."""


TOO_LONG = f"longer than {MAX_LINE} bytes"
CUT_OFF = "it began and was cut off"
Outcome = ControlInput | NamedCommand | Met | Parted | Resend | Say


class Talk(Protocol):
    """One conversation, from the opening of a port to its end."""

    box: Greeting | None
    """Who is there; None while nobody is."""

    def hear(self, brought: bytes, at_ns: Ns) -> list[Outcome]:
        """What these bytes mean; the driver had them at `at_ns`."""

    def tick(self, now_ns: Ns) -> list[Outcome]:
        """What is due now. Called several times a second, after what was heard."""

    def trouble(self) -> str:
        """Why nobody is there, and what to do."""

    def remark(self) -> str:
        """What to know of a box that is there; empty where all it sends is understood."""


class RigdTalk:
    """rigd's line protocol (docs/serial-protocol.md)."""

    def __init__(
        self, surface: str, settings: SerialSettings, timing: LineTiming, *, opened_at_ns: Ns
    ) -> None:
        self.box: Greeting | None = None
        self.refused = RefusedLines(baud=settings.line_baud)
        self._surface = surface
        self._baud = settings.line_baud
        self._beat_ns = round(timing.beat_s * NS_PER_SECOND)
        self._dead_ns = round(timing.dead_s * NS_PER_SECOND)
        self._half_line_ns = round(timing.half_line_s * NS_PER_SECOND)
        self._cutter = LineCutter()
        self._controls = BoxControls(surface, Greeting(version=VERSION, name="", firmware=""))
        wait_s = settings.greeting_wait_s if settings.dtr else 0.0
        self._greet_at_ns = opened_at_ns + round(wait_s * NS_PER_SECOND)
        self._beat_at_ns = opened_at_ns
        self._resend_at_ns = opened_at_ns
        self._bytes_at_ns = opened_at_ns
        self._heard_at_ns = opened_at_ns
        self._other_version = 0
        self._met_once = False

    def hear(self, brought: bytes, at_ns: Ns) -> list[Outcome]:
        outcomes: list[Outcome] = []
        overlong = self._cutter.overlong
        self.refused.brought(brought)
        for line in self._cutter.feed(brought):
            try:
                outcomes += self._hear_line(unframe_line(line), at_ns)
            except BadLine as error:
                self.refused.refuse(line, str(error))
        for _ in range(self._cutter.overlong - overlong):
            self.refused.refuse(self._cutter.dropped, TOO_LONG)
        self._bytes_at_ns = at_ns
        return outcomes

    def _hear_line(self, text: str, at_ns: Ns) -> list[Outcome]:
        self._heard_at_ns = at_ns
        said = read_box_line(text)
        if isinstance(said, Greeting):
            return self._meet(said)
        if self.box is None:
            # It is awake and past its boot-loader: no need to wait for a greeting that will not come.
            self._greet_at_ns = min(self._greet_at_ns, at_ns)
            return []
        if said is None or isinstance(said, Beat):
            return []
        if isinstance(said, NamedCommand):
            return [said]
        if isinstance(said, Again):
            # At most once a beat: a box that asks at every line would else never be told the end of it.
            if at_ns < self._resend_at_ns:
                return []
            self._resend_at_ns = Ns(at_ns + self._beat_ns)
            return [Resend()]
        return list(self._controls.move(said, at_ns))

    def _meet(self, box: Greeting) -> list[Outcome]:
        parted: list[Outcome] = [Parted()] if self.box is not None else []
        if box.version != VERSION:
            self.box, self._other_version = None, box.version
            return parted
        self.box, self._other_version, self._met_once = box, 0, True
        self._controls = BoxControls(self._surface, box)
        return [*parted, Met(box=box)]

    def tick(self, now_ns: Ns) -> list[Outcome]:
        outcomes: list[Outcome] = []
        if now_ns - self._bytes_at_ns > self._half_line_ns and (half := self._cutter.drop_half()) is not None:
            self.refused.refuse(half, CUT_OFF)
        if self.box is not None and now_ns - self._heard_at_ns > self._dead_ns:
            self.box, self._greet_at_ns = None, now_ns
            outcomes.append(Parted())
        if self.box is None and now_ns >= self._greet_at_ns:
            self._greet_at_ns = Ns(now_ns + self._beat_ns)
            outcomes.append(Say(line=HOST_GREETING))
        if self.box is not None and now_ns >= self._beat_at_ns:
            self._beat_at_ns = Ns(now_ns + self._beat_ns)
            outcomes.append(Say(line=HOST_BEAT))
        return outcomes

    def trouble(self) -> str:
        if self._other_version:
            return (
                f"the box speaks version {self._other_version} of the line protocol, this rigd {VERSION}; "
                "update the older of the two"
            )
        if cause := self.refused.cause:
            return cause
        if self.refused.count and not self._met_once:
            return f"{self.refused.told}. The box wants {self._baud} baud and protocol rigd"
        if self._met_once:
            return "the box has fallen silent; does it run?" + (
                f" ({self.refused.told})" if self.refused.count else ""
            )
        return "no greeting yet; is this the box, and does it speak rigd's line protocol?"

    def remark(self) -> str:
        return self.refused.told


class BoxControls:
    """Where the controls of a box stand since it greeted."""

    def __init__(self, surface: str, box: Greeting) -> None:
        self._surface = surface
        self._box = box
        self._places: dict[int, float] = {}
        self._down: set[int] = set()

    def move(self, said: FaderAt | EncoderTurned | ButtonMoved, at_ns: Ns) -> list[ControlInput]:
        """What that line means. Raises BadLine for a control that the box did not declare."""
        match said:
            case FaderAt():
                return self._fader(said, at_ns)
            case EncoderTurned():
                self._check("encoder", said.number, self._box.encoders)
                if said.detents == 0:
                    return []
                return [self._input(f"encoder {said.number}", Motion.RELATIVE, at_ns, float(said.detents))]
            case ButtonMoved():
                return self._button(said, at_ns)

    def _check(self, kind: str, number: int, declared: int) -> None:
        if number > declared:
            raise BadLine(f"{kind} {number}: the box declared {declared}")

    def _fader(self, said: FaderAt, at_ns: Ns) -> list[ControlInput]:
        self._check("fader", said.number, self._box.faders)
        if said.raw > self._box.fader_max:
            raise BadLine(
                f"fader {said.number}: {said.raw} is beyond the {self._box.fader_max} that the box declared"
            )
        value = fader_value(said.raw, self._box.fader_max)
        before = self._places.get(said.number)
        self._places[said.number] = value
        # The first value after a greeting is where the fader stands, not a move: nobody touched it.
        if before is None or before == value:
            return []
        return [fader_moved(self._surface, said.number, value, at_ns)]

    def _button(self, said: ButtonMoved, at_ns: Ns) -> list[ControlInput]:
        self._check("button", said.number, self._box.buttons)
        control = f"button {said.number}"
        release = self._input(control, Motion.RELEASE, at_ns)
        if not said.down:
            if said.number not in self._down:
                return []  # held since before the greeting: it was never a press to us
            self._down.discard(said.number)
            return [release]
        lost_release = [release] if said.number in self._down else []
        self._down.add(said.number)
        return [*lost_release, self._input(control, Motion.PRESS, at_ns, 1.0)]

    def _input(self, control: str, motion: Motion, at_ns: Ns, value: float = 0.0) -> ControlInput:
        return ControlInput(surface=self._surface, control=control, motion=motion, value=value, at_ns=at_ns)


def fader_moved(surface: str, number: int, value: float, at_ns: Ns) -> ControlInput:
    return ControlInput(
        surface=surface, control=f"fader {number}", motion=Motion.ABSOLUTE, value=value, at_ns=at_ns
    )


def fader_value(raw: int, fader_max: int) -> float:
    """0.0 to 1.0, with a dead band of 4 in 1023 at both ends, because no pot reaches them."""
    dead = 4 * fader_max // 1023
    return min(1.0, max(0.0, (raw - dead) / (fader_max - 2 * dead)))
