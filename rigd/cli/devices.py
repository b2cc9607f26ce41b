"""`rigd devices`: what is plugged in, and the config to paste for it. Each kind finds its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rigd.cli.form import Command
from rigd.cli.terminal import AS_JSON, out, print_json
from rigd.config.kinds import GROUPS, Kinds
from rigd.model.errors import ConfigError
from rigd.model.found import FoundHere


def devices(as_json: bool) -> None:
    facts: dict[str, Any] = {}
    troubles: list[str] = []
    for found in found_by_kinds():
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


def found_by_kinds(groups: Sequence[str] = GROUPS) -> Iterator[FoundHere]:
    """What each installed kind finds. One that is broken is a trouble, and the others are asked all the same."""
    for group in groups:
        kinds = Kinds(group)
        yield FoundHere(title="", troubles=tuple(kinds.unreadable))
        for name, look in kinds.that_have("found_here"):
            if isinstance(look, ConfigError):
                yield FoundHere(title="", troubles=(str(look),))
                continue
            try:
                yield look()
            except Exception as error:  # a stranger's code
                why = (
                    f'kind "{name}" of {group} broke as it looked what is plugged in: {error or repr(error)}'
                )
                yield FoundHere(title="", troubles=(why,))


DEVICES = Command(
    name="devices",
    run=devices,
    about="What is plugged in: interfaces, ports and whatever else a kind can find, each with the config to paste.",
    parts=(AS_JSON,),
)
