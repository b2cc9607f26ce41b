"""What a fault cost, as measured: the rows of docs/promises.json, and how large the tests are.

A test records figures through the fixture `figures`; they go as JSON lines to the file that RIGD_FIGURES names,
once it is known whether the test passed, and nowhere where that is not set. RIGD_FAULTS=full means the counts
that are published; anything else the smaller ones of every change.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

FULL_LOAD = "64 ch/48 kHz/24 bit"
FIGURES_VARIABLE = "RIGD_FIGURES"
SIZE_VARIABLE = "RIGD_FAULTS"
T = TypeVar("T")


def is_full() -> bool:
    """The counts and lengths that are published are to be run."""
    return os.environ.get(SIZE_VARIABLE) == "full"


def count(ci: T, full: T) -> T:
    """How many, how long, how large: for every change, or for the published figures."""
    return full if is_full() else ci


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One promise, what was measured of it, and how to measure it again."""

    fault: str
    """Its number: "F1"."""
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

    def line(self) -> str:
        """For a person, at the end of a run."""
        verdict = "" if self.passed else "  FAILED"
        return (
            f"{self.fault:<4} {self.promise}: {plain(self.measured)} {self.unit}"
            f" (promised {self.bound}; {self.count}, {self.load}){verdict}"
        )


def plain(value: float) -> str:
    """A figure as people read it: 1,234,567; 0.412; 37."""
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


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
        load: str = FULL_LOAD,
        key: str = "",
    ) -> None:
        """The worst that was measured of this promise. Recording the same promise again keeps the greater one."""
        row = {
            "fault": fault,
            "promise": promise,
            "bound": bound,
            "measured": measured,
            "unit": unit,
            "load": load,
            "count": count,
            "key": key,
        }
        for known in self._found:
            if (known["fault"], known["promise"]) == (fault, promise):
                row["measured"] = max(measured, known["measured"])
                known.update(row)
                return
        self._found.append(row)

    def close(self, *, passed: bool) -> list[Figure]:
        """All of them, with what is the same for each."""
        file = self._test.partition("::")[0]
        return [
            Figure(
                command=f'make faults ARGS="{file}"',
                test=self._test,
                machine=machine(),
                date=date.today().isoformat(),
                full=self._full,
                passed=passed,
                **row,
            )
            for row in self._found
        ]


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
