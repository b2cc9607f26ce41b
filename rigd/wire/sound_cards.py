"""ALSA's sound cards as the kernel tells them: which there are, where they are plugged in, who records from them.

Reads files below `root` only (/proc/asound, /proc/PID, /sys/class/sound), so a card in use is seen as well as a
free one, and nothing is opened. Any thread. Sources: Documentation/sound/designs/procfile.rst of the kernel;
sound/usb/proc.c for `streamN`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

ROOT = Path("/")
RATES_OF_THE_TRADE_HZ = (44_100, 48_000, 88_200, 96_000, 176_400, 192_000)

_CARD_LINE = re.compile(r"^\s*(\d+)\s+\[(\S+)\s*\]:\s*(?:.*? - )?(.*)$")
_CAPTURE_NAME = re.compile(r"pcm(\d+)c")
_OURS = re.compile(r"rigd-capture|rigd[./]capture")
_COUNTED_ID = re.compile(r"(.+?)_(\d{1,3})")


class CaptureDevice(Struct, frozen=True, kw_only=True):
    """One device of a card that can be recorded from."""

    number: int
    """DEV of hw:CARD=X,DEV=n."""
    name: str = ""
    inputs: int = 0
    """The most it has; 0 where the kernel does not tell."""
    rates_hz: tuple[int, ...] = ()
    """The usual rates that it really has; empty where the kernel does not tell."""
    runs_at_hz: int = 0
    """The rate at which it is open now; 0 where it is not."""
    used_by: str = ""
    """Who has it open, as "name (pid 123)"; empty where nobody has."""
    is_ours: bool = False
    """It is rigd itself that has it open."""


class Card(Struct, frozen=True, kw_only=True):
    """A sound card. `number`, and of cards with like ids `card_id`, go by the order of plugging."""

    number: int
    card_id: str
    name: str = ""
    usb_path: str = ""
    """The USB socket it is in, as "1-1.3"; empty for others."""
    usb_serial: str = ""
    usb_id: str = ""
    captures: tuple[CaptureDevice, ...] = ()
    has_outputs: bool = False


def read_cards(root: Path = ROOT) -> tuple[Card, ...]:
    """Every card there is now, by number. Empty where the machine has no ALSA."""
    found = (_CARD_LINE.match(line) for line in _text(root / "proc/asound/cards").splitlines())
    return tuple(
        Card(
            number=int(match[1]),
            card_id=match[2],
            name=match[3].strip(),
            captures=tuple(_captures(root, int(match[1]))),
            has_outputs=any((root / f"proc/asound/card{match[1]}").glob("pcm*p")),
            **_usb_place(root, int(match[1])),
        )
        for match in found
        if match
    )


def twins_of(card: Card, cards: Sequence[Card]) -> tuple[Card, ...]:
    """The cards whose ids may change places with its own at the next plug: ALSA makes ids of names, and calls the
    second "USB" that it meets "USB_1". Equal cards are always such; cards with ids of a person's own are not."""
    return tuple(
        other
        for other in cards
        if other.number != card.number and _base(other.card_id) == _base(card.card_id)
    )


def _base(card_id: str) -> str:
    counted = _COUNTED_ID.fullmatch(card_id)
    return counted[1] if counted else card_id


def _captures(root: Path, card: int) -> Iterator[CaptureDevice]:
    folder = root / f"proc/asound/card{card}"
    for path in sorted(folder.glob("pcm*c")):
        match = _CAPTURE_NAME.fullmatch(path.name)
        if match is None:
            continue
        device = int(match[1])
        info = _fields(_text(path / "info"))
        inputs, rates = _of_stream(_text(folder / f"stream{device}"))
        used_by, is_ours, runs_at = "", False, 0
        for sub in sorted(path.glob("sub*")):
            owner = _fields(_text(sub / "status")).get("owner_pid", "")
            if owner.isdecimal():
                used_by, is_ours = _user(root, int(owner))
                runs_at = int(_fields(_text(sub / "hw_params")).get("rate", "0").split()[0] or 0)
        yield CaptureDevice(
            number=device,
            name=info.get("name") or info.get("id", ""),
            inputs=inputs,
            rates_hz=rates,
            runs_at_hz=runs_at,
            used_by=used_by,
            is_ours=is_ours,
        )


def _of_stream(text: str) -> tuple[int, tuple[int, ...]]:
    """Most inputs and the usual rates, from the Capture part of a USB card's streamN."""
    capture = text.partition("Capture:")[2]
    inputs = max((int(found) for found in re.findall(r"Channels:\s*(\d+)", capture)), default=0)
    rates: set[int] = set()
    for words in re.findall(r"Rates:\s*(.+)", capture):
        between = re.match(r"(\d+)\s*-\s*(\d+)", words)
        if between:
            low, high = int(between[1]), int(between[2])
            rates |= {rate for rate in RATES_OF_THE_TRADE_HZ if low <= rate <= high}
        else:
            rates |= {int(found) for found in re.findall(r"\d+", words)}
    return inputs, tuple(sorted(rates))


def _usb_place(root: Path, card: int) -> dict[str, str]:
    """Of a card on USB: its socket, serial number and product. The device is above the interface that the card is."""
    try:
        device = (root / f"sys/class/sound/card{card}/device").resolve(strict=True)
    except OSError:
        return {}
    for folder in (device, *device.parents[:3]):
        if (folder / "idVendor").exists():
            usb_id = f"{_text(folder / 'idVendor')}:{_text(folder / 'idProduct')}".upper()
            return {"usb_path": folder.name, "usb_serial": _text(folder / "serial"), "usb_id": usb_id}
    return {}


def _user(root: Path, thread: int) -> tuple[str, bool]:
    """Who that is (the kernel notes a thread), and whether it is rigd's own capture."""
    status = _fields(_text(root / f"proc/{thread}/status"))
    pid = status.get("Tgid", str(thread))
    command = _text(root / f"proc/{pid}/cmdline").replace("\0", " ").strip()
    name = _text(root / f"proc/{pid}/comm") or os.path.basename(command.partition(" ")[0])
    return f"{name or 'a process'} (pid {pid})", bool(_OURS.search(command) or _OURS.search(name))


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
