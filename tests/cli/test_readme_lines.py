"""Every line of README and of the pages beside it that begins with `rigd` is one that the command line takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.cli.examples import EXAMPLES, commands_in
from rigd.cli.form import given_by
from rigd.cli.main import COMMANDS, command_line
from rigd.preamps.x32.preamp import ABILITIES

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/living-with-it.md", "docs/connecting.md", "docs/service.md", "docs/mirror.md")
KNOWN = dict(commands_in(command_line([]), "rigd"))


def typed(page: str) -> Iterator[str]:
    """What is to be typed, out of indented lines: what is said of it stands two blanks behind it."""
    for line in re.findall(r"^    (.*)$", (ROOT / page).read_text("utf-8"), re.M):
        for piece in re.split(r" {2,}|, (?=rigd )", line):
            if command := re.match(r"(?:sudo )?(?:\.venv/bin/|/opt/rigd/bin/)?rigd (?P<words>.+)", piece):
                yield from each_of(command["words"])


def each_of(words: str) -> Iterator[str]:
    """ "take discard | undo" is two lines, and so is "take start|stop"."""
    first, *others = words.split(" | ")
    group = first.split(" ")[0]
    for each in (
        first,
        *(other if other.split(" ")[0] in COMMANDS else f"{group} {other}" for other in others),
    ):
        alternatives = [
            word.split("|") if "|" in word and '"' not in word else [word] for word in each.split(" ")
        ]
        for place in range(max(map(len, alternatives))):
            yield " ".join(word[min(place, len(word) - 1)] for word in alternatives)


@pytest.mark.parametrize("page", PAGES)
def test_the_command_line_takes_it(page: str) -> None:
    lines = list(typed(page))
    assert lines or page != "README.md"
    for line in lines:
        words = shlex.split(line)
        path = next(
            path for length in (2, 1) if (path := " ".join(("rigd", *words[:length]))) in KNOWN or length == 1
        )
        if path not in KNOWN:  # a group by itself, such as `rigd takes`
            assert words[0] in COMMANDS, line
            continue
        assert given_by(words[len(path.split(" ")) - 1 :], KNOWN[path]) is not None, line


def test_what_it_sets_is_there_to_be_set_on_the_demos_desk() -> None:
    lines = [f"rigd {line}" for line in typed("README.md") if line.startswith("set ")]
    assert lines
    for line in (*lines, EXAMPLES["rigd set"]):
        assert line.split(" ")[3] in ABILITIES, line
