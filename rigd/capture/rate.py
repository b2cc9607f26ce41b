"""Does the interface run at the rate that the files will say? Pure: stamps of wake-ups in, a verdict out.

A rate that changed is a slope: every wake-up comes later, or sooner, than the one before, by the same share. On a
busy machine other things look like it: late wake-ups come back to the line, cycles that a server skips are steps with
the old slope between them, a start or a driver that catches up is a burst. So the least late wake-up of each eighth
of the window is taken, and the slope is believed only where they lie on it, one of them excepted. Of an interface
that seems slow the time between one wake-up and the next has to agree.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import combinations

from msgspec import Struct

from rigd.model.units import NS_PER_SECOND

Wake = tuple[int, int]
"""(monotonic ns, frames delivered by then)."""

TOLERANCE = 1e-3
"""How far the measured rate may be from the nominal one. Clocks of sound cards are within 1e-4; NTSC's pull is 1e-3.
"""
WINDOW_NS = 2 * NS_PER_SECOND
PARTS = 8
FEWEST_PLACES = PARTS - 2
PLAINLY_RIGHT = TOLERANCE / 8
"""So close to the line, in shares of the window; the window has wake-ups over at least 0.7 of it."""
FASTEST = 8.0
"""What brings sound faster than this is no clock (a server in freewheel, a driver that plays as fast as it can)."""
OFF_THE_LINE = 0.25
"""How far a part may lie off the slope, in shares of what the slope is between one part and the next."""
STEEP = 0.1
"""Of a steeper slope it may lie off as far as of this one."""
LARGEST_NOISE = 4e-3
"""A slope that late wake-ups alone may make of the right rate, on a machine that is hardly ever on time."""
LONGEST_LOCAL_NS = 100_000_000


class Rate(Enum):
    """What the wake-ups of a window say."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """Too few, too uneven, or no clock at all."""


class Measured(Struct, frozen=True, kw_only=True):
    """A verdict, and the rate that it is of."""

    rate: Rate
    rate_hz: float = 0.0


_UNKNOWN = Measured(rate=Rate.UNKNOWN)


def window_ns(period_frames: int, nominal_rate_hz: int) -> int:
    """How long a stretch is needed: 2 s, and more where so few wake-ups come in it that they say nothing."""
    return max(WINDOW_NS, 2 * PARTS * period_frames * NS_PER_SECOND // nominal_rate_hz)


def measure(wakes: Sequence[Wake], *, nominal_rate_hz: int, over_ns: int = WINDOW_NS) -> Measured:
    """What the newest `over_ns` of `wakes`, in order, say of the rate."""
    if len(wakes) < 2:
        return _UNKNOWN
    plain = _plainly_right(wakes, over_ns, nominal_rate_hz)
    if plain is not None:
        return plain
    last_ns, last_frames = wakes[-1]
    recent = [(ns - last_ns, frames - last_frames) for ns, frames in wakes if ns > last_ns - over_ns]
    ns_per_frame = NS_PER_SECOND / nominal_rate_hz
    if len(recent) < FEWEST_PLACES or recent[0][0] - recent[-1][0] > -0.7 * over_ns:
        return _UNKNOWN
    first = _least_late(recent, over_ns, ns_per_frame)
    slope = _slope(first)
    places = _least_late(recent, over_ns, slope) if slope > 0.0 else []
    if len(places) < FEWEST_PLACES:
        return _UNKNOWN
    slope = _slope(_nearest(places, _slope(places)))
    if not ns_per_frame / FASTEST < slope < FASTEST * ns_per_frame:
        return _UNKNOWN
    off_ns = max(_off_ns(_nearest(places, slope), slope))
    deviation = ns_per_frame / slope - 1.0
    measured = Measured(rate=Rate.WRONG, rate_hz=nominal_rate_hz * (1.0 + deviation))
    noise = min(LARGEST_NOISE, 2.0 * off_ns / over_ns)
    if abs(deviation) <= TOLERANCE + noise:
        return Measured(rate=Rate.RIGHT, rate_hz=measured.rate_hz) if off_ns < over_ns / 50 else _UNKNOWN
    if deviation < 0.0:
        between = ns_per_frame / _between_wakes(recent, abs(deviation)) - 1.0
        if between > deviation / 2.0:
            # Steps: cycles that were skipped. Between them it is the right rate, and that is what is recorded.
            return Measured(rate=Rate.RIGHT, rate_hz=nominal_rate_hz) if abs(between) < 0.01 else _UNKNOWN
    may_be_off_ns = OFF_THE_LINE * min(STEEP, abs(deviation)) * over_ns / PARTS
    return measured if off_ns <= may_be_off_ns else _UNKNOWN


def _median(values: Iterable[float]) -> float:
    """The upper one of two; `statistics` would take capture longer to import than it is worth."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def _least_late(recent: Sequence[Wake], over_ns: int, ns_per_frame: float) -> list[Wake]:
    """Of each part of the window the wake-up that is the earliest for the frames that it brought."""
    parts: dict[int, Wake] = {}
    for ns, frames in recent:
        part = -ns * PARTS // over_ns
        known = parts.get(part)
        if known is None or ns - frames * ns_per_frame < known[0] - known[1] * ns_per_frame:
            parts[part] = (ns, frames)
    return list(parts.values())


def _plainly_right(wakes: Sequence[Wake], over_ns: int, nominal_rate_hz: int) -> Measured | None:
    """The parts of the window lie so close to the nominal line that no slope past the tolerance fits between: what is
    true of nearly all looks, in one pass and at a tenth of what the rest costs. None where it is not plain."""
    last_ns, last_frames = wakes[-1]
    ns_per_frame = NS_PER_SECOND / nominal_rate_hz
    least_late: dict[int, float] = {}
    oldest_ns = 0
    for ns, frames in reversed(wakes):
        back_ns = last_ns - ns
        if back_ns >= over_ns:
            break
        oldest_ns = back_ns
        part = back_ns * PARTS // over_ns
        late_ns = (last_frames - frames) * ns_per_frame - back_ns
        if late_ns < least_late.get(part, math.inf):
            least_late[part] = late_ns
    if len(least_late) < FEWEST_PLACES or oldest_ns < 0.7 * over_ns:
        return None
    places = list(least_late.values())
    if max(places) - min(places) >= PLAINLY_RIGHT * over_ns:
        return None
    # Newest first: by how much it grew later, over the time between the first part and the last.
    later = (places[0] - places[-1]) / over_ns
    return Measured(rate=Rate.RIGHT, rate_hz=nominal_rate_hz * (1.0 - later))


def _slope(places: Sequence[Wake]) -> float:
    """ns a frame: the median over all pairs, which a place or two do not move. 0 where there is none."""
    slopes = [
        (one[0] - other[0]) / (one[1] - other[1])
        for one, other in combinations(places, 2)
        if one[1] != other[1]
    ]
    return _median(slopes) if slopes else 0.0


def _off_ns(places: Sequence[Wake], slope: float) -> list[float]:
    """How far each lies off the line of that slope through most of them."""
    level = _median(ns - frames * slope for ns, frames in places)
    return [abs(ns - frames * slope - level) for ns, frames in places]


def _nearest(places: Sequence[Wake], slope: float) -> list[Wake]:
    """All but the one that lies farthest off the line."""
    off_ns = _off_ns(places, slope)
    farthest = off_ns.index(max(off_ns))
    return [*places[:farthest], *places[farthest + 1 :]]


def _between_wakes(recent: Sequence[Wake], deviation: float) -> float:
    """ns a frame from one wake-up to another soon after: the median, which steps do not move. Were they steps that
    make the deviation, few of these spans had one."""
    apart_ns = (recent[-1][0] - recent[0][0]) / (len(recent) - 1)
    step = max(1, round(min(LONGEST_LOCAL_NS / apart_ns, 0.1 / deviation))) if apart_ns > 0 else 1
    return _median(
        (after[0] - before[0]) / max(1, after[1] - before[1])
        for before, after in zip(recent, recent[step:], strict=False)
    )
