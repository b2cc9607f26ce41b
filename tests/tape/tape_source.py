"""An interface made of numbers, for this room's tests: the frame counter on an exact clock."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rigd.model.messages import TapeGeometry
from rigd.model.units import Frame
from rigd.tape.blocks import BlockFlag, Lost, Run
from rigd.tape.capture_core import CaptureCore
from rigd.tape.tape import Tape

RATE = 48_000
START_NS = 5_000_000_000


def counter(first_frame: int, frames: int, channels: int) -> npt.NDArray[np.float32]:
    """`((frame + 1009 x channel) mod 2^23) / 2^23`, shape (channels, frames)."""
    frame = np.arange(first_frame, first_frame + frames, dtype=np.int64)
    channel = np.arange(channels, dtype=np.int64)[:, None]
    return (((frame + 1009 * channel) % 2**23) / 2**23).astype(np.float32)


def geometry(*, channels: int = 3, capacity_frames: int = 4096) -> TapeGeometry:
    return TapeGeometry(channels=channels, sample_rate_hz=RATE, capacity_frames=capacity_frames)


class Source:
    """`frame` is the true number of the next frame, whatever becomes of it."""

    def __init__(self, tape: Tape, core: CaptureCore, frame: int = 0) -> None:
        self.tape = tape
        self.core = core
        self.frame = frame
        self._origin = frame

    def ns(self) -> int:
        return START_NS + (self.frame - self._origin) * 1_000_000_000 // RATE

    def lose(self, frames: int) -> None:
        """Frames pass that the driver does not deliver."""
        self.frame += frames

    def play(self, frames: int, *, flags: BlockFlag = BlockFlag.NONE, adc: bool = True) -> None:
        """One block, delivered at its end."""
        rows = counter(self.frame, frames, self.tape.geometry.channels)
        adc_time = 1.0 + (self.frame - self._origin) / RATE if adc else 0.0
        self.frame += frames
        self.core.feed(rows, frames, adc_time=adc_time, monotonic_ns=self.ns(), flags=flags)

    def play_nothing(self, frames: int) -> None:
        """A block without samples."""
        adc_time = 1.0 + (self.frame - self._origin) / RATE
        self.frame += frames
        self.core.feed(None, frames, adc_time=adc_time, monotonic_ns=self.ns())


def assert_is_counter(tape: Tape, first_frame: int, end_frame: int | None = None) -> list[Run | Lost]:
    """Every stored sample of the stretch is the counter, and runs and losses leave no hole. Returns them."""
    pieces = [p for p in tape.runs(Frame(first_frame), end_frame) if isinstance(p, Run | Lost)]
    at = first_frame
    for piece in pieces:
        assert piece.frame == at, f"a hole before frame {piece.frame}"
        at += piece.frames
        if isinstance(piece, Run):
            expected = counter(piece.frame, piece.frames, tape.geometry.channels)
            np.testing.assert_array_equal(tape.samples(piece), expected)
    assert at == (tape.next_frame if end_frame is None else end_frame)
    return pieces
