"""docs/commands.md and docs/config.md are made from the code; here they are compared with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigd.cli.reference import pages

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("name", ["commands.md", "commands.schema.json", "config.md"])
def test_a_page_says_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == pages()[name], "run: make docs"
