"""docs/promises.md from docs/promises.json: what rigd promises, and what was measured of it on a real machine.

    python -m tests.proof.promises [FIGURES]     takes in what a run measured, then writes the page
    python -m tests.proof.promises --enter KEY "WHAT CAME OUT"   a row of ELSEWHERE that a person ran

`make faults` does the first. Only figures of full size are taken in; those of a test replace what it measured before.
A test that did not pass, did not run or never ended takes the place of its figures, too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

from tests.proof.catalogue import (
    BESIDE,
    ELSEWHERE,
    FAULTS,
    GROUNDS,
    HEADLINES,
    UNDECLARED,
    WAITS_FOR,
    Elsewhere,
    Headline,
    ground_of,
    is_about_sound,
)
from tests.proof.figures import (
    Figure,
    Outcome,
    Verdict,
    figure_of,
    machine,
    place_of,
    read_figures,
    told_apart,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"
RESULTS = DOCS / "promises.json"
PAGE = DOCS / "promises.md"
UNSAID = {"limit": None, "outcome": ""}
"""Left out of a row in the tree that has just this there."""


def taken_in(known: Sequence[Figure], measured: Sequence[Figure]) -> list[Figure]:
    """`known` with what a run measured: what a test brought replaces what it had, a row of its own its last one."""
    runs = _last_runs(measured)
    new = [figure for rows in runs.values() for figure in rows]
    keys = {figure.key for figure in new if figure.key}
    tests = {test for test, rows in runs.items() if not any(figure.key for figure in rows)}
    # A test that measured nothing is known by its file; where it has measured before, by what that was of.
    faults = {figure.test: figure.fault for figure in known if not figure.key}
    new = [replace(f, fault=faults.get(f.test, f.fault)) if f.outcome else f for f in new]
    kept = [f for f in known if f.key not in keys and (f.key or f.test not in tests)]
    return sorted([*kept, *new], key=lambda f: (place_of(f.fault), f.key, f.test, f.promise))


def _last_runs(measured: Sequence[Figure]) -> dict[str, list[Figure]]:
    """What each test brought when it was run last: its figures; how it ended, unless it passed."""
    runs: dict[str, list[Figure]] = {}
    for figure in measured:
        if not figure.full:
            continue
        rows = runs.setdefault(figure.test, [])
        if figure.outcome == Outcome.BEGUN.value:
            rows.clear()
        elif figure.outcome:
            rows[:] = [row for row in rows if not row.outcome]
        if figure.outcome != Outcome.PASSED.value:
            rows.append(figure)
    return runs


def read_results(path: Path = RESULTS) -> list[Figure]:
    """The figures that the page is made of."""
    return [figure_of(row) for row in json.loads(path.read_text("utf-8"))["figures"]]


def write_results(figures: Sequence[Figure], path: Path = RESULTS) -> None:
    """They are in the tree."""
    rows = {"figures": [_as_row(figure) for figure in figures]}
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _as_row(figure: Figure) -> dict[str, object]:
    return {name: said for name, said in asdict(figure).items() if name not in UNSAID or said != UNSAID[name]}


def page(figures: Sequence[Figure]) -> str:
    """docs/promises.md. Pure."""
    faults = [figure for figure in figures if not figure.key]
    return f"""# What rigd promises, and what was measured

Made by `make faults` from its results (`promises.json`). Each figure is the worst of its run. One that is beyond what
is promised is marked **MISSED**; one that no number is promised for, not judged. Where a test did not pass, its rows
say so (**FAILED**), or one row does in place of them (**NOT PASSED**, **NOT RUN**). A fault without
a run says so.

## Beside the recorders that people trust

| promise | rigd's figure | measured here | others |
|---|---|---|---|
{_row(UNDECLARED.promise, UNDECLARED.figure, _undeclared(faults), UNDECLARED.others)}
{_lines(_headline(each, faults) for each in HEADLINES)}

Files open in any RIFF reader at any instant, with no repair step.
Where a figure of another maker stands, it is the one that maker publishes.

## What the faults are done to

Most to a whole rig; some to a part of it, because what is wanted cannot be had otherwise, or not in this time.

| done to | what that is | what is compared |
|---|---|---|
{_lines(_row(each.name, each.what, each.compared) for each in GROUNDS)}

## Every fault

| | fault | promise | figure | measured | of | load | done to | how to repeat | run |
|---|---|---|---|---|---|---|---|---|---|
{_lines(line for number, what in FAULTS.items() for line in _fault(number, what, faults))}

## Beside the faults

| what | promise | figure | measured | of | load | done to | how to repeat | run |
|---|---|---|---|---|---|---|---|---|
{_lines(line for name, what in BESIDE.items() for line in _rows((what,), name, faults))}

## What the machine of the tests cannot hold

| what | last run | what came out | how to repeat |
|---|---|---|---|
{_lines(_elsewhere(each, figures) for each in ELSEWHERE)}

## On which machine

{_machines(figures)}
"""


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _undeclared(figures: Sequence[Figure]) -> str:
    """Of loss that is not declared: of how many faults, whose sound was compared, none is known."""
    verdicts: dict[str, set[Verdict]] = {}
    for figure in figures:
        if figure.outcome or is_about_sound(figure.promise):
            verdicts.setdefault(figure.fault, set()).add(figure.verdict)
    wrong = {Verdict.MISSED, Verdict.FAILED, Verdict.NOT_PASSED}
    not_so = [fault for fault in FAULTS if verdicts.get(fault, set()) & wrong]
    fine = [fault for fault in FAULTS if verdicts.get(fault) == {Verdict.KEPT}]
    open_ = [fault for fault in FAULTS if Verdict.NOT_JUDGED in verdicts.get(fault, set())]
    have_run = {figure.fault for figure in figures if figure.verdict is not Verdict.NOT_RUN}
    skipped = {figure.fault for figure in figures if figure.verdict is Verdict.NOT_RUN}
    not_run = [fault for fault in FAULTS if fault in skipped or fault not in have_run]
    told = (
        ("**NOT SO**: ", not_so),
        ("not judged: ", open_),
        ("not run: ", not_run),
    )
    count = f"none in the tests of {len(fine)} faults with a figure of sound" if fine else ""
    return "; ".join(each for each in (count, *(what + ", ".join(of) for what, of in told if of)) if each)


def _headline(each: Headline, figures: Sequence[Figure]) -> str:
    measured = "; ".join(told for fault in each.faults for told in _measured_of(each, fault, figures))
    return _row(each.promise, each.figure, measured, each.others)


def _measured_of(each: Headline, fault: str, figures: Sequence[Figure]) -> list[str]:
    fitting = [f for f in figures if f.fault == fault and (f.outcome or f.promise in each.measured_by)]
    judged = [f if f.outcome else replace(f, bound=each.figure, limit=each.limit) for f in fitting]
    if all(f.outcome for f in judged) and not any(f.verdict is Verdict.NOT_PASSED for f in judged):
        return [f"not run yet ({fault})"]
    return [f"{_measured(f)} ({', '.join(word for word in (fault, f.count) if word)})" for f in judged]


def _measured(figure: Figure) -> str:
    verdict = figure.verdict
    if verdict is Verdict.NOT_JUDGED:
        return f"{figure.told} ({verdict.value})"
    return f"**{verdict.value}** {figure.told}".rstrip() if verdict.value else figure.told


def _fault(number: str, what: str, figures: Sequence[Figure]) -> list[str]:
    return _rows((number, what), number, figures)


def _rows(names: tuple[str, ...], fault: str, figures: Sequence[Figure]) -> list[str]:
    """Of one fault; its names stand in the first row alone."""
    fitting = [figure for figure in figures if figure.fault == fault]
    if not fitting:
        return [_row(*names, "", "", WAITS_FOR.get(fault, "not run yet"), "", "", "", "", "")]
    lines = []
    for place, (f, promise) in enumerate(zip(fitting, told_apart(fitting), strict=True)):
        first = names if place == 0 else ("",) * len(names)
        command = "`" + f.command + "`"
        done_to = ground_of(f.test)
        lines.append(_row(*first, promise, f.bound, _measured(f), f.count, f.load, done_to, command, f.date))
    return lines


def _elsewhere(each: Elsewhere, figures: Sequence[Figure]) -> str:
    fitting = [figure for figure in figures if figure.key == each.key]
    if not fitting:
        return _row(each.what, "never", "not run yet", each.how)
    came_out = "; ".join(f"{f.promise}: {_measured(f)}" if f.unit else f.promise for f in fitting)
    return _row(each.what, f"{fitting[0].date}, {fitting[0].machine}", came_out, each.how)


def _machines(figures: Sequence[Figure]) -> str:
    dates: dict[str, list[str]] = {}
    for figure in figures:
        dates.setdefault(figure.machine, []).append(figure.date)
    lines = [f"- {name}: {min(found)} to {max(found)}" for name, found in sorted(dates.items())]
    return "\n".join(lines) or "None yet."


def _entered(key: str, what: str) -> Figure:
    known = {each.key: each for each in ELSEWHERE}
    if key not in known:
        raise SystemExit(f'there is no row "{key}"; there are: {", ".join(known)}')
    return Figure(
        fault="F0",
        promise=what,
        bound="",
        measured=0,
        unit="",
        load="",
        count="1 run",
        command=known[key].how,
        test="by hand",
        machine=machine(),
        date=date.today().isoformat(),
        full=True,
        passed=True,
        key=key,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The results and the page are written."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof.promises", description="docs/promises.md")
    parser.add_argument("figures", nargs="?", type=Path, help="what a run wrote to RIGD_FIGURES")
    parser.add_argument("--enter", nargs=2, metavar=("KEY", "OUTCOME"), help="a row that a person ran")
    asked = parser.parse_args(arguments)
    measured = read_figures(asked.figures) if asked.figures else []
    if asked.enter:
        measured.append(_entered(*asked.enter))
    figures = taken_in(read_results(), measured)
    write_results(figures)
    PAGE.write_text(page(figures), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
