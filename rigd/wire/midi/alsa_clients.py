"""The kernel's list of ALSA's sequencer clients and their ports, /proc/asound/seq/clients. Pure.

It is read there and not through a library, as a device may have any bytes in its name: alsa-midi ends a listing at
the first name that is no UTF-8, and hides all other ports with it. Source: sound/core/seq/seq_clientmgr.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from rigd.wire.sound_cards import ROOT

_CLIENT = re.compile(r'Client\s+(\d+) : "(.*)" \[(?:User|Kernel)')
_PORT = re.compile(r'  Port\s+(\d+) : "(.*)" \(([^)]*)\)')
_SYSTEM = 0
"""Its timer and its announcements are no devices."""


class AlsaPort(Struct, frozen=True, kw_only=True):
    """One port of one client, today."""

    client: int
    port: int
    name: str
    """As RtMidi writes it: "SSCOM:SSCOM MIDI 1 24:0"."""
    can_be_heard: bool
    can_be_sent_to: bool


def read_alsa_ports(root: Path = ROOT) -> list[AlsaPort]:
    """Those that there are now; empty where the kernel has no sequencer."""
    try:
        text = (root / "proc/asound/seq/clients").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return list(_ports(text))


def _ports(text: str) -> Iterator[AlsaPort]:
    client, client_name = _SYSTEM, ""
    for line in text.split("\n"):
        if found := _CLIENT.match(line):
            client, client_name = int(found[1]), found[2]
        elif (found := _PORT.match(line)) and client != _SYSTEM:
            rights = found[3]
            yield AlsaPort(
                client=client,
                port=int(found[1]),
                name=f"{client_name}:{found[2]} {client}:{found[1]}",
                can_be_heard="R" in rights,
                can_be_sent_to="W" in rights,
            )
