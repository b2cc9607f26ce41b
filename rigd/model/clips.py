"""How loud a take's channels were, and where they clipped. Pure.

A sample clips that is at full scale of a 24-bit converter. Clipped samples that lie close together are one clip: that
is what a person hears, and looks for.
"""

from __future__ import annotations

from msgspec import Struct

from rigd.model.units import ChannelNumber, Frame, InputNumber

TOGETHER_S = 0.5
"""Clipped samples that are no further apart belong to one clip."""
LOUDEST_DB = 800.0
"""More than a float32 has."""
MOST_CLIPS = 100
"""So many of a channel have their place noted; further ones are counted."""


class Clip(Struct, frozen=True, kw_only=True, gc=False):
    """From the first clipped sample to behind the last one, and how many in between are."""

    at_frame: Frame
    end_frame: Frame
    samples: int


class TrackLevel(Struct, frozen=True, kw_only=True, gc=False):
    """Of one channel of a take."""

    channel: ChannelNumber
    peak_dbfs: float
    """Its largest sample."""
    clipped_samples: int = 0
    clip_count: int = 0
    clips: tuple[Clip, ...] = ()
    """The first of them, in order of frames."""
    last_clip_frame: Frame | None = None
    """Where it clipped last."""

    def numbers(self) -> list[int]:
        """Every count and frame, for whoever does not believe what is read back."""
        found = [self.clipped_samples, self.clip_count, self.last_clip_frame or 0]
        return found + [
            number for clip in self.clips for number in (clip.at_frame, clip.end_frame, clip.samples)
        ]


class TakeClips(Struct, frozen=True, kw_only=True, gc=False):
    """A channel that clipped in a take, in short."""

    channel: ChannelNumber
    samples: int
    clip_count: int
    last_frame: Frame


def clips_of(levels: tuple[TrackLevel, ...]) -> tuple[TakeClips, ...]:
    """Of those channels that clipped."""
    return tuple(
        TakeClips(
            channel=level.channel,
            samples=level.clipped_samples,
            clip_count=level.clip_count,
            last_frame=level.last_clip_frame,
        )
        for level in levels
        if level.last_clip_frame is not None
    )


class ClipsSeen(Struct, frozen=True, kw_only=True):
    """Inputs have clipped since the last time, be anything recorded or not. A fact for the controller."""

    at_frame: Frame
    """Before this one."""
    samples: tuple[tuple[InputNumber, int], ...]
    """So many samples of each that did."""


class ChannelClips(Struct, frozen=True, kw_only=True):
    """A channel has clipped, and nobody has said yet that it was seen."""

    channel: ChannelNumber
    samples: int
    last_frame: Frame
    last_at: str
    """Time of day, "21:14:03"."""
