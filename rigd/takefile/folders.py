"""Folders of takes: made durable, checked, and told apart from a copy of themselves.

Runs on the writer's one thread. Never follows a name out of the library or out of a take's folder.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from msgspec import Struct

from rigd.model.errors import LinkError, TakeError
from rigd.model.take import TakeOrder
from rigd.model.units import TakeId
from rigd.takefile.beneath import opened
from rigd.takefile.ledger import JOURNAL_NAME
from rigd.wire.codec import Codec, encode
from rigd.wire.own_folder import read_own, replace_own

MOST_FRAMES = 1 << 60
MOST_HZ = 1_000_000
MOST_CHANNELS = 1_024
MOST_FILES = 1_024
"""Of a take, one a channel: rigd listens to 512 inputs at most."""

log = logging.getLogger(__name__)


def is_inside(folder: str, library_root: Path) -> bool:
    """True for a plain absolute path below the library's root."""
    path = Path(folder)
    plain = path.is_absolute() and ".." not in path.parts and "\0" not in folder
    return plain and path != library_root and path.is_relative_to(library_root)


def check_folder(order: TakeOrder, library_root: Path) -> None:
    """The take stays inside the library. Raises TakeError."""
    if not is_inside(order.folder, library_root):
        raise TakeError(
            f'take "{order.folder}": the folder is not inside the library "{library_root}";'
            " nothing was written"
        )


def _is_short(name: str) -> bool:
    """A file system takes it: so many bytes, and no half of a pair of surrogates but those that stand for bytes."""
    try:
        return len(os.fsencode(name)) <= 255
    except UnicodeEncodeError:
        return False


def is_take_id(text: str) -> bool:
    """An id as rigd gives one."""
    return len(text) == 32 and set(text) <= set("0123456789abcdef")


def check_order(order: TakeOrder) -> None:
    """The order makes sense, and its files stay inside its folder. Raises TakeError.

    Also asked of an order that comes out of a journal: nobody knows who has written that.
    """

    def refuse(why: str) -> TakeError:
        return TakeError(f'take "{order.folder}": {why}; nothing was written')

    if not is_take_id(order.take_id):
        raise refuse("the take's id is not 32 hexadecimal digits")
    names = [file.name for file in order.files]
    for name in names:
        odd = "/" in name or "\0" in name or name in ("", ".", "..", JOURNAL_NAME)
        if odd or not _is_short(name):
            raise refuse(f"{name!r} cannot be the name of a file in it")
    if len(names) > MOST_FILES or len(order.tracks) > MOST_FILES:
        raise refuse(f"it has more than {MOST_FILES:,} files or channels")
    if not names or len({name.casefold() for name in names}) != len(names):
        raise refuse("it has no files, or two of the same name")
    numbers = (order.first_frame, order.end_frame or 0, order.time_reference)
    if not all(0 <= number < MOST_FRAMES for number in numbers):
        raise refuse("a frame number is negative or beyond all time")
    if not 1 <= order.format.sample_rate_hz <= MOST_HZ:
        raise refuse(f"{order.format.sample_rate_hz} Hz is no sample rate")
    known = [track.channel for track in order.tracks]
    used = [channel for file in order.files for channel in file.channels]
    if not all(1 <= len(file.channels) <= MOST_CHANNELS for file in order.files) or not set(used) <= set(
        known
    ):
        raise refuse("a file has no channel, too many, or one that is not among the tracks")
    if len(set(known)) != len(known) or any(track.input < 1 for track in order.tracks):
        raise refuse("a channel is listed twice, or its input is not a number from 1")


def make_root(folder: Path) -> None:
    """The library's own folder and every parent of it exist; any of them may be a link to a folder. OSError."""
    for each in reversed((folder, *folder.parents)):
        if not each.is_dir():
            each.mkdir(mode=0o750, exist_ok=True)


def make_durable(folder: Path, library_root: Path) -> None:
    """The names in the folder and of it and of all its parents up to the library survive a power cut. OSError."""
    for each in (folder, *folder.parents):
        with opened(library_root, each) as fd:
            os.fsync(fd)
        if each == library_root:
            break


def cache_mark(folder_fd: int) -> str:
    """Tells whether the page cache has survived: it is the same as long as this very folder lies on this very disk,
    which was never away, on this boot of this machine. Where it is, the lengths of files are true; after a power
    cut, on a copy of the volume, or on a disk that was pulled out, only what was made durable is. Not the number of
    the mount: a service has mounts of its own, anew at each start."""
    status = os.fstat(folder_fd)
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return f"{boot} {status.st_dev} {_disk_sequence(status.st_dev)} {status.st_ino}"


def _disk_sequence(device: int) -> str:
    """The kernel's number of the disk, another one each time that one is plugged in (Linux 5.15, sysfs-block);
    empty for what is no disk, like a tmpfs."""
    block = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    for place in (block, block.resolve().parent):  # a partition lies in its disk
        with contextlib.suppress(OSError):
            return (place / "diskseq").read_text("ascii").strip()
    return ""


class OpenFolder(Struct, frozen=True, kw_only=True):
    """A take that is being written, as the runtime folder remembers it."""

    take_id: TakeId
    folder: str
    cache_mark: str

    def cache_survived(self, root: Path) -> bool:
        """True when the lengths of its files can be believed. OSError where the folder is not in the library."""
        with opened(root, Path(self.folder)) as folder_fd:
            return cache_mark(folder_fd) == self.cache_mark


class OpenList:
    """`writer.open` in the runtime folder: which takes are open, so that a restarted writer goes on at once
    instead of searching the library. It may be lost; then the search finds them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: dict[str, OpenFolder] = {}
        self._codec = Codec((OpenFolder,))

    def read(self) -> list[OpenFolder]:
        """What the writer before had open. What is not of its form is left out."""
        try:
            lines = read_own(self._path).splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            with contextlib.suppress(LinkError):
                found.append(self._codec.decode(line))
        return found

    def add(self, entry: OpenFolder) -> None:
        self._held[entry.folder] = entry
        self.save()

    def remove(self, folder: str) -> None:
        if self._held.pop(folder, None) is not None:
            self.save()

    def keep(self) -> None:
        """The list is there, if anything is on it."""
        if self._held and not self._path.exists():
            self.save()

    def save(self) -> None:
        """The list holds what was added by this process and not removed, and nothing else."""
        try:
            replace_own(self._path, b"".join(encode(entry) for entry in self._held.values()))
        except OSError as error:
            log.warning("%s: %s; a writer that is killed now has to search", self._path, error.strerror)
