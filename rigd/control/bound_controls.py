"""What waits in the binder's queue, and a binding at work."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from rigd.hands.bindings import Binding
from rigd.hands.faders import GainFader
from rigd.hands.gestures import GestureRecogniser, recogniser_for
from rigd.hands.surface import ControlInput, Motion
from rigd.model.command_text import parse_command
from rigd.model.commands import Command, Reply
from rigd.model.units import Ns, Origin
from rigd.rules.permissions import Principal


class NamedCommand(Struct, frozen=True, kw_only=True):
    surface: str
    text: str
    at_ns: Ns


class MadeCommand(Struct, frozen=True, kw_only=True):
    surface: str
    control: str
    command: Command


class Gone(Struct, frozen=True, kw_only=True):
    surface: str


class Answer(Struct, frozen=True, kw_only=True):
    surface: str
    control: str
    command: Command
    reply: Reply


class Rebound(Struct, frozen=True, kw_only=True):
    """What came before goes by the old bindings, what comes after by these."""

    bindings: Mapping[str, Sequence[Binding]]
    principals: Mapping[str, Principal]
    anew: frozenset[str]
    done: threading.Event


News = ControlInput | NamedCommand | MadeCommand | Gone | Answer | Rebound


def command_of(asked: NamedCommand | MadeCommand) -> tuple[str, Command]:
    """The control that it comes from, and the command. Raises CommandError where a named one is none."""
    if isinstance(asked, MadeCommand):
        return asked.control, replace(asked.command, origin=Origin(asked.surface))
    return "", parse_command(asked.text, origin=Origin(asked.surface), at_ns=asked.at_ns)


class BoundControl:
    """One binding at work: its recogniser, its fader, and the name its control last came under."""

    def __init__(self, surface: str, binding: Binding) -> None:
        self.surface = surface
        self.binding = binding
        self.control = binding.control
        self.gestures: GestureRecogniser = recogniser_for(binding)
        self.fader = GainFader(binding)
        self.refused_told = 0

    def wants(self, motion: Motion) -> bool:
        if motion is Motion.ABSOLUTE:
            return self.binding.gain is not None
        if motion is Motion.RELATIVE:
            return self.binding.nudge is not None
        return self.binding.gain is None and self.binding.nudge is None

    def let_go(self) -> None:
        self.gestures.let_go()
        self.fader.let_go()
