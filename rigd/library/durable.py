"""Small files that are either the old one or the new one, never a third, also after a power cut.

Any thread. Never used for audio: the writer has its own ways.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rigd.library.walking import is_gone
from rigd.model.errors import LibraryError
from rigd.model.structs import loaded
from rigd.takefile import beneath

LONGEST_JSON_BYTES = 64 << 20
MOST_BRACKETS = 2_500_000
"""Opening ones, those in texts too; 9,999 markers of nothing else are fewer. Each takes twenty times its length in
memory, and what a file of nothing else takes would end the daemon."""


class DamagedFile(LibraryError):
    """A file is there and is not what it should be."""


def write_json(path: Path, plain: Any, *, root: Path, durable: bool = True) -> None:
    """`path`, below the library's `root`, holds `plain` as readable JSON: written beside it, then renamed over it.

    `durable=False` leaves out the two fsyncs, for a file that is soon written again and can be made anew.
    """
    content = json.dumps(plain, ensure_ascii=False, indent=1).encode(errors="replace") + b"\n"
    try:
        write_whole(path, content, root=root, durable=durable)
    except OSError as error:
        raise LibraryError(
            f"{path}: cannot be written ({_why(error, path)}). The file before it stands"
        ) from error


def write_whole(path: Path, content: bytes, *, root: Path, durable: bool = True) -> None:
    """As write_json, of bytes. OSError, and the file before it stands."""
    beside = f".{path.name}.new"
    with beneath.opened(root, path.parent) as folder_fd:
        handle = beneath.new_in(folder_fd, beside, path=path.with_name(beside))
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(handle, view) :]
            if durable:
                os.fsync(handle)
        finally:
            os.close(handle)
        os.rename(beside, path.name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
        if durable:
            os.fsync(folder_fd)


def _why(error: OSError, path: Path) -> str:
    """What the disk says; and of what, where that is something above it."""
    if isinstance(error, beneath.LeadsOut) and str(error.filename) != str(path):
        return str(error)
    return str(error.strerror)


def read_json(path: Path) -> Any:
    """What `path` holds; None where there is no such file. Raises LibraryError where it is not JSON."""
    try:
        with open(beneath.open_plain(path), "rb") as file:
            content = file.read(LONGEST_JSON_BYTES + 1)
        if len(content) > LONGEST_JSON_BYTES:
            raise DamagedFile(f"{path}: too long to be one of rigd's")
        if content.count(b"[") + content.count(b"{") > MOST_BRACKETS:
            raise DamagedFile(f"{path}: has too many parts to be one of rigd's")
        return loaded(content)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LibraryError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{path}: is not JSON") from error


def sync_folder(folder: Path, *, root: Path) -> None:
    """Names made, renamed or removed in `folder` outlive a power cut. OSError."""
    beneath.sync_folder(root, folder)


def make_folder(folder: Path, *, root: Path) -> None:
    """`folder` exists, durably, and is one; its parent must."""
    try:
        beneath.make_folder(root, folder)
    except OSError as error:
        raise LibraryError(f"{folder}: cannot be made ({_why(error, folder)})") from error


def make_folders(folder: Path, *, root: Path) -> None:
    """The same of every folder from `root` down to it."""
    for each in (*reversed(folder.parents), folder):
        if each != root and each.is_relative_to(root) and not beneath.is_folder(root, each):
            make_folder(each, root=root)


def move_folder(source: Path, target: Path, *, root: Path) -> None:
    """`source` is now `target`, durably; that did not exist. One step, because both are on one volume."""
    try:
        if not is_gone(target):
            raise LibraryError(f"{target}: exists already; {source} stays where it is")
        os.close(beneath.open_folder(root, source))  # no link, and no file
        beneath.rename(root, source, target, durable=True)
    except OSError as error:
        raise LibraryError(f"{source}: cannot be moved to {target} ({_why(error, source)})") from error
