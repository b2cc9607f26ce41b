"""One take that is made of segments: which frames come from where, and their copying, slice by slice.

Files, headers, journal and metadata are made by the writer's own parts, so that nobody can tell it from a take
that was recorded. Samples are copied as they are stored. One thread; every error of the disk goes up as OSError.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import TracebackType

from msgspec.structs import replace

from rigd.blackbox.segments import Axis, Placed, SegmentFiles, Shelf, ShortSegment, placed_on, unix_ns_of
from rigd.model.blackbox import Keep
from rigd.model.clips import TOGETHER_S
from rigd.model.take import Gap, GapCause, Xrun
from rigd.model.units import ChannelNumber, Frame, InputNumber
from rigd.takefile.beneath import LeadsOut, open_folder
from rigd.takefile.channel_level import ChannelLevel
from rigd.takefile.journal import Journal
from rigd.takefile.ledger import Begun, Closed, Closing, Durable, Entry, Ledger, NextPart, TakeLevels
from rigd.takefile.take_parts import TakeParts
from rigd.tape._core import lib
from rigd.tape.kernel import sync_file_system
from rigd.tape.loudness import Loudness, loudness_of_file

SLICE_BYTES = 4 << 20
"""The first one; what follows is as long as the disk is fast."""
MOST_SLICE_BYTES = 64 << 20
QUICK_S = 0.15
SLOW_S = 0.4
GRAIN_FRAMES = 4096
LEAST_FREE_S = 60.0
"""So much of its own sound has to stay free on the disk: takes that roll come first."""

log = logging.getLogger(__name__)


class Cut(Enum):
    """What a step of the copying did."""

    DONE = "done"
    WAITS = "waits"  # what comes next is not durable in the black box yet


class Splice:
    """A take in the making. Its own frames are counted from 0 here."""

    def __init__(self, keep: Keep, making: Path, shelf: Shelf, *, root: Path, beside: str = "") -> None:
        """Folder, journal and files are there, empty, below the library's `root`. `beside`: a folder on another
        volume that is to take copies of the files. OSError."""
        order = keep.order
        assert order.end_frame is not None
        self._order, self._shelf = order, shelf
        self.frames = order.end_frame - order.first_frame
        self.done = 0
        """Frames that are copied, or known to be nowhere."""
        self._axis = Axis(tape_id=keep.tape_id, frame=keep.tape_frame, unix_ns=unix_ns_of(order.started_at))
        self._inputs = {track.channel: track.input for track in order.tracks}
        self._levels = {channel: ChannelLevel() for channel in self._inputs}
        self._together = round(TOGETHER_S * order.format.sample_rate_hz)
        self._gaps: list[Gap] = []
        self._xruns: dict[tuple[int, bool], Xrun] = {}
        self._open: SegmentFiles | None = None
        self._unusable: set[int] = set()
        """Numbers of segments whose files are not what their journals say."""
        self._width = order.format.sample_bytes
        frame_bytes = self._width * sum(len(file.channels) for file in order.files)
        self._frame_bytes = frame_bytes
        self._slice_bytes = SLICE_BYTES
        self._least_free = round(LEAST_FREE_S * order.format.sample_rate_hz * frame_bytes)
        self._folder_fd = open_folder(root, making)
        begun = Begun(
            # Frames of a take that begins before this tape are shifted: they are no tape's.
            tape_id=keep.tape_id if keep.tape_frame == order.first_frame else "",
            tape_layout=lib.RIGD_LAYOUT_VERSION,
            asked_frame=order.first_frame,
            order=order,
        )
        self._ledger = Ledger(begun)
        self._journal = Journal.create(begun, folder_fd=self._folder_fd)
        self._files = TakeParts.create(order, folder_fd=self._folder_fd, beside=beside)

    def __enter__(self) -> Splice:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._open.close()
        self._files.close()
        self._journal.close()
        os.close(self._folder_fd)

    @property
    def is_complete(self) -> bool:
        return self.done >= self.frames

    def first_number(self) -> int:
        """The oldest segment that is needed; 0 where there is none yet."""
        needed = (each.segment.number for each in self._placed() if each.end_frame > self._axis.frame)
        return min(needed, default=0)

    def gaps(self) -> list[Gap]:
        """In order, with frames as the order counts them."""
        return list(self._gaps)

    def _placed(self) -> list[Placed]:
        inputs = frozenset(InputNumber(number) for number in self._inputs.values())
        segments = (each for each in self._shelf.look() if each.serves(self._order.format, inputs))
        return [each for each in placed_on(self._axis, segments) if each.segment.number not in self._unusable]

    def cut(self, *, settle: bool) -> Cut:
        """The next slice is copied, or a hole declared. `settle`: what is not there now is not waited for."""
        at = self._axis.frame + self.done
        end = self._axis.frame + self.frames
        placed = self._placed()
        here = [each for each in placed if each.at_frame <= at < each.end_frame]
        if here:
            piece = here[-1]
            length = max(1, self._slice_bytes // self._frame_bytes // GRAIN_FRAMES) * GRAIN_FRAMES
            if not self._files.frames_left(self.done):
                self._begin_next_part()
            length = min(length, self._files.frames_left(self.done))
            self._copy(piece, at, min(end, piece.end_frame, at + length))
            return Cut.DONE
        later = min(
            (each.at_frame for each in placed if each.at_frame > at and each.segment.frames), default=None
        )
        grows = any(_may_still_get(each, at) for each in placed)
        if not settle and (grows or later is None):
            return Cut.WAITS
        until = end if later is None else min(end, later)
        exact = all(
            any(each.exact and each.at_frame <= edge <= each.end_frame for each in placed)
            for edge in (at, until)
        )
        self._declare(self.done, until - at, GapCause.NOT_KEPT, exact=exact)
        self._pass_by(until - at)
        return Cut.DONE

    def _begin_next_part(self) -> None:
        """What follows goes to files of its own, as in a take that was recorded."""
        self._files.cut(self.done)
        begun = NextPart(frames=self.done)
        self._journal.append(begun)
        self._ledger.note(begun)
        self._files.add_part(self.done)

    def _pass_by(self, frames: int) -> None:
        """Nothing is written of these frames: a hole is silence."""
        while frames:
            if not self._files.frames_left(self.done):
                self._begin_next_part()
            step = min(frames, self._files.frames_left(self.done))
            self.done += step
            frames -= step

    def _copy(self, piece: Placed, first: int, last: int) -> None:
        """The frames of the axis from `first` to before `last`, which are in that segment."""
        segment = piece.segment
        found: list[tuple[ChannelNumber, Loudness]] = []
        if not segment.is_gap(first - piece.shift, last - piece.shift):
            self._check_room()
            wanted = (segment.number, segment.parts)
            if self._open is None or (self._open.segment.number, self._open.segment.parts) != wanted:
                if self._open is not None:
                    self._open.close()
                    self._open = None
                inputs = {InputNumber(number) for number in self._inputs.values()}
                try:
                    self._open = SegmentFiles(segment, sorted(inputs))
                except (ShortSegment, FileNotFoundError, LeadsOut) as error:
                    log.warning("segment %s is passed by: %s", segment.folder, error)
                    self._unusable.add(segment.number)
                    return  # what else there is of these frames, or a gap
            position = first - piece.at_frame
            for index, file in enumerate(self._order.files):
                rows = [
                    self._open.read(InputNumber(self._inputs[channel]), position, last - first)
                    for channel in file.channels
                ]
                found += [
                    (channel, loudness)
                    for channel, row in zip(file.channels, rows, strict=True)
                    for loudness in self._loudness(row)
                ]
                packed = rows[0] if len(rows) == 1 else _woven(rows, self._width)
                try:
                    self._files.put(index, self.done, packed)
                except OSError as error:
                    if error.errno != errno.EFBIG or not self._files.learn_limit(self.done):
                        raise
                    return  # the same once more, in a next part
        self._note_facts(piece, first, last)
        for channel, loudness in found:
            self._levels[channel].add_stretch(loudness, self._together)
        self.done += last - first

    def _loudness(self, row: bytes) -> Iterator[Loudness]:
        """Of one channel's next frames, in stretches that are short enough for `ChannelLevel`."""
        samples, step = memoryview(row), self._together * self._width
        at = self._order.first_frame + self.done
        for begins in range(0, len(row), step):
            first = Frame(at + begins // self._width)
            yield loudness_of_file(samples[begins : begins + step], self._order.format.sample, first)

    def _check_room(self) -> None:
        volume = os.fstatvfs(self._folder_fd)
        if volume.f_bavail * volume.f_frsize < self._least_free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _note_facts(self, piece: Placed, first: int, last: int) -> None:
        """Gaps and xruns of the segment that lie in these frames."""
        for gap in piece.segment.gaps:
            begins = max(first, gap.at_frame + piece.shift)
            ends = min(last, gap.at_frame + gap.length_frames + piece.shift)
            if begins < ends:
                place = self.done + begins - first
                self._declare(place, ends - begins, gap.cause, exact=gap.exact)
        for xrun in piece.segment.xruns:
            at = xrun.at_frame + piece.shift
            if first <= at < last:
                frame = Frame(self._order.first_frame + self.done + at - first)
                self._xruns[frame, xrun.suspect] = replace(xrun, at_frame=frame)

    def _declare(self, place: int, length: int, cause: GapCause, *, exact: bool) -> None:
        """A gap from frame `place` of the take on; one that goes on across a border stays one gap."""
        at = Frame(self._order.first_frame + place)
        if self._gaps:
            last = self._gaps[-1]
            if (last.at_frame + last.length_frames, last.cause, last.exact) == (at, cause, exact):
                self._gaps[-1] = replace(last, length_frames=last.length_frames + length)
                return
        self._gaps.append(Gap(at_frame=at, length_frames=length, cause=cause, exact=exact))

    def make_durable(self) -> None:
        """What was copied survives a power cut, and is nothing that a rolling take's next sync has to wait for.
        OSError."""
        sync_file_system(self._folder_fd)

    def suit(self, took_s: float) -> None:
        """The last slice took so long: the next is such that a sync never has to wait long for it."""
        if took_s < QUICK_S:
            self._slice_bytes = min(MOST_SLICE_BYTES, 2 * self._slice_bytes)
        elif took_s > SLOW_S:
            self._slice_bytes //= 2

    def close(self) -> None:
        """The take is closed, as the writer closes one: every byte of it is durable. OSError."""
        self._files.end_at(self.frames)
        entries: list[Entry] = [
            *self._gaps,
            *self._xruns.values(),
            TakeLevels(
                frames=self.frames,
                is_whole=True,
                tracks=tuple(level.level(channel) for channel, level in self._levels.items()),
            ),
            Durable(frames=self.frames),
            Closing(frames=self.frames),
        ]
        for entry in entries:
            self._ledger.note(entry)
        self._journal.append(*entries)
        self.make_durable()
        self._ledger.closed = Closed(frames=self.frames)
        self._files.finish(self._ledger.record())
        self.make_durable()
        self._journal.append(self._ledger.closed)
        self._journal.make_durable()
        os.fsync(self._folder_fd)


def _may_still_get(piece: Placed, at_frame: int) -> bool:
    """True while that segment is open and was ordered with this frame in it."""
    segment = piece.segment
    return not segment.closed and piece.at_frame <= at_frame < segment.ordered_end + piece.shift


def _woven(rows: list[bytes], width: int) -> bytearray:
    """Samples of several channels as a polyphonic file has them."""
    step = width * len(rows)
    woven = bytearray(sum(map(len, rows)))
    for place, row in enumerate(rows):
        for byte in range(width):
            woven[place * width + byte :: step] = row[byte::width]
    return woven
