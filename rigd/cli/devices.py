"""`rigd devices` and `rigd learn`: what is plugged in, and the config to paste for it. Each kind finds its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Argument, Command, Option, number, whole_number
from rigd.cli.terminal import AS_JSON, errors_told, fail, out, print_json
from rigd.config.kinds import GROUPS, SURFACES, Kinds
from rigd.hands.surface import LearnedControl
from rigd.model.errors import ConfigError
from rigd.model.found import FoundHere
from rigd.wire.plain_output import write_line


def devices(as_json: bool) -> None:
    facts: dict[str, Any] = {}
    troubles: list[str] = []
    for found in _found_here():
        facts |= found.facts
        troubles += found.troubles
        if not as_json and found.title:
            out.print(f"# {found.title}" + ("" if found.pieces else ": none"), style="bold")
            for piece in (*found.pieces, *found.remarks):
                out.print_lines(piece)
    if as_json:
        print_json({**facts, "troubles": troubles})
    for trouble in () if as_json else troubles:
        out.print(trouble, style="yellow")


def _found_here() -> Iterator[FoundHere]:
    """What each installed kind finds. One that is broken is a trouble, and the others are asked all the same."""
    for group in GROUPS:
        kinds = Kinds(group)
        yield FoundHere(title="", troubles=tuple(kinds.unreadable))
        for name in kinds:
            try:
                look = getattr(kinds[name], "found_here", None)
                if look is not None:
                    yield look()
            except ConfigError as error:
                yield FoundHere(title="", troubles=(str(error),))
            except Exception as error:  # a stranger's code
                why = (
                    f'kind "{name}" of {group} broke as it looked what is plugged in: {error or repr(error)}'
                )
                yield FoundHere(title="", troubles=(why,))


def learn(port: str, seconds: float, baud: int, kind: str, as_json: bool) -> None:
    with errors_told():
        listens = kind_that_learns(kind)
        learned: LearnedControl = listens.learn(port, seconds=seconds, baud=baud, say=write_line)
    if as_json:
        print_json(learned.facts)
    else:
        out.print_lines(learned.lines)


def kind_that_learns(wanted: str) -> Any:
    """The kind of surface that is asked for; the only one that can learn, where none is."""
    kinds = Kinds(SURFACES)
    if wanted and wanted not in kinds:
        fail(
            ExitCode.USAGE, f"--kind {wanted}: there is no such kind of surface; there is: {', '.join(kinds)}"
        )
    able = {}
    for name in [wanted] if wanted else kinds:
        try:
            if hasattr(kinds[name], "learn"):
                able[name] = kinds[name]
        except ConfigError:
            if wanted:
                raise
    if len(able) == 1:
        return next(iter(able.values()))
    which = f"name one with --kind: {', '.join(able)}" if able else "see: rigd devices"
    fail(ExitCode.USAGE, f"{wanted or 'this'} cannot be learnt by what it sends; {which}")


DEVICES = Command(
    name="devices",
    run=devices,
    about="What is plugged in: interfaces, ports and whatever else a kind can find, each with the config to paste.",
    parts=(AS_JSON,),
)
LEARN = Command(
    name="learn",
    run=learn,
    about="Step on a switch; rigd tells what it is and prints the config to paste.",
    parts=(
        Argument(
            name="port",
            about="A port's name as `rigd devices` prints it. None: all ports.",
            is_required=False,
            default="",
        ),
        Option(
            name="seconds",
            flags=("--seconds",),
            read=number,
            shown="SECONDS",
            about="How long to wait for the first press.",
            default=30.0,
        ),
        Option(
            name="baud",
            flags=("--baud",),
            read=whole_number,
            shown="BAUD",
            about='Of a line ("serial:/dev/...").',
            default=31_250,
        ),
        Option(
            name="kind",
            flags=("--kind",),
            shown="KIND",
            read=str,
            about="Which kind of surface it is, where several can be learnt.",
            default="",
        ),
        AS_JSON,
    ),
)
