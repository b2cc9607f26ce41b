"""`.rigd`, the library's own folder, and what must be a file or a folder in it: made, or put aside and made anew.

It may have come with a disk from anywhere. Its lock, its ids and its index are written to, and the black box removes
what is old: none of that may happen through a link, or to a file that has another name elsewhere. What is not what it
should be keeps its content and gets another name; a person is told. Any thread, before the library is used.
"""

from __future__ import annotations

import os
import stat
from datetime import datetime
from pathlib import Path

from rigd.config.load import BLACK_BOX_IN_LIBRARY
from rigd.library.durable import make_folder
from rigd.library.walking import NotBelieved
from rigd.model.errors import LibraryError
from rigd.takefile import beneath
from rigd.takefile.volume import OWN_FOLDER

LOCK_NAME = "lock"
KEEPING = "keeping"
"""What is to be put together from the black box: one order a file."""


def make_dot_rigd(root: Path, *, now: datetime) -> list[NotBelieved]:
    """`.rigd` is there, and it, its lock and its folders are what they should be. Returns what was put aside.
    LibraryError."""
    own = root / OWN_FOLDER
    found = _put_aside(root, own, now, folder=True)
    make_folder(own, root=root)
    found += _put_aside(root, own / LOCK_NAME, now, folder=False)
    for name in (KEEPING, BLACK_BOX_IN_LIBRARY.name):
        found += _put_aside(root, own / name, now, folder=True)
    return found


def _put_aside(root: Path, path: Path, now: datetime, *, folder: bool) -> list[NotBelieved]:
    try:
        status = beneath.status_of(root, path)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LibraryError(f"{path}: cannot be looked at ({error.strerror}). Nothing was started") from error
    why = _why_not(status, folder=folder)
    if not why:
        return []
    try:
        aside = beneath.put_aside(root, path, f"bad-{now:%Y%m%d-%H%M%S}")
    except OSError as error:
        raise LibraryError(
            f"{path}: is {why}, and cannot be put aside ({error.strerror}). Nothing was started. Remove it"
        ) from error
    told = f"{path}: is {why}. It was put aside as {aside.name} and a new one made; see what it is, then remove it"
    return [NotBelieved(told)]


def _why_not(status: os.stat_result, *, folder: bool) -> str:
    """Empty: it is what it should be."""
    if stat.S_ISLNK(status.st_mode):
        return "a link, which rigd does not follow in a library"
    if folder:
        return "" if stat.S_ISDIR(status.st_mode) else "no folder"
    if not stat.S_ISREG(status.st_mode):
        return "no plain file"
    return "a hard link, another name of a file elsewhere" if status.st_nlink > 1 else ""
