"""The runtime folder and what lies in it, opened so that it can be nobody else's.

In /dev/shm and /tmp everybody may make a name first. So each part of a folder's path is opened from the root on by
descriptor, following no link that somebody else could have laid, and nobody but root and this user may be able to put
another folder in its place. Files in it are opened by the folder's descriptor: no link is followed, nobody is waited
for (a FIFO), and nothing is changed before it is known to be this user's own. Each costs under 0.1 ms. Any thread.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import re
import stat
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

MOST_LINKS = 40
"""As the kernel's own (path_resolution(7))."""
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
LONGEST_FILE_BYTES = 64 << 20
_PART = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_NAMES = re.compile(r"tape|(?:rigd|capture|writer|mirror|blackbox|interface)\..+|.+\.lock")
_TAPE_ELSEWHERE = re.compile(r"/proc/\d+/fd/\d+", re.ASCII)


class NotOwn(OSError):
    """It is, or could be, somebody else's. `strerror` says which part, whose it is, and what to do."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EPERM, why)

    def __str__(self) -> str:
        return str(self.strerror)


def user_named(uid: int) -> str:
    """For a message: a name where it has one."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def group_named(gid: int) -> str:
    """For a message."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


class _Opened(Struct, frozen=True, kw_only=True):
    fd: int
    status: os.stat_result
    beneath: os.stat_result
    """Of the folder that it lies in."""
    place: str
    """Without links, for a message."""


def _trusted() -> tuple[int, int]:
    return 0, os.geteuid()


def _who_writes(status: os.stat_result) -> str:
    return "everybody" if status.st_mode & stat.S_IWOTH else f"the group {group_named(status.st_gid)}"


def _check_part(place: str, status: os.stat_result) -> None:
    """Nobody but root and this user can put another folder in the place of one that is theirs in there."""
    if status.st_uid not in _trusted():
        raise NotOwn(
            f"{place} belongs to {user_named(status.st_uid)}, who could put another folder in its place"
        )
    if status.st_mode & WRITABLE_BY_OTHERS and not status.st_mode & stat.S_ISVTX:
        raise NotOwn(
            f"{place} may be written by {_who_writes(status)}, who could put another folder in its place;"
            f" chmod go-w {place}"
        )


def _walk(path: Path, *, makes: bool) -> _Opened:
    """Opens the folder. The caller judges whose it is itself, and closes it."""
    names = deque(path.absolute().parts[1:])
    place, links = "/", 0
    at = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        status = beneath = os.fstat(at)
        while names:
            _check_part(place, status)
            name = names.popleft()
            shown = os.path.normpath(os.path.join(place, name))
            following = _open_part(at, name, mode=0o755 if names else 0o700, makes=makes)
            found = os.fstat(following)
            if stat.S_ISLNK(found.st_mode):
                os.close(following)
                links += 1
                if links > MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
                if status.st_mode & WRITABLE_BY_OTHERS or found.st_uid not in _trusted():
                    raise NotOwn(f"{shown} is a link, and somebody else may have laid it there")
                if status.st_dev != os.stat("/proc").st_dev:
                    target = Path(os.readlink(name, dir_fd=at))
                    names.extendleft(reversed(target.parts[1:] if target.is_absolute() else target.parts))
                    if target.is_absolute():
                        os.close(at)
                        at, place = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), "/"
                        status = beneath = os.fstat(at)
                    continue
                # A link of the kernel's own, as /proc/PID/root, leads where its text does not say (proc(5)).
                following = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=at)
                found = os.fstat(following)
            os.close(at)
            at, place, beneath, status = following, shown, status, found
            if not stat.S_ISDIR(status.st_mode):
                raise NotADirectoryError(errno.ENOTDIR, f"{place} is no folder")
        return _Opened(fd=at, status=status, beneath=beneath, place=place)
    except BaseException:
        os.close(at)
        raise


def _open_part(at: int, name: str, *, mode: int, makes: bool) -> int:
    try:
        return os.open(name, _PART, dir_fd=at)
    except FileNotFoundError:
        if not makes:
            raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, mode, dir_fd=at)
    return os.open(name, _PART, dir_fd=at)


def _check_own(opened: _Opened) -> None:
    if opened.status.st_uid != os.geteuid():
        raise NotOwn(f"{opened.place} belongs to {user_named(opened.status.st_uid)}")


def make_own_folder(path: Path, *, most: int, at_least: int = 0) -> None:
    """The folder is there, this user's own, of no wider a mode than `most` and no narrower one than `at_least`; what
    lies in it under a name of rigd's is this user's own, too, and no link. Raises NotOwn, with nothing in it opened,
    and other OSErrors."""
    with _listable(path, makes=True) as (fd, opened):
        os.fchmod(fd, stat.S_IMODE(opened.status.st_mode) & most | at_least)
        _check_entries(fd, opened.place)


def why_not_own(path: Path) -> str:
    """What `make_own_folder` would refuse it for; empty where it would not, also where there is no folder yet."""
    try:
        with _listable(path, makes=False) as (fd, opened):
            _check_entries(fd, opened.place)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return ""


@contextlib.contextmanager
def _listable(path: Path, *, makes: bool) -> Iterator[tuple[int, _Opened]]:
    """A descriptor by which its mode can be changed and its names listed: O_PATH allows neither."""
    opened = _walk(path, makes=makes)
    try:
        _check_own(opened)
        fd = os.open(f"/proc/self/fd/{opened.fd}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield fd, opened
        finally:
            os.close(fd)
    finally:
        os.close(opened.fd)


def _check_entries(folder: int, place: str) -> None:
    for name in sorted(filter(_NAMES.fullmatch, os.listdir(folder))):
        with contextlib.suppress(FileNotFoundError):
            _check_entry(folder, name, shown=f"{place}/{name}")


def _check_entry(folder: int, name: str, *, shown: str) -> None:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        is_right = name == "tape" and _TAPE_ELSEWHERE.fullmatch(os.readlink(name, dir_fd=folder)) is not None
        what = f"is a link to {os.readlink(name, dir_fd=folder)!r}"
    else:
        is_right = (stat.S_ISSOCK if name.endswith(".sock") else stat.S_ISREG)(status.st_mode)
        what = f"is {_kind_of(status)}"
    if status.st_uid != os.geteuid():
        raise NotOwn(f"{shown} belongs to {user_named(status.st_uid)}; rm {shown}")
    if not is_right:
        raise NotOwn(f"{shown} {what}, and rigd puts none there; rm {shown}")
    if status.st_nlink > 1 and stat.S_ISREG(status.st_mode):
        raise NotOwn(f"{shown} has another name elsewhere (a hard link); rm {shown}")


def _kind_of(status: os.stat_result) -> str:
    kinds = {
        stat.S_IFIFO: "a FIFO",
        stat.S_IFDIR: "a folder",
        stat.S_IFSOCK: "a socket",
        stat.S_IFLNK: "a link",
        stat.S_IFREG: "a file",
    }
    return kinds.get(stat.S_IFMT(status.st_mode), "a device")


@contextlib.contextmanager
def own_folder(path: Path) -> Iterator[int]:
    """A descriptor of the folder, for names in it: this user's own, and nobody else writes there. Raises NotOwn and
    other OSErrors."""
    opened = _walk(path, makes=False)
    try:
        _check_own(opened)
        _check_unwritable(opened)
        yield opened.fd
    finally:
        os.close(opened.fd)


@contextlib.contextmanager
def folder_to_ask(path: Path) -> Iterator[tuple[int, int]]:
    """A descriptor of a folder in which a rig may be asked, and whose that rig must be: this user's own, root's, or
    one that root has given to somebody, as a service's is. Raises NotOwn and other OSErrors."""
    opened = _walk(path, makes=False)
    try:
        if opened.status.st_uid not in _trusted() and opened.beneath.st_mode & WRITABLE_BY_OTHERS:
            _check_own(opened)
        _check_unwritable(opened)
        yield opened.fd, opened.status.st_uid
    finally:
        os.close(opened.fd)


def _check_unwritable(opened: _Opened) -> None:
    if opened.status.st_mode & WRITABLE_BY_OTHERS:
        raise NotOwn(
            f"{opened.place} may be written by {_who_writes(opened.status)}; chmod go-w {opened.place}"
        )


def name_in(folder: int, name: str) -> str:
    """For what takes a path and no descriptor, as bind(2) and connect(2): whatever the folder is called by now."""
    return f"/proc/self/fd/{folder}/{name}"


def open_own(path: Path, flags: int, mode: int = 0o600) -> int:
    """A descriptor of the file: a plain one, this user's own, with no other name, in a folder of this user's own.
    Truncate it afterwards, not by `flags`. Raises NotOwn and other OSErrors."""
    with own_folder(path.parent) as folder:
        # A FIFO's other end is not waited for, and a terminal does not become this process's.
        without = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            fd = os.open(path.name, flags | without, mode, dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                _check_entry(folder, path.name, shown=str(path))
            raise
    try:
        check_own_file(fd, path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def check_own_file(fd: int, path: Path) -> None:
    """It is a plain file of this user's own, with no other name. Raises NotOwn."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise NotOwn(f"{path} is {_kind_of(status)}, and rigd puts none there; rm {path}")
    if status.st_uid != os.geteuid():
        raise NotOwn(f"{path} belongs to {user_named(status.st_uid)}; rm {path}")
    if status.st_nlink > 1:
        raise NotOwn(f"{path} has another name elsewhere (a hard link); rm {path}")


def read_own(path: Path) -> bytes:
    """All that is in the file. OSErrors as `open_own`."""
    with open(open_own(path, os.O_RDONLY), "rb") as file:
        return file.read(LONGEST_FILE_BYTES)


def append_own(path: Path, more: bytes) -> None:
    """The file ends with these bytes; made where there is none. OSErrors as `open_own`."""
    with open(open_own(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as file:
        file.write(more)


def replace_own(path: Path, whole: bytes, *, mode: int = 0o600) -> None:
    """The file holds just this, and held what it did before until then. OSErrors as `own_folder`."""
    fresh = path.name + ".new"
    with own_folder(path.parent) as folder:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh, dir_fd=folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(fresh, flags, mode, dir_fd=folder), "wb") as file:
            file.write(whole)
        os.rename(fresh, path.name, src_dir_fd=folder, dst_dir_fd=folder)


def remove_own(path: Path) -> None:
    """Nothing has this name any more. OSErrors as `own_folder`; no folder is none."""
    with contextlib.suppress(FileNotFoundError), own_folder(path.parent) as folder:
        os.unlink(path.name, dir_fd=folder)


def open_own_or_held(path: Path, flags: int) -> int:
    """As `open_own`, and also through a link to a descriptor of a process, as a tape whose file was deleted is found:
    that file may have no name any more."""
    with own_folder(path.parent) as folder:
        try:
            target = os.readlink(path.name, dir_fd=folder)
        except OSError:
            return open_own(path, flags)
        if _TAPE_ELSEWHERE.fullmatch(target) is None:
            _check_entry(folder, path.name, shown=str(path))
        # Looked at before it is opened: that process may be another one by now, with anything open there.
        seen = os.open(path.name, os.O_PATH | os.O_CLOEXEC, dir_fd=folder)
    try:
        check_own_file(seen, path)
        return os.open(f"/proc/self/fd/{seen}", flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    finally:
        os.close(seen)
