"""Opens, makes, renames and removes beneath a root folder, and never outside of it, whatever lies there.

A library comes on a stick: a folder in it may be a link to anywhere, a file another name of a file elsewhere, a pipe,
a device. So every way below the root is walked folder by folder, by descriptor (openat), and no link is followed; a
file that is written has no other name (st_nlink), is a plain one, and lies on the root's volume. The root itself may
be a link, and what is above it is its owner's business. A mount point below it is none of its folders: who wants one
names it in the config, and then it is a root of its own. Any thread; every error is an OSError with the path.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

FILE_MODE = 0o640
FOLDER_MODE = 0o750
_PLAIN_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Without O_NONBLOCK an open would wait for somebody to open the other end of a pipe."""


class LeadsOut(OSError):
    """What lies there is not the library's, or may not be: it was not opened, and nothing was written."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


LINK = "a link, which rigd does not follow in a library; put what it points to in its place, or remove it"
HARD_LINK = "a hard link: the same file has another name, perhaps elsewhere; put a copy of it in its place"
NO_FOLDER = "not a folder; move it away"
NO_FILE = "not a plain file; move it away"
OTHER_VOLUME = "on another volume than its library; use that one as a library of its own"
OUTSIDE = "not in the library"


def _refused(code: int, why: str, path: Path | str) -> LeadsOut:
    return LeadsOut(code, why, str(path))


def parts_below(root: Path, path: Path) -> tuple[str, ...]:
    """The names from `root` down to `path`; none for the root itself. LeadsOut where it is not below it."""
    if not path.is_relative_to(root):
        raise _refused(errno.EXDEV, OUTSIDE, path)
    parts = path.relative_to(root).parts
    if ".." in parts or "\0" in str(path):
        raise _refused(errno.EXDEV, OUTSIDE, path)
    return parts


def open_folder(root: Path, folder: Path, *, make: bool = False) -> int:
    """A descriptor of the folder, to be closed by who asked. `make`: it and what lacks above it is made, below the
    root only. They survive a power cut once their file system was synced."""
    parts = parts_below(root, folder)
    handle = os.open(root, (os.O_PATH if parts else os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        device = os.fstat(handle).st_dev
        at = root
        for place, name in enumerate(parts, 1):
            at = at / name
            inner = _step(handle, name, at, make=make, last=place == len(parts))
            os.close(handle)
            handle = inner
            if os.fstat(handle).st_dev != device:
                raise _refused(errno.EXDEV, OTHER_VOLUME, at)
    except BaseException:
        os.close(handle)
        raise
    return handle


def open_inner(outer_fd: int, folder: Path) -> int:
    """A descriptor of `folder` that lies in an open one, as open_folder gives it."""
    handle = _step(outer_fd, folder.name, folder, make=False, last=True)
    if os.fstat(handle).st_dev != os.fstat(outer_fd).st_dev:
        os.close(handle)
        raise _refused(errno.EXDEV, OTHER_VOLUME, folder)
    return handle


def _step(outer: int, name: str, at: Path, *, make: bool, last: bool) -> int:
    flags = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_RDONLY if last else os.O_PATH)
    with _named(at):
        for _ in range(2):
            try:
                return os.open(name, flags, dir_fd=outer)
            except FileNotFoundError:
                if not make:
                    raise
                with contextlib.suppress(
                    FileExistsError
                ):  # somebody was quicker: whatever it is, it is opened
                    os.mkdir(name, FOLDER_MODE, dir_fd=outer)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENOTDIR):
                    raise _refused(error.errno, _why_no_folder(outer, name), at) from error
                raise
        return os.open(name, flags, dir_fd=outer)


def _why_no_folder(outer: int, name: str) -> str:
    with contextlib.suppress(OSError):
        if stat.S_ISLNK(os.stat(name, dir_fd=outer, follow_symlinks=False).st_mode):
            return LINK
    return NO_FOLDER


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """An error of what is done to a name in an open folder has the whole path."""
    try:
        yield
    except LeadsOut:
        raise
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error


@contextlib.contextmanager
def opened(root: Path, folder: Path, *, make: bool = False) -> Iterator[int]:
    """As open_folder, for as long as it is used."""
    handle = open_folder(root, folder, make=make)
    try:
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def _above(root: Path, path: Path) -> Iterator[int]:
    """The folder that `path` is a name in, open; an error of what is done to that name has the whole path."""
    _check_plain_name(path.name, path)
    with opened(root, path.parent) as folder_fd, _named(path):
        yield folder_fd


def open_in(
    folder_fd: int, name: str, flags: int, *, mode: int = FILE_MODE, path: Path | str | None = None
) -> int:
    """A descriptor of the plain file `name` in an open folder, as os.open. One that is opened for writing has no
    other name. LeadsOut where it is something else, which is then not opened: opening a device may do something.
    `path` is how an error names it."""
    shown = name if path is None else path
    _check_plain_name(name, shown)
    return _open(name, flags, mode, dir_fd=folder_fd, shown=shown)


def open_plain(path: Path) -> int:
    """A descriptor of a plain file, for reading; the last name in the path is no link. LeadsOut, at once, where it is
    something else: nothing is waited for."""
    return _open(path, os.O_RDONLY, 0, dir_fd=None, shown=path)


def _open(name: Path | str, flags: int, mode: int, *, dir_fd: int | None, shown: Path | str) -> int:
    writes = flags & os.O_ACCMODE != os.O_RDONLY
    with contextlib.suppress(FileNotFoundError):
        _check(os.stat(name, dir_fd=dir_fd, follow_symlinks=False), shown, writes=writes)
    # Cut short only once it is known to be ours.
    handle = os.open(name, flags & ~os.O_TRUNC | _PLAIN_FLAGS, mode, dir_fd=dir_fd)
    try:
        _check(os.fstat(handle), shown, writes=writes)
        if flags & os.O_TRUNC:
            os.ftruncate(handle, 0)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _check(status: os.stat_result, path: Path | str, *, writes: bool) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise _refused(errno.ELOOP, LINK, path)
    if not stat.S_ISREG(status.st_mode):
        raise _refused(errno.EINVAL, NO_FILE, path)
    if writes and status.st_nlink > 1:
        raise _refused(errno.EMLINK, HARD_LINK, path)


def _check_plain_name(name: str, path: Path | str) -> None:
    if "/" in name or "\0" in name or name in ("", ".", ".."):
        raise _refused(errno.EXDEV, OUTSIDE, path)


def open_file(root: Path, path: Path, flags: int, *, mode: int = FILE_MODE) -> int:
    """As open_in, of a path below the root; what is above it must be there."""
    with _above(root, path) as folder_fd:
        return open_in(folder_fd, path.name, flags, mode=mode, path=path)


def new_in(
    folder_fd: int, name: str, flags: int = 0, *, mode: int = FILE_MODE, path: Path | str | None = None
) -> int:
    """A descriptor of a new, empty file, for reading and writing. What had that name before, be it a link or another
    name of somebody's file, has it no more, and was not touched itself; a folder has another name then."""
    _check_plain_name(name, name if path is None else path)
    try:
        os.unlink(name, dir_fd=folder_fd)
    except FileNotFoundError:
        pass
    except IsADirectoryError:
        aside = _put_aside_in(folder_fd, name, "bad")
        log.warning("%s: was a folder, where rigd writes a file; it is called %s now", path or name, aside)
    return os.open(name, flags | os.O_RDWR | os.O_CREAT | os.O_EXCL | _PLAIN_FLAGS, mode, dir_fd=folder_fd)


def new_file(root: Path, path: Path, *, mode: int = FILE_MODE) -> int:
    """As new_in, of a path below the root; what is above it must be there."""
    with _above(root, path) as folder_fd:
        return new_in(folder_fd, path.name, mode=mode, path=path)


def make_folders(root: Path, folder: Path) -> None:
    """The folder and every parent of it below the root exist. They survive a power cut once their file system was
    synced."""
    os.close(open_folder(root, folder, make=True))


def make_folder(root: Path, folder: Path) -> None:
    """The folder exists, durably; its parent must."""
    with _above(root, folder) as parent_fd:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder.name, FOLDER_MODE, dir_fd=parent_fd)
        os.close(_step(parent_fd, folder.name, folder, make=False, last=True))
        os.fsync(parent_fd)


def sync_folder(root: Path, folder: Path) -> None:
    """Names made, renamed or removed in the folder outlive a power cut."""
    with opened(root, folder) as folder_fd, _named(folder):
        os.fsync(folder_fd)


def rename(root: Path, source: Path, target: Path, *, durable: bool = False) -> None:
    """What was `source` is `target`, as os.rename: a link is moved itself, and what it points to is not touched."""
    _check_plain_name(source.name, source)
    with opened(root, source.parent) as before, _above(root, target) as after:
        os.rename(source.name, target.name, src_dir_fd=before, dst_dir_fd=after)
        if durable:
            os.fsync(after)
            if source.parent != target.parent:
                os.fsync(before)


def remove(root: Path, path: Path) -> None:
    """The name is gone, as os.unlink: what else the file is called stays."""
    with _above(root, path) as folder_fd:
        os.unlink(path.name, dir_fd=folder_fd)


def remove_folder(root: Path, folder: Path) -> None:
    """The empty folder is gone."""
    with _above(root, folder) as parent_fd:
        os.rmdir(folder.name, dir_fd=parent_fd)


def names_in(root: Path, folder: Path) -> list[str]:
    """Of everything that lies in the folder."""
    with opened(root, folder) as folder_fd, _named(folder):
        return os.listdir(folder_fd)


def status_of(root: Path, path: Path) -> os.stat_result:
    """As os.lstat."""
    with _above(root, path) as folder_fd:
        return os.stat(path.name, dir_fd=folder_fd, follow_symlinks=False)


def is_folder(root: Path, folder: Path) -> bool:
    """It is a real folder below the root that may be looked into."""
    try:
        os.close(open_folder(root, folder))
    except OSError:
        return False
    return True


def put_aside(root: Path, path: Path, stamp: str) -> Path:
    """What lies there has another name beside it, and was not touched itself. Returns that name."""
    with _above(root, path) as folder_fd:
        return path.with_name(_put_aside_in(folder_fd, path.name, stamp))


def _put_aside_in(folder_fd: int, name: str, stamp: str) -> str:
    target, number, taken = f"{name}.{stamp}", 1, set(os.listdir(folder_fd))
    while target in taken:
        number += 1
        target = f"{name}.{stamp}-{number}"
    os.rename(name, target, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
    return target
