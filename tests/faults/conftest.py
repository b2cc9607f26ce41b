"""What every fault test has: `figures` to record what was measured, `rig_of` for a whole rig under full load."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.figures import FIGURES_VARIABLE, Figure, Figures, append_figures, is_full
from tests.faults.load import full_load
from tests.support.rig import RigRun

_PASSED = pytest.StashKey[bool]()
_FOUND = pytest.StashKey[list[Figure]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[_PASSED] = report.passed
    return report


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """Takes what the test measures; written once the test is over."""
    found = Figures(request.node.nodeid, full=is_full())
    yield found
    closed = found.close(passed=request.node.stash.get(_PASSED, False))
    request.config.stash.setdefault(_FOUND, []).extend(closed)
    if path := os.environ.get(FIGURES_VARIABLE):
        append_figures(Path(path), closed)


@pytest.fixture
def rig_of() -> Iterator[Callable[..., RigRun]]:
    """`rig_of(channels=64, ...)`: a rig that is ready, of the config that `full_load` makes of the arguments; what
    it does not know is RigRun's. Ended with the test."""
    with ExitStack() as running:

        def make(**arguments: Any) -> RigRun:
            theirs = {name: arguments.pop(name) for name in ("overrides", "environment") if name in arguments}
            return running.enter_context(RigRun(full_load(**arguments), **theirs))

        yield make


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = config.stash.get(_FOUND, [])
    if found:
        terminalreporter.section("figures" + ("" if is_full() else " (small counts)"))
        for figure in sorted(found, key=lambda each: (int(each.fault[1:]), each.promise)):
            terminalreporter.write_line(figure.line())
