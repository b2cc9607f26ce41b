"""What of a take lies inside it: only that is its own, and only that is counted. Pure.

The end of a take may be told after the writer has come past it (a press carries its own time), so gaps, xruns and
marks from behind the end are known before anybody knows that they are nobody's.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from rigd.model.state import Take
from rigd.model.take import Gap
from rigd.model.units import Frame


def gaps_inside(
    gaps: Iterable[Gap], *, first_frame: int | None = None, end_frame: int | None
) -> tuple[Gap, ...]:
    """What of the gaps lies from `first_frame` to before `end_frame`, cut at both; None is no bound there."""
    found = []
    for gap in gaps:
        begins, ends = gap.at_frame, gap.at_frame + gap.length_frames
        if first_frame is not None:
            begins = Frame(max(begins, first_frame))
        if end_frame is not None:
            ends = min(ends, end_frame)
        if begins < ends:
            found.append(replace(gap, at_frame=begins, length_frames=ends - begins))
    return tuple(found)


def ended_at(take: Take, end_frame: Frame) -> Take:
    """The take with that end, and with nothing from behind it."""
    return replace(
        take,
        end_frame=end_frame,
        gaps=gaps_inside(take.gaps, end_frame=end_frame),
        markers=tuple(marker for marker in take.markers if marker.at_frame < end_frame),
        gain_changes=tuple(change for change in take.gain_changes if change.at_frame < end_frame),
    )
