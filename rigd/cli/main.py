"""The `rigd` command: puts the commands and their groups together. Each group is a file of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from rigd import __version__
from rigd.cli.terminal import out
from rigd.wire.plain_output import tell_broken

COMMANDS = {
    "run": "run.run",
    "check": "run.check",
    "devices": "devices.devices",
    "learn": "devices.learn",
    "doctor": "doctor.doctor",
    "units": "units.units",
    "status": "status.status",
    "watch": "status.watch",
    "disk": "disk.disk",
    "take": "take.app",
    "takes": "takes.app",
    "session": "session.app",
    "arm": "arm.arm",
    "disarm": "arm.disarm",
    "gain": "gain.gain",
    "nudge": "gain.nudge",
    "pad": "gain.pad",
    "phantom": "gain.phantom",
    "polarity": "gain.polarity",
    "lock": "arm.lock",
    "unlock": "arm.unlock",
    "clear-fault": "arm.clear_fault",
    "do": "arm.any_command",
    "recover": "recover.recover",
    "shut-down": "arm.shut_down",
    "demo": "demo.demo",
}
"""The file beside this one and what in it the command is; in the order of `rigd --help`."""


def about(
    version: Annotated[
        bool, typer.Option("--version", help="Say which rigd this is.", is_eager=True)
    ] = False,
) -> None:
    """rigd records your band. Start with: rigd demo, rigd devices, rigd run --config FILE."""
    if version:
        out.print(f"rigd {__version__}")
        raise typer.Exit


def command_line(words: Sequence[str]) -> typer.Typer:
    """The command line that understands `words`. Where the first word is a command only its file is imported: all of
    them cost three times as much as `rigd take start` has to do.
    """
    app = typer.Typer(name="rigd", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback(invoke_without_command=True)(about)
    names = [words[0]] if words and words[0] in COMMANDS else list(COMMANDS)
    for name in names:
        file, _, what = COMMANDS[name].partition(".")
        found = getattr(import_module(f"rigd.cli.{file}"), what)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def main() -> None:
    """Entry point of the console script."""
    tell_broken("rigd")
    command_line(sys.argv[1:])()
