"""`rigd`: the table of commands."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer.main

from rigd.cli.main import COMMANDS, command_line

UNDERSTOOD = """
import sys
from rigd.cli.main import command_line
command_line(["take", "start"])
print(*(name for name in ("rigd.daemon", "rigd.config.load", "rigd.library.library", "numpy") if name in sys.modules))
"""


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_alone_is_the_one_of_the_whole_command_line(name: str) -> None:
    whole = typer.main.get_group(command_line([]))
    alone = typer.main.get_group(command_line([name, "--help"]))
    context = whole.make_context("rigd", [name, "--help"], resilient_parsing=True)
    assert list(alone.commands) == [name]
    of_whole = whole.commands[name]
    of_alone = alone.commands[name]
    assert of_alone.get_help(context) == of_whole.get_help(context)


def test_what_is_no_command_is_told_by_the_whole_command_line() -> None:
    assert len(typer.main.get_group(command_line(["tkae"])).commands) == len(COMMANDS)


def test_what_starts_a_take_does_not_import_the_rig() -> None:
    done = subprocess.run([sys.executable, "-c", UNDERSTOOD], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
