"""The rig's own commands as a command line offers them, made from the registry (`rigd/model/commands.py`): name,
arguments and help. What is special about one is said where it is asked for: Enter's time, `--hold`, waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from msgspec.structs import FieldInfo

from rigd.api.client import ControlClient
from rigd.cli.form import Argument, Command, Option
from rigd.cli.meant import WHICH, id_of_take
from rigd.cli.started import STARTED_NS
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, do
from rigd.model.channels import FORM, Channels, channels_of
from rigd.model.commands import (
    COMMANDS,
    argument_of,
    arguments_of,
    is_switch,
    names_channels,
    places_of,
    takes_rest,
    takes_words,
)
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
) -> Command:
    """`is_timed`: it is meant for the moment of Enter. `switches`: which yes or no is a flag, and what is said of it.
    `run` asks the rig and shows what came of it; it gets `options`, and the help goes on with `then`."""
    kind = COMMANDS[verb]
    fields = {field.name: field for field in places_of(kind) if field.name != TAKE_ID}
    has_take = any(field.name == TAKE_ID for field in arguments_of(kind))

    def carry_out(runtime_dir: Path | None, as_json: bool, hold: bool = False, **given: Any) -> None:
        which = given.pop(TAKE_ID, None) or ()
        words = which if isinstance(which, str) else " ".join(which)
        values = {each.encode_name: _plain(kind, each, given.pop(name)) for name, each in fields.items()}
        arguments = {name: value for name, value in values.items() if value is not None}
        at_ns = STARTED_NS if is_timed else None

        def ask(client: ControlClient) -> CommandAnswer:
            if words:
                arguments[TAKE_ID] = id_of_take(client, words, as_json=as_json)
            return client.command(verb, at_ns=at_ns, held=hold, **arguments)

        run(runtime_dir, as_json, ask, **given)

    parts = [_part(verb, field, switches or {}) for field in fields.values()]
    if has_take:  # a text has taken all words that are left
        parts.append(TAKE_OPTION if any(map(takes_rest, fields.values())) else TAKE)
    return Command(
        name=name or verb,
        run=carry_out,
        about=f"{kind.summary}{then}.",
        parts=(*parts, RUNTIME_DIR, AS_JSON, *((HOLD,) if may_hold else ()), *options),
        verb=verb,
    )


def _part(verb: str, field: FieldInfo, switches: Mapping[str, str]) -> Argument | Option:
    if field.name in switches:
        return Option(
            name=field.name, flags=(f"--{field.name.replace('_', '-')}",), about=switches[field.name]
        )

    def read(word: str) -> Any:
        return argument_of(COMMANDS[verb], field, word)

    return Argument(
        name=field.name,
        read=read,
        shown="on|off" if is_switch(field) else "",
        about=f"Channels: {FORM}." if names_channels(field) else "",
        is_required=field.required,
        takes_rest=takes_words(COMMANDS[verb], field),
    )


def _plain(kind: type[RigCommand], field: FieldInfo, value: Any) -> Any:
    """As JSON has it: texts and channels come word by word. None where the rig's own default holds."""
    if takes_words(kind, field):
        if not value or None in value:
            return None
        value = " ".join(value) if takes_rest(field) else channels_of(chain.from_iterable(value))
    return plain_channels(value) if names_channels(field) else value


def plain_channels(channels: Channels) -> int | list[int]:
    """As a client sends them: one is its number, which a rig of an older build knows too."""
    return channels[0] if len(channels) == 1 else list(channels)
