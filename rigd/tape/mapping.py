"""A tape file mapped into this process: made, checked, opened and closed here, and only here.

Called by any thread; `close` only once nobody else uses the tape. Everything above reaches the C core
through `pointer`, which refuses once the map is gone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path
from typing import Any

from rigd.model.errors import OtherLayoutError, TapeError
from rigd.model.messages import TapeGeometry
from rigd.tape._core import ffi, lib
from rigd.wire.held_lock import leads_to
from rigd.wire.own_folder import open_own_or_held, own_folder

CData = Any
"""A pointer or struct of the C core; cffi has no types of its own."""
LEVEL_SECONDS = 8
NAMED_AGAIN_WITHIN_S = 2.0
"""Whoever has a tape looks at its name once a second."""
LOOK_AGAIN_S = 0.02
BLOCK_BYTES = 512
"""Of st_blocks, whatever the file system (stat(2))."""


def next_power_of_two(frames: int) -> int:
    return 1 << max(1, frames - 1).bit_length()


class TapeMap:
    """An open map. `shape` is the header's unchanging part."""

    def __init__(self, path: Path, pointer: CData, fd: int, *, writable: bool) -> None:
        """`fd` is the tape's file; it is the map's from now on."""
        self.path = path
        self.writable = writable
        self._pointer = pointer
        self._fd = fd
        self.shape: CData = ffi.new("rigd_shape *")
        lib.rigd_tape_shape(pointer, self.shape)

    @property
    def pointer(self) -> CData:
        if self._pointer is None:
            raise TapeError(f"tape {self.path}: it was closed in this process already")
        return self._pointer

    @property
    def writable_pointer(self) -> CData:
        if not self.writable:
            raise TapeError(f"tape {self.path}: attached for reading only, so it cannot be changed from here")
        return self.pointer

    def close(self) -> None:
        """Unmaps. The file stays. May be called again."""
        if self._pointer is not None:
            lib.rigd_tape_unmap(self._pointer)
            self._pointer = None
            os.close(self._fd)

    def take_head(self) -> None:
        """Memory for all but the rows is there. TapeError."""
        self._check_memory(lib.rigd_tape_take_head(self.writable_pointer, self._fd))

    def check_room(self) -> None:
        """There is room for what it still lacks. TapeError."""
        try:
            check_room(self._fd)
        except OSError as error:
            self._check_memory(error.errno or errno.EIO)

    def take_rows(self, position: int, frames: int) -> None:
        """Memory for the rows of `frames` frames from `position` on is there, zeroed and mapped; what was written
        stays. TapeError. Any thread; 0.1 s for 100 MB that nobody had before."""
        self._check_memory(lib.rigd_tape_take_rows(self.writable_pointer, self._fd, position, frames))

    def _check_memory(self, fault: int) -> None:
        if fault != 0:
            size = os.fstat(self._fd).st_size
            raise TapeError(_why_no_memory(self.path, size, OSError(fault, os.strerror(fault))))

    @property
    def has_all_memory(self) -> bool:
        """Whoever made it has come to its end with that."""
        if self._pointer is None:
            return False
        status = os.fstat(self._fd)
        return status.st_blocks * BLOCK_BYTES >= status.st_size

    def name_again(self) -> bool:
        """Where nothing lies at the tape's path any more, the path leads to this tape again: by a link to the file as
        this process has it open (proc(5), /proc/PID/fd), since a file that was deleted cannot get a name back.
        True where that was done. It holds as long as this process has the map: then another one does the same."""
        if self._pointer is None or leads_to(self.path, self._fd) or _leads_to_a_tape(self.path):
            return False
        link, name = f".{self.path.name}.{os.urandom(4).hex()}", self.path.name
        try:
            with own_folder(self.path.parent) as folder:
                os.symlink(f"/proc/{os.getpid()}/fd/{self._fd}", link, dir_fd=folder)
                try:
                    if self.path.is_symlink():
                        os.rename(
                            link, name, src_dir_fd=folder, dst_dir_fd=folder
                        )  # of a process that is gone
                    else:  # never over a tape that was just made
                        os.link(link, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
                finally:
                    with contextlib.suppress(OSError):
                        os.unlink(link, dir_fd=folder)
        except OSError:
            return False
        return True


def create_file(
    path: Path,
    geometry: TapeGeometry,
    *,
    full_scale: float,
    shortest_block_frames: int,
    origin_frame: int,
    origin_position: int,
    take_memory: bool,
) -> None:
    """Makes a tape file of mode 0600 in one step as others see it: with its memory taken, or with that of its head
    only, where there is room for all of it."""
    log_blocks = next_power_of_two(max(2, geometry.capacity_frames // shortest_block_frames))
    level_blocks = next_power_of_two(LEVEL_SECONDS * geometry.sample_rate_hz // shortest_block_frames)
    shape = ffi.new(
        "rigd_shape *",
        {
            "channels": geometry.channels,
            "sample_rate_hz": geometry.sample_rate_hz,
            "capacity_frames": geometry.capacity_frames,
            "log_blocks": log_blocks,
            "level_blocks": min(level_blocks, log_blocks),
            "full_scale": full_scale,
            "tape_id": int.from_bytes(os.urandom(8), "little"),
            "origin_position": origin_position,
            "origin_frame": origin_frame,
        },
    )
    total = lib.rigd_tape_bytes(shape)
    if total == 0:
        raise TapeError(
            f"tape {path}: cannot be made with {geometry.channels} channels, {geometry.sample_rate_hz} Hz and"
            f" {geometry.capacity_frames} frames. It takes 1 to {lib.RIGD_MOST_CHANNELS} channels and"
            " a power of two of frames"
        )
    try:
        with own_folder(path.parent) as folder:
            _format(folder, path, total, shape, take_memory=take_memory)
    except OSError as e:
        raise TapeError(f"{_why_no_memory(path, total, e)} No tape was made") from e


def _format(folder: int, path: Path, total: int, shape: CData, *, take_memory: bool) -> None:
    unfinished = f".{path.name}.{os.urandom(4).hex()}"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(unfinished, flags, 0o600, dir_fd=folder)
        try:
            os.ftruncate(fd, total)
            check_room(fd)
            os.posix_fallocate(fd, 0, total if take_memory else lib.rigd_tape_head_bytes(shape))
            if lib.rigd_tape_format(fd, shape) != 0:
                raise TapeError(f"tape {path}: its first page could not be mapped. No tape was made")
        finally:
            os.close(fd)
        os.rename(unfinished, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(unfinished, dir_fd=folder)


def check_room(fd: int) -> None:
    """The file system has room for what the file does not have of its length. OSError (ENOSPC)."""
    status, room = os.fstat(fd), os.fstatvfs(fd)
    wanted = status.st_size - status.st_blocks * BLOCK_BYTES
    if room.f_blocks and wanted > room.f_bavail * room.f_frsize:  # a tmpfs without a limit says 0
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _why_no_memory(path: Path, total: int, error: OSError) -> str:
    size = f"{total / 2**20:.0f} MiB"
    if error.errno in (errno.ENOSPC, errno.ENOMEM, errno.EDQUOT, errno.EFAULT):
        return (
            f"tape {path}: no room for {size} in {path.parent}. Give that tmpfs more"
            " memory, or make the tape shorter: fewer channels, a smaller stall or pre-roll."
        )
    if error.errno == errno.EFBIG:
        return (
            f"tape {path}: this process may not make a file of {size}. Raise its limit (ulimit -f, "
            "LimitFSIZE=), or make the tape shorter: fewer channels, a smaller stall or pre-roll."
        )
    return f"tape {path}: {size} could not be made ({error.strerror})."


def open_map(path: Path, *, writable: bool) -> TapeMap:
    """Maps an existing tape after checking that it is one of this layout."""
    try:
        fd = open_own_or_held(path, os.O_RDWR if writable else os.O_RDONLY)
    except FileNotFoundError as e:
        raise TapeError(f"tape {path}: there is none. It is made when rigd-capture starts") from e
    except OSError as e:
        raise TapeError(f"tape {path}: cannot be opened ({e.strerror})") from e
    try:
        size = os.fstat(fd).st_size
        pointer, layout = ffi.new("rigd_tape **"), ffi.new("uint32_t *")
        fault = lib.rigd_tape_map(fd, size, int(writable), pointer, layout)
    except BaseException:
        os.close(fd)
        raise
    if fault == 0:
        return TapeMap(path, pointer[0], fd, writable=writable)
    os.close(fd)
    kind = OtherLayoutError if fault == lib.RIGD_OTHER_LAYOUT else TapeError
    raise kind(_why_not_mapped(path, fault, layout=layout[0], size=size))


def _leads_to_a_tape(path: Path) -> bool:
    """What lies there is left alone; not a link to a process that is gone, whose number another one may have."""
    if not path.is_symlink():
        return path.exists()
    try:
        open_map(path, writable=False).close()
    except OtherLayoutError:
        return True
    except (OSError, TapeError):
        return False
    return True


def await_name(path: Path, within_s: float = NAMED_AGAIN_WITHIN_S) -> None:
    """Waits while the path is a link to a tape of a process that is gone: another one that has that tape names it
    anew in a moment. Where none has it there is no such tape any more."""
    until = time.monotonic() + within_s
    while path.is_symlink() and not path.exists() and time.monotonic() < until:
        time.sleep(LOOK_AGAIN_S)


def _why_not_mapped(path: Path, fault: int, *, layout: int, size: int) -> str:
    why = {
        lib.RIGD_NOT_A_TAPE: "the file is not a tape. It was left alone",
        lib.RIGD_OTHER_LAYOUT: (
            f"it has layout {layout}, this rigd reads layout {lib.RIGD_LAYOUT_VERSION}. It was left alone."
            " Stop the capture and writer of the other version first"
        ),
        lib.RIGD_BROKEN_HEADER: "its header contradicts itself. It was left alone; stop rigd and delete it",
        lib.RIGD_SHORT_FILE: f"it is cut short ({size:,} bytes). It was left alone; stop rigd and delete it",
        lib.RIGD_NO_MAP: f"its {size:,} bytes could not be mapped. Is there enough memory?",
    }
    return f"tape {path}: {why[fault]}"
