"""What a surface may do: the commands that its controls are bound to, and those that it may name itself. Pure.

A box on a serial line is a stranger's program: whatever it sends, it does what the config lets it do and no more.
The controller asks `SurfaceGate.refusal` for each command that a surface gave, on its thread; nobody else decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from rigd.hands.bindings import COMMAND_FIELDS, Binding
from rigd.model.commands import (
    COMMANDS,
    Command,
    DiscardAndRestart,
    GivenBy,
    KeepLast,
    NextTake,
    StartTake,
    ToggleTake,
    arguments_of,
    parse_command,
)
from rigd.model.errors import CommandError
from rigd.model.state import Transport
from rigd.model.units import NS_PER_SECOND, ChannelNumber, Ns, Origin

GROUPS: Mapping[str, tuple[str, ...]] = {"take": ("start", "stop", "toggle", "next")}
"""Words of `allow` that stand for several commands."""
GRAVE = ("phantom", "set", "discard", "again", "session", "continue-session", "unlock", "shut-down")
"""A binding alone does not let a surface name these itself: they cost sound, gear or the evening."""
TAKES_AT_ONCE = 10
TAKES_PER_S = 2
"""Takes that one surface may begin: so many in a burst, and so many a second for ever. No hand needs more."""

_BEGINS_A_TAKE = (StartTake, NextTake, DiscardAndRestart, KeepLast)


class Permission(Struct, frozen=True, kw_only=True):
    """One command, with any arguments; of a command for a channel also that channel alone."""

    verb: str
    channel: ChannelNumber | None = None

    def __str__(self) -> str:
        return self.verb if self.channel is None else f"{self.verb} {self.channel}"

    def covers(self, command: Command) -> bool:
        """Whether this command is one of those that are meant."""
        if command.verb != self.verb:
            return False
        return self.channel is None or getattr(command, "channel", None) == self.channel


def read_permissions(text: str) -> tuple[Permission, ...]:
    """What an entry of `allow` stands for: "mark", "gain 3", "take". Raises CommandError."""
    verb, *rest = text.lower().split() or [""]
    if verb in GROUPS and not rest:
        return tuple(Permission(verb=each) for each in GROUPS[verb])
    kind = COMMANDS.get(verb)
    if kind is None:
        raise CommandError(f'"{verb[:40]}" is not a command')
    if not rest:
        return (Permission(verb=verb),)
    has_channel = any(field.name == "channel" for field in arguments_of(kind))
    if not has_channel:
        raise CommandError(f'"{verb}" is allowed as a whole; write "{verb}"')
    if len(rest) > 1 or not re.fullmatch(r"[1-9][0-9]{0,3}", rest[0]):
        raise CommandError(f'"{verb}" is allowed as a whole or for one channel, such as "{verb} 3"')
    return (Permission(verb=verb, channel=ChannelNumber(int(rest[0]))),)


def bound_permissions(bindings: Iterable[Binding]) -> tuple[Permission, ...]:
    """The commands that the controls of a surface are bound to, each once. Raises CommandError where one is none."""
    found: dict[Permission, None] = {}
    for binding in bindings:
        for text in filter(None, (getattr(binding, gesture) for gesture in COMMAND_FIELDS)):
            command = parse_command(text, origin=Origin("config"), at_ns=Ns(0))
            found[Permission(verb=command.verb, channel=getattr(command, "channel", None))] = None
        if binding.gain is not None:
            found[Permission(verb="gain", channel=binding.gain)] = None
        if binding.nudge is not None:
            found[Permission(verb="nudge", channel=binding.nudge)] = None
    return tuple(found)


class SurfaceRights(Struct, frozen=True, kw_only=True):
    """What one surface may do."""

    bound: tuple[Permission, ...]
    """By its controls."""
    named: tuple[Permission, ...]
    """By naming it."""

    @staticmethod
    def of(bindings: Iterable[Binding], allow: Iterable[str] | None) -> SurfaceRights:
        """As the config has it. Without `allow` a surface may name what its controls are bound to, and nothing grave.

        Raises CommandError for an entry or a binding that is none.
        """
        bound = bound_permissions(bindings)
        if allow is None:
            return SurfaceRights(bound=bound, named=tuple(each for each in bound if each.verb not in GRAVE))
        named = dict.fromkeys(each for entry in allow for each in read_permissions(entry))
        return SurfaceRights(bound=bound, named=tuple(named))

    def refusal(self, command: Command) -> str:
        """Why the surface may not; empty where it may."""
        permitted = self.named if command.given_by is GivenBy.NAME else self.bound
        if any(each.covers(command) for each in permitted):
            return ""
        if command.given_by is not GivenBy.NAME:
            return f'not allowed: no control of "{command.origin}" is bound to {command.verb}'
        asked = str(Permission(verb=command.verb, channel=getattr(command, "channel", None)))
        may = ", ".join(str(each) for each in self.named) or "nothing"
        wanted = ", ".join(f'"{each}"' for each in (*self.named, asked))
        return (
            f'not allowed: [surface.{command.origin}] does not allow "{asked}". It may name: {may}. '
            f"To allow it too: allow = [{wanted}]"
        )


class TakePace:
    """How quickly one surface begins takes. A stop is never refused for it."""

    def __init__(self) -> None:
        self._left = float(TAKES_AT_ONCE)
        self._at_ns = Ns(0)

    def refusal(self, command: Command, transport: Transport) -> str:
        """Why this take is not begun; empty where it is, or where the command begins none."""
        stops = isinstance(command, ToggleTake) and transport is Transport.ROLLING
        if stops or not isinstance(command, (*_BEGINS_A_TAKE, ToggleTake)):
            return ""
        passed_ns = max(0, command.at_ns - self._at_ns)
        self._at_ns = max(self._at_ns, command.at_ns)
        self._left = min(float(TAKES_AT_ONCE), self._left + TAKES_PER_S * passed_ns / NS_PER_SECOND)
        if self._left < 1:
            return (
                f'too many takes: "{command.origin}" may begin {TAKES_AT_ONCE} at once and {TAKES_PER_S} a second; '
                "this one was not begun. Look for a broken control"
            )
        self._left -= 1
        return ""


class SurfaceGate:
    """Every command of every surface passes here. One thread: the controller's."""

    def __init__(self, rights: Mapping[str, SurfaceRights]) -> None:
        self._rights = rights
        self._paces = {name: TakePace() for name in rights}

    def refusal(self, command: Command, transport: Transport) -> str:
        """Why the command is not carried out; empty where the surface may. What a person gave is not asked about."""
        if command.given_by is GivenBy.CLIENT:
            return ""
        rights = self._rights.get(command.origin)
        if rights is None:
            return f"not allowed: there is no [surface.{command.origin}]"
        return rights.refusal(command) or self._paces[command.origin].refusal(command, transport)
