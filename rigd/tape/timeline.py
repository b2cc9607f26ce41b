"""The timeline: CLOCK_MONOTONIC nanoseconds to frames and back, by a fit over the block log.

A block that was delivered at stamp t holds the frames captured until t: `frame_at(t)` is the end of
that block, so a pedal pressed at t falls between the last frame captured and the next. A wake-up can be
late, never early, so the fit is the line that no stamp lies before and that is nearest to all of them (an
edge of the lower hull), not least squares, which a busy machine would pull late. Any thread; a snapshot
is a plain value.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from rigd.model.errors import TapeError
from rigd.model.units import NS_PER_SECOND, Frame, Ns
from rigd.tape._core import ffi, lib
from rigd.tape.mapping import TapeMap

WINDOW_NS = 20 * NS_PER_SECOND
MOST_POINTS = 256
MEASURED_AFTER_NS = 5 * NS_PER_SECOND
"""Over less, jitter of 0.1 ms would pass for a drift of 20 ppm and more: the nominal rate is better."""
BELIEVED_RATE_ERROR = 0.25
"""44.1 kHz in place of 48 kHz is 8 %, and is told; beyond a quarter it is no rate but a host that freewheels."""
ROUNDING_PPM = 1e-3
ALL_BLOCKS = 2**64 - 1
OTHER_RATE_PPM = 1000.0
"""No card's clock is so far from what it says."""

Point = tuple[int, int]
"""(monotonic ns, frame after the last frame delivered then)."""


class Timeline(Struct, frozen=True, kw_only=True):
    """`anchor_frame` frames had been captured at `anchor_ns`; from there at `measured_rate_hz`."""

    anchor_ns: Ns
    anchor_frame: Frame
    measured_rate_hz: float
    nominal_rate_hz: int
    span_ns: int
    """How long a stretch was measured. The rate is the nominal one while this is under 5 s."""

    def frame_at(self, at_ns: Ns) -> Frame:
        """How many frames had been, or will have been, captured at `at_ns`, as a frame number."""
        since = (at_ns - self.anchor_ns) * self.measured_rate_hz / NS_PER_SECOND
        return Frame(self.anchor_frame + round(since))

    def ns_at(self, frame: Frame) -> Ns:
        """When `frame` began to be captured."""
        since = (frame - self.anchor_frame) * NS_PER_SECOND / self.measured_rate_hz
        return Ns(self.anchor_ns + round(since))

    @property
    def is_measured(self) -> bool:
        """The rate is not merely the nominal one: it was measured for long enough, or is far from it."""
        return self.span_ns >= MEASURED_AFTER_NS or abs(self.drift_ppm) > ROUNDING_PPM

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the interface runs against CLOCK_MONOTONIC, in parts per million."""
        return (self.measured_rate_hz / self.nominal_rate_hz - 1.0) * 1e6


def fit(points: Sequence[Point], *, nominal_rate_hz: int, rate_hz: float | None = None) -> Timeline:
    """The timeline through at least one point, in any order.

    `rate_hz` is a rate measured before, for a stretch that is still too short to measure one.
    """
    last_ns, last_frame = max(points)
    span_ns = last_ns - min(points)[0]
    ns_per_frame = NS_PER_SECOND / (rate_hz or nominal_rate_hz)
    at = [(float(frame - last_frame), float(ns - last_ns)) for ns, frame in points]
    early = 0.0
    measured = ns_per_frame
    if span_ns >= MEASURED_AFTER_NS or _is_far_from(at, ns_per_frame):
        measured = _hull_slope(at) or ns_per_frame
    if _is_believed(measured, nominal_rate_hz):
        ns_per_frame = measured
        early = min(ns - frame * ns_per_frame for frame, ns in at)
    return Timeline(
        anchor_ns=Ns(last_ns + round(early)),
        anchor_frame=Frame(last_frame),
        measured_rate_hz=NS_PER_SECOND / ns_per_frame,
        nominal_rate_hz=nominal_rate_hz,
        span_ns=span_ns,
    )


def read_timeline(tape_map: TapeMap, *, before_block: int = ALL_BLOCKS) -> Timeline:
    nominal = tape_map.shape.sample_rate_hz
    points, first_block = _points(tape_map, before_block=before_block)
    if not points:
        raise TapeError(f"tape {tape_map.path}: nothing has been heard yet, so time cannot be told in frames")
    timeline = fit(points, nominal_rate_hz=nominal)
    # After a gap of estimated length frame numbers start anew, the interface's rate does not: it is that of the
    # last stretch that was long enough, as far back as the block log reaches.
    before = timeline
    while not before.is_measured and first_block > 0:
        earlier, first_block = _points(tape_map, before_block=first_block)
        if not earlier:
            break
        before = fit(earlier, nominal_rate_hz=nominal)
        if abs(before.drift_ppm) > OTHER_RATE_PPM:
            before = timeline  # a part of it was heard at another rate: it says nothing
    if before is timeline:
        return timeline
    return fit(points, nominal_rate_hz=nominal, rate_hz=before.measured_rate_hz)


def _points(tape_map: TapeMap, *, before_block: int) -> tuple[list[Point], int]:
    points = ffi.new("rigd_point[]", MOST_POINTS)
    first_block = ffi.new("uint64_t *")
    count = lib.rigd_points(tape_map.pointer, before_block, WINDOW_NS, MOST_POINTS, points, first_block)
    return [(points[i].monotonic_ns, points[i].end_frame) for i in range(count)], first_block[0]


def _is_far_from(at: list[tuple[float, float]], ns_per_frame: float) -> bool:
    """An interface that does not run at the rate it was opened at (its clock was switched) shows at once."""
    frames = max(at)[0] - min(at)[0]
    duration = max(ns for _, ns in at) - min(ns for _, ns in at)
    return len(at) >= 16 and abs(duration - frames * ns_per_frame) > 0.05 * frames * ns_per_frame


def _is_believed(ns_per_frame: float, nominal_rate_hz: int) -> bool:
    """Whether a clock runs at such a rate. One that does not is no clock: what was heard last is all that is known,
    and time goes on from there at the nominal rate, so that no time is told as a frame that cannot have come yet."""
    return abs(NS_PER_SECOND / ns_per_frame / nominal_rate_hz - 1.0) <= BELIEVED_RATE_ERROR


def _hull_slope(at: list[tuple[float, float]]) -> float:
    """Slope of the lower hull's edge above the mean: of all lines that no point lies below, the one with
    the least sum of distances."""
    hull: list[tuple[float, float]] = []
    for x, y in sorted(at):
        while len(hull) >= 2:
            (x0, y0), (x1, y1) = hull[-2], hull[-1]
            if (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0):
                break
            hull.pop()
        hull.append((x, y))
    middle = sum(x for x, _ in at) / len(at)
    for (x0, y0), (x1, y1) in pairwise(hull):
        if x0 <= middle <= x1 and x1 > x0:
            return (y1 - y0) / (x1 - x0)
    return 0.0
