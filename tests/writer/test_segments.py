"""The segments of the black box where somebody else has put some: a stick may bring a whole `.rigd` of its own."""

from __future__ import annotations

from pathlib import Path

from rigd.blackbox.segments import HIGHEST_BELIEVED, Shelf, folder_name
from rigd.takefile.journal import JOURNAL_NAME


def test_a_number_that_leaves_no_digits_for_the_next_ones_is_put_aside_with_all_others(
    tmp_path: Path,
) -> None:
    for number in (5, 99_999_999):
        (tmp_path / folder_name(number)).mkdir()
        (tmp_path / folder_name(number) / JOURNAL_NAME).write_bytes(b"?\n")
    shelf = Shelf(tmp_path)
    assert shelf.put_aside_odd("bad-1") == 2
    assert shelf.numbers() == [] and shelf.next_number(()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000005.bad-1", "99999999.bad-1"]


def test_numbers_that_rigd_may_have_given_stay(tmp_path: Path) -> None:
    numbers = [5, HIGHEST_BELIEVED]
    for number in numbers:
        (tmp_path / folder_name(number)).mkdir()
    shelf = Shelf(tmp_path)
    assert shelf.put_aside_odd("bad-1") == 0
    assert shelf.numbers() == numbers
