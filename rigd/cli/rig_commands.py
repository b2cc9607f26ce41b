"""The rig's own commands as a command line offers them, made from the registry (`rigd/model/commands.py`): name,
arguments and help. What is special about one is said where it is asked for: Enter's time, `--hold`, waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import FieldInfo

from rigd.api.client import ControlClient
from rigd.cli.device_word import ask_device, show
from rigd.cli.form import Argument, Command, Option
from rigd.cli.meant import WHICH, id_of_take
from rigd.cli.started import STARTED_NS
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, daemon, do
from rigd.cli.which_channels import WHICH_CHANNELS, named_channels
from rigd.model.channels import Channels
from rigd.model.command_text import (
    ALL,
    argument_of,
    arguments_of,
    is_switch,
    names_channels,
    places_of,
    takes_rest,
    takes_words,
)
from rigd.model.commands import CHANNEL, COMMANDS
from rigd.model.commands import Command as RigCommand
from rigd.model.requests import CommandAnswer

HOLD = Option(
    name="hold",
    flags=("--hold",),
    about="As a held switch: what a locked rig asks for before it lets go of a take.",
)
TAKE_ID = "take_id"
"""Of the command whose argument is called so a person says which take, and the rig gets its id."""
TAKE = Argument(name=TAKE_ID, shown="TAKE", about=WHICH, is_required=False, takes_rest=True)
TAKE_OPTION = Option(name=TAKE_ID, flags=("--take",), read=str, shown="TAKE", about=WHICH)


def rig_command(
    verb: str,
    *,
    name: str = "",
    is_timed: bool = False,
    may_hold: bool = False,
    switches: Mapping[str, str] | None = None,
    run: Callable[..., None] = do,
    options: tuple[Option, ...] = (),
    then: str = "",
    is_for_device: bool = False,
) -> Command:
    """`is_timed`: it is meant for the moment of Enter. `switches`: which yes or no is a flag as well as the word that
    its text form has ("phantom 2 on confirm"), and what is said of it.
    `run` asks the rig and shows what came of it; it gets `options`, and the help goes on with `then`.
    `is_for_device`: the device's answer is waited for."""
    kind = COMMANDS[verb]
    fields = {field.name: field for field in places_of(kind) if field.name != TAKE_ID}
    channels_name = next((name for name, field in fields.items() if names_channels(field)), "")
    has_take = any(field.name == TAKE_ID for field in arguments_of(kind))

    def carry_out(runtime_dir: Path | None, as_json: bool, hold: bool = False, **given: Any) -> None:
        for switch in switches or {}:
            word = given.pop(_word_of(switch))
            given[switch] = given[switch] or bool(word)
        which = given.pop(TAKE_ID, None) or ()
        words = which if isinstance(which, str) else " ".join(which)
        channels = _words_of(given.pop(channels_name, ())) if channels_name else ()
        plain = {name: each for name, each in fields.items() if name != channels_name}
        values = {each.encode_name: _plain(kind, each, given.pop(name)) for name, each in plain.items()}
        arguments = {name: value for name, value in values.items() if value is not None}
        at_ns = STARTED_NS if is_timed else None

        def find_named(client: ControlClient) -> None:
            if channels and (named := given_channels(client, verb, channels, as_json=as_json)) is not None:
                arguments[CHANNEL] = named
            if words:
                arguments[TAKE_ID] = id_of_take(client, words, as_json=as_json)

        def ask(client: ControlClient) -> CommandAnswer:
            find_named(client)
            return client.command(verb, at_ns=at_ns, held=hold, **arguments)

        if is_for_device:
            with daemon(runtime_dir) as client:
                find_named(client)
                show(ask_device(client, verb, arguments), as_json=as_json)
        else:
            run(runtime_dir, as_json, ask, **given)

    parts = [part for field in fields.values() for part in _parts(verb, field, switches or {})]
    if has_take:  # a text has taken all words that are left
        parts.append(TAKE_OPTION if any(map(takes_rest, fields.values())) else TAKE)
    return Command(
        name=name or verb,
        run=carry_out,
        about=f"{kind.summary}{then}.",
        parts=(*parts, RUNTIME_DIR, AS_JSON, *((HOLD,) if may_hold else ()), *options),
        verb=verb,
    )


def _word_of(switch: str) -> str:
    """The parameter that gets its word."""
    return f"{switch}_word"


def _parts(verb: str, field: FieldInfo, switches: Mapping[str, str]) -> Iterator[Argument | Option]:
    is_flag = field.name in switches
    if is_flag:
        yield Option(
            name=field.name, flags=(f"--{field.name.replace('_', '-')}",), about=switches[field.name]
        )

    def read(word: str) -> Any:
        return word if names_channels(field) else argument_of(COMMANDS[verb], field, word)

    shown = ("on|off" if field.required else field.name.replace("_", "-")) if is_switch(field) else ""
    yield Argument(
        name=_word_of(field.name) if is_flag else field.name,
        read=read,
        one_of=tuple(shown.split("|")) if shown else (),
        shown=shown,
        about=WHICH_CHANNELS if names_channels(field) else "",
        is_required=field.required,
        takes_rest=takes_words(COMMANDS[verb], field),
    )


def _plain(kind: type[RigCommand], field: FieldInfo, value: Any) -> Any:
    """As JSON has it: a text comes word by word. None where the rig's own default holds."""
    if takes_words(kind, field):
        return " ".join(value) if value else None
    return value


def _words_of(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def given_channels(
    client: ControlClient, verb: str, words: Sequence[str], *, as_json: bool
) -> int | list[int] | None:
    """As the rig is told them; None: all that it has, where it needs no word for that."""
    field = next(each for each in places_of(COMMANDS[verb]) if names_channels(each))
    there = client.status().state.channels
    if not field.required and [word.casefold() for word in words] == [ALL]:
        return None
    numbers = named_channels(words, there, verb=verb, as_json=as_json, has_preamp=field.required)
    return plain_channels(numbers)


def plain_channels(channels: Channels) -> int | list[int]:
    """As a client sends them: one is its number, which a rig of an older build knows too."""
    return channels[0] if len(channels) == 1 else list(channels)
