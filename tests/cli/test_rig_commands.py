"""The rig's commands on the command line are those of the registry: their names, arguments and help stand once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rigd.cli.form import Command, Group, UsageError, carry_out, given_by
from rigd.cli.main import command_line
from rigd.cli.reference import OTHERWISE, by_hand_of
from rigd.cli.rig_commands import rig_command
from rigd.cli.started import STARTED_NS
from rigd.model.command_text import places_of
from rigd.model.commands import COMMANDS
from rigd.model.requests import CommandAnswer, StatusAnswer
from tests.support.desk import Desk

CLI = Path(__file__).resolve().parents[2] / "rigd" / "cli"
SPECIAL = {"gain"}
"""It does more than the rig's command of that name: it shows the gain, too."""


class Recorder:
    """In place of the rig's end: what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def status(self) -> StatusAnswer:
        return StatusAnswer(id=1, state=Desk().state)

    def command(self, verb: str, **given: Any) -> CommandAnswer:
        self.asked.append((verb, given))
        return CommandAnswer(id=1, accepted=True, text="")


def of_the_rig(group: Group) -> list[Command]:
    found: list[Command] = []
    for each in group.commands:
        if isinstance(each, Group):
            found += of_the_rig(each)
        elif each.verb:
            found.append(each)
    return found


def test_every_command_of_the_rig_can_be_given_by_hand_and_stands_once() -> None:
    verbs = [command.verb for command in of_the_rig(command_line([]))]
    assert sorted([*verbs, *OTHERWISE]) == sorted(COMMANDS)
    assert set(by_hand_of(command_line([]))) == set(COMMANDS)


@pytest.mark.parametrize("verb", sorted({*COMMANDS} - {*OTHERWISE} - SPECIAL))
def test_its_help_and_its_arguments_are_the_registry_s(verb: str) -> None:
    (command,) = (each for each in of_the_rig(command_line([])) if each.verb == verb)
    assert command.about.startswith(COMMANDS[verb].summary)
    names = [part.name for part in command.parts]
    assert names[: len(places_of(COMMANDS[verb]))] == [field.name for field in places_of(COMMANDS[verb])]


def test_no_summary_stands_a_second_time() -> None:
    text = "\n".join(path.read_text("utf-8") for path in CLI.glob("*.py"))
    assert [kind.summary for kind in COMMANDS.values() if kind.summary in text] == []


@pytest.mark.parametrize(
    ("verb", "how", "words", "asked"),
    [
        ("start", {"is_timed": True}, [], {"at_ns": STARTED_NS}),
        ("undo", {}, [], {}),
        ("toggle", {"is_timed": True, "may_hold": True}, ["--hold"], {"at_ns": STARTED_NS, "held": True}),
        ("keep", {}, ["40m"], {"seconds": 2400.0}),
        ("arm", {}, [], {}),
        ("arm", {}, ["all"], {}),
        ("arm", {}, ["1-4", "3", "6"], {"channel": [1, 2, 3, 4, 6]}),
        ("disarm", {}, ["3"], {"channel": 3}),
        ("arm", {}, ["kick", "Bass,4"], {"channel": [1, 3, 4]}),
        ("pad", {}, ["all", "on"], {"channel": [1, 2, 3], "on": True}),
        ("pad", {}, ["1,2", "on"], {"channel": [1, 2], "on": True}),
        ("nudge", {}, ["1-2", "-1.5"], {"channel": [1, 2], "delta_db": -1.5}),
        ("mark", {}, ["second", "verse"], {"name": "second verse"}),
        ("mark", {}, [], {}),
        ("song", {}, [""], {"name": ""}),
        ("note", {}, ["a\nb", " c "], {"text": "a\nb  c "}),
        ("rate", {}, ["4"], {"rating": 4}),
        ("discard", {}, ["00ff" * 8], {"take_id": "00ff" * 8}),
        ("note", {}, ["too", "fast", "--take", "00ff" * 8], {"text": "too fast", "take_id": "00ff" * 8}),
        ("nudge", {}, ["3", "-1.5"], {"channel": 3, "delta_db": -1.5}),
        ("pad", {}, ["3", "off"], {"channel": 3, "on": False}),
        ("phantom", {"switches": {"confirm": ""}}, ["3", "on"], {"channel": 3, "on": True, "confirm": False}),
        (
            "phantom",
            {"switches": {"confirm": ""}},
            ["3", "on", "--confirm"],
            {"channel": 3, "on": True, "confirm": True},
        ),
        (
            "phantom",
            {"switches": {"confirm": ""}},
            ["3", "on", "confirm"],
            {"channel": 3, "on": True, "confirm": True},
        ),
        ("shut-down", {"switches": {"power_off": ""}}, ["power-off"], {"power_off": True}),
        ("shut-down", {"switches": {"power_off": ""}}, ["power-off", "--power-off"], {"power_off": True}),
        ("shut-down", {"switches": {"power_off": ""}}, [], {"power_off": False}),
    ],
)
def test_the_rig_is_asked_what_was_typed(
    verb: str, how: dict[str, Any], words: list[str], asked: dict[str, Any]
) -> None:
    rig = Recorder()
    command = rig_command(verb, run=lambda runtime_dir, as_json, ask: ask(rig), **how)
    carry_out(command, words, path="rigd")
    assert rig.asked == [(verb, {"at_ns": None, "held": False, **asked})]


def test_a_name_that_must_be_there_is_asked_for() -> None:
    with pytest.raises(UsageError, match="NAME is missing"):
        given_by([], rig_command("song"))
