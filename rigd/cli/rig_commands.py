"""The rig's own commands as a command line offers them, made from the registry (`rigd/model/commands.py`): name,
arguments and help. What is special about one is said where it is asked for: Enter's time, `--hold`, waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import FieldInfo

from rigd.api.client import ControlClient
from rigd.cli.form import Argument, Command, Option
from rigd.cli.started import STARTED_NS
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, do
from rigd.model.commands import COMMANDS, argument_of, is_switch, places_of, takes_rest
from rigd.model.requests import CommandAnswer

HOLD = Option(
    name="hold",
    flags=("--hold",),
    about="As a held switch: what a locked rig asks for before it lets go of a take.",
)


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
    fields = {field.name: field for field in places_of(kind)}

    def carry_out(runtime_dir: Path | None, as_json: bool, hold: bool = False, **given: Any) -> None:
        arguments = {each: _whole(given.pop(each)) for each in fields}
        arguments = {each: value for each, value in arguments.items() if value is not None}
        at_ns = STARTED_NS if is_timed else None

        def ask(client: ControlClient) -> CommandAnswer:
            return client.command(verb, at_ns=at_ns, held=hold, **arguments)

        run(runtime_dir, as_json, ask, **given)

    parts = [_part(verb, field, switches or {}) for field in fields.values()]
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
        is_required=field.required,
        takes_rest=takes_rest(field),
    )


def _whole(value: Any) -> Any:
    """A text came word by word; where none came its default holds."""
    if isinstance(value, tuple):
        return " ".join(value) if value else None
    return value
