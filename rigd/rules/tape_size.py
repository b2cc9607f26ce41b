"""How long a tape has to be, and what it takes in memory: the one formula; how far back a command reaches. Pure.

The tape must outlast the longest stall of the disk (with a quarter to spare, because the writer has to
catch up while the interface goes on) and still hold the pre-roll, with two seconds for the blocks under way
at both ends; or what "keep the last N seconds" promises, with five for the writer to begin it, because a
kept take holds its oldest frame and nothing may run into that. The longer of the two.
"""

from __future__ import annotations

import math

from rigd.model.commands import Command, KeepLast
from rigd.model.inputs import Rules
from rigd.model.messages import TapeGeometry
from rigd.model.units import frames_in

STALL_RESERVE = 1.25
SLACK_SECONDS = 2.0
KEEP_SLACK_SECONDS = 5.0
SAMPLE_BYTES = 4


def capacity_frames_for(
    *, sample_rate_hz: int, stall_seconds: float, preroll_seconds: float, keep_seconds: float
) -> int:
    """The next power of two of frames that holds what is promised."""
    stalled = STALL_RESERVE * stall_seconds + preroll_seconds + SLACK_SECONDS
    seconds = max(stalled, keep_seconds + KEEP_SLACK_SECONDS)
    frames = math.ceil(sample_rate_hz * seconds)
    return 1 << (frames - 1).bit_length()


def tape_bytes(tape: TapeGeometry) -> int:
    """The memory of its sample area: float32, one row a channel."""
    return tape.channels * tape.capacity_frames * SAMPLE_BYTES


def reach_back(command: Command, rules: Rules, sample_rate_hz: int) -> int:
    """How many frames before its own moment a command asks for sound."""
    if isinstance(command, KeepLast):
        is_a_length = math.isfinite(command.seconds) and command.seconds > 0
        return frames_in(min(command.seconds, rules.keep_s), sample_rate_hz) if is_a_length else 0
    return frames_in(rules.preroll_s, sample_rate_hz)
