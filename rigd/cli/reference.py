"""`python -m rigd.cli.reference`: writes docs/commands.md, docs/config.md and the schemas from what they describe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rigd.api.command_reference import commands_markdown, commands_schema, roles_markdown
from rigd.cli.exit_codes import ExitCode, HealthCode, StateCode
from rigd.cli.form import Command, Group, form_of
from rigd.cli.main import command_line
from rigd.config.kinds import AUDIO_DRIVERS, FACES, PREAMPS, SURFACES, Kinds, SettingsModels
from rigd.config.option_reference import config_page
from rigd.library.session import session_schema
from rigd.library.sheet_file import sheet_schema
from rigd.model.channels import FORM

CODES = {
    ExitCode.DONE: "done",
    ExitCode.REFUSED: "rigd understood and said no; the reason is on stderr. `rigd doctor`: there are problems",
    ExitCode.USAGE: "the command line has not the command's form",
    ExitCode.CONFIG: "the config has faults, each named on stderr",
    ExitCode.NOT_RUNNING: "no rigd runs in this runtime folder",
    ExitCode.ALREADY_RUNNING: "another rigd has this runtime folder or this library",
    ExitCode.FAILED: "something on this machine stands in the way; stderr says what, and the cure. `rigd take stop`, "
    "`next`, `keep` and `wait`: the take is not safe. `rigd takes verify`: a file differs",
    ExitCode.INTERRUPTED: "Ctrl-C came before the command was done; `rigd run` and `rigd watch` end with 0",
}
HEALTH_CODES = {
    HealthCode.YES: "it records, or could now: a start would not be refused",
    HealthCode.NO: "it does not, and the line says why",
    HealthCode.NOT_SURE: "nobody answers who knows: the daemon is away (a take may roll on) or does not answer, the "
    "writer has not reported, the disk is behind; or the command line was not understood",
}
STATE_CODES = {
    StateCode.ROLLING: "a take rolls, or has its post-roll",
    StateCode.READY: "nothing rolls, and a start would not be refused",
    StateCode.NOT_READY: "the interface is heard, and a start would be refused",
    StateCode.OFFLINE: "nothing is heard",
    StateCode.HALTED: "a fault stopped recording: `rigd clear-fault` once it is seen to",
}

OTHERWISE = {"measure": "rigd disk --measure"}
"""By hand it is part of another command."""


def by_hand_of(what: Command | Group, path: str = "rigd") -> dict[str, str]:
    """Of each of the rig's commands, how a command line has it: 'rigd take keep SECONDS'."""
    if isinstance(what, Command):
        return {what.verb: form_of(what, path)} if what.verb else {}
    found = dict(OTHERWISE)
    for each in what.commands:
        found |= by_hand_of(each, f"{path} {each.name}")
    return found


def table_of(codes: Mapping[Any, str]) -> str:
    """The rows of a table of exit codes."""
    return "\n".join(f"| {code.value} | {text} |" for code, text in codes.items())


def commands_page() -> str:
    """Every command in its text form, and the exit codes of the command line."""
    return f"""# Commands

Made by `make docs` from the registry in `rigd/model/commands.py`; `commands.schema.json` is the same as JSON schema.

A command in this form can be bound to a pedal (`tap = "toggle"`), named by a surface where its config
lets it (`allow`), and given by hand: `rigd do "keep 20"`. Channels are {FORM}: what is asked for several
is done for all of them, or for none. A command line has each command under its
own name too; its options are in `rigd take stop --help` and the like.

{commands_markdown(by_hand_of(command_line([])))}
## Who may give them

What a command touches is its scope; what somebody is there for is a role: `[control] group_role` and
`[surface.NAME] role` (see [security.md](security.md)). Everybody who comes in may watch.

{roles_markdown()}
## Exit codes of `rigd ...`

| code | means |
|---|---|
{table_of(CODES)}

`rigd health` ends with one of three, for a script or a machine that watches this one:

| code | means |
|---|---|
{table_of(HEALTH_CODES)}

`rigd status` ends with 0 wherever rigd answers, as it always has; `rigd status --exit-code` with one of these:

| code | means |
|---|---|
{table_of(STATE_CODES)}

With `--json` every answer is one JSON object on stdout (`rigd watch --json`: one a line), the daemon's refusals
among them. What goes wrong before the daemon is asked is told on stderr, in words, with its code.
"""


def pages() -> dict[str, str]:
    """File name in docs/ to content."""
    return {
        "commands.md": commands_page(),
        "commands.schema.json": json.dumps(commands_schema(), indent=1) + "\n",
        "session.schema.json": json.dumps(session_schema(), indent=1) + "\n",
        "take.schema.json": json.dumps(sheet_schema(), indent=1) + "\n",
        "config.md": config_page(
            drivers=SettingsModels(Kinds(AUDIO_DRIVERS)),
            preamps=SettingsModels(Kinds(PREAMPS)),
            surfaces=SettingsModels(Kinds(SURFACES)),
            faces=SettingsModels(Kinds(FACES)),
        ),
    }


def main() -> None:
    folder = Path(__file__).resolve().parents[2] / "docs"
    for name, content in pages().items():
        (folder / name).write_text(content, "utf-8")


if __name__ == "__main__":
    main()
