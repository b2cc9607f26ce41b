"""The files of one part of a take: made, grown, sized and closed together, so that they are always equally long.

Most takes are one part (parts.py). Frames are counted from the part's first one. One owner, one thread. It knows no
tape frames, no journal and decides nothing; errors of the file system go up as OSError with the file's name.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence

from msgspec import Struct

from rigd.model.errors import TakeError
from rigd.model.take import ClosedFile, Slate, TakeOrder
from rigd.takefile.beneath import open_in
from rigd.takefile.bext import bext_of
from rigd.takefile.info import info_of
from rigd.takefile.ledger import TakeRecord
from rigd.takefile.riff import HEADER_BYTES, WaveShape, frames_said, header_of, set_sizes, tail_offset
from rigd.takefile.tail_chunks import tail_of
from rigd.tape.blocks import Run
from rigd.tape.kernel import HeadNotWrittenError, all_are_named, keep_room, write_heads
from rigd.tape.tape import RowNotWrittenError, Tape

WRITTEN_BYTES = 32 << 20
"""Most that is written between two looks at the messages. Half a second of 256 channels goes in one piece: the
fewer and longer the writes, the less they cost."""

LITTLE_ROOM = 4
"""A volume that has less than so many times what would be kept needs it for other things: journals, the next take."""


class _Part(Struct, frozen=True):
    """Files that are written by one call: the mono ones together, each polyphonic one by itself."""

    files: tuple[int, ...]
    rows: tuple[int, ...]


class _File:
    """One open file."""

    def __init__(self, name: str, fd: int, shape: WaveShape, header: memoryview) -> None:
        """`header` is its part of all headers."""
        self.name = name
        self.fd = fd
        self.shape = shape
        self.header = header
        self.tail_bytes = 0

    def write_at(self, offset: int, content: bytes | bytearray | memoryview) -> None:
        """All of `content` is in the page cache, or OSError."""
        try:
            written = os.pwrite(self.fd, content, offset)
            while written < len(content):  # a full volume takes a part first and says so at the next try
                more = os.pwrite(self.fd, memoryview(content)[written:], offset + written)
                if more == 0:
                    raise OSError(errno.EIO, "nothing was written")
                written += more
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.name) from error


class FilesGoneError(TakeError):
    """Somebody deleted files of a take that is being recorded."""

    def __init__(self, message: str, *, all_gone: bool) -> None:
        super().__init__(message)
        self.all_gone = all_gone


class TakeFiles:
    """Every file of a take, open for writing."""

    def __init__(self, order: TakeOrder, slate: Slate, fds: Sequence[int], *, part: int = 1) -> None:
        """`order` is the part's, `part` its number."""
        self._order = order
        self.said_frames: int | None = None
        """What every header says, as far as it was said here."""
        self._files: list[_File] = []
        self._headers = bytearray(HEADER_BYTES * len(order.files))
        """Of all files, one behind the other: they are written by one call."""
        rows = {track.channel: track.input - 1 for track in order.tracks}
        mono: list[int] = []
        self._parts: list[_Part] = []
        for index, (file, fd) in enumerate(zip(order.files, fds, strict=True)):
            shape = WaveShape(
                channels=len(file.channels),
                sample_rate_hz=order.format.sample_rate_hz,
                sample=order.format.sample,
            )
            header = memoryview(self._headers)[index * HEADER_BYTES :][:HEADER_BYTES]
            header[:] = _header(order, slate, index, shape, part=part)
            self._files.append(_File(file.name, fd, shape, header))
            if shape.channels == 1:
                mono.append(index)
            else:
                self._parts.append(_Part((index,), tuple(rows[channel] for channel in file.channels)))
        if mono:
            channels = (order.files[index].channels[0] for index in mono)
            self._parts.append(_Part(tuple(mono), tuple(rows[channel] for channel in channels)))
        self.frame_bytes = sum(file.shape.frame_bytes for file in self._files)
        """Bytes of one frame in all files together."""
        self.slice_frames = max(4096, WRITTEN_BYTES // self.frame_bytes // 4096 * 4096)
        """Most frames that are written at a time."""
        self._packed = bytearray()
        self._room_frames = 0
        """Frames up to which blocks are kept ready; 0 where none are."""
        self._keeps_room = True

    @classmethod
    def create(
        cls, order: TakeOrder, *, folder_fd: int, slate: Slate | None = None, part: int = 1
    ) -> TakeFiles:
        """New files of 0 frames, each a valid WAV already. OSError, and no file of them, where one fails."""
        fds: list[int] = []
        try:
            for file in order.files:
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
                fds.append(open_in(folder_fd, file.name, flags, path=f"{order.folder}/{file.name}"))
            files = cls(order, slate or order.slate, fds, part=part)
            files.say(0)
        except BaseException:
            for fd, file in zip(fds, order.files, strict=False):
                os.close(fd)
                with contextlib.suppress(OSError):
                    os.unlink(file.name, dir_fd=folder_fd)
            raise
        return files

    @classmethod
    def reopen(
        cls, order: TakeOrder, slate: Slate, *, folder_fd: int, missing_ok: bool, part: int = 1
    ) -> TakeFiles:
        """The files of a take as they are. `missing_ok` makes those that are not there, empty. OSError."""
        flags = os.O_RDWR | (os.O_CREAT if missing_ok else 0)
        fds: list[int] = []
        try:
            for file in order.files:
                fds.append(open_in(folder_fd, file.name, flags, path=f"{order.folder}/{file.name}"))
            return cls(order, slate, fds, part=part)
        except BaseException:
            for fd in fds:
                os.close(fd)
            raise

    @property
    def widths(self) -> list[int]:
        """Bytes of one frame in each file."""
        return [file.shape.frame_bytes for file in self._files]

    def write(self, tape: Tape, run: Run, at: int) -> None:
        """The run's samples stand at frame `at` of every file, in the page cache. OSError leaves the files
        unequal: `cut` makes them equal again."""
        for part in self._parts:
            files = [self._files[index] for index in part.files]
            shape = files[0].shape
            step = run.frames * shape.frame_bytes
            if len(self._packed) < step:
                self._packed = bytearray(step)
            offset = HEADER_BYTES + at * shape.frame_bytes
            if shape.channels == 1:
                fds = [file.fd for file in files]
                try:
                    tape.write_mono(shape.sample, part.rows, run, fds, self._packed, offset_bytes=offset)
                except RowNotWrittenError as error:
                    raise OSError(error.errno, error.strerror, files[error.place].name) from error
            else:
                tape.pack_poly(shape.sample, part.rows, run, self._packed)
                files[0].write_at(offset, memoryview(self._packed)[:step])

    def keep_room(self, frames: int, *, most_frames: int) -> None:
        """The volume keeps blocks ready behind frame `frames`, so that what other programs write does not take them
        and each file lies in few pieces; their sizes stay. At most `most_frames` ahead, and asked for again when half
        of that is used. Where there is little room or the file system cannot do it, none is kept."""
        if not self._keeps_room or self._room_frames - frames >= most_frames // 2:
            return
        begin, end = max(frames, self._room_frames), frames + most_frames
        try:
            volume = os.fstatvfs(self._files[0].fd)
            if volume.f_bavail * volume.f_frsize < LITTLE_ROOM * most_frames * self.frame_bytes:
                return
            for file in self._files:
                width = file.shape.frame_bytes
                keep_room(
                    file.fd,
                    offset_bytes=HEADER_BYTES + begin * width,
                    length_bytes=(end - begin) * width,
                )
            self._room_frames = end
        except OSError:
            with contextlib.suppress(OSError):  # what the first files got, the others will need
                self.give_back_room(frames)

    def give_back_room(self, frames: int) -> None:
        """None is kept any more; every file ends behind `frames` frames. OSError."""
        self._keeps_room = False
        self.cut(frames)

    def room_bytes(self, frames: int) -> int:
        """What is kept ready behind frame `frames` and not used yet."""
        return max(0, self._room_frames - frames) * self.frame_bytes

    def put(self, index: int, at: int, packed: bytes | bytearray) -> None:
        """These whole frames, as the file stores them, stand at frame `at` of file number `index`. OSError."""
        file = self._files[index]
        file.write_at(HEADER_BYTES + at * file.shape.frame_bytes, packed)

    def cut(self, frames: int) -> None:
        """Every file ends behind `frames` frames. Where one was shorter, silence (a hole) fills it: that is
        how a gap is written, at the cost of no disk space and no time. Room that was kept is given back. OSError."""
        self._room_frames = 0
        for file in self._files:
            try:
                os.ftruncate(file.fd, HEADER_BYTES + frames * file.shape.frame_bytes)
            except OSError as error:
                raise OSError(error.errno, error.strerror, file.name) from error
            except OverflowError as error:  # a journal may say any number
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), file.name) from error
            file.tail_bytes = 0

    def say(self, frames: int) -> None:
        """Every header says `frames`. Sizes are put in first and the writes follow back to back, so that a
        reader who opens one file after another sees them equal but for these microseconds. OSError."""
        self.said_frames = None
        for file in self._files:
            set_sizes(file.header, file.shape, frames=frames, tail_bytes=file.tail_bytes)
        try:
            write_heads([file.fd for file in self._files], self._headers, length_bytes=HEADER_BYTES)
        except HeadNotWrittenError as error:
            raise OSError(error.errno, error.strerror, self._files[error.place].name) from error
        self.said_frames = frames

    def finish(self, record: TakeRecord) -> list[str]:
        """Tails and headers are as the record says, also of a take that was renamed while it rolled, and nothing
        follows. Returns what could not be written (a full volume has no room for a tail): such a file ends behind
        its samples and is whole without it."""
        missing: list[str] = []
        for index, file in enumerate(self._files):
            file.header[:] = _header(record.order, record.slate, index, file.shape, part=record.part)
            end = HEADER_BYTES + record.frames * file.shape.frame_bytes
            at = tail_offset(file.shape, record.frames)
            there = max(0, os.fstat(file.fd).st_size - at)
            tail = tail_of(record, index, file.shape, bytes_there=there)
            try:
                file.write_at(end, bytes(at - end) + tail)
                file.tail_bytes = len(tail)
            except OSError as error:
                missing.append(f"{file.name}: {error.strerror}")
                with contextlib.suppress(OSError):
                    os.ftruncate(file.fd, end)
                    os.pwrite(file.fd, bytes(at - end), end)
                file.tail_bytes = 0
        self.say(record.frames)
        return missing

    def frames_there(self) -> list[int]:
        """Whole frames each file has room for, by its length."""
        sizes = (os.fstat(file.fd).st_size - HEADER_BYTES for file in self._files)
        return [max(0, size) // file.shape.frame_bytes for size, file in zip(sizes, self._files, strict=True)]

    def frames_told(self) -> list[int]:
        """Frames that each file's header says are durable."""
        return [frames_said(os.pread(file.fd, HEADER_BYTES, 0), file.shape) for file in self._files]

    def tails_end(self, frames: int) -> bool:
        """True when every file has its `frames` frames and its header agrees: nobody has edited it since."""
        return all(told == frames for told in self.frames_told()) and all(
            there >= frames for there in self.frames_there()
        )

    def read(self, index: int, offset_bytes: int, length_bytes: int) -> bytes:
        """Bytes of file number `index`, counted from its first sample. OSError."""
        return os.pread(self._files[index].fd, length_bytes, HEADER_BYTES + offset_bytes)

    def make_durable(self) -> None:
        """Each file by itself: slow, and names the one that fails. OSError."""
        for file in self._files:
            try:
                os.fdatasync(file.fd)
            except OSError as error:
                raise OSError(error.errno, error.strerror, file.name) from error

    def check_there(self) -> None:
        """Every file still has a name in a folder: what is written to a deleted one, nobody will ever find.
        Raises FilesGoneError."""
        if all_are_named([file.fd for file in self._files]):
            return
        gone = [file.name for file in self._files if os.fstat(file.fd).st_nlink == 0]
        if gone:
            all_gone = len(gone) == len(self._files)
            what = "all its files were" if all_gone else f"{', '.join(gone[:4])} was"
            raise FilesGoneError(
                f'take "{self._order.folder}": {what} deleted while it was recorded; it ends here',
                all_gone=all_gone,
            )

    def closed_files(self, frames: int) -> tuple[ClosedFile, ...]:
        """What there is to say of them once they are closed."""
        return tuple(
            ClosedFile(
                name=file.name,
                channels=order.channels,
                frames=frames,
                size_bytes=os.fstat(file.fd).st_size,
            )
            for file, order in zip(self._files, self._order.files, strict=True)
        )

    def close(self) -> None:
        """The descriptors are closed; nothing is written."""
        for file in self._files:
            os.close(file.fd)
        self._files = []


def _header(order: TakeOrder, slate: Slate, index: int, shape: WaveShape, *, part: int) -> bytearray:
    """Of file number `index` of the part that `order` is of."""
    return header_of(shape, bext_of(order, slate, index, shape, part=part), info_of(order, slate))
