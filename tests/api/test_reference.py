"""The documentation of the commands comes from the registry and cannot disagree with it."""

from __future__ import annotations

import json

from rigd.api.command_reference import commands_markdown, commands_schema
from rigd.model.command_text import arguments_of
from rigd.model.commands import COMMANDS


def test_the_table_has_a_line_for_every_command() -> None:
    lines = commands_markdown({verb: f"rigd do {verb} a|b" for verb in COMMANDS}).splitlines()
    assert len(lines) == 2 + len(COMMANDS)
    assert (
        "| `keep SECONDS` | `rigd do keep a\\|b` | play | Keep the last SECONDS (20, 90s, 40m, 2h) as a take, "
        "also while another rolls |" in lines
    )
    assert all(line.replace("\\|", "").count("|") == 5 for line in lines)


def test_the_schema_has_every_argument_of_every_command() -> None:
    schema = json.loads(json.dumps(commands_schema()))
    assert set(schema["properties"]) == set(COMMANDS)
    for verb, kind in COMMANDS.items():
        assert list(schema["properties"][verb]["properties"]) == [
            field.encode_name for field in arguments_of(kind)
        ]
    phantom = schema["properties"]["phantom"]
    assert phantom["required"] == ["channel", "on"]
    assert phantom["properties"]["confirm"] == {"default": False, "type": "boolean"}
