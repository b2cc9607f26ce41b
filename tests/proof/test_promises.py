"""docs/promises.md is made from docs/promises.json; here they are compared, and the results with the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.proof.catalogue import BESIDE, FAULTS, GROUNDS, HEADLINES, UNDECLARED, ground_of, is_about_sound
from tests.proof.figures import SIZE_VARIABLE, Figure, Figures, Outcome
from tests.proof.promises import PAGE, page, read_results, taken_in, write_results

ROOT = Path(__file__).resolve().parents[2]
WRITER = "tests/faults/test_f01_writer_killed.py::test_it"
DAEMON = "tests/faults/test_f02_daemon_killed.py::test_it"
STALLS = "tests/faults/test_f13_disk_stalls.py::test_it"


def figure(**changes: object) -> Figure:
    found = Figures(WRITER, full=True)
    found.record("F1", "frames lost", bound="0 frames", measured=0, unit="frames", count="50 kills")
    (one,) = found.close(passed=True)
    return replace(one, **changes)  # type: ignore[arg-type]


def ended(outcome: Outcome, why: str = "", *, test: str = WRITER, fault: str = "F1") -> Figure:
    return Figures(test, full=True).row_of_the_test(fault, outcome, why)


def headline(told: str, promise: str) -> str:
    """What stands as measured of it."""
    (line,) = [line for line in told.splitlines() if line.startswith(f"| {promise} |")]
    return line.split(" | ")[2]


def test_the_page_says_what_the_results_say() -> None:
    assert PAGE.read_text("utf-8") == page(read_results()), "run: python -m tests.proof.promises"


def test_the_results_are_written_as_they_stand(tmp_path: Path) -> None:
    rows = [figure(), figure(limit=7.0, outcome="skipped")]
    write_results(rows, tmp_path / "rows.json")
    assert read_results(tmp_path / "rows.json") == rows
    assert "limit" not in (tmp_path / "rows.json").read_text().split("{")[2]


def test_every_result_is_of_a_test_that_there_is() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    files = ["tests/faults", "tests/tape/test_tape_stress.py"]
    full = {**os.environ, SIZE_VARIABLE: "full"}
    said = subprocess.run(
        [*command, *files], cwd=ROOT, capture_output=True, text=True, check=True, env=full
    ).stdout
    gone = {each.test for each in read_results() if not each.key} - set(said.splitlines())
    assert not gone, "these are not there any more: take their rows out of docs/promises.json"


def test_every_result_says_which_fault_it_is_of_and_what_it_is_done_to() -> None:
    for each in read_results():
        if not each.key:
            assert each.fault in FAULTS or each.fault in BESIDE, each
            assert ground_of(each.test) != "?", f"{each.test}: add it to GROUNDS in catalogue.py"


def test_what_faults_are_done_to_is_said_of_tests_that_there_are() -> None:
    for ground in GROUNDS:
        for each in ground.tests:
            stem, _, name = each.partition("::")
            (path,) = (ROOT / "tests").glob(f"*/test_{stem}.py")
            assert not name or f"def test_{name}(" in path.read_text("utf-8"), each


def test_a_ground_is_of_a_file_or_of_one_of_its_tests() -> None:
    borders = "tests/faults/test_f11_borders.py::"
    assert ground_of(borders + "test_a_take_rolls_across_the_border[2^31 frames-1/2::3]") == "writer"
    assert ground_of(borders + "test_one_take_has_more_frames_than_the_border[1]") == "writer, in part"
    assert ground_of("tests/faults/test_f99_new.py::test_it") == "?"


def test_a_fault_without_a_figure_says_so_and_one_that_failed_too() -> None:
    told = page([figure(passed=False)])
    assert "| F2 | the daemon is killed while recording |  |  | not run yet |" in told
    assert "| **FAILED** 0 frames | 50 kills |" in told
    assert headline(told, UNDECLARED.promise).startswith("**NOT SO**: F1; not run: F2, F3")


def test_a_figure_beyond_what_is_promised_is_marked() -> None:
    late = figure(promise="told", bound="<= 500 ms", measured=525.0, unit="ms")
    told = page([late, replace(late, promise="told again", bound="soon")])
    assert "| told | <= 500 ms | **MISSED** 525 ms |" in told
    assert "| told again | soon | 525 ms (not judged) |" in told


def test_a_lost_frame_is_seen_in_the_headlines_also_where_the_test_let_it_pass() -> None:
    told = page([figure(measured=1)])
    assert headline(told, UNDECLARED.promise).startswith("**NOT SO**: F1;")
    assert headline(told, HEADLINES[0].promise).startswith(
        "**MISSED** 1 frames (F1, 50 kills); not run yet (F2)"
    )


def test_only_faults_with_a_figure_of_sound_are_counted_and_those_not_run_are_named() -> None:
    rows = [figure(), figure(fault="F16", promise="warnings: wrong by", unit="%", bound="<= 5 %")]
    rows += [figure(fault=each) for each in FAULTS if each not in ("F1", "F14", "F16", "F40", "F42")]
    rows.append(figure(fault="F14", promise="declared silence is wrong by", bound="as it comes"))
    assert headline(page(rows), UNDECLARED.promise) == (
        f"none in the tests of {len(FAULTS) - 4} faults with a figure of sound; not judged: F14; not run: F40, F42"
    )


@pytest.mark.parametrize(
    "promise",
    [
        "frames lost",
        "EIO on a write, 2 in a row: frames lost",
        "frames that the library loses to a mirror",
        "of what was heard before: lost",
        "gap is wrong by, other rate or card",
        "gaps not declared",
        "samples under the wrong label, inputs missing",
        "closed takes that were missing, short or neither old nor new",
    ],
)
def test_these_are_about_sound(promise: str) -> None:
    assert is_about_sound(promise)


@pytest.mark.parametrize(
    "promise",
    [
        "lines lost after the storm",
        "elapsed time shown is wrong by",
        "takes missing",
        "gap",
        "memory grows by",
        "kill until another writer has the take",
        "lost at the end of the take",
        "files trail the sound by",
    ],
)
def test_these_are_not(promise: str) -> None:
    assert not is_about_sound(promise)


def test_a_headline_is_measured_by_the_rows_of_its_promise_alone() -> None:
    lost = figure(fault="F2", test=DAEMON, count="30 kills")
    shown = replace(lost, promise="elapsed time shown is wrong by", bound="<= 1 period", measured=37)
    told = headline(page([figure(), lost, shown]), HEADLINES[0].promise)
    assert told == "0 frames (F1, 50 kills); 0 frames (F2, 30 kills)"


def test_rows_that_promise_the_same_are_told_apart_by_their_parameter() -> None:
    rows = [figure(test=f"{WRITER}[{how}]") for how in ("frozen", "hanging")]
    told = page([*rows, figure(fault="F2", test=f"{DAEMON}[F2]")])
    assert "| frames lost [frozen] |" in told and "| frames lost [hanging] |" in told
    assert "[F2]" not in told


def test_a_run_replaces_what_its_tests_measured_before_and_leaves_the_others() -> None:
    old, other = figure(measured=3), figure(test=DAEMON, fault="F2")
    soaked = figure(key="soak 0.5 h", test="soak", fault="F12")
    new, small = figure(promise="frames lost, in all"), figure(test=other.test, measured=9, full=False)
    run = [ended(Outcome.BEGUN), new, ended(Outcome.PASSED), small]
    assert taken_in([old, other, soaked], run) == [new, other, soaked]
    worse = [ended(Outcome.BEGUN), figure(measured=9), ended(Outcome.PASSED)]
    assert taken_in([old], [*worse, *run]) == [new], "of two runs in one file, the last"
    again = replace(soaked, measured=1)
    assert taken_in([old, soaked], [again]) == [old, again]


@pytest.mark.parametrize("how", ["frozen", "hanging"])
def test_a_parameter_is_replaced_by_itself(how: str) -> None:
    rows = [figure(test=f"{WRITER}[{each}]") for each in ("frozen", "hanging")]
    new = figure(test=f"{WRITER}[{how}]", measured=5)
    assert taken_in(rows, [new]) == [new if row.test == new.test else row for row in rows]


def test_a_test_that_did_not_pass_takes_the_place_of_its_green_rows() -> None:
    known = [figure(), figure(promise="restart", bound="<= 500 ms", unit="ms")]
    rows = taken_in(known, [ended(Outcome.BEGUN, "it did not end"), ended(Outcome.FAILED)])
    told = page(rows)
    assert "| test: it | passes | **NOT PASSED** |" in told
    assert "restart" not in told and "50 kills" not in told
    assert headline(told, HEADLINES[0].promise) == "**NOT PASSED** (F1); not run yet (F2)"
    assert headline(told, UNDECLARED.promise).startswith("**NOT SO**: F1;")
    assert taken_in(rows, [ended(Outcome.BEGUN), figure(), ended(Outcome.PASSED)]) == [figure()]


def test_a_test_that_was_skipped_takes_the_place_of_its_green_rows() -> None:
    told = page(taken_in([figure()], [ended(Outcome.BEGUN), ended(Outcome.SKIPPED, "cannot mount here")]))
    assert "| test: it | passes | **NOT RUN** | cannot mount here |" in told
    assert headline(told, HEADLINES[0].promise) == "not run yet (F1); not run yet (F2)"
    assert headline(told, UNDECLARED.promise).startswith("not run: F1, F2,")


def test_a_test_that_never_ended_did_not_pass() -> None:
    (row,) = taken_in([figure()], [ended(Outcome.BEGUN, "it did not end")])
    assert "| **NOT PASSED** | it did not end |" in page([row])


def test_a_test_that_did_not_pass_stands_under_the_fault_that_it_measured_before() -> None:
    long_stall = figure(test=STALLS, fault="F14", promise="declared silence is wrong by")
    failed = ended(Outcome.FAILED, test=STALLS, fault="F13")
    assert [row.fault for row in taken_in([long_stall], [failed])] == ["F14"]
    assert [row.fault for row in taken_in([], [failed])] == ["F13"]
