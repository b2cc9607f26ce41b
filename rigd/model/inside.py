"""What of a take lies inside it: only that is its own, and only that is counted. Pure.

The end of a take may be told after the writer has come past it (a press carries its own time), so gaps, xruns and
marks from behind the end are known before anybody knows that they are nobody's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rigd.model.state import Take
from rigd.model.take import Gap
from rigd.model.units import Frame


def gaps_inside(gaps: Iterable[Gap], *, end_frame: int | None) -> tuple[Gap, ...]:
    """The gaps that begin before the end, the last one cut there. All of them while no end is known."""
    if end_frame is None:
        return tuple(gaps)
    return tuple(
        gap
        if gap.at_frame + gap.length_frames <= end_frame
        else replace(gap, length_frames=end_frame - gap.at_frame)
        for gap in gaps
        if gap.at_frame < end_frame
    )


def ended_at(take: Take, end_frame: Frame) -> Take:
    """The take with that end, and with nothing from behind it."""
    return replace(
        take,
        end_frame=end_frame,
        gaps=gaps_inside(take.gaps, end_frame=end_frame),
        markers=tuple(marker for marker in take.markers if marker.at_frame < end_frame),
        gain_changes=tuple(change for change in take.gain_changes if change.at_frame < end_frame),
    )
