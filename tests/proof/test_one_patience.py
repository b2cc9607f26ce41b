"""Whatever a test waits for, it waits for with `wait_for`: one deadline, one kind of message."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.patience import wait_for

TESTS = Path(__file__).resolve().parents[1]
NOT_WAITING = {
    "support/patience.py": "the one that waits",
    "faults/test_f47_freewheel.py": "looks for a time",
    "support/terminal_rig.py": "waits as subprocess does, with its error",
    "vm/ask.py": "runs in a machine that has no tests",
    "vm/hand.py": "moves a control for a time, in a machine that has no tests",
    "vm/agent.py": "runs in a machine that has no tests",
    "proof/soak.py": "looks once a second for hours",
    "surfaces/test_serial_box_load.py": "shows for a time, and measures what that costs",
}
"""Loops that sleep and wait for nothing; tests/bench measures, and asserts nothing."""


def test_what_comes_is_returned_at_once() -> None:
    answers = iter([None, 0, "here"])
    assert wait_for(lambda: next(answers), "an answer") == "here"


def test_what_never_comes_is_named_with_what_is_there_instead() -> None:
    with pytest.raises(AssertionError, match=r"^waited 0.01 s for: a take\nof 3 songs$"):
        wait_for(lambda: False, "a take", within_s=0.01, instead=lambda: "of 3 songs")


def test_without_a_name_the_condition_itself_is_named() -> None:
    takes: list[int] = []
    with pytest.raises(AssertionError, match=r"len\(takes\) == 2"):
        wait_for(lambda: len(takes) == 2, within_s=0.01)


def test_no_test_waits_in_a_way_of_its_own() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        if path.relative_to(TESTS).parts[0] != "bench" and str(path.relative_to(TESTS)) not in NOT_WAITING
        for line in waiting_loops(path.read_text("utf-8"))
    ]
    assert not found, f"use wait_for of tests/support/patience.py: {found}"


def waiting_loops(source: str) -> Iterator[int]:
    """Lines of `while` loops that sleep, or that assert something of the clock."""
    for loop in ast.walk(ast.parse(source)):
        if isinstance(loop, ast.While):
            inside = [ast.unparse(each) for each in ast.walk(loop) if isinstance(each, ast.Call | ast.Assert)]
            if any(
                each.startswith("time.sleep(") or (each.startswith("assert") and "time.monotonic" in each)
                for each in inside
            ):
                yield loop.lineno
