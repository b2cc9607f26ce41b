"""The segments of the black box as they lie on disk: what they hold, where they belong in time, and their removal.

A segment is an ordinary take of the writer "blackbox" in a folder named by a number that only grows. Whoever
reads may read while that writer writes: what counts is what its journal says is durable. Any thread, one a Shelf.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from rigd.model.errors import TakeError
from rigd.model.take import Gap, TakeFile, TakeFormat, Xrun
from rigd.model.units import NS_PER_SECOND, ChannelNumber, InputNumber, TakeId
from rigd.takefile.beneath import (
    LeadsOut,
    is_folder,
    names_in,
    open_plain,
    put_aside,
    remove,
    remove_folder,
    rename,
)
from rigd.takefile.journal import JOURNAL_NAME, read_journal
from rigd.takefile.ledger import TakeRecord
from rigd.takefile.parts import files_of_part, lengths_of
from rigd.takefile.riff import HEADER_BYTES, WaveShape

SONG = "black box"
"""What the slate of every segment says, and of no take in a session."""
HIGHEST_BELIEVED = 90_000_000
"""Decades of segments. There are eight digits: behind 99,999,999 no segment would be found again, or removed."""
_NUMBER = re.compile(r"[0-9]{8}")
_FILE = re.compile(r"[0-9]{3,}( \(part [0-9]+\))?\.wav")
_GONE = re.compile(r"\.[0-9]{8}\.gone")
"""Of a folder that is being removed: all of it was a segment's."""

log = logging.getLogger(__name__)


def folder_name(number: int) -> str:
    """The folder of segment `number`."""
    return f"{number:08d}"


def file_name(input_number: int) -> str:
    """The file of one input of the interface in any segment."""
    return f"{input_number:03d}.wav"


class Segment(Struct, frozen=True, kw_only=True):
    """One of them. Frames are those of its own tape."""

    number: int
    folder: Path
    take_id: TakeId
    tape_id: str
    first_frame: int
    ordered_end: int
    frames: int
    """Durable ones, in every file."""
    started_ns: int
    """Unix time of the first frame; to the millisecond."""
    format: TakeFormat
    inputs: frozenset[InputNumber]
    gaps: tuple[Gap, ...]
    xruns: tuple[Xrun, ...]
    closed: bool
    parts: tuple[int, ...] = (0,)
    """At which of its frames its files end and next ones begin."""

    @property
    def end_frame(self) -> int:
        """One past the last durable frame."""
        return self.first_frame + self.frames

    @property
    def sound_frames(self) -> int:
        """Frames that were captured."""
        return self.frames - sum(max(0, min(_end(gap), self.end_frame) - gap.at_frame) for gap in self.gaps)

    def serves(self, wanted: TakeFormat, inputs: frozenset[InputNumber]) -> bool:
        """A take of that format and of those inputs can be made from it."""
        return self.format == wanted and inputs <= self.inputs

    def is_gap(self, first: int, last: int) -> bool:
        """True where all frames from `first` to before `last` were not captured: there are zeros, or holes."""
        return any(gap.at_frame <= first and last <= _end(gap) for gap in self.gaps)


def _end(gap: Gap) -> int:
    return gap.at_frame + gap.length_frames


class Shelf:
    """All segments in a folder. Remembers the closed ones, which never change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._closed: dict[int, Segment] = {}

    def look(self) -> tuple[Segment, ...]:
        """Those with a journal, by number. OSError where the folder cannot be read; without one there are none."""
        found = []
        numbers = self.numbers()
        for number in numbers:
            segment = self._closed.get(number)
            if segment is None:
                segment = self._read(number)
            if segment is not None:
                found.append(segment)
                if segment.closed:
                    self._closed[number] = segment
        for gone in self._closed.keys() - set(numbers):
            del self._closed[gone]
        return tuple(found)

    def numbers(self) -> list[int]:
        """Every number in use, with or without a take, in order."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        return sorted(int(name) for name in names if _NUMBER.fullmatch(name))

    def put_aside_odd(self, stamp: str) -> int:
        """Where a number is higher than rigd ever gets, as somebody else's may be, all segments get other names, and
        the next one is the first. Returns how many. OSError."""
        numbers = self.numbers()
        if not numbers or numbers[-1] <= HIGHEST_BELIEVED:
            return 0
        for number in numbers:
            put_aside(self.folder, self._path(number), stamp)
        return len(numbers)

    def next_number(self, ordered: Iterable[int]) -> int:
        """One that no segment has, nor any folder that somebody else has put there."""
        own = [number for number in self.numbers() if (self._path(number) / JOURNAL_NAME).is_file()]
        number = max((*own, *ordered), default=0) + 1
        while os.path.lexists(self._path(number)):
            number += 1
        return number

    def remove(self, number: int) -> None:
        """The segment is gone. Nothing but a segment is: a folder without a journal stays, unless it is empty, and so
        does one whose journal is of something else, or cannot be read at the moment. A segment's folder with other
        files in it stays, with those. OSError."""
        self._closed.pop(number, None)
        folder = self._path(number)
        try:
            names = names_in(self.folder, folder)
        except LeadsOut:
            return
        own = [name for name in names if name == JOURNAL_NAME or _FILE.fullmatch(name)]
        if JOURNAL_NAME in names and _is_of_a_segment(folder / JOURNAL_NAME):
            if len(own) == len(names):
                gone = folder.with_name(f".{folder.name}.gone")
                rename(self.folder, folder, gone)
                self._empty(gone)
                return
            for name in own:
                remove(self.folder, folder / name)
        elif not names:
            remove_folder(self.folder, folder)

    def sweep(self) -> None:
        """What a crash left of folders that were being removed is gone, too. OSError."""
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self.folder):
                if _GONE.fullmatch(name) and is_folder(self.folder, self.folder / name):
                    self._empty(self.folder / name)

    def _empty(self, gone: Path) -> None:
        """The folder is there no more. The journal goes first: what a crash leaves is no take to be recovered."""
        for name in sorted(names_in(self.folder, gone), key=lambda name: name != JOURNAL_NAME):
            remove(self.folder, gone / name)
        remove_folder(self.folder, gone)

    def _path(self, number: int) -> Path:
        return self.folder / folder_name(number)

    def _read(self, number: int) -> Segment | None:
        folder = self._path(number)
        if not (folder / JOURNAL_NAME).is_file():
            return None
        try:
            record = read_journal(folder / JOURNAL_NAME)
            return _segment_of(number, folder, record) if _is_segment(record) else None
        except (TakeError, ValueError) as error:
            log.debug("segment %s does not count: %s", folder, error)
            return None


def _is_segment(record: TakeRecord) -> bool:
    slate = record.order.slate
    names = (file.name for file in record.order.files)
    return (slate.session, slate.song) == ("", SONG) and all(_FILE.fullmatch(name) for name in names)


def _is_of_a_segment(journal: Path) -> bool:
    """Also where it is damaged, as a crash may leave it; not where the disk does not give it at the moment."""
    try:
        return _is_segment(read_journal(journal))
    except TakeError as error:
        return not isinstance(error.__cause__, OSError)


def _segment_of(number: int, folder: Path, record: TakeRecord) -> Segment:
    order = record.order
    start = record.order.first_frame
    return Segment(
        number=number,
        folder=folder,
        take_id=order.take_id,
        tape_id=record.tape_id,
        first_frame=start,
        ordered_end=order.end_frame if order.end_frame is not None else start,
        frames=record.frames,
        started_ns=unix_ns_of(order.started_at),
        format=order.format,
        inputs=frozenset(track.input for track in order.tracks),
        gaps=record.gaps,
        xruns=record.xruns,
        closed=record.closed,
        # A part of which nothing is durable yet may have no files.
        parts=tuple(begins for begins in record.parts if begins < record.frames or not begins),
    )


def unix_ns_of(started_at: str) -> int:
    """Unix time of an ISO 8601 time with its offset. ValueError."""
    return round(datetime.fromisoformat(started_at).timestamp() * 1000) * 1_000_000


class Axis(Struct, frozen=True, kw_only=True):
    """Frames of one tape, and the Unix time of one of them."""

    tape_id: str
    frame: int
    unix_ns: int


class Placed(Struct, frozen=True, kw_only=True):
    """A segment on an axis. Of the axis' own tape it is exact, of an older one by the clock."""

    at_frame: int
    exact: bool
    segment: Segment

    @property
    def end_frame(self) -> int:
        return self.at_frame + self.segment.frames

    @property
    def shift(self) -> int:
        """Add it to a frame of the segment's own tape."""
        return self.at_frame - self.segment.first_frame


def placed_on(axis: Axis, segments: Iterable[Segment]) -> tuple[Placed, ...]:
    """Where each segment of the axis' tape and of older ones lies on it, in order of time.

    An older tape lies where the clock says, as a whole, at least one frame before what came after it: a clock that
    was set back must not let two runs overlap.
    """
    runs: dict[str, list[Segment]] = {}
    for segment in segments:
        runs.setdefault(segment.tape_id, []).append(segment)
    tapes = list(runs)
    if axis.tape_id in runs:
        tapes = tapes[: tapes.index(axis.tape_id) + 1]
    placed: list[Placed] = []
    later: int | None = None
    for tape_id in reversed(tapes):
        run = runs[tape_id]
        # One that was ordered ahead and never began says nothing of when its tape ended.
        begun = [segment for segment in run if segment.frames]
        shift = 0
        if tape_id != axis.tape_id:
            if not begun:
                continue
            last = max(begun, key=lambda segment: segment.end_frame)
            rate = last.format.sample_rate_hz
            at = axis.frame + round((last.started_ns - axis.unix_ns) * rate / NS_PER_SECOND)
            if later is not None:
                at = min(at, later - 1 - last.frames)
            shift = at - last.first_frame
        placed += [
            Placed(at_frame=one.first_frame + shift, exact=tape_id == axis.tape_id, segment=one)
            for one in run
        ]
        later = min((one.first_frame + shift for one in begun), default=later)
    return tuple(sorted(placed, key=lambda each: (each.at_frame, each.segment.number)))


class ShortSegment(OSError):
    """Its journal says more than its files have: nobody knows who has put it there."""


class SegmentFiles:
    """The files of one segment, open for reading. One thread."""

    def __init__(self, segment: Segment, inputs: Iterable[InputNumber]) -> None:
        """OSError where one is not there, ShortSegment where one is too short."""
        self._width = WaveShape(
            channels=1, sample_rate_hz=segment.format.sample_rate_hz, sample=segment.format.sample
        ).sample_bytes
        self.segment = segment
        self._open = contextlib.ExitStack()
        self._fds: dict[InputNumber, list[int]] = {}
        try:
            for number in inputs:
                file = TakeFile(name=file_name(number), channels=(ChannelNumber(number),))
                self._fds[number] = []
                for part, frames in enumerate(lengths_of(segment.parts, segment.frames), 1):
                    path = segment.folder / files_of_part([file], part)[0].name
                    fd = open_plain(path)
                    self._open.callback(os.close, fd)
                    self._fds[number].append(fd)
                    least_bytes = HEADER_BYTES + frames * self._width
                    if segment.closed and os.fstat(fd).st_size < least_bytes:
                        raise ShortSegment(errno.EIO, "shorter than its journal says", str(path))
        except BaseException:
            self._open.close()
            raise

    def read(self, number: InputNumber, position: int, frames: int) -> bytes:
        """So many frames of that input from frame `position` of the segment on, as they are stored. OSError."""
        pieces = []
        begins_and_ends = zip(self.segment.parts, [*self.segment.parts[1:], position + frames], strict=True)
        for fd, (begins, ends) in zip(self._fds[number], begins_and_ends, strict=True):
            first, last = max(position, begins), min(position + frames, ends)
            if first < last:
                pieces.append(self._read(fd, number, first - begins, last - first))
        return b"".join(pieces)

    def _read(self, fd: int, number: InputNumber, position: int, frames: int) -> bytes:
        """Of one file."""
        offset, left = HEADER_BYTES + position * self._width, frames * self._width
        whole = (offset, left)
        parts = []
        while left:
            part = os.pread(fd, left, offset)
            if not part:
                raise OSError(errno.EIO, "the file is shorter than its journal says", file_name(number))
            parts.append(part)
            offset, left = offset + len(part), left - len(part)
        # What was read once is not read again: it must not push a rolling take's pages out.
        os.posix_fadvise(fd, *whole, os.POSIX_FADV_DONTNEED)
        return b"".join(parts)

    def close(self) -> None:
        self._open.close()
