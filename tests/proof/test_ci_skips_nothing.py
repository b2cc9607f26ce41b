"""What a test needs and the machine lacks makes a build red in CI; what a machine may lack is listed by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import tools

TESTS = Path(__file__).resolve().parents[1]
SKIPS = re.compile(r"pytest\.(skip|importorskip)\(|pytest\.mark\.(skip|skipif)\b|\bskipTest\b")


def test_what_is_lacking_fails_in_ci_and_is_skipped_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="with CI=true nothing is skipped"):
        tools.need_tool("a tool that nobody has")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="a tool that nobody has is not installed"):
        tools.need_tool("a tool that nobody has")


def test_no_test_skips_by_itself() -> None:
    # test_figures.py has a test of its own inside, to see what is said of one that is skipped.
    alone = {Path(__file__), TESTS / "support" / "tools.py", TESTS / "proof" / "test_figures.py"}
    found = [
        path for path in TESTS.rglob("*.py") if path not in alone and SKIPS.search(path.read_text("utf-8"))
    ]
    assert not found, f"use tests/support/tools.py: {found}"
