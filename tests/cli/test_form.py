"""The form of a command line: where options stand, what is missing, what is one too many, and what help says."""

from __future__ import annotations

from typing import Any

import pytest

from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import (
    Argument,
    Command,
    Group,
    Option,
    UsageError,
    given_by,
    show_help,
    whole_number,
)
from rigd.cli.main import command_line
from rigd.model.numbers import read_number
from tests.support.by_hand import by_hand

GIVEN: list[dict[str, Any]] = []
MIX = Command(
    name="mix",
    run=lambda **given: GIVEN.append(given),
    about="Mixes.",
    parts=(
        Argument(name="channel", read=whole_number),
        Argument(name="gain_db", read=read_number, is_required=False),
        Argument(name="words", is_required=False, takes_rest=True),
        Option(name="loud", flags=("--loud",), about="Loud."),
        Option(name="into", flags=("--into", "-i"), read=str, about="Where to.", variable="MIX_INTO"),
        Option(name="over", flags=("--set",), read=str, about="Over it.", is_repeated=True),
        Option(name="wait_s", flags=("--wait",), read=read_number, about="How long.", default=3.0),
    ),
)
NOTHING = {"gain_db": None, "words": (), "loud": False, "into": None, "over": (), "wait_s": 3.0}


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("3", {}),
        ("3 -2.5", {"gain_db": -2.5}),
        ("3 -- -2.5", {"gain_db": -2.5}),
        ("3 -.5 a b", {"gain_db": -0.5, "words": ("a", "b")}),
        ("--loud 3 1 a --into there b", {"gain_db": 1.0, "words": ("a", "b"), "loud": True, "into": "there"}),
        ("3 -i there --wait=-1", {"into": "there", "wait_s": -1.0}),
        ("3 -ithere --wait -1", {"into": "there", "wait_s": -1.0}),
        ("3 --into= --set a=b --set c=d=e", {"into": "", "over": ("a=b", "c=d=e")}),
        ("3 1 -- --loud -", {"gain_db": 1.0, "words": ("--loud", "-")}),
        ("3 --into --loud", {"into": "--loud"}),
    ],
)
def test_options_stand_anywhere_and_a_number_below_zero_is_none(line: str, given: dict[str, Any]) -> None:
    assert given_by(line.split(" "), MIX) == {"channel": 3, **NOTHING, **given}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "CHANNEL is missing"),
        ("three", '"three" is not a whole number'),
        ("3 loud", 'GAIN_DB: "loud" is not a number'),
        ("3 nan", '"nan" is not a number'),
        ("3 --quiet", 'there is no option "--quiet"'),
        ("3 --lou", 'there is no option "--lou"; did you mean "--loud"?'),
        ("3 -x", 'there is no option "-x"'),
        ("3 --loud=yes", "--loud takes no value"),
        ("3 --into", "--into wants a value"),
        ("3 --wait soon", '--wait: "soon" is not a number'),
    ],
)
def test_what_has_not_the_form_is_refused_with_what_is_wrong(line: str, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        given_by(line.split(), MIX)
    assert why in str(refused.value)


def test_a_word_too_many_and_an_option_that_must_be_there_are_named() -> None:
    parts = (Argument(name="one"), Option(name="two", flags=("--two",), read=str, about="", is_required=True))
    command = Command(name="x", run=lambda: None, about="", parts=parts)
    with pytest.raises(UsageError, match='"b" is a word too many'):
        given_by(["a", "b", "--two", "2"], command)
    with pytest.raises(UsageError, match="--two is missing"):
        given_by(["a"], command)


def test_the_environment_gives_what_no_flag_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIX_INTO", "there")
    assert given_by(["3"], MIX) == {"channel": 3, **NOTHING, "into": "there"}
    assert given_by(["3", "-i", "here"], MIX) == {"channel": 3, **NOTHING, "into": "here"}
    monkeypatch.setenv("MIX_INTO", "")
    assert given_by(["3"], MIX) == {"channel": 3, **NOTHING}


def test_help_is_asked_for_anywhere_but_behind_two_dashes() -> None:
    assert given_by(["--help"], MIX) is None
    assert given_by(["3", "--loud", "--help"], MIX) is None
    assert given_by(["3", "1", "--", "--help"], MIX) == {
        "channel": 3,
        **NOTHING,
        "gain_db": 1.0,
        "words": ("--help",),
    }


# Of rigd itself.


def test_a_command_of_another_form_says_the_form_and_ends_with_2() -> None:
    done = by_hand("take", "rate", "many")
    assert done.code == ExitCode.USAGE
    usage, hint, error = done.output.splitlines()
    assert usage == "Usage: rigd take rate [OPTIONS] RATING [TAKE]..."
    assert hint == "Try 'rigd take rate --help' for help."
    assert error.startswith('Error: rate: "many" is not a rating')


@pytest.mark.parametrize("words", [("tkae",), ("take", "strat"), ("--verison",), ("take", "--json")])
def test_what_is_no_command_ends_with_2(words: tuple[str, ...]) -> None:
    done = by_hand(*words)
    assert done.code == ExitCode.USAGE and words[-1] in done.output


@pytest.mark.parametrize("words", [(), ("take",), ("session",)])
def test_no_word_at_all_is_answered_with_help_and_ends_with_2(words: tuple[str, ...]) -> None:
    done = by_hand(*words)
    assert done.code == ExitCode.USAGE and "Commands:" in done.output


@pytest.mark.parametrize("within", ["0", "3601", "nan", "soon"])
def test_how_long_is_waited_has_bounds(within: str) -> None:
    done = by_hand("take", "stop", "--within", within)
    assert done.code == ExitCode.USAGE and "Error: --within: " in done.output


def test_rigd_says_which_it_is() -> None:
    assert by_hand("--version") == (ExitCode.DONE, "rigd 0.1.0\n")


def test_help_names_every_command_argument_and_option_and_what_it_is_without_it() -> None:
    done = by_hand("takes", "--help")
    assert done.code == ExitCode.DONE
    assert all(f"\n  {name} " in done.output for name in ("list", "show", "verify"))
    assert "--runtime-dir PATH" in done.output and "RIGD_RUNTIME_DIR" in done.output
    assert "[default: 120.0]" in by_hand("take", "stop", "--help").output
    learn = by_hand("learn", "--help").output
    assert "[default: 30.0]" in learn and "[default: ]" not in learn, "nothing is no default"
    assert '"3", "1-4"' in by_hand("arm", "--help").output


def test_help_says_what_has_to_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    needed = Option(name="two", flags=("--two",), read=str, about="The second.", is_required=True)
    show_help(Command(name="mix", run=lambda two: None, about="Mixes.", parts=(needed,)), "rigd mix")
    assert "--two TEXT" in (shown := capsys.readouterr().out) and "The second. [required]" in shown


def test_a_line_of_help_is_no_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    for words in ((), ("takes", "verify", "--help"), ("run", "--help")):
        assert max(map(len, by_hand(*words).output.splitlines())) <= 60


def walked(group: Group) -> list[Command]:
    found: list[Command] = []
    for each in group.commands:
        found += walked(each) if isinstance(each, Group) else [each]
    return found


def test_no_command_has_two_parts_of_one_name_or_flag() -> None:
    for command in walked(command_line([])):
        names = [part.name for part in command.parts]
        flags = [flag for option in command.options for flag in option.flags]
        assert len(set(names)) == len(names) and len(set(flags)) == len(flags), command.name
        assert all(not each.takes_rest for each in command.arguments[:-1]), command.name


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("stauts",), "status"),
        (("gian", "1", "20"), "gain"),
        (("take", "strat"), "start"),
        (("takes", "lst"), "list"),
        (("start",), "take start"),
        (("take", "stop", "--hlod"), "--hold"),
    ],
)
def test_who_mistypes_a_command_or_an_option_is_told_which_is_near(
    words: tuple[str, ...], meant: str
) -> None:
    done = by_hand(*words)
    assert done.code == ExitCode.USAGE and f'; did you mean "{meant}"?' in done.output


def test_what_is_near_to_nothing_is_no_guess() -> None:
    assert "did you mean" not in by_hand("xyzzy").output
