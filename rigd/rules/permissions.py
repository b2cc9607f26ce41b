"""Who gives a command, and whether he may: by his role, and of a surface by what its config lets it do. Pure.

A box on a serial line is a stranger's program: whatever it sends, it does what the config lets it do and no more.
The controller asks `Gate.refusal` for each command, on its thread; nobody else decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from rigd.hands.bindings import Binding
from rigd.model.channels import Channels, channels_of, channels_text, read_channels
from rigd.model.command_text import arguments_of, channels_named, names_channels, not_a_command
from rigd.model.commands import (
    COMMANDS,
    Command,
    DiscardAndRestart,
    KeepLast,
    NextTake,
    StartTake,
    ToggleTake,
)
from rigd.model.errors import CommandError
from rigd.model.roles import SCOPES, Role, Scope, roles_for
from rigd.model.state import Transport
from rigd.model.units import NS_PER_SECOND, Ns

GROUPS: Mapping[str, tuple[str, ...]] = {"take": ("start", "stop", "toggle", "next")}
"""Words of `allow` that stand for several commands."""
GRAVE = (
    "phantom",
    "set",
    "discard",
    "again",
    "empty-trash",
    "session",
    "continue-session",
    "unlock",
    "shut-down",
)
"""A binding alone does not let a surface name these itself: they cost sound, gear or the evening."""
TAKES_AT_ONCE = 10
TAKES_PER_S = 2
"""Takes that one surface may begin: so many in a burst, and so many a second for ever. No hand needs more."""

_BEGINS_A_TAKE = (StartTake, NextTake, DiscardAndRestart, KeepLast)


class Permission(Struct, frozen=True, kw_only=True):
    """One command, with any arguments; of a command for channels also these alone."""

    verb: str
    channels: Channels | None = None

    def __str__(self) -> str:
        return self.verb if self.channels is None else f"{self.verb} {channels_text(self.channels)}"


def covered(command: Command, permissions: Iterable[Permission]) -> bool:
    """Whether the command is permitted; one for several channels where each of them is."""
    of_verb = [each.channels for each in permissions if each.verb == command.verb]
    if None in of_verb:
        return True
    asked = channels_named(command)
    return asked is not None and set(asked) <= {number for each in of_verb for number in each or ()}


def read_permissions(text: str) -> tuple[Permission, ...]:
    """What an entry of `allow` stands for: "mark", "gain 3", "gain 1-4", "take". Raises CommandError."""
    verb, *rest = text.lower().split() or [""]
    if verb in GROUPS and not rest:
        return tuple(Permission(verb=each) for each in GROUPS[verb])
    kind = COMMANDS.get(verb)
    if kind is None:
        raise not_a_command(verb)
    if not rest:
        return (Permission(verb=verb),)
    if not any(names_channels(field) for field in arguments_of(kind)):
        raise CommandError(f'"{verb}" is allowed as a whole; write "{verb}"')
    try:
        (word,) = rest
        return (Permission(verb=verb, channels=read_channels(word)),)
    except (ValueError, CommandError):
        text = f'"{verb}" is allowed as a whole, or for channels, such as "{verb} 3" or "{verb} 1-4"'
        raise CommandError(text) from None


def bound_permissions(bindings: Iterable[Binding]) -> tuple[Permission, ...]:
    """The commands that the controls of a surface are bound to, each once."""
    found: dict[Permission, None] = {}
    for binding in bindings:
        for command in binding.commands:
            found[Permission(verb=command.verb, channels=channels_named(command))] = None
        for verb, channel in (("gain", binding.gain), ("nudge", binding.nudge)):
            if channel is not None:
                found[Permission(verb=verb, channels=channels_of([channel]))] = None
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

        Raises CommandError for an entry that is none.
        """
        bound = bound_permissions(bindings)
        if allow is None:
            return SurfaceRights(bound=bound, named=tuple(each for each in bound if each.verb not in GRAVE))
        named = dict.fromkeys(each for entry in allow for each in read_permissions(entry))
        return SurfaceRights(bound=bound, named=tuple(named))

    def refusal(self, command: Command, surface: str) -> str:
        """Why the surface of that name may not; empty where it may."""
        permitted = self.bound if command.bound else self.named
        if covered(command, permitted):
            return ""
        if command.bound:
            return f'not allowed: no control of "{surface}" is bound to {command.verb}'
        asked = str(Permission(verb=command.verb, channels=channels_named(command)))
        may = ", ".join(str(each) for each in self.named) or "nothing"
        wanted = ", ".join(f'"{each}"' for each in (*self.named, asked))
        return (
            f'not allowed: [surface.{surface}] does not allow "{asked}". It may name: {may}. '
            f"To allow it too: allow = [{wanted}]"
        )


class Principal(Struct, frozen=True, kw_only=True):
    """Who gives commands by one way in. Set by whoever opens that way."""

    name: str
    """A user of this machine, or what [surface.NAME] is called."""
    role: Role
    role_set_by: str = ""
    """The option that gave the role."""
    rights: SurfaceRights | None = None
    """Of a surface: within its role it may do this and no more. None: whatever its role may."""


RIG_ITSELF = Principal(name="rigd", role=Role.OWNER)


def surface_principal(
    name: str, role: Role, bindings: Iterable[Binding], allow: Iterable[str] | None
) -> Principal:
    """A surface, as the config has it. Raises CommandError for an entry of `allow` that is none."""
    rights = SurfaceRights.of(bindings, allow)
    return Principal(name=name, role=role, role_set_by=f"[surface.{name}] role", rights=rights)


def role_refusal(verb: str, scope: Scope, who: Principal) -> str:
    """Why the role does not let him; empty where it does."""
    if scope in SCOPES[who.role]:
        return ""
    least = roles_for(scope)[0]
    cure = f"; that is set by {who.role_set_by}" if who.role_set_by else ""
    return f'not allowed: "{who.name}" is here as {who.role}, and {verb} is for the {least}{cure}'


class TakePace:
    """How quickly one surface begins takes. A stop is never refused for it."""

    def __init__(self) -> None:
        self._left = float(TAKES_AT_ONCE)
        self._at_ns = Ns(0)

    def refusal(self, command: Command, transport: Transport, surface: str) -> str:
        """Why this take is not begun; empty where it is, or where the command begins none."""
        stops = isinstance(command, ToggleTake) and transport is Transport.ROLLING
        if stops or not isinstance(command, (*_BEGINS_A_TAKE, ToggleTake)):
            return ""
        passed_ns = max(0, command.at_ns - self._at_ns)
        self._at_ns = max(self._at_ns, command.at_ns)
        self._left = min(float(TAKES_AT_ONCE), self._left + TAKES_PER_S * passed_ns / NS_PER_SECOND)
        if self._left < 1:
            return (
                f'too many takes: "{surface}" may begin {TAKES_AT_ONCE} at once and {TAKES_PER_S} a second; '
                "this one was not begun. Look for a broken control"
            )
        self._left -= 1
        return ""


class Gate:
    """Every command of everybody passes here. One thread: the controller's."""

    def __init__(self) -> None:
        self._paces: dict[str, TakePace] = {}

    def refusal(self, command: Command, who: Principal, transport: Transport) -> str:
        """Why the command is not carried out; empty where he may give it."""
        refused = role_refusal(command.verb, command.scope, who)
        if refused or who.rights is None:
            return refused
        pace = self._paces.setdefault(who.name, TakePace())
        return who.rights.refusal(command, who.name) or pace.refusal(command, transport, who.name)
