"""docs/decisions/README.md lists every page by its own title, in order."""

from __future__ import annotations

import re
from pathlib import Path

DECISIONS = Path(__file__).resolve().parents[2] / "docs/decisions"
ROW = re.compile(r"^(\d+)\. \[(.*)\]\((\S+\.md)\)$", re.MULTILINE)
TITLE = re.compile(r"# (\d+)\. (.*)")


def test_every_decision_is_listed_once_by_its_own_title() -> None:
    listed = ROW.findall((DECISIONS / "README.md").read_text(encoding="utf-8"))
    there = []
    for page in sorted(DECISIONS.glob("[0-9]*.md")):
        title = TITLE.fullmatch(page.read_text(encoding="utf-8").splitlines()[0])
        assert title is not None and int(title[1]) == int(page.name[:4]), (
            f"{page.name}: its title has no number"
        )
        there.append((title[1], title[2], page.name))
    assert listed == there
