"""Every help ends with an example, and every example is a line that the command takes."""

from __future__ import annotations

import shlex
from io import StringIO

import pytest

from rigd.cli.examples import EXAMPLES, commands_in, with_examples
from rigd.cli.form import given_by, show_help
from rigd.cli.main import command_line

COMMANDS = dict(commands_in(command_line([]), "rigd"))


def test_each_command_has_one() -> None:
    assert set(EXAMPLES) == set(COMMANDS)


@pytest.mark.parametrize("path", [path for path in EXAMPLES if EXAMPLES[path].startswith("rigd ")])
def test_the_command_takes_it(path: str) -> None:
    words = shlex.split(EXAMPLES[path])
    own = path.split(" ")
    assert words[: len(own)] == own
    assert given_by(words[len(own) :], COMMANDS[path]) is not None


def test_it_is_the_last_thing_that_is_said_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = StringIO()
    monkeypatch.setattr("sys.stdout", screen)
    show_help(with_examples(COMMANDS["rigd gain"], "rigd gain"), "rigd gain")
    assert screen.getvalue().rstrip().split("\n")[-1] == "For example: rigd gain 1-4 -2.5"
