"""What a test measures, wherever it stands: the fixture `figures`, written and told at the end of a run.

A test that has figures, and every test of a fault, says to the file that RIGD_FIGURES names that it has begun and how
it ended: one that failed, was skipped or brought all of pytest down must not leave its last good figures standing.
Figures go to the end of the run with the test's report: with pytest-xdist the test itself is in another process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.proof.figures import (
    FIGURES_VARIABLE,
    Figure,
    Figures,
    Outcome,
    append_figures,
    fault_of,
    figure_of,
    is_full,
    place_of,
    told_apart,
)

settings.register_profile("rigd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rigd")
"""How long an example takes is the machine's affair."""

_OF_TEST = pytest.StashKey[Figures]()
_LONGEST = ("rig", "faults", "cli", "writer", "tape")
"""The folders whose files take longest."""
_ENDED = pytest.StashKey[tuple[Outcome, str]]()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Takes what the test measures; written once the test is over."""
    return _figures_of(request.node)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if _is_told(item):
        _write([_figures_of(item).row_of_the_test(fault_of(item.nodeid), Outcome.BEGUN, "it did not end")])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # What was logged of names that are no UTF-8 cannot pass from a worker as it is.
    report.sections = [
        (title, text.encode("utf-8", "backslashreplace").decode()) for title, text in report.sections
    ]
    if not _is_told(item):
        return report
    if report.failed:
        item.stash[_ENDED] = (Outcome.FAILED, "")
    elif report.skipped:
        item.stash[_ENDED] = (Outcome.SKIPPED, _reason(report))
    if report.when == "teardown":
        outcome, why = item.stash.get(_ENDED, (Outcome.PASSED, ""))
        test = _figures_of(item)
        measured = test.close(passed=outcome is Outcome.PASSED)
        report.figures = [asdict(figure) for figure in measured]
        _write([*measured, test.row_of_the_test(fault_of(item.nodeid), outcome, why)])
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side, files that take long are begun first: one that is begun last is waited for by all."""
    if hasattr(config, "workerinput"):
        items.sort(
            key=lambda item: _LONGEST.index(item.path.parent.name) if item.path.parent.name in _LONGEST else 9
        )


def pytest_configure(config: pytest.Config) -> None:
    os.umask(
        0o022
    )  # folders that a group may write to are refused, and some machines' usual umask makes such
    config.pluginmanager.register(FiguresOfRun())


class FiguresOfRun:
    """What all tests of this run measured, in whichever process they ran."""

    def __init__(self) -> None:
        self._found: list[Figure] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._found += [figure_of(row) for row in getattr(report, "figures", ())]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        found = sorted(self._found, key=lambda each: (place_of(each.fault), each.promise))
        if found:
            terminalreporter.section("figures" + ("" if is_full() else " (small counts)"))
            for figure, promise in zip(found, told_apart(found), strict=True):
                terminalreporter.write_line(figure.line(promise))


def _is_told(item: pytest.Item) -> bool:
    return "figures" in getattr(item, "fixturenames", ()) or bool(re.match(r"test_[ft]\d+_", item.path.name))


def _figures_of(item: pytest.Item) -> Figures:
    return item.stash.setdefault(_OF_TEST, Figures(item.nodeid, full=is_full()))


def _reason(report: pytest.TestReport) -> str:
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr or "")
    return told.removeprefix("Skipped: ")


def _write(figures: list[Figure]) -> None:
    if path := os.environ.get(FIGURES_VARIABLE):
        append_figures(Path(path), figures)
