"""How loud a stretch of the tape is, by its samples. Any thread of any process that has the tape."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from rigd.model.levels import FLOOR_DBFS
from rigd.model.units import Frame
from rigd.tape._core import ffi, lib
from rigd.tape.blocks import Run
from rigd.tape.tape import Tape


class Loudness(Struct, frozen=True, kw_only=True):
    """Of one channel: its largest sample, how many are at full scale, and the first and the last of those."""

    peak: float
    clipped: int
    first_frame: Frame
    last_frame: Frame


class Listener:
    """Measures these rows (from 0) of one tape. One owner."""

    def __init__(self, tape: Tape, rows: Sequence[int]) -> None:
        self._tape = tape
        self._rows = ffi.new("uint32_t[]", list(rows))
        self._found = ffi.new("rigd_loudness[]", len(rows))
        self._count = len(rows)

    def measure(self, run: Run) -> list[Loudness] | None:
        """Row by row; None where the tape went over it meanwhile."""
        pointer = self._tape.map.pointer
        fault = lib.rigd_loudness_of(pointer, self._rows, self._count, run.position, run.frames, self._found)
        if fault != 0:
            return None
        return [
            Loudness(
                peak=each.peak,
                clipped=each.clipped,
                first_frame=Frame(run.frame + each.first),
                last_frame=Frame(run.frame + each.last),
            )
            for each in self._found
        ]


def dbfs(peak: float) -> float:
    """Of an amplitude, to a hundredth; silence is the floor of 24 bits."""
    return round(max(FLOOR_DBFS, 20.0 * math.log10(peak)), 2) if peak > 0.0 else FLOOR_DBFS
