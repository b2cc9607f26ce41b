"""Peak and clips of one channel of a take, as they add up stretch by stretch, in order. One owner."""

from __future__ import annotations

from rigd.model.clips import LOUDEST_DB, MOST_CLIPS, Clip, TrackLevel
from rigd.model.units import ChannelNumber, Frame
from rigd.tape.loudness import Loudness, dbfs


class ChannelLevel:
    """What adds up of one channel."""

    def __init__(self, peak: float = 0.0, told: TrackLevel | None = None) -> None:
        self.peak = peak
        self.samples = self.count = 0
        self.clips: list[Clip] = []
        self.last_frame: Frame | None = None
        if told is not None:
            self.peak = 10 ** (min(told.peak_dbfs, LOUDEST_DB) / 20)
            self.samples, self.count = told.clipped_samples, told.clip_count
            self.clips, self.last_frame = list(told.clips), told.last_clip_frame

    def copy(self) -> ChannelLevel:
        new = ChannelLevel(self.peak)
        new.samples, new.count, new.last_frame = self.samples, self.count, self.last_frame
        new.clips = list(self.clips)
        return new

    def add_stretch(self, found: Loudness, together_frames: int) -> None:
        """The next stretch, no longer than `together_frames`."""
        self.peak = max(self.peak, found.peak)
        if (clip := clip_of(found)) is not None:
            self.add(clip, together_frames)

    def add(self, clip: Clip, together_frames: int) -> None:
        self.samples += clip.samples
        last, self.last_frame = self.last_frame, Frame(clip.end_frame - 1)
        if last is None or clip.at_frame - last > together_frames:
            self.count += 1
            if len(self.clips) < MOST_CLIPS:
                self.clips.append(clip)
        elif self.clips and self.count == len(self.clips):
            before = self.clips[-1]
            self.clips[-1] = Clip(
                at_frame=before.at_frame, end_frame=clip.end_frame, samples=before.samples + clip.samples
            )

    def level(self, channel: ChannelNumber, since: Frame | None = None) -> TrackLevel:
        """`since`: without the clips that had ended by then."""
        clips = self.clips if since is None else [clip for clip in self.clips if clip.end_frame > since + 1]
        return TrackLevel(
            channel=channel,
            peak_dbfs=dbfs(self.peak),
            clipped_samples=self.samples,
            clip_count=self.count,
            clips=tuple(clips),
            last_clip_frame=self.last_frame,
        )


def clip_of(found: Loudness) -> Clip | None:
    """The clipped samples of a stretch that is short enough for all of them to be one clip."""
    if not found.clipped:
        return None
    return Clip(at_frame=found.first_frame, end_frame=Frame(found.last_frame + 1), samples=found.clipped)
