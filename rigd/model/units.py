"""Units as types: a frame is not a nanosecond is not a channel number.

`Frame` is an absolute frame number on the tape's clock: it only grows, also across gaps, so that
frames are time. `Ns` is CLOCK_MONOTONIC nanoseconds (`time.monotonic_ns()`), never wall time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NewType

Frame = NewType("Frame", int)
Ns = NewType("Ns", int)
ClockNs = Callable[[], Ns]
"""time.monotonic_ns, or a test's own."""
ChannelNumber = NewType("ChannelNumber", int)
"""1-based number of a channel, in the order of the config's [[channel]] tables."""
SettingName = NewType("SettingName", str)
"""A setting of a preamp: "gain", "phantom", "low_cut"."""
InputNumber = NewType("InputNumber", int)
"""1-based number of a socket of the interface."""
Seconds = NewType("Seconds", float)
"""A length of time that a person gives."""
TakeId = NewType("TakeId", str)
"""32 hexadecimal digits, unique for all time; never derived from a name a person typed."""
Origin = NewType("Origin", str)
"""Where a command came from: "cli", "pedal", "box", "web:3"."""

NS_PER_SECOND = 1_000_000_000
NS_PER_MS = 1_000_000


def frames_in(seconds: float, sample_rate_hz: int) -> int:
    """The whole number of frames nearest to `seconds`."""
    return round(seconds * sample_rate_hz)
