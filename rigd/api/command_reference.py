"""The commands as documentation and as JSON schema, made from the registry: neither can disagree with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rigd.model.channels import FORM
from rigd.model.command_text import arguments_of, names_channels, usage_of
from rigd.model.commands import COMMANDS, Command
from rigd.model.roles import SCOPES, Role, Scope
from rigd.wire.codec import SCHEMA_DIALECT, schema_of

CHANNELS = {
    "description": f"One or more channels: a number, a list of numbers, or a text such as {FORM}",
    "anyOf": [
        {"type": "integer"},
        {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        {"type": "string"},
    ],
}
"""As a client may give them (`channels_given`)."""


def commands_markdown(by_hand: Mapping[str, str]) -> str:
    """A table of every command: its text form, how a command line has it (verb to form), and what it does."""
    lines = ["| Command | By hand | Scope | What it does |", "|---|---|---|---|"]
    lines += [
        f"| `{_cell(usage_of(kind))}` | `{_cell(by_hand[verb])}` | {kind.scope} | {_cell(kind.summary)} |"
        for verb, kind in COMMANDS.items()
    ]
    return "\n".join(lines) + "\n"


def roles_markdown() -> str:
    """A table of the roles and what each may give."""
    lines = ["| role | " + " | ".join(Scope) + " |", "|---|" + "---|" * len(Scope)]
    lines += [
        f"| `{role}` | " + " | ".join("yes" if scope in SCOPES[role] else "" for scope in Scope) + " |"
        for role in Role
    ]
    return "\n".join(lines) + "\n"


def commands_schema() -> dict[str, Any]:
    """JSON schema of every command: verb to the schema of its arguments."""
    return {
        "$schema": SCHEMA_DIALECT,
        "title": "rigd commands",
        "type": "object",
        "properties": {verb: _schema_of(kind) for verb, kind in COMMANDS.items()},
        "additionalProperties": False,
    }


def _schema_of(kind: type[Command]) -> dict[str, Any]:
    whole = schema_of(kind)
    names = [field.encode_name for field in arguments_of(kind)]
    several = {field.encode_name for field in arguments_of(kind) if names_channels(field)}
    return {
        "type": "object",
        "description": kind.summary,
        "properties": {name: CHANNELS if name in several else whole["properties"][name] for name in names},
        "required": [name for name in names if name in whole.get("required", ())],
        "additionalProperties": False,
    }


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
