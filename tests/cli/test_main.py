"""`rigd`: the table of commands."""

from __future__ import annotations

import pytest

from rigd.cli.form import show_help
from rigd.cli.main import COMMANDS, command_line


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_alone_is_the_one_of_the_whole_command_line(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    helps = []
    for words in (["--help"], [name, "--help"]):
        found = command_line(words).find(name)
        assert found is not None and found.name == name
        show_help(found, f"rigd {name}")
        helps.append(capsys.readouterr().out)
    assert helps[0] == helps[1]
    assert [each.name for each in command_line([name]).commands] == [name]


def test_what_is_no_command_is_told_by_the_whole_command_line() -> None:
    assert len(command_line(["tkae"]).commands) == len(COMMANDS)
