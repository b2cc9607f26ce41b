"""docs/promises.md from docs/promises.json: what rigd promises, and what was measured of it on a real machine.

    python -m tests.faults.promises [FIGURES]     takes in what a run measured, then writes the page
    python -m tests.faults.promises --enter KEY "WHAT CAME OUT"   a row of ELSEWHERE that a person ran

`make faults` does the first. Only figures of full size are taken in; those of a test replace what it measured before.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from tests.faults.figures import Figure, figure_of, machine, plain, read_figures

DOCS = Path(__file__).resolve().parents[2] / "docs"
RESULTS = DOCS / "promises.json"
PAGE = DOCS / "promises.md"

FAULTS: dict[str, str] = {
    "F1": "the writer is killed (SIGKILL)",
    "F2": "the daemon is killed while recording",
    "F3": "the capture process is killed",
    "F4": "all of rigd is killed at once, then started",
    "F5": "the writer stands still for 30 s",
    "F6": "the daemon stands still for 60 s",
    "F7": "the daemon is held by one long call, and by the garbage collector",
    "F8": "a CPU hog on every core",
    "F9": "memory runs out",
    "F10": "the wall clock is set during a take",
    "F11": "counters cross 2^31 and 2^32",
    "F12": "days of recording",
    "F13": "the disk stalls for 10, 20, 30 s",
    "F14": "the disk stalls longer than the tape lasts",
    "F15": "the disk runs full",
    "F16": "the disk is about to run full",
    "F17": "a write fails, at every write of a take in turn",
    "F18": "fdatasync fails once",
    "F19": "the power is cut while a take rolls",
    "F20": "the power is cut at start, stop, rename, next, keep and library commits",
    "F21": "the volume becomes read-only, or is gone",
    "F22": "the mirror is too slow",
    "F23": "a file crosses 4 GiB",
    "F24": "names made to break out, or to break things",
    "F25": "the library's index is deleted, cut short, damaged, or from the future",
    "F26": "two daemons on one library",
    "F27": "foreign, truncated and fuzzed files in the library",
    "F28": "the interface vanishes and returns",
    "F29": "the interface stands still and says nothing",
    "F30": "the interface returns with other channels or another rate",
    "F31": "the driver says that it lost sound; and the driver loses sound and does not say so",
    "F32": "blocks of 0, 1, 4096 and 65536 frames, none at all, NaN",
    "F33": "100 times unplugged and plugged in",
    "F34": "mutated OSC packets",
    "F35": "OSC from 2099, and floods of it",
    "F36": "random MIDI, endless SysEx",
    "F37": "random bytes, endless and halved lines on a serial port",
    "F38": "a storm of pedal presses; a pedal that is stuck",
    "F39": "a preamp that does not answer, or answers wrongly",
    "F40": "malformed requests to the HTTP API",
    "F41": "hundreds of idle and slow clients",
    "F42": "start, stop and next raced by many clients",
    "F43": "the power is cut right after a stop was acknowledged",
    "F44": "rigd is upgraded or rolled back in mid-take",
}
WAITS_FOR = {
    "F40": "waits for the HTTP API",
    "F42": "waits for the HTTP API",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A promise that people compare recorders by."""

    promise: str
    figure: str
    faults: tuple[str, ...]
    unit: str
    others: str


NOBODY = "nobody publishes a figure"
HEADLINES = (
    Headline(
        promise="Loss that is not declared", figure="0 frames, always", faults=(), unit="", others=NOBODY
    ),
    Headline(
        promise="Writer or daemon killed: lost",
        figure="0 frames",
        faults=("F1", "F2"),
        unit="frames",
        others=NOBODY,
    ),
    Headline(
        promise="Capture process killed: gap, declared",
        figure="<= 1.0 s",
        faults=("F3",),
        unit="s",
        others=NOBODY,
    ),
    Headline(
        promise="Power cut: lost at the end of the take",
        figure="<= 2.0 s",
        faults=("F19",),
        unit="s",
        others="Sony XDCAM: 2 to 6 s",
    ),
    Headline(
        promise="Disk stalls up to 30 s: lost",
        figure="0 frames",
        faults=("F5", "F13"),
        unit="frames",
        others=NOBODY,
    ),
    Headline(
        promise="Disk stalls longer: recording goes on, the silence is declared; wrong by",
        figure="1 block",
        faults=("F14",),
        unit="frames",
        others=NOBODY,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What the machine of the tests cannot hold."""

    key: str
    what: str
    how: str


ELSEWHERE = (
    Elsewhere(
        key="soak 0.5 h",
        what="64 channels for 30 minutes, a CPU hog on each core, a 20 s disk freeze every 5 minutes",
        how="make soak HOURS=0.5",
    ),
    Elsewhere(key="soak 24 h", what="the same for 24 hours (F12)", how="make soak HOURS=24"),
    Elsewhere(
        key="usb",
        what="a real USB interface pulled and plugged in 100 times (F28, F33)",
        how="by hand, while a take rolls: every pull one declared gap, same channels",
    ),
    Elsewhere(
        key="alsa",
        what="a real ALSA interface, 30 minutes (PortAudio on hw:)",
        how='make bench, and a take of 30 minutes with driver = "portaudio"',
    ),
    Elsewhere(key="arm", what="every test on ARM (Raspberry Pi 4 or 5)", how="make test faults there"),
)


def taken_in(known: Sequence[Figure], measured: Sequence[Figure]) -> list[Figure]:
    """`known` with what a run measured: a test's figures replace those it had, a row of its own its last one."""
    new = [figure for figure in measured if figure.full]
    tests = {figure.test for figure in new if not figure.key}
    keys = {figure.key for figure in new if figure.key}
    kept = [f for f in known if f.key not in keys and (f.key or f.test not in tests)]
    return sorted([*kept, *new], key=lambda f: (int(f.fault[1:]), f.key, f.test, f.promise))


def read_results(path: Path = RESULTS) -> list[Figure]:
    """The figures that the page is made of."""
    return [figure_of(row) for row in json.loads(path.read_text("utf-8"))["figures"]]


def write_results(figures: Sequence[Figure], path: Path = RESULTS) -> None:
    """They are in the tree."""
    rows = {"figures": [asdict(figure) for figure in figures]}
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")


def page(figures: Sequence[Figure]) -> str:
    """docs/promises.md. Pure."""
    faults = [figure for figure in figures if not figure.key]
    return f"""# What rigd promises, and what was measured

Made by `make faults` from its results (`promises.json`). Every fault is done to a real rig: a daemon, a capture and a
writer process, a simulated interface that plays a frame counter on every channel, real disks, real signals. Every
sample of every file is then compared. Each figure is the worst of its run. A row that has not been run says so.

## Beside the recorders that people trust

| promise | rigd's figure | measured here | others |
|---|---|---|---|
{_lines(_headline(each, faults) for each in HEADLINES)}

Files open in any RIFF reader at any instant, with no repair step, and are at most about a second behind.
Where a figure of another maker stands, it is the one that maker publishes.

## Every fault

| | fault | promise | figure | measured | of | load | how to repeat | run |
|---|---|---|---|---|---|---|---|---|
{_lines(line for number, what in FAULTS.items() for line in _fault(number, what, faults))}

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


def _headline(each: Headline, figures: Sequence[Figure]) -> str:
    if not each.faults:
        failed = sorted({figure.fault for figure in figures if not figure.passed})
        run = sorted({figure.fault for figure in figures}, key=lambda fault: int(fault[1:]))
        told = f"none in any test of {len(run)} faults" if run and not failed else "not run yet"
        measured = f"FAILED: {', '.join(failed)}" if failed else told
    else:
        fitting = [f for f in figures if f.fault in each.faults and f.unit == each.unit]
        measured = "; ".join(_measured(f) + f" ({f.fault}, {f.count})" for f in fitting) or "not run yet"
    return _row(each.promise, each.figure, measured, each.others)


def _measured(figure: Figure) -> str:
    failed = "" if figure.passed else "**FAILED** "
    return f"{failed}{plain(figure.measured)} {figure.unit}".rstrip()


def _fault(number: str, what: str, figures: Sequence[Figure]) -> list[str]:
    fitting = [figure for figure in figures if figure.fault == number]
    if not fitting:
        why = WAITS_FOR.get(number, "not run yet")
        return [_row(number, what, "", "", why, "", "", "", "")]
    lines = []
    for place, f in enumerate(fitting):
        first = (number, what) if place == 0 else ("", "")
        command = "`" + f.command + "`"
        lines.append(_row(*first, f.promise, f.bound, _measured(f), f.count, f.load, command, f.date))
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
    parser = argparse.ArgumentParser(prog="python -m tests.faults.promises", description="docs/promises.md")
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
