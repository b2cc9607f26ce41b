"""`rigd learn`: listens to what a foot or a hand does, says what it is, and writes the config to paste.

Runs on the caller's thread and opens ports of its own; a running rigd may listen to the same pedal on ALSA and JACK.
What was heard is judged in learnt.py; what speaks on a serial line is found in learning_line.py.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from rigd.api.client import ControlClient
from rigd.cli.learning_line import DIN_BAUD, LineBusy, LineEar
from rigd.cli.learning_rig import RigEar, ear_of_running_rig
from rigd.cli.learnt import Kind, Listener, Mode, Verdict
from rigd.hands.bindings import ONE_SWITCH, TWO_GESTURES, Encoder
from rigd.model.errors import SurfaceError
from rigd.model.plain_text import plain_line
from rigd.model.units import NS_PER_SECOND, ClockNs, Ns
from rigd.surfaces.serial.recognised import Box
from rigd.wire.midi.links import SERIAL_PREFIX, Heard, MidiLink
from rigd.wire.midi.names import FoundPort, fitting_ports, place_lines, remark_on, stable_name
from rigd.wire.midi.ports import MidiPorts
from rigd.wire.serial_ports import LINKS, SerialPort, config_for, is_counted, lasting_link, list_ports

ASKED_NS = 5 * NS_PER_SECOND
"""So long one more press is waited for, where the first one did not tell everything."""


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
    box: Box | None = None
    """A box on a serial line, and no MIDI."""


class Ear(Protocol):
    """A port that is listened to."""

    name: str

    @property
    def box(self) -> Box | None:
        """The box on a serial line that speaks there."""

    @property
    def baud(self) -> int | None:
        """Of a serial line."""

    def wait(self, timeout_s: float) -> list[Heard]:
        """What came of MIDI."""


class PortEar:
    """A port of ALSA or JACK."""

    box = None
    baud = None

    def __init__(self, link: MidiLink) -> None:
        self.name = link.name
        self.wait = link.wait


def learn(
    port: str = "",
    *,
    seconds: float = 30.0,
    clock: ClockNs | None = None,
    baud: int | None = None,
    say: Callable[[str], None] = lambda text: None,
    connect: Callable[[], ControlClient] | None = None,
) -> Learned:
    """What is moved within `seconds`. `port` as in the config; empty listens to all. `baud` of None: looked for.
    `connect` reaches the running rig, which is asked where it holds the line itself.

    `say` gets what the person should do. Raises SurfaceError where there is no port, or nothing moved on which rigd
    acts.
    """
    clock = clock or (lambda: Ns(time.monotonic_ns()))
    with contextlib.ExitStack() as at_end:
        ears, there = _open(port, baud=baud, clock=clock, at_end=at_end, connect=connect)
        if isinstance(ears[0], RigEar):
            say(
                f"rigd itself listens there, as [surface.{ears[0].surface}]: learning through it; what is bound acts"
            )
        listening = ", ".join(stable_name(ear.name) for ear in ears)
        say(f"listening on {listening}: press the switch shortly, once")
        return _Learning(ears, there, seconds=seconds, clock=clock, say=say).learned()


class _Learning:
    """From the first message to what it is."""

    def __init__(
        self,
        ears: Sequence[Ear],
        there: Sequence[FoundPort],
        *,
        seconds: float,
        clock: ClockNs,
        say: Callable[[str], None],
    ) -> None:
        self._ears = ears
        self._there = there
        self._seconds = seconds
        self._clock = clock
        self._say = say
        self._listener = Listener()
        self._until_ns = clock() + round(seconds * NS_PER_SECOND)
        self._has_asked = False

    def learned(self) -> Learned:
        """What was moved. Raises SurfaceError where nothing was that rigd acts on."""
        verdict: Verdict | None = None
        while self._clock() < self._until_ns:
            self._hear()
            if (found := self._box()) is not None:
                return found
            verdict = self._listener.verdict(self._clock())
            if verdict is None:
                continue
            if verdict.is_sure and verdict.kind is not Kind.UNUSABLE:
                break
            self._ask(verdict)
        if verdict is None:
            verdict = self._listener.verdict(self._clock() + NS_PER_SECOND)
        if verdict is None:
            raise SurfaceError(self._why_nothing())
        if verdict.kind is Kind.UNUSABLE:
            raise SurfaceError(
                f"what came is {verdict.control}, on which rigd does not act; have the pedal send a controller "
                '("cc"), a note or a program change'
            )
        return self._named(verdict)

    def _hear(self) -> None:
        for number, ear in enumerate(self._ears):
            for message, at_ns in ear.wait(0.01 if len(self._ears) > 1 else 0.05):
                self._listener.hear(message, at_ns, port=number)

    def _ask(self, verdict: Verdict) -> None:
        if self._has_asked:
            return
        self._has_asked = True
        self._until_ns = min(self._until_ns, self._clock() + ASKED_NS)
        if verdict.kind is Kind.UNUSABLE:
            self._say(f"that is {verdict.control}, on which rigd does not act: press another switch")
        elif verdict.kind is Kind.ENCODER:
            self._say("an encoder: turn it both ways")
        else:
            self._say("no release came: press it shortly once more")

    def _why_nothing(self) -> str:
        boxes = [ear.box for ear in self._ears if ear.box is not None]
        if boxes:
            return f"{boxes[0].what or 'a box'} is there, and nothing was moved within {self._seconds:g} s"
        wavers = self._listener.wavering
        also = f"; {wavers} wavers, which is no foot" if wavers else ""
        strange = sum(ear.strange_bytes for ear in self._ears if isinstance(ear, LineEar))
        if strange:
            also += f"; {strange} bytes came that are no MIDI at this speed (--baud 115200 is usual over USB)"
        check = "check the cable, the port and the pedal's own program"
        return f"nothing was pressed within {self._seconds:g} s{also}; {check}"

    def _box(self) -> Learned | None:
        """A box on a serial line, once something of it was moved."""
        ear = self._ears[0]
        box = ear.box
        if box is None:
            return None
        if not box.control:
            if not self._has_asked:
                self._has_asked = True
                self._say(f"{box.what or 'a box'}, not MIDI: move one of its controls")
            return None
        name, remark = lasting_name(ear.name, list_ports())
        return Learned(
            port=name.removeprefix(SERIAL_PREFIX),
            control=box.control,
            absolute=box.control.startswith("fader"),
            baud=ear.baud,
            remark=remark,
            box=box,
            place=_box_place(ear.name.removeprefix(SERIAL_PREFIX)),
        )

    def _named(self, verdict: Verdict) -> Learned:
        ear = self._ears[verdict.port]
        name, does_not_last = lasting_name(ear.name, list_ports())
        here = [each for each in self._there if each.name == ear.name]
        learned = learned_from(verdict)
        return replace(
            learned,
            port=name,
            baud=ear.baud,
            remark="; ".join(each for each in (learned.remark, does_not_last) if each),
            place=place_lines(here[0], self._there) if here else (),
        )


def learned_from(verdict: Verdict) -> Learned:
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


def render(learned: Learned, *, name: str = "") -> str:
    """The config to paste: the surface, and one binding."""
    if learned.box is not None:
        lines = [f"[surface.{name or 'box'}]", 'kind = "serial"', *_box_lines(learned, learned.box)]
    else:
        lines = [
            f"[surface.{name or 'pedal'}]",
            'kind = "midi"',
            f"port = {_quoted(learned.port)}",
            *learned.place,
        ]
        if learned.baud not in (None, DIN_BAUD):
            lines.append(f"baud = {learned.baud}")
    lines.append("")
    if learned.remark:
        lines.append(f"# {learned.remark}")
    lines += [f"[[surface.{name or ('box' if learned.box else 'pedal')}.binding]]"]
    lines += [f"control = {_quoted(learned.control)}", *_does(learned)]
    return "\n".join(map(plain_line, lines)) + "\n"


def _does(learned: Learned) -> list[str]:
    """What the control is bound to: a gain, or the one-switch grammar as far as the switch can say it."""
    if learned.absolute:
        return ["gain = 1  # the channel"]
    if learned.encoder is not None:
        return ["nudge = 1  # the channel", f"encoder = {_quoted(learned.encoder)}"]
    if learned.box is not None and learned.control.startswith("encoder"):
        return ["nudge = 1  # the channel"]
    lines = [f'mode = "{learned.mode}"']
    for key, value in (("pressed", learned.pressed), ("released", learned.released)):
        if value is not None:
            lines.append(f"{key} = {value}")
    grammar = ONE_SWITCH if learned.mode == "momentary" and learned.has_hold else TWO_GESTURES
    return lines + [f"{gesture} = {_quoted(command)}" for gesture, command in grammar.items()]


def _box_lines(learned: Learned, box: Box) -> list[str]:
    lines = list(learned.place) or [f"port = {_quoted(learned.port)}"]
    lines.append(f"protocol = {_quoted(box.protocol)}")
    if learned.baud is not None and learned.baud != (9600 if box.protocol == "deej" else 115_200):
        lines.append(f"baud = {learned.baud}")
    if box.protocol == "deej" and box.fader_max != 1023:
        lines.append(f"fader_max = {box.fader_max}")
    return lines


def _box_place(path: str) -> tuple[str, ...]:
    """The line of the config by which a box is found after the next plug; empty where its path is all there is."""
    ports = list_ports()
    meant = [port for port in ports if port.device == path]
    return (config_for(meant[0], ports).splitlines()[2],) if meant else ()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _open(
    port: str,
    *,
    baud: int | None,
    clock: ClockNs,
    at_end: contextlib.ExitStack,
    connect: Callable[[], ControlClient] | None,
) -> tuple[list[Ear], list[FoundPort]]:
    if port.startswith((SERIAL_PREFIX, "/")):
        path = port.removeprefix(SERIAL_PREFIX)
        try:
            line = LineEar(path, baud=baud, clock=clock)
        except LineBusy:
            if connect is None or (held := ear_of_running_rig(path, connect)) is None:
                raise
            at_end.callback(held.close)
            return [held], []
        at_end.callback(line.close)
        return [line], []
    looking = MidiPorts(client="learn")
    at_end.callback(looking.close)
    there = looking.look()
    # Of several that fit, a foot tells which one is meant.
    found = (fitting_ports(port, there) or [looking.find(port)]) if port else there
    if not found:
        why = "; ".join(looking.why_so_few()) or "no MIDI port is there; plug the pedal in"
        raise SurfaceError(f"nothing to listen to: {why}")
    ears: list[Ear] = []
    for number, each in enumerate(found):
        ports = MidiPorts(client=f"learn-{number + 1}", api=each.api)
        at_end.callback(ports.close)
        link = ports.open(each, output="", sysex=True, clock=clock)
        at_end.callback(link.close)
        ears.append(PortEar(link))
    return ears, there


def lasting_name(name: str, ports: Sequence[SerialPort], links: Path = LINKS) -> tuple[str, str]:
    """The name of a port that the config is to have, and what to know where it does not last."""
    line = name.removeprefix(SERIAL_PREFIX)
    if line == name or not is_counted(line):
        stable = stable_name(name)
        return stable, remark_on(stable)
    if link := lasting_link(line, ports, links):
        return SERIAL_PREFIX + link, ""
    return name, f"{line} is the order of plugging, so another device may have this name tomorrow"
