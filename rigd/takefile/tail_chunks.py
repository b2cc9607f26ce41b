"""What stands behind the samples of a closed take: `cue `, `LIST adtl` and `iXML`, padded. Pure."""

from __future__ import annotations

import struct

from rigd.takefile.cues import Point, cues_of
from rigd.takefile.ixml import ixml_of
from rigd.takefile.ledger import TakeRecord
from rigd.takefile.riff import WaveShape

_STEP_BYTES = 2048
_SPARE_BYTES = 512
"""Room for a longer note or name: with it a new slate is written in place."""


def points_of(record: TakeRecord) -> list[Point]:
    """Markers and gaps inside the take, in order, as positions in its files."""
    first = record.order.first_frame
    points = [
        Point(
            at=gap.at_frame - first,
            length_frames=gap.length_frames,
            label=f"gap: {gap.cause}, {gap.length_frames} frames, {'exact' if gap.exact else 'estimated'}",
        )
        for gap in record.gaps
    ]
    points += [
        Point(at=marker.at_frame - first, length_frames=0, label=marker.name or f"Marker {number}")
        for number, marker in enumerate(record.markers, 1)
    ]
    return sorted((point for point in points if 0 <= point.at <= record.frames), key=lambda point: point.at)


def tail_of(record: TakeRecord, file_index: int, shape: WaveShape, *, bytes_there: int = 0) -> bytes:
    """The tail of one file: `bytes_there` long where it fits in that, else a new length with room to spare.

    The iXML is last and takes the padding, as white space, which XML allows behind its root.
    """
    points = points_of(record)
    cues = cues_of(points)
    xml = ixml_of(record, file_index, shape, points)
    needed = len(cues) + 8 + len(xml)
    total = bytes_there
    if needed > bytes_there or bytes_there % 2 == 1:
        total = -(-(needed + _SPARE_BYTES) // _STEP_BYTES) * _STEP_BYTES
    room = total - len(cues) - 8
    return cues + b"iXML" + struct.pack("<I", room) + xml.ljust(room)
