"""What a kind finds on this machine: for `rigd devices`. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class FoundHere(Struct, frozen=True, kw_only=True):
    """What there is of one kind of thing, and the config to paste for each."""

    title: str
    """What they are called: "Serial ports"."""
    pieces: tuple[str, ...] = ()
    """One of them each: lines of a config that mean the same thing after a replug; comments say what a person should
    know."""
    remarks: tuple[str, ...] = ()
    """More to print, such as what is not offered, and why."""
    facts: dict[str, Any] = field(default_factory=dict)
    """The same for `--json`, by names that no other kind has."""
    troubles: tuple[str, ...] = ()
    """Why some may be missing; each with its cure."""


class FoundPreamp(Struct, frozen=True, kw_only=True):
    """What answers at an address that a person gave: a kind's `find_at(host)`."""

    called: str
    """What it says it is: "X32"."""
    lines: str
    """Of its section, without the section's name."""
    sockets: int
    """So many of its own preamps, numbered from 1."""
