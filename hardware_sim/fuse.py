"""One file, served to Linux over /dev/fuse by a process of ours: its reads, writes and flushes pass through here.

The protocol is that of <linux/fuse.h>, 7.31, as far as a loop device on such a file needs it. One thread; needs root.
It never serves a second file and keeps nothing itself.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Protocol

from hardware_sim.disk_images import DiskError, run_tool

FILE_NAME = "disk.img"
MAX_WRITE_BYTES = 1 << 20
PAGE_BYTES = 4096
FUSE_BIG_WRITES = 1 << 5
FUSE_MAX_PAGES = 1 << 22
ROOT, FILE = 1, 2
"""Node ids."""
FOR_EVER_S = 1 << 30

IN_HEADER = struct.Struct("<IIQQIIII")
OUT_HEADER = struct.Struct("<IiQ")
INIT_OUT = struct.Struct("<IIIIHHIIHHI28x")
ATTR = struct.Struct("<6Q3I7I")
ATTR_OUT = struct.Struct("<QII")
ENTRY_OUT = struct.Struct("<QQQQII")
OPEN_OUT = struct.Struct("<QII")
IO_IN = struct.Struct("<QQIIQII")
WRITE_OUT = struct.Struct("<II")
STATFS_OUT = struct.Struct("<5Q4I24x")


class Opcode(IntEnum):
    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    RELEASEDIR = 29
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42


UNANSWERED = (Opcode.FORGET, Opcode.BATCH_FORGET, Opcode.INTERRUPT)
EMPTY = (Opcode.RELEASE, Opcode.RELEASEDIR, Opcode.FLUSH, Opcode.DESTROY)


class Served(Protocol):
    """The file, as its server sees it. An OSError is passed on to whoever asked."""

    @property
    def size_bytes(self) -> int: ...

    def read(self, at: int, count: int) -> bytes: ...

    def write(self, at: int, content: bytes) -> None: ...

    def flush(self) -> None:
        """What was written is durable once this has returned (fsync)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FuseMount:
    """A folder with FILE_NAME in it; its requests are read from `requests_fd`, which is the caller's to close."""

    file: Path
    requests_fd: int


def mount_fuse(folder: Path) -> FuseMount:
    """The folder is a mount of its own; whoever opens the file waits until somebody serves `requests_fd`."""
    try:
        requests_fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise DiskError(f"/dev/fuse could not be opened ({error.strerror}): modprobe fuse") from error
    try:
        options = f"fd={requests_fd},rootmode=40000,user_id=0,group_id=0,allow_other"
        run_tool(
            "mount", "-i", "-t", "fuse", "-o", options, "rigd-disk", str(folder), pass_fds=(requests_fd,)
        )
    except DiskError:
        os.close(requests_fd)
        raise
    return FuseMount(file=folder / FILE_NAME, requests_fd=requests_fd)


def serve_one(requests_fd: int, file: Served) -> None:
    """The next request has been answered. Raises OSError (ENODEV) once it is not mounted any more."""
    try:
        request = os.read(requests_fd, MAX_WRITE_BYTES + PAGE_BYTES)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINTR, errno.EAGAIN):  # it was taken back meanwhile
            return
        raise
    _, opcode, unique, node, *_ = IN_HEADER.unpack_from(request)
    if opcode in UNANSWERED:
        return
    try:
        answer, failed = _answer(opcode, node, memoryview(request)[IN_HEADER.size :], file), 0
    except OSError as error:
        answer, failed = b"", error.errno or errno.EIO
    try:
        os.writev(requests_fd, (OUT_HEADER.pack(OUT_HEADER.size + len(answer), -failed, unique), answer))
    except OSError as error:
        if error.errno != errno.ENOENT:  # nobody waits for it any more
            raise


def _answer(opcode: int, node: int, body: memoryview, file: Served) -> bytes:
    match opcode:
        case Opcode.READ:
            _, at, count, *_ = IO_IN.unpack_from(body)
            return file.read(at, count)
        case Opcode.WRITE:
            _, at, count, *_ = IO_IN.unpack_from(body)
            file.write(at, bytes(body[IO_IN.size : IO_IN.size + count]))
            return WRITE_OUT.pack(count, 0)
        case Opcode.FSYNC:
            file.flush()
            return b""
        case Opcode.INIT:
            _, _, readahead_bytes, flags = struct.unpack_from("<IIII", body)
            flags &= FUSE_BIG_WRITES | FUSE_MAX_PAGES
            pages = MAX_WRITE_BYTES // PAGE_BYTES
            return INIT_OUT.pack(7, 31, readahead_bytes, flags, 16, 12, MAX_WRITE_BYTES, 1, pages, 0, 0)
        case Opcode.LOOKUP:
            if bytes(body).rstrip(b"\0") != FILE_NAME.encode():
                raise FileNotFoundError(errno.ENOENT, "no such file")
            return ENTRY_OUT.pack(FILE, 0, FOR_EVER_S, FOR_EVER_S, 0, 0) + _attributes(FILE, file)
        case Opcode.GETATTR | Opcode.SETATTR:
            return ATTR_OUT.pack(FOR_EVER_S, 0, 0) + _attributes(node, file)
        case Opcode.OPEN | Opcode.OPENDIR:
            return OPEN_OUT.pack(0, 0, 0)
        case Opcode.STATFS:
            return STATFS_OUT.pack(0, 0, 0, 0, 0, PAGE_BYTES, 255, PAGE_BYTES, 0)
        case _ if opcode in EMPTY:
            return b""
        case _:  # Linux takes it that there is no such thing here, and asks for it no more
            raise OSError(errno.ENOSYS, "not served")


def _attributes(node: int, file: Served) -> bytes:
    mode, size = (stat.S_IFDIR | 0o700, 0) if node == ROOT else (stat.S_IFREG | 0o600, file.size_bytes)
    links, no_owner_of_its_own = 1, (0, 0, 0)
    return ATTR.pack(
        node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, links, *no_owner_of_its_own, PAGE_BYTES, 0
    )
