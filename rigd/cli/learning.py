"""`rigd learn`: listens to what a foot does, tells what kind of switch it is, and writes the config to paste.

Runs on the caller's thread and opens ports of its own; it never touches those of a running rigd, which may
listen to the same pedal on ALSA and JACK. A serial line belongs to one program at a time.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from rigd.hands.bindings import ONE_SWITCH, TWO_GESTURES
from rigd.hands.surface import Motion
from rigd.model.errors import SurfaceError
from rigd.model.plain_text import plain_line
from rigd.model.units import NS_PER_SECOND, ClockNs, Ns
from rigd.surfaces.midi.controls import Touch, touches_in
from rigd.wire.midi.links import SERIAL_PREFIX, MidiLink, SerialMidiLink
from rigd.wire.midi.names import FoundPort, fitting_ports, place_lines, remark_on, stable_name
from rigd.wire.midi.parser import NOISE
from rigd.wire.midi.ports import MidiPorts
from rigd.wire.serial_ports import LINKS, SerialPort, is_counted, lasting_link, list_ports

WATCH_NS = 600_000_000
"""The release of a short press comes within this (midi-footswitch 1)."""
_EXPRESSION_PLACES = 5
"""A switch has two values; whatever shows this many is an expression pedal or a knob."""


class Learned(Struct, frozen=True, kw_only=True):
    """What a pedal is. `remark` says how sure that is, and what else to know."""

    port: str
    control: str
    mode: Literal["momentary", "latching", "trigger"]
    absolute: bool = False
    """An expression pedal: it sets a gain."""
    baud: int | None = None
    """Of a serial line."""
    remark: str = ""
    place: tuple[str, ...] = ()
    """Lines of the config that tell it from an equal one."""


def learn(
    port: str = "",
    *,
    seconds: float = 30.0,
    clock: ClockNs | None = None,
    baud: int = 31_250,
    say: Callable[[str], None] = lambda text: None,
) -> Learned:
    """What the first control that moves within `seconds` is. `port` as in the config; empty listens to all.

    `say` is told what the person should do. Raises SurfaceError where there is no port, or nothing moved.
    """
    clock = clock or (lambda: Ns(time.monotonic_ns()))
    with contextlib.ExitStack() as at_end:
        links, there = _open(port, baud=baud, clock=clock, at_end=at_end)
        listening = ", ".join(stable_name(link.name) for link in links)
        say(f"listening on {listening}: press the switch shortly, once")
        learned, chosen = _listen(links, seconds=seconds, clock=clock, baud=baud, say=say)
    for each in there:
        if each.name == chosen.name:
            learned = replace(learned, place=place_lines(each, there))
    return learned


def classify(
    touches: Sequence[tuple[Touch, int]],
) -> tuple[Literal["momentary", "latching", "trigger"], bool, str]:
    """Mode, whether it is an expression pedal, and a remark, from what one control did and when. Pure."""
    motions = [(touch.motion, at_ns) for touch, at_ns in touches if touch.motion is not Motion.ABSOLUTE]
    places = {touch.value for touch, _ in touches if touch.motion is Motion.ABSOLUTE}
    if len(places) >= _EXPRESSION_PLACES:
        return "momentary", True, "an expression pedal or a knob; choose the channel whose gain it sets"
    first, first_ns = motions[0]
    if first is Motion.TRIGGER:
        return "trigger", False, "it tells no release, so there is no hold"
    changes = [(motion, at_ns) for motion, at_ns in motions[1:] if motion is not first]
    if changes and changes[0][1] - first_ns <= WATCH_NS:
        return "momentary", False, ""
    if changes:
        return "latching", False, "every press is one message, so there is no hold"
    if len(motions) > 1:
        return "trigger", False, "it sends the same at every press and tells no release, so there is no hold"
    return (
        "latching",
        False,
        "one message and no release came; if it was held down, learn it again with a short press",
    )


def render(learned: Learned, *, name: str = "pedal") -> str:
    """The config to paste: the surface, and one binding with the one-switch grammar."""
    lines = [f"[surface.{name}]", 'kind = "midi"', f"port = {_quoted(learned.port)}"]
    lines += learned.place
    if learned.baud is not None and learned.baud != 31_250:
        lines.append(f"baud = {learned.baud}")
    lines += ["", f"[[surface.{name}.binding]]", f"control = {_quoted(learned.control)}"]
    if learned.remark:
        lines.insert(len(lines) - 2, f"# {learned.remark}")
    if learned.absolute:
        lines.append("gain = 1  # the channel")
    else:
        lines.append(f'mode = "{learned.mode}"')
        grammar = ONE_SWITCH if learned.mode == "momentary" else TWO_GESTURES
        lines += [f"{gesture} = {_quoted(command)}" for gesture, command in grammar.items()]
    return "\n".join(map(plain_line, lines)) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _open(
    port: str, *, baud: int, clock: ClockNs, at_end: contextlib.ExitStack
) -> tuple[list[MidiLink], list[FoundPort]]:
    if port.startswith(SERIAL_PREFIX):
        line = SerialMidiLink(port.removeprefix(SERIAL_PREFIX), baud=baud, clock=clock)
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
    links: list[MidiLink] = []
    for number, each in enumerate(found):
        ports = MidiPorts(client=f"learn-{number + 1}", api=each.api)
        at_end.callback(ports.close)
        link = ports.open(each, output="", sysex=True, clock=clock)
        at_end.callback(link.close)
        links.append(link)
    return links, there


def _listen(
    links: Sequence[MidiLink], *, seconds: float, clock: ClockNs, baud: int, say: Callable[[str], None]
) -> tuple[Learned, MidiLink]:
    until_ns = clock() + round(seconds * NS_PER_SECOND)
    touches: list[tuple[Touch, int]] = []
    chosen: MidiLink | None = None
    asked = False
    while clock() < until_ns:
        for link in links if chosen is None else (chosen,):
            for message, at_ns in link.wait(0.01 if len(links) > 1 else 0.05):
                heard = [touch for touch in touches_in(message) if message[0] not in NOISE]
                if chosen is None and heard:
                    chosen = link
                if chosen is link:
                    control = touches[0][0].control if touches else heard[0].control if heard else ""
                    touches += [
                        (each, at_ns) for touch in heard if touch.control == control for each in _both(touch)
                    ]
        if not touches or clock() - touches[0][1] <= WATCH_NS:
            continue
        if _is_told_apart(touches):
            break
        if not asked:
            asked = True
            until_ns = min(until_ns, clock() + 5 * NS_PER_SECOND)
            say("no release came: press it shortly once more")
    if chosen is None:
        raise SurfaceError(
            f"nothing was pressed within {seconds:g} s; check the cable, the port and the pedal's own program"
        )
    mode, absolute, remark = classify(touches)
    name, does_not_last = lasting_name(chosen.name, list_ports())
    learned = Learned(
        port=name,
        control=touches[0][0].control,
        mode=mode,
        absolute=absolute,
        baud=baud if isinstance(chosen, SerialMidiLink) else None,
        remark="; ".join(each for each in (remark, does_not_last) if each),
    )
    return learned, chosen


def _both(touch: Touch) -> list[Touch]:
    """What a controller's value is as a switch, and as a place."""
    if touch.motion is not Motion.ABSOLUTE:
        return [touch]
    return [replace(touch, motion=Motion.PRESS if touch.value >= 0.5 else Motion.RELEASE), touch]


def lasting_name(name: str, ports: Sequence[SerialPort], links: Path = LINKS) -> tuple[str, str]:
    """The name of a port that the config is to have, and what to know where it does not last."""
    line = name.removeprefix(SERIAL_PREFIX)
    if line == name or not is_counted(line):
        stable = stable_name(name)
        return stable, remark_on(stable)
    if link := lasting_link(line, ports, links):
        return SERIAL_PREFIX + link, ""
    return name, f"{line} is the order of plugging, so another device may have this name tomorrow"


def _is_told_apart(touches: Sequence[tuple[Touch, int]]) -> bool:
    switched = [touch for touch, _ in touches if touch.motion is not Motion.ABSOLUTE]
    return len(switched) > 1 or switched[0].motion is Motion.TRIGGER
