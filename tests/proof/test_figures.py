"""What is recorded, how it is judged, and that no end of a test leaves its last good figures standing."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof.figures import (
    Figure,
    Figures,
    Limit,
    Outcome,
    Verdict,
    append_figures,
    fault_of,
    limit_of,
    place_of,
    plain,
    read_figures,
)

ROOT = Path(__file__).resolve().parents[2]


def figure(measured: float = 0, *, passed: bool = True, **changes: object) -> Figure:
    found = Figures("tests/faults/test_f01_x.py::test_it", full=True)
    row = {
        "bound": "0 frames",
        "unit": "frames",
        "count": "50 kills",
        "load": "64 ch/48 kHz/24 bit",
        **changes,
    }
    found.record("F1", "frames lost", measured=measured, **row)  # type: ignore[arg-type]
    (one,) = found.close(passed=passed)
    return one


@pytest.mark.parametrize(
    ("bound", "unit", "limit"),
    [
        ("<= 500 ms", "ms", Limit(most=500)),
        ("<= 1.0 s", "s", Limit(most=1)),
        ("< 25 %", "%", Limit(most=25, below=True)),
        ("< 5 %", "% of a core", Limit(most=5, below=True)),
        ("<= 1 a second", "a second", Limit(most=1)),
        ("< 4,096 KiB", "KiB", Limit(most=4096, below=True)),
        ("<= 2.5", "", Limit(most=2.5)),
        ("0 frames", "frames", Limit(most=0)),
        ("0", "takes", Limit(most=0)),
        ("1 block", "block", Limit(most=1)),
    ],
)
def test_the_number_of_a_promise_is_read(bound: str, unit: str, limit: Limit) -> None:
    assert limit_of(bound, unit) == limit


@pytest.mark.parametrize(
    ("bound", "unit"),
    [
        ("60-75 %", "%"),
        ("2 s + 0.5 s", "s"),
        ("<= 1 block", "frames"),
        ("<= 1 s", "ms"),
        ("1 an episode", "gaps"),
        (">= 3 s", "s"),
        ("<= s", "s"),
        ("none given", "s"),
        ("all", "frames"),
        ("", ""),
    ],
)
def test_what_is_no_number_of_what_was_measured_is_no_limit(bound: str, unit: str) -> None:
    assert limit_of(bound, unit) is None
    assert figure(1, bound=bound, unit=unit).verdict is Verdict.NOT_JUDGED


@pytest.mark.parametrize(
    ("measured", "bound", "verdict"),
    [
        (500, "<= 500 frames", Verdict.KEPT),
        (500.1, "<= 500 frames", Verdict.MISSED),
        (500, "< 500 frames", Verdict.MISSED),
        (1, "0 frames", Verdict.MISSED),
        (-1, "0 frames", Verdict.MISSED),
        (math.nan, "<= 500 frames", Verdict.MISSED),
    ],
)
def test_what_was_measured_is_judged(measured: float, bound: str, verdict: Verdict) -> None:
    assert figure(measured, bound=bound).verdict is verdict


def test_a_limit_of_its_own_judges_what_is_promised_in_words() -> None:
    assert figure(69, bound="60-75 %", unit="%", limit=75).verdict is Verdict.KEPT
    assert figure(76, bound="60-75 %", unit="%", limit=75).verdict is Verdict.MISSED
    assert figure(-1, bound="0", unit="descriptors").verdict is Verdict.KEPT, "fewer than before"


def test_at_the_end_of_a_run_a_miss_is_told() -> None:
    assert figure(525, bound="<= 500 ms", unit="ms").line().endswith(")  MISSED")
    assert figure(525, passed=False).line().endswith(")  FAILED")
    assert figure(0).line() == (
        "F1   frames lost: 0 frames (promised 0 frames; 50 kills; 64 ch/48 kHz/24 bit)"
    )
    assert [plain(value) for value in (1234567.0, 999.6, 0.4123, 37)] == ["1,234,567", "1,000", "0.412", "37"]


def test_figures_come_back_from_their_file_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "below" / "figures.jsonl"
    append_figures(path, [figure()])
    append_figures(path, [figure(0.25, limit=3.0)])
    assert read_figures(path) == [figure(), figure(0.25, limit=3.0)]
    assert read_figures(tmp_path / "none") == []


def test_the_worst_of_a_promise_is_kept() -> None:
    found = Figures("a::b", full=False)
    for measured in (3, 7, 5):
        found.record("F1", "restart", bound="<= 500 ms", measured=measured, unit="ms", count="3 kills")
    (one,) = found.close(passed=False)
    assert (one.measured, one.full, one.passed) == (7, False, False)


@pytest.mark.parametrize(
    ("test", "fault"),
    [
        ("tests/faults/test_f01_writer_killed.py::test_it", "F1"),
        ("tests/faults/test_f05_f13_is_told.py::test_it[F13]", "F13"),
        ("tests/faults/test_f17_f18_failing_disk.py::test_it[F18-1-3]", "F18"),
        ("tests/faults/test_f13_disk_stalls.py::test_it[frozen]", "F13"),
        ("tests/faults/test_t20_own_folder.py::test_it[frozen]", "T20"),
        ("tests/faults/test_t20_t21_own_folder.py::test_it[T21-1]", "T21"),
        ("tests/faults/test_units.py::test_it[rigd.service]", "units"),
    ],
)
def test_a_test_stands_under_the_fault_that_it_is_named_for(test: str, fault: str) -> None:
    assert fault_of(test) == fault


def test_faults_stand_by_letter_and_number_and_what_is_beside_them_behind() -> None:
    assert sorted(["units", "T20", "F9", "T3", "F54"], key=place_of) == ["F9", "F54", "T3", "T20", "units"]


TESTS = """
import os
import pytest

def record(figures):
    figures.record("F1", "frames lost", bound="0 frames", measured=0, unit="frames", count="1 kill")

@pytest.fixture
def disk():
    pytest.skip("no disk here")

@pytest.fixture
def spoiled():
    yield
    raise RuntimeError("left something behind")

def test_passes(figures):
    record(figures)

def test_fails_after_it_was_measured(figures):
    record(figures)
    assert False

@pytest.mark.skipif(True, reason="cannot mount here")
def test_is_skipped_by_its_mark(figures):
    record(figures)

def test_is_skipped_by_another_fixture(disk, figures):
    record(figures)

def test_fails_behind_itself(figures, spoiled):
    record(figures)

def test_has_no_figure():
    assert False

def test_ends_everything(figures):
    os._exit(3)
"""


def pytest_on(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """TESTS are run in full size; their figures go to figures.jsonl there."""
    (folder / "test_f01_made_up.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    environment = {**os.environ, "RIGD_FIGURES": str(folder / "figures.jsonl"), "RIGD_FAULTS": "full"}
    return subprocess.run(
        [*command, *arguments, "--rootdir", str(folder), str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("processes", ["-n0", "-n1"])
def test_figures_are_told_at_the_end_in_whichever_process_they_were_measured(
    tmp_path: Path, processes: str
) -> None:
    done = pytest_on(tmp_path, processes, "-k", "passes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nF1   frames lost: 0 frames (promised 0 frames; 1 kill; 64 ch/48 kHz/24 bit)\n" in done.stdout
    outcomes = [row.outcome for row in read_figures(tmp_path / "figures.jsonl")]
    assert outcomes == [Outcome.BEGUN.value, "", Outcome.PASSED.value]


def test_every_end_of_a_test_is_written(tmp_path: Path) -> None:
    done = pytest_on(tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    rows = read_figures(tmp_path / "figures.jsonl")
    last = {row.test.rpartition("test_")[2]: (Outcome(row.outcome), row.count) for row in rows if row.outcome}
    assert last == {
        "passes": (Outcome.PASSED, ""),
        "fails_after_it_was_measured": (Outcome.FAILED, ""),
        "is_skipped_by_its_mark": (Outcome.SKIPPED, "cannot mount here"),
        "is_skipped_by_another_fixture": (Outcome.SKIPPED, "no disk here"),
        "fails_behind_itself": (Outcome.FAILED, ""),
        "has_no_figure": (Outcome.FAILED, ""),
        "ends_everything": (Outcome.BEGUN, "it did not end"),
    }
    measured = [(row.test.rpartition("test_")[2], row.passed) for row in rows if not row.outcome]
    assert measured == [
        ("passes", True),
        ("fails_after_it_was_measured", False),
        ("fails_behind_itself", False),
    ]
