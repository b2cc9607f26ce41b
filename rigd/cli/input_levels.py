"""The levels of all inputs, for as long as a person wants to see them. Main thread."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rigd.cli.asking import Asking
from rigd.cli.terminal import out
from rigd.cli.trial_rig import TrialRig
from rigd.model.levels import FLOOR_DBFS

SHOWN_EVERY_S = 0.25
SILENCE_DBFS = -60.0
"""What is quieter is a socket with nothing in it, by any preamp's noise."""
CELLS = 20
IN_A_ROW = 2


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
        for line in drawn(look()):
            out.print(line)
        return loudest
    from rich.live import Live
    from rich.text import Text

    out.print("Play each of them; Enter goes on.")
    with Live(console=out.console, refresh_per_second=1 / SHOWN_EVERY_S, transient=True) as live:
        while not asking.is_answered(SHOWN_EVERY_S):
            live.update(Text("\n".join(drawn(look()))))
    sys.stdin.readline()
    return loudest


def drawn(peaks_dbfs: Sequence[float]) -> list[str]:
    """Two inputs a line: number, meter, peak."""
    cells = [
        f"{number:3} {_meter(peak)} {peaks_in_words(peak):>10}" for number, peak in enumerate(peaks_dbfs, 1)
    ]
    rows = -(-len(cells) // IN_A_ROW)
    return ["   ".join(cells[row::rows]) for row in range(rows)]


def peaks_in_words(peak_dbfs: float) -> str:
    """ "-12 dBFS", or that there is nothing."""
    return f"{peak_dbfs:.0f} dBFS" if peak_dbfs > SILENCE_DBFS else "silent"


def _meter(peak_dbfs: float) -> str:
    filled = max(0, min(CELLS, round((peak_dbfs - SILENCE_DBFS) / -SILENCE_DBFS * CELLS)))
    return "#" * filled + "." * (CELLS - filled)
