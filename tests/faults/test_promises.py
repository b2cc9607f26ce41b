"""docs/promises.md is made from docs/promises.json; here they are compared, and the results with the tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.faults.figures import Figure, Figures, append_figures, read_figures
from tests.faults.promises import FAULTS, HEADLINES, PAGE, page, read_results, taken_in

ROOT = Path(__file__).resolve().parents[2]


def figure(**changes: object) -> Figure:
    found = Figures("tests/faults/test_f01_x.py::test_it", full=True)
    found.record("F1", "frames lost", bound="0", measured=0, unit="frames", count="50 kills")
    (one,) = found.close(passed=True)
    return replace(one, **changes)  # type: ignore[arg-type]


def test_the_page_says_what_the_results_say() -> None:
    assert PAGE.read_text("utf-8") == page(read_results()), "run: python -m tests.faults.promises"


def test_every_result_is_of_a_test_that_there_is() -> None:
    for each in read_results():
        if not each.key:
            file, _, name = each.test.partition("::")
            assert f"def {name.partition('[')[0]}(" in (ROOT / file).read_text("utf-8"), each.test
            assert each.fault in FAULTS


def test_a_fault_without_a_figure_says_so_and_one_that_failed_too() -> None:
    told = page([figure(passed=False)])
    assert "| F2 | the daemon is killed while recording |  |  | not run yet |" in told
    assert "**FAILED** 0 frames" in told
    assert f"| {HEADLINES[0].promise} | {HEADLINES[0].figure} | FAILED: F1 |" in told


def test_a_run_replaces_what_its_tests_measured_before_and_leaves_the_others() -> None:
    old, other = figure(measured=3), figure(test="tests/faults/test_f02_y.py::test_it", fault="F2")
    soaked = figure(key="soak 0.5 h", test="soak", fault="F12")
    new, small = figure(promise="frames lost, in all"), figure(test=other.test, measured=9, full=False)
    assert taken_in([old, other, soaked], [new, small]) == [new, other, soaked]


def test_figures_come_back_from_their_file_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "below" / "figures.jsonl"
    append_figures(path, [figure()])
    append_figures(path, [figure(measured=0.25)])
    assert read_figures(path) == [figure(), figure(measured=0.25)]
    assert read_figures(tmp_path / "none") == []


def test_the_worst_of_a_promise_is_kept() -> None:
    found = Figures("a::b", full=False)
    for measured in (3, 7, 5):
        found.record("F1", "restart", bound="<= 500 ms", measured=measured, unit="ms", count="3 kills")
    (one,) = found.close(passed=False)
    assert (one.measured, one.full, one.passed) == (7, False, False)
