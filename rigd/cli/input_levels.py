"""The levels of all inputs, for as long as a person wants to see them. Main thread."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from rigd.cli.asking import Asking
from rigd.cli.terminal import out
from rigd.cli.trial_rig import TrialRig
from rigd.model.levels import FLOOR_DBFS

SHOWN_EVERY_S = 0.25
SILENCE_DBFS = -60.0
"""What is quieter is a socket with nothing in it, by any preamp's noise."""
METER_CELLS = 20
IN_A_ROW = 2
"""Where that many lines fit; of more inputs there are more in a row, with shorter meters, then with none."""
SPACE = 3
"""Columns between two inputs."""
NUMBERS_ONLY, WITH_WORDS, WITH_METER = 7, 14, 20
"""Columns of an input: its number and peak; with "silent" and the unit; with a meter that can be read."""
PIPE = os.terminal_size((80, 1000))


def show_levels(trial: TrialRig, asking: Asking) -> Sequence[float]:
    """Until Enter; the loudest peak of each input, in dBFS. A terminal sees them move, a pipe once."""
    loudest: list[float] = []

    def look() -> Sequence[float]:
        levels = trial.levels(within_s=SHOWN_EVERY_S)
        if levels is None:
            return ()
        loudest[:] = [
            max(pair)
            for pair in zip(levels.peak_dbfs, loudest or [FLOOR_DBFS] * len(levels.peak_dbfs), strict=True)
        ]
        return levels.peak_dbfs

    if not sys.stdin.isatty() or not sys.stdout.isatty():
        for line in drawn(look(), PIPE):
            out.print(line)
        return loudest
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    out.print("Play each of them; Enter goes on.")
    with Live(console=out.console, refresh_per_second=1 / SHOWN_EVERY_S, transient=True) as live:
        while not asking.is_answered(SHOWN_EVERY_S):
            size = os.terminal_size((out.console.width, out.console.height))
            live.update(Group(*map(Text, drawn(look(), size))))  # a Text is one line
    sys.stdin.readline()
    return loudest


def drawn(peaks_dbfs: Sequence[float], size: os.terminal_size) -> list[str]:
    """The lines of a terminal of that size, with number, meter and peak of each input, from top to bottom."""
    most_lines = max(1, size.lines - 2)  # what is above stays in sight, and the cursor has a line
    in_a_row = max(1, min(IN_A_ROW, _fitting(size.columns, WITH_METER)), -(-len(peaks_dbfs) // most_lines))
    in_a_row = min(in_a_row, _fitting(size.columns, NUMBERS_ONLY))
    width = (size.columns + SPACE) // in_a_row - SPACE
    cells = [_cell(number, peak, width) for number, peak in enumerate(peaks_dbfs, 1)]
    rows = -(-len(cells) // in_a_row)
    return [(" " * SPACE).join(cells[row::rows]) for row in range(rows)]


def _fitting(columns: int, width: int) -> int:
    """So many cells of that width; one at least."""
    return max(1, (columns + SPACE) // (width + SPACE))


def _cell(number: int, peak_dbfs: float, width: int) -> str:
    if width < WITH_WORDS:
        return f"{number:3} {f'{peak_dbfs:.0f}' if peak_dbfs > SILENCE_DBFS else '-':>3}"
    meter = f"{_meter(peak_dbfs, min(METER_CELLS, width - WITH_WORDS - 1))} " if width >= WITH_METER else ""
    return f"{number:3} {meter}{peaks_in_words(peak_dbfs):>10}"


def peaks_in_words(peak_dbfs: float) -> str:
    """ "-12 dBFS", or that there is nothing."""
    return f"{peak_dbfs:.0f} dBFS" if peak_dbfs > SILENCE_DBFS else "silent"


def _meter(peak_dbfs: float, cells: int) -> str:
    filled = max(0, min(cells, round((peak_dbfs - SILENCE_DBFS) / -SILENCE_DBFS * cells)))
    return "#" * filled + "." * (cells - filled)
