"""`rigd demo`: the told story on simulated hardware, found by entry point so that rigd itself simulates nothing."""

from __future__ import annotations

import importlib.metadata

from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Command, Option
from rigd.cli.terminal import fail


def demo(stay: bool) -> None:
    found = list(importlib.metadata.entry_points(group="rigd.demos", name="story"))
    if not found:
        fail(ExitCode.FAILED, "the demo is not installed here; in a checkout: make demo")
    raise SystemExit(found[0].load()(stay=stay))


DEMO = Command(
    name="demo",
    run=demo,
    about="Half a minute on simulated hardware: a foot taps, a take rolls, a box moves a gain.",
    parts=(
        Option(name="stay", flags=("--stay",), about="Leave the rig running afterwards, until q or Ctrl-C."),
    ),
)
