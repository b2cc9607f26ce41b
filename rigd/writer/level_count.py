"""Peak and clips of an open take's channels, counted while it is written: the writer comes to each frame of it once,
also to those of its pre-roll, and in whole to what is kept afterwards. One owner.

What was counted is noted in the journal at each durable point where it changed, and whole when the take ends. A take
whose end is told late is cut: so what the last seconds brought is kept apart, and a piece that the end falls into is
counted anew from the tape.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from rigd.model.clips import TOGETHER_S, Clip
from rigd.model.take import TakeOrder
from rigd.model.units import ChannelNumber, Frame
from rigd.takefile.channel_level import ChannelLevel, clip_of
from rigd.takefile.ledger import Ledger, TakeLevels
from rigd.tape.blocks import Lost, Run
from rigd.tape.loudness import Loudness, LoudnessMeter, dbfs
from rigd.tape.tape import Tape

CUT_SECONDS = 12
"""An end that is told so late is still exact, to the sample."""
LOUDER_DB = 0.1
"""A peak that rises by less is noted at the end only."""


class _Piece:
    """What one stretch of the take brought: from one durable point to the next."""

    def __init__(self, first: int, channels: int) -> None:
        self.first = self.end = first
        self.peaks = [0.0] * channels
        self.clips: list[tuple[int, Clip]] = []

    def add(self, found: Iterable[Loudness]) -> None:
        for place, each in enumerate(found):
            if each.peak > self.peaks[place]:
                self.peaks[place] = each.peak
            if (clip := clip_of(each)) is not None:
                self.clips.append((place, clip))


class LevelCount:
    """Of the take of that order, from the frame on to which `ledger` has it. Positions are frames of the take."""

    def __init__(
        self, tape: Tape, order: TakeOrder, ledger: Ledger, *, note: Callable[[TakeLevels], None]
    ) -> None:
        """`note` puts it into journal and ledger; OSError where the journal does not take it."""
        self._ledger, self._note = ledger, note
        told = {level.channel: level for level in ledger.levels()}
        begins = max(ledger.level_frames, ledger.durable_frames)
        self._tape, self._first = tape, order.first_frame
        self._channels = [track.channel for track in order.tracks]
        self._meter = LoudnessMeter(tape, [track.input - 1 for track in order.tracks])
        self._together = round(TOGETHER_S * order.format.sample_rate_hz)
        self._cut_frames = CUT_SECONDS * order.format.sample_rate_hz
        self._base = [ChannelLevel(told=told.get(channel)) for channel in self._channels]
        self._pieces: deque[_Piece] = deque([_Piece(begins, len(self._channels))])
        self._reader = tape.reader(Frame(self._first + begins))
        self._noted = {channel: (level.clipped_samples, level.peak_dbfs) for channel, level in told.items()}
        self._noted_to: dict[ChannelNumber, Frame | None] = {
            channel: level.last_clip_frame for channel, level in told.items()
        }

    def count_to(self, frames: int) -> None:
        """All frames of the take before that one are counted, once. They are on the tape still."""
        piece = self._pieces[-1]
        while piece.end < frames:
            match self._reader.next(min(frames - piece.end, self._together)):
                case Run() as run:
                    found = self._meter.measure(run)
                    if found is None:  # torn: only without a hold, and then the reader tells how much is gone
                        self._reader = self._tape.reader(run.frame)
                        continue
                    piece.add(found)
                    piece.end = run.frame + run.frames - self._first
                case Lost() as lost:
                    piece.end = lost.frame + lost.frames - self._first
                case None:
                    return

    def note_news(self, frames: int) -> None:
        """What changed since the last time, as of these frames, which are durable now, is in the journal."""
        self._begin_piece()
        tracks = self._totals(frames)
        changed = []
        for channel, track in zip(self._channels, tracks, strict=True):
            noted = self._noted.get(channel)
            peak = dbfs(track.peak)
            if noted is None or track.samples != noted[0] or peak >= noted[1] + LOUDER_DB:
                changed.append(track.level(channel, self._noted_to.get(channel)))
                self._noted[channel] = (track.samples, peak)
                self._noted_to[channel] = track.last_frame
        self._forget()
        if changed:
            self._note_if_room(TakeLevels(frames=frames, tracks=tuple(changed)))

    def note_whole(self, frames: int, *, has_failed: bool) -> None:
        """All of it, of a take that ends with so many frames. Of one that has failed only the ledger gets it: what
        room a full disk has left is for the take's own last lines."""
        self.count_to(frames)
        self._cut(frames)
        tracks = zip(self._channels, self._totals(frames), strict=True)
        whole = TakeLevels(
            frames=frames, is_whole=True, tracks=tuple(track.level(channel) for channel, track in tracks)
        )
        if has_failed:
            self._ledger.note(whole)
        else:
            self._note_if_room(whole)

    def _note_if_room(self, levels: TakeLevels) -> None:
        """It never ends a take: whatever is wrong with the disk, the take's next line finds it, too."""
        try:
            self._note(levels)
        except OSError:
            self._ledger.note(levels)

    def _begin_piece(self) -> None:
        last = self._pieces[-1]
        if last.end > last.first:
            self._pieces.append(_Piece(last.end, len(self._channels)))

    def _cut(self, frames: int) -> None:
        while len(self._pieces) > 1 and self._pieces[-1].first >= frames:
            self._pieces.pop()
        last = self._pieces[-1]
        if last.first < frames < last.end:
            self._pieces[-1] = _Piece(last.first, len(self._channels))
            self._reader = self._tape.reader(Frame(self._first + last.first))
            self.count_to(frames)

    def _totals(self, frames: int) -> list[ChannelLevel]:
        tracks = [track.copy() for track in self._base]
        for piece in self._pieces:
            if piece.end <= frames:
                self._add(tracks, piece)
        return tracks

    def _add(self, tracks: list[ChannelLevel], piece: _Piece) -> None:
        for track, peak in zip(tracks, piece.peaks, strict=True):
            track.peak = max(track.peak, peak)
        for place, clip in piece.clips:
            tracks[place].add(clip, self._together)

    def _forget(self) -> None:
        """What is so old that no end can fall into it any more is part of the base."""
        while len(self._pieces) > 1 and self._pieces[-1].end - self._pieces[0].end > self._cut_frames:
            self._add(self._base, self._pieces.popleft())
