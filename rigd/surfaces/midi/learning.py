"""`rigd learn` of MIDI: listens to what a foot or a hand does, says what it is, and writes the config to paste.

Runs on the caller's thread and opens ports of its own; a running rig may listen to the same pedal on ALSA and JACK.
What came is judged in learnt.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from rigd.hands.bindings import ONE_SWITCH, TWO_GESTURES, Encoder
from rigd.hands.learning import LearnedControl, LearnedSoFar, toml_text
from rigd.model.errors import SurfaceError
from rigd.model.plain_text import plain_line
from rigd.model.units import ClockNs, Ns
from rigd.surfaces.midi.learnt import ControlListener, Kind, Mode, MovedControl
from rigd.wire.midi.links import MidiLink
from rigd.wire.midi.names import FoundPort, fitting_ports, place_lines, remark_on, stable_name
from rigd.wire.midi.parser import MidiParser
from rigd.wire.midi.ports import MidiPorts
from rigd.wire.serial_ports import LINKS, SERIAL_PREFIX, SerialPort, lasting_path, list_ports

DIN_BAUD = 31_250


class Learned(Struct, frozen=True, kw_only=True):
    """What a control is. `remark` says how sure that is, and what else to know."""

    port: str
    control: str
    mode: Mode = "momentary"
    has_hold: bool = True
    """False: its release comes at once, so that no hold can be made with it."""
    pressed: int | None = None
    """The values of a switch that sends values."""
    released: int | None = None
    absolute: bool = False
    """A knob or an expression pedal: it sets a gain."""
    encoder: Encoder | None = None
    """It turns a gain, and tells its turns like this."""
    baud: int | None = None
    """Of a serial line."""
    remark: str = ""
    place: tuple[str, ...] = ()
    """Lines of the config that tell it from an equal one."""


class MidiLearner:
    """See rigd.hands.learning.Learner."""

    speeds = (DIN_BAUD, 115_200, 38_400)
    """Of MIDI, and of MIDI over a USB serial chip."""

    def __init__(self, clock: ClockNs) -> None:
        self._clock = clock
        self._at_end = contextlib.ExitStack()
        self._links: list[MidiLink] = []
        self._there: list[FoundPort] = []
        self._line = ""
        self._baud: int | None = None
        self._begin()

    def _begin(self) -> None:
        self._listener = ControlListener()
        self._parser = MidiParser()
        self._bytes = self._understood = 0

    def open(self, port: str) -> Sequence[str]:
        """See Learner."""
        looking = MidiPorts(client="learn")
        self._at_end.callback(looking.close)
        self._there = looking.look()
        # Of several that fit, a foot tells which one is meant.
        found = (fitting_ports(port, self._there) or [looking.find(port)]) if port else self._there
        if not found:
            why = "; ".join(looking.why_so_few()) or "no MIDI port is there; plug the pedal in"
            raise SurfaceError(f"nothing to listen to: {why}")
        for number, each in enumerate(found):
            ports = MidiPorts(client=f"learn-{number + 1}", api=each.api)
            self._at_end.callback(ports.close)
            link = ports.open(each, output="", sysex=True, clock=self._clock)
            self._at_end.callback(link.close)
            self._links.append(link)
        return [stable_name(link.name) for link in self._links]

    def wait(self, timeout_s: float) -> None:
        """See Learner."""
        for number, link in enumerate(self._links):
            for message, at_ns in link.wait(timeout_s / len(self._links)):
                self._listener.hear(message, at_ns, port=number)

    def begin_line(self, path: str, baud: int | None, send: Callable[[bytes], None]) -> None:
        """See Learner. MIDI is listened to, and nothing is said."""
        self._line, self._baud = SERIAL_PREFIX + path, baud
        self._begin()

    def feed(self, brought: bytes, at_ns: Ns) -> int:
        """See Learner."""
        messages = self._parser.feed(brought)
        for message in messages:
            self._listener.hear(message, at_ns)
        understood = sum(map(len, messages))
        self._bytes += len(brought)
        self._understood += understood
        return understood

    def finding(self, now_ns: Ns) -> LearnedSoFar | None:
        """See Learner. On a line of which most is not understood, it is not MIDI that speaks, or at another speed."""
        verdict = self._listener.verdict(now_ns)
        if verdict is None or self._understood * 2 < self._bytes:
            return None
        if verdict.kind is Kind.UNUSABLE:
            what = f"{verdict.control}, on which rigd does not act"
            return LearnedSoFar(
                ask=f"that is {what}: press another switch",
                trouble=f'what came is {what}; have the pedal send a controller ("cc"), a note or a program change',
            )
        learned = self._named(verdict)
        ask = ""
        if not verdict.is_sure:
            is_encoder = verdict.kind is Kind.ENCODER
            ask = (
                "an encoder: turn it both ways"
                if is_encoder
                else "no release came: press it shortly once more"
            )
        return LearnedSoFar(
            learned=LearnedControl(lines=render(learned), facts=to_builtins(learned)), ask=ask
        )

    @property
    def remark(self) -> str:
        """See Learner."""
        wavers = self._listener.wavering
        return f"{wavers} wavers, which is no foot" if wavers else ""

    def close(self) -> None:
        """See Learner."""
        self._at_end.close()

    def _named(self, verdict: MovedControl) -> Learned:
        came_by = self._line or self._links[verdict.port].name
        name, does_not_last = lasting_name(came_by, list_ports())
        here = [each for each in self._there if each.name == came_by]
        learned = learned_from(verdict)
        return replace(
            learned,
            port=name,
            baud=self._baud,
            remark="; ".join(each for each in (learned.remark, does_not_last) if each),
            place=place_lines(here[0], self._there) if here else (),
        )


def learned_from(verdict: MovedControl) -> Learned:
    """The same in the words of the config; on which port it is, is for others to say."""
    return Learned(
        port="",
        control=verdict.control,
        mode=verdict.mode,
        has_hold=verdict.has_hold,
        pressed=verdict.pressed,
        released=verdict.released,
        absolute=verdict.kind is Kind.KNOB,
        encoder=verdict.encoder,
        remark=verdict.remark,
    )


def render(learned: Learned, *, name: str = "pedal") -> str:
    """The config to paste: the surface, and one binding."""
    lines = [f"[surface.{name}]", 'kind = "midi"', f"port = {toml_text(learned.port)}", *learned.place]
    if learned.baud not in (None, DIN_BAUD):
        lines.append(f"baud = {learned.baud}")
    lines.append("")
    if learned.remark:
        lines.append(f"# {learned.remark}")
    lines += [f"[[surface.{name}.binding]]", f"control = {toml_text(learned.control)}", *_does(learned)]
    return "\n".join(map(plain_line, lines)) + "\n"


def _does(learned: Learned) -> list[str]:
    """What the control is bound to: a gain, or the one-switch grammar as far as the switch can say it."""
    if learned.absolute:
        return ["gain = 1  # the channel"]
    if learned.encoder is not None:
        return ["nudge = 1  # the channel", f"encoder = {toml_text(learned.encoder)}"]
    lines = [f'mode = "{learned.mode}"']
    for key, value in (("pressed", learned.pressed), ("released", learned.released)):
        if value is not None:
            lines.append(f"{key} = {value}")
    grammar = ONE_SWITCH if learned.mode == "momentary" and learned.has_hold else TWO_GESTURES
    return lines + [f"{gesture} = {toml_text(command)}" for gesture, command in grammar.items()]


def lasting_name(name: str, ports: Sequence[SerialPort], links: Path = LINKS) -> tuple[str, str]:
    """The name of a port that the config is to have, and what to know where it does not last."""
    line = name.removeprefix(SERIAL_PREFIX)
    if line == name:
        stable = stable_name(name)
        return stable, remark_on(stable)
    path, remark = lasting_path(line, ports, links)
    return SERIAL_PREFIX + path, remark
