"""The form of a command line: commands and their groups, arguments, options, help. Knows no command itself.

An option may stand anywhere, `--` ends them, and a number below zero is none. Imports next to nothing: every command
pays for it (docs/decisions/0035). Main thread.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from rigd.cli.exit_codes import ExitCode
from rigd.model.errors import CommandError, RigError
from rigd.wire.plain_output import write_line

HELP = "--help"
HELP_FLAGS = (HELP, "-h")
WIDEST_HELP = 100
WIDEST_NAME = 24
"""Of an option or a command in its help; what is said of a wider one begins on the next line."""


class UsageError(RigError):
    """The command line has not the command's form."""


class Argument(Struct, frozen=True, kw_only=True):
    """A word by its place."""

    name: str
    """The parameter that gets it."""
    read: Callable[[str], Any] = str
    """Raises ValueError, or CommandError that names the command, with a sentence, where the word means nothing."""
    one_of: tuple[str, ...] = ()
    """All that it may be, where that is a list: a shell completes it. `read` refuses what else there is."""
    shown: str = ""
    """In the usage line; else the name in capitals."""
    about: str = ""
    is_required: bool = True
    takes_rest: bool = False
    """All words that are left; a tuple."""
    default: Any = None


class Option(Struct, frozen=True, kw_only=True):
    """What is named by a flag."""

    name: str
    flags: tuple[str, ...]
    about: str
    read: Callable[[str], Any] | None = None
    """None: a switch, False or True."""
    shown: str = "TEXT"
    is_required: bool = False
    is_repeated: bool = False
    """It may be given several times; a tuple."""
    variable: str = ""
    """Of the environment: what it is where the flag is not given."""
    default: Any = None


class Command(Struct, frozen=True, kw_only=True):
    """One thing that a person can ask for. `run` gets each argument and option by its name."""

    name: str
    run: Callable[..., None]
    about: str
    parts: tuple[Argument | Option, ...] = ()
    verb: str = ""
    """The rig's own command that it gives, of `rigd/model/commands.py`."""
    example: str = ""
    """A whole line, as a person types it: the end of its help (`rigd/cli/examples.py`)."""

    @property
    def arguments(self) -> tuple[Argument, ...]:
        return tuple(part for part in self.parts if isinstance(part, Argument))

    @property
    def options(self) -> tuple[Option, ...]:
        return tuple(part for part in self.parts if isinstance(part, Option))


class Group(Struct, frozen=True, kw_only=True):
    """Commands under one word; `alone` is what the word by itself does, else it shows its help."""

    name: str
    about: str
    commands: tuple[Command | Group, ...]
    alone: Command | None = None

    def find(self, name: str) -> Command | Group | None:
        """None where no command is called that."""
        return next((command for command in self.commands if command.name == name), None)


def carry_out(what: Command | Group, words: Sequence[str], *, path: str) -> None:
    """The command that `words` mean is done. SystemExit: USAGE where they have not its form, DONE after help."""
    if isinstance(what, Group):
        _carry_out_in(what, words, path=path)
        return
    try:
        given = given_by(words, what)
    except UsageError as error:
        _refuse(what, path, str(error))
    if given is None:
        show_help(what, path)
        return
    what.run(**given)


def _carry_out_in(group: Group, words: Sequence[str], *, path: str) -> None:
    first = words[0] if words else ""
    if found := group.find(first):
        carry_out(found, words[1:], path=f"{path} {first}")
    elif first in HELP_FLAGS:
        show_help(group, path)
    elif first and not first.startswith("-"):
        _refuse(group, path, f'there is no command "{first[:40]}"{_near(first, group)}')
    elif group.alone is not None:
        carry_out(group.alone, words, path=path)
    elif first:
        _refuse(group, path, f'there is no option "{first[:40]}"')
    else:
        show_help(group, path)
        raise SystemExit(ExitCode.USAGE)


def _near(word: str, group: Group) -> str:
    """Commands of another group are near, too: "rigd start" means "rigd take start"."""
    from rigd.model.near_words import did_you_mean

    names = [each.name for each in group.commands]
    deeper = [
        f"{each.name} {inner.name}"
        for each in group.commands
        if isinstance(each, Group)
        for inner in each.commands
        if inner.name == word
    ]
    return f'; did you mean "{deeper[0]}"?' if deeper else did_you_mean(word, names)


def given_by(words: Sequence[str], command: Command) -> dict[str, Any] | None:
    """Each argument's and option's value by its name; None where help is asked for. Raises UsageError."""
    given: dict[str, Any] = {part.name: _ungiven(part) for part in command.parts}
    by_flag = {flag: option for option in command.options for flag in option.flags}
    places: list[str] = []
    seen: set[str] = set()
    left = iter(words)
    for word in left:
        if word == "--":
            places += left
        elif not word.startswith("-") or word == "-" or _is_number(word):
            places.append(word)
        elif word in HELP_FLAGS:
            return None
        else:
            flag, value = _parted(word)
            if (option := by_flag.get(flag)) is None:
                from rigd.model.near_words import did_you_mean

                raise UsageError(f'there is no option "{flag[:40]}"{did_you_mean(flag, by_flag)}')
            seen.add(option.name)
            _give(given, option, flag, value, left)
    for option in command.options:
        if option.name in seen:
            continue
        if option.read is not None and (value := os.environ.get(option.variable)):
            given[option.name] = _read(option.read, value, f"${option.variable}")
        elif option.is_required:
            raise UsageError(f"{option.flags[0]} is missing")
    _give_places(given, command.arguments, places)
    return given


def _ungiven(part: Argument | Option) -> Any:
    if isinstance(part, Argument):
        return () if part.takes_rest else part.default
    if part.is_repeated:
        return ()
    return False if part.read is None else part.default


def _parted(word: str) -> tuple[str, str | None]:
    """Flag and value of "--within=3" and "-cFILE"; None where the value is the next word."""
    if not word.startswith("--"):
        return word[:2], word[2:] or None
    flag, has_value, value = word.partition("=")
    return flag, value if has_value else None


def _give(given: dict[str, Any], option: Option, flag: str, value: str | None, left: Iterator[str]) -> None:
    if option.read is None:
        if value is not None:
            raise UsageError(f"{flag} takes no value")
        given[option.name] = True
        return
    if value is None and (value := next(left, None)) is None:
        raise UsageError(f"{flag} wants a value: {flag} {option.shown}")
    found = _read(option.read, value, flag)
    given[option.name] = (*given[option.name], found) if option.is_repeated else found


def _give_places(given: dict[str, Any], arguments: Sequence[Argument], places: Sequence[str]) -> None:
    at = 0
    for argument in arguments:
        taken = places[at:] if argument.takes_rest else places[at : at + 1]
        if not taken and argument.is_required:
            raise UsageError(f"{_shown(argument)} is missing")
        if taken:
            found = tuple(_read(argument.read, word, _shown(argument)) for word in taken)
            given[argument.name] = found if argument.takes_rest else found[0]
        at += len(taken)
    if at < len(places):
        raise UsageError(f'"{places[at][:40]}" is a word too many')


def _read(read: Callable[[str], Any], word: str, where: str) -> Any:
    try:
        return read(word)
    except CommandError as error:
        raise UsageError(str(error)) from error
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error


def _is_number(word: str) -> bool:
    return word[1:2].isdecimal() or word[1:2] == "."


def one_of(words: Sequence[str]) -> Callable[[str], str]:
    """Reads one of them; raises ValueError, with a sentence."""

    def read(word: str) -> str:
        if word not in words:
            raise ValueError(f'"{word[:40]}" is none of: {", ".join(words)}')
        return word

    return read


def whole_number(word: str) -> int:
    """Raises ValueError, with a sentence."""
    try:
        return int(word)
    except ValueError:
        raise ValueError(f'"{word[:40]}" is not a whole number') from None


# What is said of a command.


def _refuse(what: Command | Group, path: str, why: str) -> None:
    write_line(usage(what, path))
    write_line(f"Try '{path} {HELP}' for help.")
    write_line(f"Error: {why}")
    raise SystemExit(ExitCode.USAGE)


def usage(what: Command | Group, path: str) -> str:
    """'Usage: rigd take keep [OPTIONS] SECONDS'."""
    if isinstance(what, Group):
        return f"Usage: {path} {'[COMMAND]' if what.alone else 'COMMAND'} [OPTIONS] [ARGS]..."
    return f"Usage: {' '.join([path, '[OPTIONS]', *map(_place, what.arguments)])}"


def form_of(command: Command, path: str) -> str:
    """The form without its options, as docs/commands.md has it: 'rigd take keep SECONDS'."""
    return " ".join([path, *map(_place, command.arguments)])


def show_help(what: Command | Group, path: str) -> None:
    """On standard output."""
    for line in _help(what, path):
        write_line(line, to=sys.stdout)


def _help(what: Command | Group, path: str) -> Iterator[str]:
    from shutil import get_terminal_size  # with zip and tar; only help wants to know
    from textwrap import wrap

    width = min(get_terminal_size().columns, WIDEST_HELP)
    command = what.alone if isinstance(what, Group) else what
    arguments = [(_shown(each), each.about) for each in (command.arguments if command else ()) if each.about]
    options = [(_flags(option), _said_of(option)) for option in (command.options if command else ())]
    options.append((", ".join(HELP_FLAGS), "Show this message and exit."))
    commands = [(each.name, _short(each.about)) for each in what.commands] if isinstance(what, Group) else []
    yield usage(what, path)
    for paragraph in what.about.split("\n\n"):
        yield ""
        yield from wrap(paragraph, max(20, width - 1))
    for title, rows in (("Arguments", arguments), ("Options", options), ("Commands", commands)):
        if not rows:
            continue
        yield ""
        yield f"{title}:"
        names = min(max(len(name) for name, _ in rows), WIDEST_NAME)
        indent = " " * (names + 4)
        for name, text in rows:
            lines = [indent + line for line in wrap(text, max(20, width - len(indent) - 1))]
            if len(name) > names:
                yield f"  {name}"
            else:
                lines[:1] = [f"  {name:<{names}}  {''.join(lines[:1]).strip()}".rstrip()]
            yield from lines
    if command is not None and command.example:
        yield ""
        yield f"For example: {command.example}"


def _short(about: str) -> str:
    return about.split("\n\n")[0]


def _flags(option: Option) -> str:
    return ", ".join(option.flags) + (f" {option.shown}" if option.read is not None else "")


def _said_of(option: Option) -> str:
    said = [option.about]
    if option.read is not None and option.default not in (None, ""):
        said.append(f"[default: {option.default}]")
    if option.variable:
        said.append(f"[env var: {option.variable}]")
    if option.is_required:
        said.append("[required]")
    return " ".join(said)


def _shown(argument: Argument) -> str:
    return argument.shown or argument.name.upper()


def _place(argument: Argument) -> str:
    word = _shown(argument)
    return (word if argument.is_required else f"[{word}]") + ("..." if argument.takes_rest else "")
