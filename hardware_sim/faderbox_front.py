"""What a fader box is made of, what a person sees on it, and how its lines look on the wire. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HELP = """f1 512      fader 1 to 512            e2 -3       encoder 2 three detents back
b1          tap button 1              b1 2.5      hold it so many seconds
do keep 20  name a command            garbage     some bytes that mean nothing
mute | unmute | deaf | hear | reboot | vanish | back | help | quit"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What the box is made of; also what it declares."""

    name: str = "faderbox"
    firmware: str = "1.0"
    version: int = 1
    faders: int = 4
    fader_max: int = 1023
    encoders: int = 4
    buttons: int = 8
    leds: int = 8
    columns: int = 16
    rows: int = 2
    values: bool = True
    meters: int = 8
    pace_ms: int = 10
    lines: Literal["rigd", "deej"] = "rigd"
    beat_s: float = 1.0
    dead_s: float = 3.0
    boot_s: float = 0.0
    """How long it says nothing and hears nothing after power-up."""

    def greeting(self) -> str:
        """Its first line."""
        return (
            f"box {self.version} {self.name} {self.firmware} faders={self.faders}/{self.fader_max} "
            f"encoders={self.encoders} buttons={self.buttons} leds={self.leds} "
            f"display={self.columns}x{self.rows} values={int(self.values)} meters={self.meters} "
            f"pace={self.pace_ms}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What a person sees on the box now."""

    leds: tuple[str, ...]
    display: tuple[str, ...]
    values: dict[str, str]
    meters: str
    answer: str
    """The last reply to an action, whole: "no button 1 locked"."""
    host: bool
    """rigd is there."""


def frame(text: str) -> bytes:
    """A line's bytes: text, star, XOR of the text in two hexadecimal digits, newline."""
    body = text.encode("ascii", "replace")
    total = 0
    for byte in body:
        total ^= byte
    return body + f"*{total:02X}\n".encode()


def describe(front: Front) -> str:
    """The front of the box in a few lines of text."""
    lamps = {"off": ".", "on": "O", "blink": "*"}
    lines = [
        f"LEDs {' '.join(lamps.get(led, '?') for led in front.leds)}   {'rigd' if front.host else 'no rigd'}"
    ]
    lines += [f"|{row:<16}|" for row in front.display]
    if front.values:
        lines.append("  ".join(f"{control} {text}" for control, text in sorted(front.values.items())))
    if front.meters:
        lines.append(f"meters {front.meters}")
    if front.answer:
        lines.append(front.answer)
    return "\n".join(lines)
