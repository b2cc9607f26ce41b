"""The text form of commands, as bindings, serial lines and the command line share it: read, written and described.
Pure."""

from __future__ import annotations

import functools
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import FieldInfo, fields

from rigd.model.channels import Channels, channels_given, channels_text, read_channels
from rigd.model.commands import COMMANDS, Command
from rigd.model.durations import seconds_of
from rigd.model.errors import CommandError
from rigd.model.near_words import did_you_mean
from rigd.model.numbers import read_number
from rigd.model.units import Ns, Origin, Seconds

_CARRIED = {"origin", "at_ns", "held", "control", "bound"}
_NAMES = {"seconds": "length of time, such as 20, 90s, 40m, 2h or 30d", "on": "switch: on or off"}
"""Of an argument, where its field's name says it badly."""
ALL = "all"


@functools.cache
def arguments_of(kind: type[Command]) -> tuple[FieldInfo, ...]:
    """The fields a person gives, in order."""
    return tuple(each for each in fields(kind) if each.name not in _CARRIED)


def places_of(kind: type[Command]) -> tuple[FieldInfo, ...]:
    """The arguments that a line has room for, in order: a text takes the rest of it, so nothing stands after it."""
    arguments = arguments_of(kind)
    last = next((place for place, each in enumerate(arguments, 1) if takes_rest(each)), len(arguments))
    return arguments[:last]


def takes_rest(field: FieldInfo) -> bool:
    """A name or a note: it needs no quotes. What has a type of its own, such as a TakeId, is one word."""
    return _type_of(field) is str


def takes_words(kind: type[Command], field: FieldInfo) -> bool:
    """All words that are left: a text, or channels with nothing behind them ("arm 1-4 6")."""
    return takes_rest(field) or (names_channels(field) and field.name == arguments_of(kind)[-1].name)


def is_switch(field: FieldInfo) -> bool:
    """On or off."""
    return _kind_of(field) is bool


def names_channels(field: FieldInfo) -> bool:
    """One or more channels."""
    return _kind_of(field) is Channels


def channels_named(command: Command) -> Channels | None:
    """The channels that it is for; None where it is for no channel, or for all of them."""
    channels: Channels | None = getattr(command, "channels", None)
    return channels


def usage_of(kind: type[Command]) -> str:
    """'keep SECONDS', 'mark [NAME]', 'pad CHANNEL on|off'."""
    words = ((_placeholder(field), field.required) for field in places_of(kind))
    return " ".join([kind.verb, *(word if is_required else f"[{word}]" for word, is_required in words)])


def _placeholder(field: FieldInfo) -> str:
    """ "CHANNEL", "on|off", "confirm"."""
    if is_switch(field):
        return "on|off" if field.name == "on" else _switch_word(field)
    return field.name.upper()


def _switch_word(field: FieldInfo) -> str:
    """What stands in a line where it is so: "confirm", "power-off"."""
    return field.name.replace("_", "-")


def command_text(command: Command) -> str:
    """The text form, as `parse_command` reads it: "gain 1-4 -12.5"."""
    words = [command.verb]
    for each in places_of(type(command)):
        value = getattr(command, each.name)
        if value == each.default or value is None:
            break
        if is_switch(each):
            words.append(("on" if value else "off") if each.required else _switch_word(each))
        else:
            words.append(channels_text(value) if names_channels(each) else f"{value}")
    return " ".join(words)


def parse_command(text: str, *, origin: Origin, at_ns: Ns, held: bool = False) -> Command:
    """The command that `text` ("gain 3 -12.5") stands for. Raises CommandError with the right form.

    A text, and channels that come last, take the rest of the line: names and notes need no quotes.
    """
    verb, _, rest = text.strip().partition(" ")
    kind = COMMANDS.get(verb.lower())
    if kind is None:
        raise not_a_command(verb)
    given: dict[str, Any] = {}
    rest = rest.strip()
    arguments = arguments_of(kind)
    for argument in arguments:
        if not rest:
            break
        if takes_words(kind, argument):
            word, rest = rest, ""
        else:
            word, _, rest = rest.partition(" ")
            rest = rest.strip()
        given[argument.name] = argument_of(kind, argument, word)
    missing = [each.name for each in arguments if each.required and each.name not in given]
    if rest or missing:
        raise CommandError(f'"{text[:80]}" is not of the form: {usage_of(kind)}')
    return kind(origin=origin, at_ns=at_ns, held=held, **given)


def not_a_command(verb: str) -> CommandError:
    """There is none of that verb: the error names the one that is near, or all."""
    near = did_you_mean(verb, COMMANDS) or f"; one of: {', '.join(COMMANDS)}"
    return CommandError(f'"{verb[:40]}" is not a command{near}')


def arguments_given(kind: type[Command], given: Mapping[str, Any]) -> dict[str, Any]:
    """A client's arguments by their names in JSON, channels read: a number, a list of numbers, a text. Raises
    CommandError."""
    read = dict(given)
    for argument in arguments_of(kind):
        value = read.get(argument.encode_name)
        if names_channels(argument) and value is not None:
            is_all = value == ALL and not argument.required
            read[argument.encode_name] = None if is_all else channels_given(value)
    return read


def _type_of(field: FieldInfo) -> Any:
    """Its type without `| None`."""
    hint = field.type
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return next(part for part in typing.get_args(hint) if part is not type(None))
    return hint


def _kind_of(field: FieldInfo) -> Any:
    """What reads it: its own type, or what a `NewType` of it is made of."""
    hint = _type_of(field)
    return hint if hint in _READERS else getattr(hint, "__supertype__", hint)


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


_SWITCH = {"on": True, "1": True, "off": False, "0": False}
_READERS: dict[Any, Callable[[str], Any]] = {
    Channels: read_channels,
    Seconds: lambda word: Seconds(_finite(seconds_of(word))),
    int: int,
    float: read_number,
    bool: lambda word: _SWITCH[word.lower()],
    str: str,
}
"""How a word is read, by the type of the argument."""


def argument_of(kind: type[Command], field: FieldInfo, word: str) -> Any:
    """What the word stands for there. Raises CommandError with the right form."""
    reader, name = _kind_of(field), field.name
    if reader is bool and word.lower() in (name, _switch_word(field)):
        return True
    if reader is Channels and word.lower() == ALL and not field.required:
        return None
    try:
        return _READERS[reader](word)
    except CommandError as error:
        raise CommandError(f"{kind.verb}: {error}; the form is: {usage_of(kind)}") from error
    except (KeyError, ValueError) as error:
        message = (
            f'{kind.verb}: "{word[:40]}" is not a {_NAMES.get(name, name)}; the form is: {usage_of(kind)}'
        )
        raise CommandError(message) from error
