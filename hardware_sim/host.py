"""What stands between a card and a callback: ALSA's ring of periods, and PortAudio's adapter behind it.

It does what pa_linux_alsa.c and pa_process.c do with a stream of input only. A wake-up comes at a period's end, late
or not; all that waits is handed over in pieces of at most one period; asked for blocks of a length of its own, the
adapter puts them together, so that several come at once and a rest waits for the next wake-up. An overrun stops the
card: what waited in its ring is gone, the rest in the adapter is not, and every callback of the next piece has the
flag. Where blocks are longer than periods that piece may end without a callback, and then the flag is gone, too.

Pure: time is told to it, and frames are the card's counter. Nothing here sleeps or feeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

NANOSECONDS = 1_000_000_000

Piece = tuple[int, int]
"""First frame of the card's counter, and how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostShape:
    """What was agreed on when the stream was opened."""

    period_frames: int
    buffer_frames: int
    block_frames: int = 0
    """What the callback was promised; 0: whatever comes."""
    grain_frames: int = 1
    """The card tells how far it is in steps of so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostBlock:
    """What one callback brings."""

    pieces: tuple[Piece, ...]
    adc_time: float
    overflow: bool

    @property
    def frames(self) -> int:
        """Of all pieces."""
        return sum(frames for _, frames in self.pieces)


class Host:
    """One open stream. `frame_at` is the card's counter at a monotonic time, `ns_at` the way back."""

    def __init__(
        self,
        shape: HostShape,
        *,
        first_frame: int,
        frame_at: Callable[[int], float],
        ns_at: Callable[[float], int],
    ) -> None:
        self.shape = shape
        self._frame_at = frame_at
        self._ns_at = ns_at
        self._rest: list[Piece] = []
        self._flag = False
        self.overruns = 0
        self._read = self._origin = first_frame

    @property
    def next_frame(self) -> int:
        """The first frame of what comes next, as far as nothing is lost before it."""
        return self._rest[0][0] if self._rest else self._read

    def skip(self, frames: int) -> None:
        """So many frames are gone, and nobody is told."""
        self._read += frames

    @property
    def due_ns(self) -> int:
        """When the card wakes it next: at the end of a period, with one at least to be read."""
        period = self.shape.period_frames
        periods = -(-(self._read + period - self._origin) // period)
        return self._ns_at(self._origin + periods * period)

    def wake(self, now_ns: int) -> list[HostBlock]:
        """What the callback gets at this moment, one after the other."""
        heard = int(self._frame_at(now_ns)) - self._origin
        heard -= heard % self.shape.grain_frames
        waits = self._origin + heard - self._read
        if waits >= self.shape.buffer_frames:
            self.overruns += 1
            self._flag = True
            self._read = self._origin = int(self._frame_at(now_ns)) + 1
            return []
        blocks: list[HostBlock] = []
        if waits < self.shape.period_frames:
            return blocks
        frames_per_ns = (self._frame_at(now_ns + NANOSECONDS) - self._frame_at(now_ns)) / NANOSECONDS
        while waits > 0:
            to_its_end = self.shape.buffer_frames - (self._read - self._origin) % self.shape.buffer_frames
            frames = min(waits, self.shape.period_frames, to_its_end)
            sampled_s = (now_ns - waits / frames_per_ns) / NANOSECONDS
            blocks += self._adapt((self._read, frames), sampled_s, frames_per_ns * NANOSECONDS)
            self._flag = False
            self._read += frames
            waits -= frames
        return blocks

    def _adapt(self, piece: Piece, sampled_s: float, rate_hz: float) -> list[HostBlock]:
        length = self.shape.block_frames
        if length == 0:
            return [HostBlock(pieces=(piece,), adc_time=sampled_s, overflow=self._flag)]
        blocks = []
        adc_time = sampled_s - sum(frames for _, frames in self._rest) / rate_hz
        self._rest.append(piece)
        while sum(frames for _, frames in self._rest) >= length:
            blocks.append(HostBlock(pieces=self._first(length), adc_time=adc_time, overflow=self._flag))
            adc_time += length / rate_hz
        return blocks

    def _first(self, frames: int) -> tuple[Piece, ...]:
        """So many frames of what waits in the adapter."""
        taken: list[Piece] = []
        while frames > 0:
            first, there = self._rest.pop(0)
            taken.append((first, min(there, frames)))
            if there > frames:
                self._rest.insert(0, (first + frames, there - frames))
            frames -= taken[-1][1]
        return tuple(taken)
