"""Meters: levels of all channels since the last look, from the level log that capture keeps.

One thread a meter; any number of meters. Reads a few numbers a block, never samples.
"""

from __future__ import annotations

from rigd.model.levels import FLOOR_DBFS, Levels
from rigd.model.units import Frame
from rigd.tape._core import ffi, lib
from rigd.tape.mapping import TapeMap


class LevelMeter:
    """Starts where the tape ends now. `read` covers everything since the `read` before, and at most
    the 8 s and more that the level log goes back."""

    def __init__(self, tape_map: TapeMap) -> None:
        self._map = tape_map
        channels = tape_map.shape.channels
        counters = ffi.new("rigd_counters *")
        lib.rigd_tape_counters(tape_map.pointer, counters)
        self._block = counters.blocks
        silence = (FLOOR_DBFS,) * channels
        self._last = Levels(
            at_frame=Frame(counters.next_frame), peak_dbfs=silence, rms_dbfs=silence, clipped=(0,) * channels
        )

    def read(self) -> Levels:
        """Levels since the last `read`; the same ones again when no block has come since."""
        channels = self._map.shape.channels
        peak = ffi.new("float[]", channels)
        energy = ffi.new("double[]", channels)
        clipped = ffi.new("uint64_t[]", channels)
        frames, end_frame = ffi.new("uint64_t *"), ffi.new("int64_t *")
        self._block = lib.rigd_levels(
            self._map.pointer, self._block, peak, energy, clipped, frames, end_frame
        )
        if frames[0] > 0:
            peak_dbfs, rms_dbfs = ffi.new("double[]", channels), ffi.new("double[]", channels)
            lib.rigd_dbfs(peak, energy, channels, frames[0], FLOOR_DBFS, peak_dbfs, rms_dbfs)
            self._last = Levels(
                at_frame=Frame(end_frame[0]),
                peak_dbfs=tuple(peak_dbfs),
                rms_dbfs=tuple(rms_dbfs),
                clipped=tuple(clipped),
            )
        return self._last
