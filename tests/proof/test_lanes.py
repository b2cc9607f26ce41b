"""The three passes of `make test`: every test is in one of them, and `make quick` holds nothing but of the first."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

ROOT = Path(__file__).resolve().parents[2]
MARKS = ("alone", "jack", "slow")


def passes_of(target: str) -> list[Expression]:
    """What its runs of pytest select by their marks."""
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert recipe is not None
    return [Expression.compile(words) for words in re.findall(r'-m "([^"]+)"', recipe.group(1))]


@pytest.mark.parametrize(
    "marks", [dict(zip(MARKS, each, strict=True)) for each in product((False, True), repeat=3)]
)
def test_whatever_marks_a_test_has_it_is_in_one_pass_of_make_test(marks: dict[str, bool]) -> None:
    beside, jack, alone = (each.evaluate(lambda name, **_: marks[name]) for each in passes_of("test"))
    assert (beside, jack, alone).count(True) == 1
    assert alone == marks["alone"] and jack == (marks["jack"] and not marks["alone"])
    (quick,) = (each.evaluate(lambda name, **_: marks[name]) for each in passes_of("quick"))
    assert quick == (beside and not marks["slow"])
