"""The words a reader of the tape gets: runs of stored frames, and what was lost between them.

Pure values. Marks of the driver that lost nothing are `rigd.model.take.Xrun`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, IntFlag

from msgspec import Struct

from rigd.model.take import GapCause, Xrun
from rigd.model.units import NS_PER_SECOND, Frame, Ns
from rigd.tape._core import lib


class Blocks(IntEnum):
    """What a block of a driver is: all that its host brought at once, or put together in between."""

    UNKNOWN = lib.RIGD_BLOCKS_UNKNOWN
    """Nobody says; it is learnt from the stream."""
    WHOLE = lib.RIGD_BLOCKS_WHOLE
    ADAPTED = lib.RIGD_BLOCKS_ADAPTED
    """The first one after a loss may begin with frames from before it."""


class BlockFlag(IntFlag):
    """Flags of a block in the block log. A driver passes OVERFLOW and UNDERFLOW; the core sets the rest."""

    NONE = 0
    OVERFLOW = lib.RIGD_OVERFLOW
    TAPE_FULL = lib.RIGD_TAPE_FULL
    RESUMED = lib.RIGD_RESUMED
    ESTIMATED = lib.RIGD_ESTIMATED
    SUSPECT = lib.RIGD_SUSPECT
    CLAMPED = lib.RIGD_CLAMPED
    UNDERFLOW = lib.RIGD_UNDERFLOW
    AHEAD = lib.RIGD_AHEAD


CAUSE_BY_CODE: dict[int, GapCause] = {
    lib.RIGD_CAUSE_OVERFLOW: GapCause.OVERFLOW,
    lib.RIGD_CAUSE_TAPE_FULL: GapCause.TAPE_FULL,
    lib.RIGD_CAUSE_CAPTURE_RESTARTED: GapCause.CAPTURE_RESTARTED,
    lib.RIGD_CAUSE_INTERFACE_LOST: GapCause.INTERFACE_LOST,
    lib.RIGD_CAUSE_OVERWRITTEN: GapCause.OVERWRITTEN,
    lib.RIGD_CAUSE_FREEWHEEL: GapCause.FREEWHEEL,
}


class Run(Struct, frozen=True, kw_only=True):
    """`frames` frames stored without a break: row positions from `position`, frame numbers from `frame`."""

    frame: Frame
    position: int
    frames: int


class Lost(Struct, frozen=True, kw_only=True):
    """`frames` frames from `frame` that the tape does not have. They take up no positions."""

    frame: Frame
    frames: int
    cause: GapCause
    exact: bool
    """True when counted, False when estimated from a clock."""


Piece = Run | Lost | Xrun
BROUGHT_AT_ONCE = 0.25
"""A block that comes so soon after the one before, in shares of its own length, was brought by the same wake-up."""


class Block(Struct, frozen=True, kw_only=True):
    """One entry of the block log: what one callback brought."""

    index: int
    position: int
    first_frame: Frame
    frames: int
    flags: BlockFlag
    adc_time: float
    """The driver's clock at `first_frame`, seconds; 0 or less where it has none."""
    monotonic_ns: Ns
    """When it was delivered: after its last frame."""
    lost_before: int
    clamped: int
    """Samples that were NaN or infinite and are stored as 0."""


def wake_frames(blocks: Iterable[Block], *, sample_rate_hz: int) -> int:
    """How many frames the host brings at once, in one block or in several; 0 where there are too few to tell."""
    wakes: list[int] = []
    last_ns = 0
    for block in blocks:
        at_once_ns = BROUGHT_AT_ONCE * block.frames * NS_PER_SECOND / sample_rate_hz
        if wakes and block.monotonic_ns - last_ns < at_once_ns:
            wakes[-1] += block.frames
        else:
            wakes.append(block.frames)
        last_ns = block.monotonic_ns
    whole = wakes[1:-1]  # the log may begin, and end, within one
    return sorted(whole)[len(whole) // 2] if whole else 0
