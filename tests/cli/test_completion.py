"""What Tab completes, by the shell itself."""

from __future__ import annotations

import subprocess

import pytest

from rigd.cli.completion import script, words_of
from rigd.cli.main import COMMANDS, command_line


def completed(*words: str) -> set[str]:
    """What bash offers for the last word."""
    asked = (
        f'{script("bash")}\nCOMP_WORDS=(rigd "$@"); COMP_CWORD=$#; _rigd; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    ended = subprocess.run(["bash", "-c", asked, "bash", *words], capture_output=True, text=True, check=True)
    return set(ended.stdout.split())


def test_commands_groups_and_options() -> None:
    assert completed("") >= set(COMMANDS)
    assert completed("ta") == {"take", "takes"}
    assert completed("take", "st") == {"start", "stop"}
    assert completed("--runtime-dir", "x", "take", "sto") == {"stop"}
    assert completed("take", "stop", "--no") == {"--no-wait"}
    assert completed("takes", "play", "--ch") == {"--channel"}


def test_the_words_that_an_argument_may_be() -> None:
    assert completed("init", "") >= {"takes", "interface", "names", "pedal", "box", "desk", "--yes"}
    assert completed("init", "pe") == {"pedal"} and completed("init", "a") == {"all"}
    assert completed("completion", "") >= {"bash", "zsh"}
    for switch in ("pad", "phantom", "polarity"):
        assert completed(switch, "3", "o") == {"on", "off"}


def test_an_argument_may_be_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("files")
    (folder / "mine.toml").touch()
    assert completed("check", f"{folder}/mi") == {f"{folder}/mine.toml"}


def test_every_command_is_there() -> None:
    paths = dict(words_of(command_line([]), "rigd"))
    for shell in ("bash", "zsh"):
        text = script(shell)
        for path in paths:
            assert path.rpartition(" ")[2] in text
