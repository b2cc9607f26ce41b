"""`rigd demo`: the told story on simulated hardware, found by entry point so that rigd itself simulates nothing."""

from __future__ import annotations

import importlib.metadata
from typing import Annotated

import typer

from rigd.cli.terminal import ExitCode, fail


def demo(
    stay: Annotated[
        bool, typer.Option("--stay", help="Leave the rig running afterwards, until Ctrl-C.")
    ] = False,
) -> None:
    """Half a minute on simulated hardware: a foot taps, a take rolls, a box moves a gain."""
    found = list(importlib.metadata.entry_points(group="rigd.demos", name="story"))
    if not found:
        fail(ExitCode.FAILED, "the demo is not installed here; in a checkout: make demo")
    raise typer.Exit(found[0].load()(stay=stay))
