"""What stands in a library's files is asked what is asked of what is typed."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.model.names import safe_name, unique_name
from rigd.model.read_back import as_typed, clock_as_typed, slate_as_typed, why_no_folder_name
from rigd.model.take import ClockState, Slate, TakeClock
from rigd.rules.slates import LONGEST_NAME, LONGEST_NOTE, plain_text
from rigd.rules.step_work import Refusal

EVIL = ("../../x", "/abs", "..", ".", "", ".rigd", ".trash", "a/b", "nul\0", "line\nbreak", "\x1b[2J", "CON")


@pytest.mark.parametrize("name", EVIL)
def test_a_name_that_rigd_would_not_have_made_is_refused_with_a_reason(name: str) -> None:
    assert why_no_folder_name(name)


@given(typed=st.text(max_size=300), taken=st.booleans())
def test_every_name_that_rigd_makes_is_taken_back(typed: str, taken: bool) -> None:
    made = safe_name(typed, fallback="Song")
    first = iter([taken])
    made = unique_name(made, taken=lambda key: next(first, False))
    assert why_no_folder_name(made) == ""


@given(text=st.text(max_size=300))
def test_a_text_that_could_have_been_typed_stays_and_any_other_becomes_one(text: str) -> None:
    read = as_typed(text, LONGEST_NOTE)
    try:
        plain_text(text, "note", LONGEST_NOTE, may_be_empty=True)
    except Refusal:
        assert plain_text(read, "note", LONGEST_NOTE, may_be_empty=True) == read.strip()
    else:
        assert as_typed(text.strip(), LONGEST_NOTE) == text.strip()
    assert as_typed(read, LONGEST_NOTE) == read


def test_a_slate_is_cleaned_and_its_numbers_are_such_as_a_take_has() -> None:
    slate = Slate(
        session="a\x1b[2J", song="b\0", number=1 << 70, name="\x07" * 9, rating=99, notes=("x\x9b",)
    )
    assert slate_as_typed(slate) == Slate(
        session="a [2J", song="b ", number=0, name=" " * 9, rating=0, notes=("x ",)
    )
    good = Slate(session="Demo", song="Blue", number=12, name="the one", rating=5, notes=("one\ntwo",))
    assert slate_as_typed(good) == good
    long = msgspec.structs.replace(good, song="x" * 1_000_000)
    assert len(slate_as_typed(long).song) == 10 * LONGEST_NAME


@pytest.mark.parametrize("boottime_ns", [1 << 62, -(1 << 62), 1 << 80])
def test_a_time_that_no_machine_has_run_dates_no_take(boottime_ns: int) -> None:
    assert clock_as_typed(TakeClock(boot_id="b", boottime_ns=boottime_ns, state=ClockState.WRONG)) is None
