"""The commands as documentation and as JSON schema, made from the registry: neither can disagree with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rigd.model.commands import COMMANDS, Command, arguments_of, usage_of
from rigd.wire.codec import SCHEMA_DIALECT, schema_of


def commands_markdown(by_hand: Mapping[str, str]) -> str:
    """A table of every command: its text form, how a command line has it (verb to form), and what it does."""
    lines = ["| Command | By hand | What it does |", "|---|---|---|"]
    lines += [
        f"| `{_cell(usage_of(kind))}` | `{_cell(by_hand[verb])}` | {_cell(kind.summary)} |"
        for verb, kind in COMMANDS.items()
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
    names = [field.name for field in arguments_of(kind)]
    return {
        "type": "object",
        "description": kind.summary,
        "properties": {name: whole["properties"][name] for name in names},
        "required": [name for name in names if name in whole.get("required", ())],
        "additionalProperties": False,
    }


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
