"""How loud a channel was and where it clipped, as take.json says it. Pure.

Frames are counted from the start of the take there, and on the tape in the journal and in the rig's state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from rigd.model.clips import TakeClips, TrackLevel
from rigd.model.units import Frame

if TYPE_CHECKING:
    from rigd.library.sheet import SheetChannel


class SheetClip(Struct, frozen=True, kw_only=True):
    """A place where the channel was at full scale: from this frame on, so many frames long, so many samples of it."""

    frame: int
    length_frames: int
    samples: int


def level_fields(level: TrackLevel | None, first: Frame, length: int) -> dict[str, Any]:
    """The fields of a SheetChannel, of a take from `first` on; none where nobody measured it."""
    if level is None:
        return {}
    last = level.last_clip_frame
    return {
        "peak_dbfs": level.peak_dbfs,
        "clipped_samples": level.clipped_samples,
        "clip_count": level.clip_count,
        "clips": tuple(
            SheetClip(
                frame=clip.at_frame - first,
                length_frames=clip.end_frame - clip.at_frame,
                samples=clip.samples,
            )
            for clip in level.clips
            if clip.at_frame < first + length
        ),
        "last_clip_frame": None if last is None else last - first,
    }


def take_clips(channel: SheetChannel, first: int) -> TakeClips | None:
    """In short, for the rig's state; None where it did not clip."""
    if channel.last_clip_frame is None:
        return None
    return TakeClips(
        channel=channel.channel,
        samples=channel.clipped_samples or 0,
        clip_count=channel.clip_count or 0,
        last_frame=Frame(first + channel.last_clip_frame),
    )
