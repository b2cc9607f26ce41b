"""What the simulated interface hears: frame counter, sines, a band, preamps set too high, PRBS, silence. Pure numpy,
no clock.

A signal gives any run of frames as planar rows without copying where it can: the rows of counter and
PRBS are one sequence read at 1,009 frames' distance, so one array with overlapping rows is all of them.
The same frame always has the same sample, whatever the blocks were.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hardware_sim.band import band_loop
from rigd.model.errors import InterfaceError

Samples = NDArray[np.float32]

COUNTER_MODULUS = 1 << 23
CHANNEL_STEP = 1009
"""How far row r of counter and PRBS is ahead of row 0, times r."""
PRBS_LENGTH = (1 << 17) - 1
PRBS_LEVEL = 0.5
SINE_LEVEL = 0.25
"""-12 dBFS."""
HOT_LEVEL = 2.0


class Signal(Protocol):
    """A source of frames for every row of the interface."""

    def rows(self, first_frame: int, frames: int) -> Samples:
        """Rows x frames, float32, every row contiguous; valid until the next call. Frames from 0."""


def counter_codes(first_frame: int, frames: int, row: int) -> NDArray[np.int64]:
    """The 24-bit codes of the frame counter: (frame + 1009 x row) mod 2^23. Rows count from 0."""
    return (np.arange(first_frame, first_frame + frames, dtype=np.int64) + CHANNEL_STEP * row) & (
        COUNTER_MODULUS - 1
    )


class CounterSignal:
    """The frame counter: sample = ((frame + 1009 x row) mod 2^23) / full_scale, exact in float32."""

    def __init__(self, channels: int, *, full_scale: float = float(COUNTER_MODULUS)) -> None:
        self._channels = channels
        self._full_scale = full_scale

    def rows(self, first_frame: int, frames: int) -> Samples:
        length = frames + CHANNEL_STEP * (self._channels - 1)
        sequence = (counter_codes(first_frame, length, 0) / self._full_scale).astype(np.float32)
        return _overlapping(sequence, self._channels, frames, CHANNEL_STEP)


class LoopSignal:
    """A loop that every row reads, `row_step` frames further on for each."""

    def __init__(self, loop: Samples, channels: int, *, row_step: int) -> None:
        self._length = len(loop)
        self._channels = channels
        self._row_step = row_step
        self._loop = loop
        self._unrolled = loop

    def rows(self, first_frame: int, frames: int) -> Samples:
        start = first_frame % self._length
        needed = self._length + frames + self._row_step * (self._channels - 1)
        if len(self._unrolled) < needed:
            self._unrolled = np.resize(self._loop, needed)
        return _overlapping(self._unrolled, self._channels, frames, self._row_step, start=start)


class PartsSignal:
    """Parts of equal length that loop together. Rows beyond the last part play the parts again, each
    time a quarter of the loop further on, so that no two rows are the same."""

    def __init__(self, parts: Samples, channels: int) -> None:
        self._length = parts.shape[1]
        self._parts = parts
        self._unrolled = parts[:channels]
        self._channels = channels
        self._seam = 0
        self._block = np.empty((channels, 0), np.float32)

    def rows(self, first_frame: int, frames: int) -> Samples:
        if frames > self._seam:
            self._seam = frames
            self._unrolled = np.resize(self._parts.T, (self._length + frames, len(self._parts))).T.copy()
        if self._channels <= len(self._parts):
            start = first_frame % self._length
            return self._unrolled[: self._channels, start : start + frames]
        if self._block.shape[1] != frames:
            self._block = np.empty((self._channels, frames), np.float32)
        for row in range(self._channels):
            turn, part = divmod(row, len(self._parts))
            start = (first_frame + turn * self._length // 4) % self._length
            self._block[row] = self._unrolled[part, start : start + frames]
        return self._block


def make_signal(kind: str, *, channels: int, sample_rate_hz: int, seed: int) -> Signal:
    """The signal named in [audio.simulated]. Raises InterfaceError where there is no such."""
    if kind == "counter":
        return CounterSignal(channels)
    if kind == "silence":
        return LoopSignal(np.zeros(1, np.float32), channels, row_step=0)
    if kind == "prbs":
        return LoopSignal(prbs17(), channels, row_step=CHANNEL_STEP)
    if kind == "sines":
        return PartsSignal(_sines(channels, sample_rate_hz), channels)
    if kind == "band":
        return PartsSignal(band_loop(sample_rate_hz, seed=seed), channels)
    if kind == "hot":
        return PartsSignal(_hot(channels, sample_rate_hz), channels)
    raise InterfaceError(f'[audio.simulated] signal "{kind}" is not known. Use one of: {", ".join(SIGNALS)}')


SIGNALS = ("counter", "silence", "prbs", "sines", "band", "hot")


def prbs17() -> Samples:
    """One period of the pseudo-random sequence x^17 + x^14 + 1, as +-0.5: 131,071 samples."""
    bits = np.ones(PRBS_LENGTH, np.uint8)
    known, reach = 17, 1
    while known < PRBS_LENGTH:
        # s[n] = s[n-17k] ^ s[n-14k] for every power of two k, so long runs come out at once.
        while 17 * reach * 2 <= known:
            reach *= 2
        count = min(14 * reach, PRBS_LENGTH - known)
        far = bits[known - 17 * reach : known - 17 * reach + count]
        near = bits[known - 14 * reach : known - 14 * reach + count]
        bits[known : known + count] = far ^ near
        known += count
    return (bits.astype(np.float32) * 2.0 - 1.0) * np.float32(PRBS_LEVEL)


def sine_hz(row: int) -> int:
    """The pitch of a row of "sines": 110 Hz, then 10 Hz more for each."""
    return 110 + 10 * row


def _sines(channels: int, sample_rate_hz: int) -> Samples:
    """A tenth of a second holds whole periods of every pitch that is a multiple of 10 Hz."""
    length = sample_rate_hz // 10
    turns = np.arange(length, dtype=np.float64) / sample_rate_hz
    pitches = np.array([sine_hz(row) for row in range(channels)], dtype=np.float64)
    return (SINE_LEVEL * np.sin(2.0 * np.pi * pitches[:, None] * turns[None, :])).astype(np.float32)


def _hot(channels: int, sample_rate_hz: int) -> Samples:
    """As a converter brings it whose preamp is 6 dB too high: odd rows, from 1, clip above and below, the others do
    not."""
    levels = np.array([HOT_LEVEL if row % 2 == 0 else SINE_LEVEL for row in range(channels)])
    loud = _sines(channels, sample_rate_hz) / SINE_LEVEL * levels[:, None]
    hot: Samples = np.clip(loud, -1.0, 1.0 - 2.0**-23).astype(np.float32)
    return hot


def _overlapping(sequence: Samples, channels: int, frames: int, row_step: int, *, start: int = 0) -> Samples:
    """Rows that share memory: row r begins row_step x r samples after `start`."""
    width = sequence.itemsize
    return np.ndarray((channels, frames), np.float32, sequence, start * width, (row_step * width, width))
