"""What a fault cost, as measured: the rows of docs/promises.json, and how large the tests are.

A test records figures through the fixture `figures` (tests/conftest.py); they go as JSON lines to the file that
RIGD_FIGURES names, once it is known whether the test passed, and nowhere where that is not set. RIGD_FAULTS=full
means the counts that are published; anything else the smaller ones of every change. A test that did not pass, or did
not run, has a row that says so: it takes the place of what the test measured before.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

FIGURES_VARIABLE = "RIGD_FIGURES"
SIZE_VARIABLE = "RIGD_FAULTS"
T = TypeVar("T")


def is_full() -> bool:
    """The counts and lengths that are published are to be run."""
    return os.environ.get(SIZE_VARIABLE) == "full"


def count(ci: T, full: T) -> T:
    """How many, how long, how large: for every change, or for the published figures."""
    return full if is_full() else ci


FULL_CHANNELS = 64
CHANNELS = count(ci=16, full=FULL_CHANNELS)
LOAD = f"{CHANNELS} ch/48 kHz/24 bit"
"""Of a rig that is not made otherwise (`full_load` in load.py)."""


class Verdict(Enum):
    """What became of a promise; the value is what people read."""

    KEPT = ""
    NOT_JUDGED = "not judged"
    """What is promised is no number that this could be compared with."""
    MISSED = "MISSED"
    FAILED = "FAILED"
    """The test that measured it did not pass."""
    NOT_PASSED = "NOT PASSED"
    NOT_RUN = "NOT RUN"


class Outcome(Enum):
    """How a test itself ended. Figures are of no outcome."""

    FIGURE = ""
    BEGUN = "begun"
    """And never ended, where no row of the same test follows."""
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


_BOUND = re.compile(r"(<=|<)?\s*(\d[\d,]*(?:\.\d+)?)\s*(.*)")
_COUNTED = ("frames", "samples")
_LETTERS = {"F": 0, "T": 1 << 20}
"""Faults of each stand behind those of the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The number in a promise."""

    most: float
    below: bool = False
    """It must not be reached."""

    def holds(self, measured: float) -> bool:
        """What was measured is within it. Nothing is within it that is no number."""
        return measured < self.most if self.below else measured <= self.most


def limit_of(bound: str, unit: str) -> Limit | None:
    """The number that stands in "<= 500 ms", "< 25 %", "0 frames", "0". None where there is none, or where it is of
    another unit than what was measured ("<= 1 period", in frames): that takes a `limit` of its own."""
    found = _BOUND.fullmatch(bound.strip())
    if found is None:
        return None
    sign, number, of = found.groups()
    if of and of != unit and not unit.startswith(f"{of} "):
        return None
    return Limit(most=float(number.replace(",", "")), below=sign == "<")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One promise, what was measured of it, and how to measure it again."""

    fault: str
    """Its number: "F1", "T20"; or what is tested beside the faults: "units"."""
    promise: str
    """What is promised, in a few words."""
    bound: str
    """The figure that is promised: "0 frames", "<= 500 ms"."""
    measured: float
    """The worst that was seen."""
    unit: str
    load: str
    count: str
    """Of how many this is the worst: "50 kills"."""
    command: str
    """Repeats it."""
    test: str
    """pytest's name of the test; "soak" for `make soak`."""
    machine: str
    date: str
    full: bool
    passed: bool
    key: str = ""
    """For a row of its own beside the faults ("soak 24 h"); see promises.py."""
    limit: float | None = None
    """The most that keeps the promise, where that cannot be read from `bound`."""
    outcome: str = ""
    """Of an Outcome: the row tells of the test itself, and `count` why it was skipped."""

    @property
    def verdict(self) -> Verdict:
        """Whether the promise was kept."""
        if self.outcome:
            ended = {Outcome.PASSED: Verdict.KEPT, Outcome.SKIPPED: Verdict.NOT_RUN}
            return ended.get(Outcome(self.outcome), Verdict.NOT_PASSED)
        if not self.passed:
            return Verdict.FAILED
        limit = limit_of(self.bound, self.unit) if self.limit is None else Limit(most=self.limit)
        if limit is None:
            return Verdict.NOT_JUDGED
        # Frames fewer than none are frames that were doubled.
        size = abs(self.measured) if self.unit in _COUNTED else self.measured
        return Verdict.KEPT if limit.holds(size) else Verdict.MISSED

    @property
    def told(self) -> str:
        """What was measured, without a verdict."""
        return "" if self.outcome else f"{plain(self.measured)} {self.unit}".rstrip()

    @property
    def parameter(self) -> str:
        """pytest's parameters of the test: "frozen"; empty where it has none."""
        return self.test.partition("[")[2].removesuffix("]")

    def line(self, promise: str = "") -> str:
        """For a person, at the end of a run; `promise` where it is to be told otherwise."""
        of = "; ".join(each for each in (f"promised {self.bound}", self.count, self.load) if each)
        verdict = f"  {self.verdict.value}" if self.verdict.value else ""
        return f"{self.fault:<4} {promise or self.promise}: {self.told} ({of}){verdict}"


def told_apart(figures: Sequence[Figure]) -> list[str]:
    """The promise of each; with its test's parameter, where several rows of a fault promise the same."""
    often = Counter((figure.fault, figure.promise) for figure in figures)
    return [
        f"{figure.promise} [{figure.parameter}]"
        if often[figure.fault, figure.promise] > 1 and figure.parameter
        else figure.promise
        for figure in figures
    ]


def place_of(fault: str) -> tuple[int, str]:
    """Where it stands: faults by their letter and number, then what is tested beside them."""
    number = int(fault[1:]) if re.fullmatch(r"[FT]\d+", fault) else 0
    return (number + _LETTERS[fault[0]], "") if number else (1 << 30, fault)


def plain(value: float) -> str:
    """A figure as people read it: 1,234,567; 0.412; 37."""
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


class Figures:
    """The figures of one test."""

    def __init__(self, test: str, *, full: bool) -> None:
        self._test = test
        self._full = full
        self._found: list[dict[str, Any]] = []

    def record(
        self,
        fault: str,
        promise: str,
        *,
        bound: str,
        measured: float,
        unit: str,
        count: str,
        load: str = LOAD,
        key: str = "",
        limit: float | None = None,
    ) -> None:
        """The worst that was measured of this promise. Recording the same promise again keeps the greater one.

        A `bound` that is a comparison ("<= 500 ms", "0 frames") is judged by its number; `limit` is the most that
        keeps any other."""
        row = {
            "fault": fault,
            "promise": promise,
            "bound": bound,
            "measured": measured,
            "unit": unit,
            "load": load,
            "count": count,
            "key": key,
            "limit": limit,
        }
        for known in self._found:
            if (known["fault"], known["promise"]) == (fault, promise):
                row["measured"] = max(measured, known["measured"])
                known.update(row)
                return
        self._found.append(row)

    def close(self, *, passed: bool) -> list[Figure]:
        """All of them, with what is the same for each."""
        return [self._row(passed=passed, **row) for row in self._found]

    def row_of_the_test(self, fault: str, outcome: Outcome, why: str = "") -> Figure:
        """How the test itself ended, under its own name. `fault`: where it recorded none."""
        name = self._test.rpartition("::")[2]
        return self._row(
            fault=self._found[0]["fault"] if self._found else fault,
            promise="test: " + name.partition("[")[0].removeprefix("test_").replace("_", " "),
            bound="passes",
            measured=0,
            unit="",
            load="",
            count=why,
            passed=outcome is Outcome.PASSED,
            outcome=outcome.value,
        )

    def _row(self, **row: Any) -> Figure:
        file = self._test.partition("::")[0]
        return Figure(
            command=f'make faults ARGS="{file}"',
            test=self._test,
            machine=machine(),
            date=date.today().isoformat(),
            full=self._full,
            **row,
        )


def fault_of(test: str) -> str:
    """Under which a test stands by pytest's name of it: "F5" of "test_f05_f13_is_told.py::...[F5]", "F13" of
    "test_f13_disk_stalls.py::...", "T20" of "test_t20_...", "units" of "test_units.py::..."."""
    by_parameter = re.search(r"\[([FT]\d+)[\]-]", test)
    if by_parameter:
        return by_parameter[1]
    file = Path(test.partition("::")[0]).stem
    by_file = re.match(r"test_([ft])(\d+)", file)
    return f"{by_file[1].upper()}{int(by_file[2])}" if by_file else file.removeprefix("test_")


def machine() -> str:
    """Cores, processor, memory, kernel."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {next(named, platform.machine())}, {memory:.0f} GB,"
        f" Linux {platform.release()}"
    )


def append_figures(path: Path, figures: list[Figure]) -> None:
    """They stand at the end of the file, a line each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in figures)


def read_figures(path: Path) -> list[Figure]:
    """All that the file holds; fields that this version does not know are passed by."""
    known = {field.name for field in fields(Figure)}
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [figure_of({k: v for k, v in json.loads(line).items() if k in known}) for line in lines]


def figure_of(row: dict[str, Any]) -> Figure:
    """From its JSON object."""
    return Figure(**row)
