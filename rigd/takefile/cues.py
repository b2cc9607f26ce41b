"""Markers as `cue ` and `LIST adtl` (RIFF MCI 1991; labels `labl`, regions `ltxt`). Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from msgspec import Struct

from rigd.takefile.info import UTF_8
from rigd.takefile.riff import subchunk

_LARGEST = 0xFFFFFFFF


class Point(Struct, frozen=True, kw_only=True):
    """A place in a file: `at` counts frames from its first one; a gap has a length, a marker none."""

    at: int
    length_frames: int
    label: str


def cues_of(points: Iterable[Point]) -> bytes:
    """Both elements for these points; nothing for none. A point past 2^32 frames has no place in them and
    stands in the iXML alone."""
    within = [point for point in points if 0 <= point.at <= _LARGEST]
    if not within:
        return b""
    cue = [struct.pack("<I", len(within))]
    labels, regions = [], []
    for number, point in enumerate(within, 1):
        cue.append(struct.pack("<II4sIII", number, point.at, b"data", 0, 0, point.at))
        text = point.label.replace("\0", "").encode("utf-8", "replace") + b"\0"
        labels.append(subchunk(b"labl", struct.pack("<I", number) + text))
        if point.length_frames:
            length = min(point.length_frames, _LARGEST)
            regions.append(subchunk(b"ltxt", struct.pack("<II4s6xH", number, length, b"rgn ", UTF_8)))
    adtl = b"adtl" + b"".join(labels) + b"".join(regions)
    return subchunk(b"cue ", b"".join(cue)) + subchunk(b"LIST", adtl)
