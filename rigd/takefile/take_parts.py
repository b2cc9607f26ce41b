"""All files of one take, part by part: as TakeFiles, with frames counted from the take's first one.

A part ends where no file of a volume may be longer, with room left for what stands behind the samples. Where the
limit is not known before, the write that meets it says so (EFBIG). One owner, one thread; which frames are in which
part is in the journal, and that is its owner's business. Errors of the file system go up as OSError.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

from msgspec import Struct

from rigd.model.errors import TakeError
from rigd.model.take import ClosedFile, Slate, TakeOrder
from rigd.takefile.file_limit import NO_LIMIT, FileLimit, file_limit, limit_of_volume
from rigd.takefile.ledger import TakeRecord
from rigd.takefile.parts import files_of_part, lengths_of, order_of_part
from rigd.takefile.riff import HEADER_BYTES
from rigd.takefile.take_files import TakeFiles
from rigd.tape.blocks import Run
from rigd.tape.tape import Tape

GRAIN_FRAMES = 4096
TAIL_BYTES = 4 << 20
"""Room behind the samples of a part for cues and iXML: ten thousand markers."""
LEAST_PART_S = 5.0
"""A limit that a part meets sooner is none to go on with: the take ends, and says why."""


class Part(Struct, frozen=True):
    """`begins` is the frame of the take at which it does."""

    begins: int
    files: TakeFiles


class TakeParts:
    """Every file of a take, open. The last part is the one that is written."""

    def __init__(
        self, order: TakeOrder, slate: Slate, parts: Sequence[Part], *, folder_fd: int, limit: FileLimit
    ) -> None:
        self._order, self._slate, self._folder_fd = order, slate, folder_fd
        self._parts = list(parts)
        widths = self._parts[0].files.widths
        self.frame_bytes = sum(widths)
        """Bytes of one frame in all files together."""
        self.slice_frames = self._parts[0].files.slice_frames
        """Most frames that are written at a time."""
        self.limit = limit
        self._most_frames = _most_frames(limit.most_bytes, max(widths))

    @classmethod
    def create(cls, order: TakeOrder, *, folder_fd: int, beside: str = "") -> TakeParts:
        """As TakeFiles.create. `beside`: a folder on another volume that is to take the same files."""
        files = TakeFiles.create(order, folder_fd=folder_fd)
        limit = _least_limit(order.folder, beside)
        return cls(order, order.slate, [Part(0, files)], folder_fd=folder_fd, limit=limit)

    @classmethod
    def reopen(
        cls,
        order: TakeOrder,
        slate: Slate,
        parts: Sequence[int],
        *,
        folder_fd: int,
        missing_ok: bool,
        beside: str = "",
    ) -> TakeParts:
        """As TakeFiles.reopen, of parts that begin at these frames. TakeError where a journal tells of more of them
        than there are files: none is made for those."""
        if len(parts) > 1 and len(parts) > len(os.listdir(folder_fd)) + 1:
            raise TakeError(
                f'take "{order.folder}": its journal tells of {len(parts):,} parts, and there are fewer files; it was'
                " left alone"
            )
        with contextlib.ExitStack() as undo:
            opened = []
            for number, begins in enumerate(parts, 1):
                part_order = order_of_part(order, number, begins)
                files = TakeFiles.reopen(
                    part_order, slate, folder_fd=folder_fd, missing_ok=missing_ok, part=number
                )
                undo.callback(files.close)
                opened.append(Part(begins, files))
            undo.pop_all()
        limit = _least_limit(order.folder, beside)
        return cls(order, slate, opened, folder_fd=folder_fd, limit=limit)

    @property
    def _last(self) -> Part:
        return self._parts[-1]

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts)

    @property
    def file_count(self) -> int:
        """Descriptors that are open."""
        return len(self._parts) * len(self._order.files)

    # Where parts end.

    def frames_left(self, frames: int) -> int:
        """So many more than `frames` have room in the part that is written; 0: `add_part` first."""
        return max(0, self._last.begins + self._most_frames - frames)

    @property
    def least_seconds(self) -> float:
        """The length of a part by the limit that is known."""
        return self._most_frames / self._order.format.sample_rate_hz

    def learn_limit(self, frames: int) -> bool:
        """A write behind frame `frames` has met a limit that nobody told. True: it is one that a take can go on with,
        in a next part from there on."""
        length = frames - self._last.begins
        if length < LEAST_PART_S * self._order.format.sample_rate_hz:
            return False
        self._most_frames = min(self._most_frames, length)
        return True

    def add_part(self, frames: int) -> None:
        """What follows frame `frames`, where every file ends, stands in new files. They are durable with the next
        sync of the file system. OSError, and there is no part more."""
        number = len(self._parts) + 1
        order = order_of_part(self._order, number, frames)
        files = TakeFiles.create(order, folder_fd=self._folder_fd, slate=self._slate, part=number)
        self._parts.append(Part(frames, files))

    # As TakeFiles.

    def write(self, tape: Tape, run: Run, at: int) -> None:
        """The run has room in the part that is written."""
        self._last.files.write(tape, run, at - self._last.begins)

    def put(self, index: int, at: int, packed: bytes | bytearray) -> None:
        """The frames have room in the part that is written."""
        self._last.files.put(index, at - self._last.begins, packed)

    def keep_room(self, frames: int, *, most_frames: int) -> None:
        """Never further than the part may grow."""
        most = min(most_frames, self.frames_left(frames))
        if most:
            self._last.files.keep_room(frames - self._last.begins, most_frames=most)

    def give_back_room(self, frames: int) -> None:
        self._last.files.give_back_room(frames - self._last.begins)

    def room_bytes(self, frames: int) -> int:
        return self._last.files.room_bytes(frames - self._last.begins)

    def cut(self, frames: int) -> None:
        """Every part ends where the next one begins, or behind frame `frames`; one that begins later is empty."""
        for part, length in zip(self._parts, self._lengths(frames), strict=True):
            part.files.cut(length)

    def end_at(self, frames: int) -> None:
        """The take ends there for good: as `cut`, and files of parts that begin there or later are gone."""
        while len(self._parts) > 1 and self._last.begins >= frames:
            part = self._parts.pop()
            part.files.close()
            for file in files_of_part(self._order.files, len(self._parts) + 1):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(file.name, dir_fd=self._folder_fd)
        self.cut(frames)

    def say(self, frames: int) -> None:
        """Every header says what its part has of these frames."""
        for part, length in zip(self._parts, self._lengths(frames), strict=True):
            part.files.say(length)

    def say_safe(self, frames: int) -> None:
        """As `say`, of a take that rolls. The last part says an even number: where a frame has an odd number of bytes
        there is no pad byte yet. Those before it have said all that they have."""
        for part, length in zip(self._parts, self._lengths(frames), strict=True):
            last = part is self._last
            if last or part.files.said_frames != length:
                part.files.say(length - length % 2 if last else length)

    def finish(self, record: TakeRecord) -> list[str]:
        missing = []
        for number, part in enumerate(self._parts, 1):
            missing += part.files.finish(record.of_part(number))
        return missing

    def frames_there(self) -> list[int]:
        """Whole frames that each channel's files have without a break, by their lengths."""
        return self._without_break([part.files.frames_there() for part in self._parts])

    def most_frames_there(self) -> int:
        """The end of the longest file: no take has more frames, whatever its journal says. (A gap is a hole in the
        files, and counts.)"""
        lengths = [*self._lengths(self._last.begins)[:-1], NO_LIMIT]
        most = 0
        for part, length in zip(self._parts, lengths, strict=True):
            there = min(length, max(part.files.frames_there()))
            if there:
                most = part.begins + there
        return most

    def frames_told(self) -> list[int]:
        """The same, by their headers and no more than is there."""
        told = []
        for part in self._parts:
            pairs = zip(part.files.frames_told(), part.files.frames_there(), strict=True)
            told.append([min(pair) for pair in pairs])
        return self._without_break(told)

    def _without_break(self, counts: list[list[int]]) -> list[int]:
        found = []
        lengths = [*self._lengths(self._last.begins)[:-1], NO_LIMIT]
        for row in zip(*counts, strict=True):
            total = 0
            for count, length in zip(row, lengths, strict=True):
                total += min(count, length)
                if count < length:
                    break
            found.append(total)
        return found

    def tails_end(self, frames: int) -> bool:
        pairs = zip(self._parts, self._lengths(frames), strict=True)
        return all(part.files.tails_end(length) for part, length in pairs)

    def name_at(self, index: int, frame: int) -> str:
        """The file that has that frame of the order's file `index`."""
        number = max(n for n, part in enumerate(self._parts, 1) if part.begins <= frame)
        return files_of_part(self._order.files, number)[index].name

    def make_durable(self) -> None:
        for part in self._parts:
            part.files.make_durable()
        if len(self._parts) > 1:
            os.fsync(self._folder_fd)  # the names of the later ones

    def check_there(self) -> None:
        for part in self._parts:
            part.files.check_there()

    def closed_files(self, frames: int) -> tuple[ClosedFile, ...]:
        pairs = zip(self._parts, self._lengths(frames), strict=True)
        return tuple(file for part, length in pairs for file in part.files.closed_files(length))

    def close(self) -> None:
        for part in self._parts:
            part.files.close()

    def _lengths(self, frames: int) -> list[int]:
        return lengths_of([part.begins for part in self._parts], frames)


def _least_limit(folder: str, beside: str) -> FileLimit:
    limits = [file_limit(folder), *([limit_of_volume(beside)] if beside else [])]
    return min(limits, key=lambda limit: limit.most_bytes)


def _most_frames(most_bytes: int, width: int) -> int:
    """Of one part whose widest file has `width` bytes a frame."""
    if most_bytes >= NO_LIMIT:
        return NO_LIMIT
    tail = min(TAIL_BYTES, most_bytes // 8)
    return max(0, most_bytes - HEADER_BYTES - tail) // width // GRAIN_FRAMES * GRAIN_FRAMES
