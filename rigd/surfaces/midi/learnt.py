"""What a control is, from all that was heard of a MIDI port and when. Pure: no port, no clock, no screen.

Nothing is decided before a second of everything: bank select and NRPN belong to what follows them, a neighbour that
wavers is no foot, and a switch that sends several messages is named by the one that tells its release.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from itertools import pairwise
from typing import Any, Literal

from msgspec import Struct

from rigd.hands.bindings import Encoder
from rigd.surfaces.midi.controls import Touch, mmc_commands, parameter_touch, touches_in
from rigd.surfaces.midi.encoders import encoder_of
from rigd.surfaces.midi.nothing_held import lets_go
from rigd.wire.midi.messages import named
from rigd.wire.midi.parameters import ParameterReader
from rigd.wire.midi.parser import NOISE, SYSEX

MS = 1_000_000
LISTEN_NS = 1_000 * MS
"""From the first message on, everything is listened to for so long."""
TAP_NS = 600 * MS
"""The release of a short press comes within this (midi-footswitch 1)."""
BOUNCE_NS = 30 * MS
PULSE_NS = 25 * MS
"""No foot is so quick: the pedal sends both by itself."""
STEP_NS = 8 * MS
"""An encoder that sends a zero after each step does so at once."""
STILL_NS = 400 * MS
"""A knob that moved within this is still being moved."""
_WAVERS_BY = 16
_MOST_CHATTER = 5
"""The same value more often than this, within LISTEN_NS, is no foot."""
PEDAL_SWITCHES = range(64, 70)
_BANK = (0, 32)
_PARAMETER_NUMBERS = (98, 99, 100, 101)
_PARAMETER_DATA = (6, 38, 96, 97)

Mode = Literal["momentary", "latching", "trigger"]


class Kind(IntEnum):
    """What a control is, in the order in which it is taken for what was meant."""

    SWITCH = 0  # tells its release
    PRESSES = 1  # tells presses only
    ENCODER = 2
    KNOB = 3
    UNUSABLE = 4  # nothing that rigd acts on
    WAVERS = 5  # nobody moved it


class MovedControl(Struct, frozen=True, kw_only=True):
    """What was moved. `control` as the config names it, with its channel; of an unusable one, what it is."""

    control: str
    kind: Kind
    port: int = 0
    mode: Mode = "momentary"
    has_hold: bool = True
    """Of a momentary one: its release comes when the foot goes up."""
    pressed: int | None = None
    released: int | None = None
    encoder: Encoder | None = None
    remark: str = ""
    is_sure: bool = True
    """False: one more press, or turn, would tell."""
    since_ns: int = 0
    last_ns: int = 0


class _ControlHistory(Struct, kw_only=True):
    """All that one control sent: times and values."""

    control: str
    port: int
    values: list[tuple[int, int]]
    number: int = -1
    """Of a controller."""

    @property
    def since_ns(self) -> int:
        return self.values[0][0]

    @property
    def last_ns(self) -> int:
        return self.values[-1][0]


class ControlListener:
    """Of all ports that are listened to. Messages in the order of time."""

    def __init__(self) -> None:
        self._tracks: dict[tuple[int, str], _ControlHistory] = {}
        self._readers: dict[int, ParameterReader] = {}
        self._programs: set[tuple[int, int]] = set()
        """Ports and channels that sent a program change."""
        self._parameters: set[tuple[int, int]] = set()
        """Ports and channels that sent NRPN or RPN."""

    def hear(self, message: bytes, at_ns: int, *, port: int = 0) -> None:
        """This came."""
        if not message or message[0] in NOISE:
            return
        status, channel = message[0] & 0xF0, message[0] & 0x0F
        if status == 0xC0:
            self._programs.add((port, channel))
        if status == 0xB0 and len(message) == 3 and message[1] in _PARAMETER_NUMBERS:
            self._parameters.add((port, channel))
        reader = self._readers.setdefault(port, ParameterReader(bits=7))
        touches = (*_parameters_in(message, reader), *touches_in(message))
        for touch in touches:
            number = message[1] if touch.control.startswith("cc ") else -1
            value = message[2] if len(message) == 3 and status != 0xE0 else round(touch.value * 127)
            if status == 0x80:
                value = 0
            self._note(port, touch.control, value, at_ns, number=number)
        if not touches and (unknown := unusable(message)):
            self._note(port, unknown, 0, at_ns)

    def _note(self, port: int, control: str, value: int, at_ns: int, *, number: int = -1) -> None:
        track = self._tracks.get((port, control))
        if track is None:
            self._tracks[port, control] = _ControlHistory(
                control=control, port=port, values=[(at_ns, value)], number=number
            )
        else:
            track.values.append((at_ns, value))
            del track.values[1:-512]

    def verdict(self, now_ns: int) -> MovedControl | None:
        """What was moved; None while nothing was, or while it may still be moving."""
        found = [verdict for track in self._tracks.values() if (verdict := self._judge(track)) is not None]
        meant = [each for each in found if each.kind is not Kind.WAVERS]
        if not meant or now_ns < min(each.since_ns for each in meant) + LISTEN_NS:
            return None
        best = min(meant, key=lambda each: (each.kind, each.since_ns, each.port))
        if best.kind in (Kind.KNOB, Kind.ENCODER) and now_ns - best.last_ns < STILL_NS:
            return None
        return best

    @property
    def wavering(self) -> str:
        """A control that wavers; empty where none does."""
        found = (self._judge(track) for track in self._tracks.values())
        return next((each.control for each in found if each is not None and each.kind is Kind.WAVERS), "")

    def _judge(self, track: _ControlHistory) -> MovedControl | None:
        """What one control is; None where it belongs to another one's message."""
        channel = int(track.control.rpartition(" ch ")[2]) - 1 if " ch " in track.control else -1
        if track.number in _BANK and (track.port, channel) in self._programs:
            return None
        is_parameter = track.number in (*_PARAMETER_NUMBERS, *_PARAMETER_DATA)
        if is_parameter and (track.port, channel) in self._parameters:
            return None
        remark = ""
        if track.control.startswith("program ") and self._has_bank(track.port, channel):
            remark = "the bank that it selects before is not looked at"
        return judge(track.control, track.values, number=track.number, port=track.port, also=remark)

    def _has_bank(self, port: int, channel: int) -> bool:
        return any((port, f"cc {number} ch {channel + 1}") in self._tracks for number in _BANK)


def _parameters_in(message: bytes, reader: ParameterReader) -> tuple[Touch, ...]:
    """NRPN only: registered parameters are settings of a synthesizer."""
    found = named(message)
    parameter = None if found is None else reader.read(found)
    return () if parameter is None or parameter.kind == "rpn" else (parameter_touch(parameter),)


def judge(
    control: str, values: Sequence[tuple[int, int]], *, number: int = -1, port: int = 0, also: str = ""
) -> MovedControl:
    """What one control is, from all that it sent."""

    def said(kind: Kind, remark: str = "", **more: Any) -> MovedControl:
        return MovedControl(
            control=control,
            kind=kind,
            port=port,
            remark="; ".join(each for each in (remark, also) if each),
            since_ns=values[0][0],
            last_ns=values[-1][0],
            **more,
        )

    word = control.partition(" ")[0]
    if word in ("program", "song", "mmc", "realtime"):
        return said(Kind.PRESSES, "it tells no release, so there is no hold", mode="trigger")
    if word not in ("cc", "note", "nrpn", "pitch"):
        return said(Kind.UNUSABLE)
    settled = _without_bounce(values)
    levels = list(dict.fromkeys(value for _, value in settled))
    if word == "note":
        return _note_switch(settled, said)
    if word == "pitch":
        return said(
            Kind.KNOB,
            "pitch bend: a wheel or a motor fader; choose a channel with a preamp, whose gain it sets",
        )
    encoder, is_sure = encoder_of([value for _, value in values])
    if encoder is not None and word == "cc" and _is_turned(values):
        how = (
            ""
            if is_sure
            else "; turn it the other way too, and learn it again, to be sure of how it tells its turns"
        )
        return said(
            Kind.ENCODER,
            f"an encoder; choose a channel with a preamp, whose gain it turns{how}",
            encoder=encoder,
            is_sure=is_sure,
        )
    if len(levels) > 2 or (len(levels) == 2 and _wavers(levels)):
        return _sensor(settled, levels, number, said)
    if len(levels) == 1:
        return _one_value(settled, said)
    return _two_values(settled, said)


def _is_turned(values: Sequence[tuple[int, int]]) -> bool:
    """Steps, and no sensor that wavers: that sends changes only. A step may be followed by the zero of its kind."""
    pairs = list(pairwise(values))
    if any(value in (0, 64) for _, value in values):
        return all(
            after_ns - at_ns <= STEP_NS and after in (0, 64)
            for (at_ns, value), (after_ns, after) in pairs
            if value not in (0, 64)
        )
    return any(value == after for (_, value), (_, after) in pairs)


def _note_switch(settled: list[tuple[int, int]], said: Callable[..., MovedControl]) -> MovedControl:
    downs = [at_ns for at_ns, value in settled if value > 0]
    ups = [at_ns for at_ns, value in settled if value == 0]
    if not downs:
        return said(Kind.WAVERS)
    if not ups:
        sure = len(downs) > 1
        remark = "it tells no release, so there is no hold" if sure else _ONE_MESSAGE
        return said(Kind.PRESSES, remark, mode="trigger", is_sure=sure)
    stays = [up - down for down in downs for up in ups if 0 <= up - down <= TAP_NS]
    if stays and max(stays) <= PULSE_NS:
        return said(Kind.SWITCH, _PULSE, has_hold=False)
    if stays:
        return said(Kind.SWITCH)
    return said(Kind.PRESSES, "every press is one message, so there is no hold", mode="latching")


_PULSE = "it sends its release at once, whatever the foot does, so there is no hold"
_ONE_MESSAGE = "one message and no release came; if it was held down, learn it again with a short press"


def _one_value(settled: list[tuple[int, int]], said: Callable[..., MovedControl]) -> MovedControl:
    times = [at_ns for at_ns, _ in settled]
    if len([at_ns for at_ns in times if at_ns - times[0] < LISTEN_NS]) > _MOST_CHATTER:
        return said(Kind.WAVERS)
    value = settled[0][1]
    if len(settled) == 1:
        return said(Kind.PRESSES, _ONE_MESSAGE, mode="latching", is_sure=False)
    remark = "it sends the same at every press and tells no release, so there is no hold"
    return said(Kind.PRESSES, remark, mode="trigger", pressed=value)


def _two_values(settled: list[tuple[int, int]], said: Callable[..., MovedControl]) -> MovedControl:
    """The side on which it stays no longer than a tap is the pressed one."""
    stays = [
        (after_ns - at_ns, value)
        for (at_ns, value), (after_ns, after) in pairwise(settled)
        if value != after and after_ns - at_ns <= TAP_NS
    ]
    if not stays:
        return said(Kind.PRESSES, "every press is one message, so there is no hold", mode="latching")
    pressed = min(stays)[1]
    released = next(value for _, value in settled if value != pressed)
    remark = (
        "it sends more when it is up than when it is down: a pedal of the other polarity"
        if pressed < released
        else ""
    )
    if max(stays)[0] <= PULSE_NS:
        remark = "; ".join(each for each in (_PULSE, remark) if each)
        return said(Kind.SWITCH, remark, pressed=pressed, released=released, has_hold=False)
    return said(Kind.SWITCH, remark, pressed=pressed, released=released)


def _sensor(
    settled: list[tuple[int, int]], levels: list[int], number: int, said: Callable[..., MovedControl]
) -> MovedControl:
    """A control that passes through many values."""
    if max(levels) - min(levels) < 2 * _WAVERS_BY:
        return said(Kind.WAVERS)
    first, last = settled[0][1], settled[-1][1]
    low, high = min(levels), max(levels)
    rests_low = first - low <= high - first
    turned = high if rests_low else low
    came_back = abs(last - turned) > abs(last - (low if rests_low else high))
    if came_back and (number in PEDAL_SWITCHES or settled[-1][0] - settled[0][0] <= 2 * TAP_NS):
        pressed, released = (high, low) if rests_low else (low, high)
        pedal = "a pedal that passes through all values"
        remark = (
            pedal
            if number in PEDAL_SWITCHES
            else f"{pedal}; to set a gain with it, write gain = CHANNEL alone"
        )
        return said(Kind.SWITCH, remark, pressed=pressed, released=released)
    if number in PEDAL_SWITCHES:
        return said(Kind.SWITCH, "a half-damper; press it and let it go", is_sure=False)
    return said(
        Kind.KNOB, "an expression pedal or a knob; choose a channel with a preamp, whose gain it sets"
    )


def _wavers(levels: list[int]) -> bool:
    return abs(levels[0] - levels[1]) < _WAVERS_BY and sorted(levels) != [0, 1]


def _without_bounce(values: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Without what returns within BOUNCE_NS to the value before: a contact's bounce."""
    kept: list[tuple[int, int]] = []
    for at_ns, value in values:
        if len(kept) > 1 and at_ns - kept[-1][0] < BOUNCE_NS and value == kept[-2][1]:
            kept.pop()
            continue
        kept.append((at_ns, value))
    return kept


def unusable(message: bytes) -> str:
    """What a message is on which rigd does not act; empty where it is not even that."""
    status, channel = message[0] & 0xF0, (message[0] & 0x0F) + 1
    if message[0] == SYSEX:
        is_mmc = len(message) > 5 and message[1] == 0x7F and message[3] in (0x06, 0x07)
        if is_mmc and not mmc_commands(message):
            return "a command of MIDI Machine Control that rigd has no control for"
        return f"a system exclusive message ({message[:6].hex(' ')} ...)"
    if status == 0xA0:
        return f"the pressure of note {message[1]} on channel {channel}" if len(message) > 1 else ""
    if status == 0xD0:
        return f"channel pressure on channel {channel}"
    if lets_go(message) is not None:
        return "a message that nothing is held (all notes off, reset)"
    return {0xF1: "MIDI time code", 0xF2: "a song position", 0xF6: "a tune request"}.get(message[0], "")
