"""An example of each command, as a person would type it: the last line of its help. Loaded for help only."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from rigd.cli.form import Command, Group

EXAMPLES = {
    "rigd init": "rigd init pedal",
    "rigd run": "rigd run --config ~/attic.toml",
    "rigd config": "rigd config",
    "rigd check": "rigd check ~/attic.toml",
    "rigd reload": "rigd reload",
    "rigd devices": "rigd devices",
    "rigd learn": "rigd learn",
    "rigd doctor": "rigd doctor",
    "rigd units": "rigd units --show",
    "rigd health": "rigd health --json",
    "rigd status": "rigd status --exit-code",
    "rigd audit": "rigd audit --last 20",
    "rigd watch": "rigd watch",
    "rigd disk": "rigd disk --measure",
    "rigd take start": "rigd take start",
    "rigd take stop": "rigd take stop --hold",
    "rigd take wait": "rigd take wait",
    "rigd take toggle": "rigd take toggle",
    "rigd take next": "rigd take next --no-wait",
    "rigd take keep": "rigd take keep 40m",
    "rigd take mark": "rigd take mark second chorus",
    "rigd take discard": "rigd take discard",
    "rigd take again": "rigd take again",
    "rigd take undo": "rigd take undo",
    "rigd take circle": "rigd take circle yesterday 4",
    "rigd take note": "rigd take note the best bridge",
    "rigd take rate": "rigd take rate 5",
    "rigd take rename": "rigd take rename the fast one --take 4",
    "rigd take number": "rigd take number 12",
    "rigd takes list": "rigd takes list",
    "rigd takes show": "rigd takes show 3",
    "rigd takes play": "rigd takes play 4 --channel vocal",
    "rigd takes verify": "rigd takes verify 3",
    "rigd listen": "rigd listen --channel kick",
    "rigd takes path": "rigd takes path yesterday 4",
    "rigd takes find": "rigd takes find best bridge",
    "rigd sessions": "rigd sessions",
    "rigd trash list": "rigd trash list",
    "rigd trash restore": "rigd trash restore Blue Train 4",
    "rigd trash empty": "rigd trash empty --older-than 30d",
    "rigd session open": "rigd session open Rehearsal",
    "rigd session show": "rigd session show",
    "rigd session new": "rigd session new Album",
    "rigd session continue": "rigd session continue Rehearsal",
    "rigd session song": "rigd session song Blue Train",
    "rigd arm": "rigd arm 1-4",
    "rigd disarm": "rigd disarm 7",
    "rigd gain": "rigd gain 1-4 -2.5",
    "rigd nudge": "rigd nudge 3 -1",
    "rigd set": "rigd set 3 gain 30",
    "rigd pad": "rigd pad 1-4 on",
    "rigd phantom": "rigd phantom 3 on confirm",
    "rigd polarity": "rigd polarity 3 on",
    "rigd lock": "rigd lock",
    "rigd unlock": "rigd unlock",
    "rigd clear-fault": "rigd clear-fault",
    "rigd clear-clips": "rigd clear-clips",
    "rigd do": 'rigd do "keep 20"',
    "rigd recover": "rigd recover",
    "rigd shut-down": "rigd shut-down",
    "rigd demo": "rigd demo --stay",
    "rigd completion": "source <(rigd completion bash)   # in ~/.bashrc",
}
"""By the command's whole name. A test gives each to the command line."""


def with_examples(what: Command | Group, path: str) -> Command | Group:
    """The same, with the examples in its help."""
    if isinstance(what, Command):
        return replace(what, example=EXAMPLES.get(path, ""))
    return replace(what, commands=tuple(with_examples(each, f"{path} {each.name}") for each in what.commands))


def commands_in(what: Command | Group, path: str) -> Iterator[tuple[str, Command]]:
    """Every command, by its whole name."""
    if isinstance(what, Command):
        yield path, what
        return
    for each in what.commands:
        yield from commands_in(each, f"{path} {each.name}")
