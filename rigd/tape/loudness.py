"""How loud a stretch of the tape is, by its samples. Any thread of any process that has the tape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from rigd.model.levels import FLOOR_DBFS
from rigd.model.take import SAMPLE_BYTES, SampleForm
from rigd.model.units import Frame
from rigd.tape._core import ffi, lib
from rigd.tape.blocks import Run
from rigd.tape.tape import Tape

if TYPE_CHECKING:
    from rigd.tape._core import CData


class Loudness(Struct, frozen=True, kw_only=True):
    """Of one channel: its largest sample, how many are at full scale, and the first and the last of those."""

    peak: float
    clipped: int
    first_frame: Frame
    last_frame: Frame


class LoudnessMeter:
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
        return [_loudness(each, run.frame) for each in self._found]


def loudness_of_file(samples: memoryview, form: SampleForm, first_frame: Frame) -> Loudness:
    """Of one channel's samples as they stand in a mono file; the first one is that of `first_frame`."""
    found = ffi.new("rigd_loudness *")
    frames = len(samples) // SAMPLE_BYTES[form]
    lib.rigd_loudness_of_file(ffi.from_buffer("uint8_t[]", samples), frames, form == "float32", found)
    return _loudness(found, first_frame)


def _loudness(found: CData, first_frame: Frame) -> Loudness:
    return Loudness(
        peak=found.peak,
        clipped=found.clipped,
        first_frame=Frame(first_frame + found.first),
        last_frame=Frame(first_frame + found.last),
    )


def dbfs(peak: float) -> float:
    """Of an amplitude, to a hundredth; silence is the floor of 24 bits."""
    return round(max(FLOOR_DBFS, 20.0 * math.log10(peak)), 2) + 0.0 if peak > 0.0 else FLOOR_DBFS
