"""What a kind of surface is to `rigd learn`: it listens, and says what a person moved.

Several kinds listen at once; the first that is sure of something wins. A serial line belongs to one program at a
time: it is opened once, or asked of the rig that holds it, and what comes is given to each kind whose devices speak
on lines.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec import Struct

from rigd.model.units import ClockNs, Ns


def toml_text(text: str) -> str:
    """As a config has it, in quotes."""
    return json.dumps(text, ensure_ascii=False)


class LearnedControl(Struct, frozen=True, kw_only=True):
    """What a control turned out to be, by what it sent."""

    lines: str
    """The config to paste, with what to know of it in comments."""
    facts: dict[str, Any]
    """The same for `--json`."""


class LearnedSoFar(Struct, frozen=True, kw_only=True):
    """What a kind knows by now."""

    learned: LearnedControl | None = None
    """What was moved; None where that is nothing rigd acts on, or nothing was."""
    ask: str = ""
    """What the person should do, so that more is known; empty where all is."""
    trouble: str = ""
    """Of none learned: what came instead, and what to do."""
    is_moved: bool = True
    """False: a device is there, and waits for a hand."""


class Learner(Protocol):
    """One kind that listens: the attribute `learner` of a kind, a function `(clock) -> Learner`. One thread."""

    speeds: Sequence[int]
    """At which its devices speak on a serial line, in bit/s, the usual one first. Empty: on none."""

    def open(self, port: str) -> Sequence[str]:
        """Opens the ports of its own which `port` means, as in the config; all there are where it is empty. Their
        names; none where it has no such ports. Raises SurfaceError, with the cure."""

    def wait(self, timeout_s: float) -> None:
        """Takes what these ports bring. Raises SurfaceError where one is gone."""

    def begin_line(self, path: str, baud: int | None, send: Callable[[bytes], None]) -> None:
        """From now on `feed` brings what comes over the line `path` at `baud`; what came before is not to be
        counted. `send` says something to the device there. `baud` of None: as the config of the running rig says."""

    def feed(self, brought: bytes, at_ns: Ns) -> int:
        """How many of the bytes since `begin_line` are understood newly."""

    def finding(self, now_ns: Ns) -> LearnedSoFar | None:
        """What is known at that time; None while nothing is, or while it may still be moved."""

    @property
    def remark(self) -> str:
        """What to know where nothing was found: "cc 11 wavers, which is no foot"."""

    def close(self) -> None:
        """Its ports are free again."""


LearnerMaker = Callable[[ClockNs], Learner]
