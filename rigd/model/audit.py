"""What the audit keeps of a command: who gave it, by which right, when, what it was, and what came of it. Pure."""

from __future__ import annotations

from msgspec import Struct

from rigd.model.command_text import command_text
from rigd.model.commands import Accepted, Command, Reply
from rigd.model.plain_text import plain_line
from rigd.model.roles import Role
from rigd.model.units import Ns, TakeId

LONGEST_AUDIT_TEXT = 400
"""Of a command, and of its answer: a note may be ten times as long, and stands in its take."""


class AuditEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One command. A line of the audit is one as JSON."""

    number: int = 0
    """It grows by one, also from run to run; given by who writes it."""
    unix_ns: int
    """The wall clock when it was answered."""
    at_ns: Ns
    """When it was given (CLOCK_MONOTONIC), by the word of who gave it."""
    answered_ns: Ns
    """When it was answered (CLOCK_MONOTONIC)."""
    who: str
    role: str
    """As of `model/roles.py`; of another build's perhaps."""
    label: str = ""
    """What the client calls itself, where that is not its name."""
    control: str = ""
    """Of a surface: the control that moved; empty where the surface named the command."""
    command: str
    held: bool = False
    accepted: bool
    answer: str = ""
    take_id: TakeId | None = None
    lost: int = 0
    """So many commands before this one could not be written down."""


def audit_entry(
    command: Command, reply: Reply, *, who: str, role: Role, unix_ns: int, answered_ns: Ns
) -> AuditEntry:
    """What is to be kept of that."""
    accepted = isinstance(reply, Accepted)
    return AuditEntry(
        unix_ns=unix_ns,
        at_ns=command.at_ns,
        answered_ns=answered_ns,
        who=who,
        role=role,
        label="" if command.origin == who else command.origin,
        control=command.control,
        command=_short(command_text(command)),
        held=command.held,
        accepted=accepted,
        answer=_short(reply.message if isinstance(reply, Accepted) else reply.reason),
        take_id=reply.take_id if isinstance(reply, Accepted) else None,
    )


def _short(text: str) -> str:
    cut = text if len(text) <= LONGEST_AUDIT_TEXT else f"{text[:LONGEST_AUDIT_TEXT]} ..."
    return plain_line(cut)
