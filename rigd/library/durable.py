"""Small files that are either the old one or the new one, never a third, also after a power cut.

Any thread. Never used for audio: the writer has its own ways.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rigd.model.errors import LibraryError
from rigd.writer.plain import open_plain

FILE_MODE = 0o640
FOLDER_MODE = 0o750
LONGEST_JSON_BYTES = 64 << 20


class DamagedFile(LibraryError):
    """A file is there and is not what it should be."""


def write_json(path: Path, plain: Any, *, durable: bool = True) -> None:
    """`path` holds `plain` as readable JSON: written beside it, then renamed over it.

    `durable=False` leaves out the two fsyncs, for a file that is soon written again and can be made anew.
    """
    content = json.dumps(plain, ensure_ascii=False, indent=1).encode(errors="replace") + b"\n"
    beside = path.with_name(f".{path.name}.new")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, FILE_MODE)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(handle, view) :]
            if durable:
                os.fsync(handle)
        finally:
            os.close(handle)
        beside.replace(path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        raise LibraryError(
            f"{path}: cannot be written ({error.strerror}). The file before it stands"
        ) from error


def read_json(path: Path) -> Any:
    """What `path` holds; None where there is no such file. Raises LibraryError where it is not JSON."""
    try:
        with open(open_plain(path, os.O_RDONLY), "rb") as file:
            content = file.read(LONGEST_JSON_BYTES + 1)
        if len(content) > LONGEST_JSON_BYTES:
            raise DamagedFile(f"{path}: too long to be one of rigd's")
        return json.loads(content)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LibraryError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{path}: is not JSON") from error


def sync_folder(folder: Path) -> None:
    """Names made, renamed or removed in `folder` outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """`folder` exists, durably; its parent must."""
    try:
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        sync_folder(folder.parent)
    except OSError as error:
        raise LibraryError(f"{folder}: cannot be made ({error.strerror})") from error


def move_folder(source: Path, target: Path) -> None:
    """`source` is now `target`, durably; that did not exist. One step, because both are on one volume."""
    try:
        if os.path.lexists(target):
            raise LibraryError(f"{target}: exists already; {source} stays where it is")
        source.rename(target)
        sync_folder(target.parent)
        sync_folder(source.parent)
    except OSError as error:
        raise LibraryError(f"{source}: cannot be moved to {target} ({error.strerror})") from error
