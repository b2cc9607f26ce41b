"""What a kind finds on this machine: for `rigd devices`, and for `rigd init`, which lets a person choose. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class OfferedInterface(Struct, frozen=True, kw_only=True):
    """What brings sound, for a person to choose."""

    called: str
    """As a person knows it: "Scarlett 18i20 USB, 18 inputs"."""
    lines: str
    """Its [audio] section, and that of its driver."""
    inputs: int = 0
    """0: not known, so a person is asked."""
    rate_hz: int = 0
    """0: not known, so a person is asked."""
    trouble: str = ""
    """Why nothing can be recorded from it now, with the cure."""
    simulated: bool = False
    """No sound ever comes to it: it is only offered where there is no other."""


class FurtherQuestion(Struct, frozen=True, kw_only=True):
    """What only a person can say of a thing that was found."""

    question: str
    lines: str
    """What its config gets: after a yes; of a number once for each from 1 on, with it in place of {n}."""
    most: int = 0
    """The answer is a number up to this; 0: it is yes or no."""


class OfferedSurface(Struct, frozen=True, kw_only=True):
    """A device with controls, for a person to choose."""

    called: str
    """As a person knows it: "Arduino Leonardo, now /dev/ttyACM0"."""
    lines: str = ""
    """Its section; empty: what is on it is learnt by what it sends (the kind's learner)."""
    questions: tuple[FurtherQuestion, ...] = ()
    """Asked in this order; what each brings follows `lines`."""


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
    interfaces: tuple[OfferedInterface, ...] = ()
    """Of an audio driver: what `rigd init` offers."""
    surfaces: tuple[OfferedSurface, ...] = ()
    """Of a surface: what `rigd init` offers."""


class FoundPreamp(Struct, frozen=True, kw_only=True):
    """What answers at an address that a person gave: a kind's `find_at(host)`."""

    called: str
    """What it says it is: "X32"."""
    lines: str
    """Of its section, without the section's name."""
    sockets: int
    """So many of its own preamps, numbered from 1."""
