"""What the kinds of a config need from this machine besides files: devices, the network, memory shared with a server.

A kind's settings say it in a method `access`, so that the units of the service are given exactly that (`rigd units`).
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct


class Access(Struct, frozen=True, kw_only=True):
    """What is opened. Nothing, where nothing is said."""

    sound: bool = False
    """ALSA's devices: interfaces, the sequencer, raw MIDI."""
    lines: tuple[str, ...] = ()
    """Serial lines, by path."""
    usb_line: bool = False
    """A serial line at USB, by its number or socket: which driver it has is not known before."""
    hosts: tuple[str, ...] = ()
    """Addresses or names on the network."""
    shared_memory: bool = False
    """/dev/shm: a JACK server is reached through it."""
    unknown: tuple[str, ...] = ()
    """Kinds that do not say what they open."""

    @staticmethod
    def of_all(parts: Iterable[Access]) -> Access:
        """What all of them need together."""
        parts = tuple(parts)
        return Access(
            sound=any(part.sound for part in parts),
            lines=tuple(dict.fromkeys(line for part in parts for line in part.lines)),
            usb_line=any(part.usb_line for part in parts),
            hosts=tuple(dict.fromkeys(host for part in parts for host in part.hosts)),
            shared_memory=any(part.shared_memory for part in parts),
            unknown=tuple(dict.fromkeys(kind for part in parts for kind in part.unknown)),
        )

    def __str__(self) -> str:
        """'sound, line /dev/ttyS0, host 192.168.1.62'."""
        words = [
            *(["sound"] if self.sound else []),
            *(f"line {line}" for line in self.lines),
            *(["a line at USB"] if self.usb_line else []),
            *(f"host {host}" for host in self.hosts),
            *(["shared memory"] if self.shared_memory else []),
            *(f"whatever {kind} opens" for kind in self.unknown),
        ]
        return ", ".join(words) or "nothing"
