"""Going through a library in which anything may lie: what cannot be read costs itself and nothing else. Any thread.

A library may be the root of a disk, with its `lost+found`; somebody may have copied things into it that are another
user's, links to nowhere, pipes, names of no known spelling; and a disk may fail at one folder. pathlib's own
questions (`is_dir`, `exists`) raise where they may not look, so here they are asked otherwise.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from rigd.model.errors import LibraryError
from rigd.takefile.beneath import LeadsOut

log = logging.getLogger(__name__)

Unreadable = Callable[[Path, OSError], None]
"""Told of what could not be read."""


def pass_by(path: Path, error: OSError) -> None:
    """Nobody has to know."""


def is_folder(path: Path) -> bool:
    """It is a folder, or a link to one, and may be looked at."""
    return os.path.isdir(path)


def is_gone(path: Path) -> bool:
    """Nothing is there, for certain: what may not be looked at is not gone."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def is_file(path: Path) -> bool:
    """It is a plain file, no link, and may be looked at."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def is_link(path: Path) -> bool:
    """It is a link; what may not be looked at is none."""
    return os.path.islink(path)


def library_of(take_folder: Path) -> Path:
    """The root of the library that a take's folder lies in: session, song or trash, take."""
    places = take_folder.parents
    return places[min(2, len(places) - 1)]


def is_plain(name: str) -> bool:
    """A name in a folder, and no way out of it: nobody knows who wrote a journal, take.json or session.json that lies
    in a library."""
    return "/" not in name and "\0" not in name and name not in ("", ".", "..")


def folders_in(folder: Path, unreadable: Unreadable = pass_by) -> Iterator[Path]:
    """The real folders in `folder` that rigd may have made, by name: no links, no hidden ones.

    One that is gone has none; one that may not be read, or only in part, has what could be read of it.
    """
    for name in folder_names_in(folder, unreadable):
        yield folder / name


def folder_names_in(folder: Path, unreadable: Unreadable = pass_by) -> list[str]:
    """The names of those."""
    names: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and _is_real_folder(entry, unreadable):
                    names.append(entry.name)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        unreadable(folder, error)
    return sorted(names)


def _is_real_folder(entry: os.DirEntry[str], unreadable: Unreadable) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError as error:  # the file system does not tell kinds, and this one may not be asked
        unreadable(Path(entry.path), error)
        return False


class NotBelieved(LibraryError):
    """What lies in a library is such that rigd never made it, and was passed by: a person is to know."""


def _leads_out(error: BaseException | None) -> bool:
    """What it came from is a link, or something else that is not opened in a library."""
    while error is not None and not isinstance(error, LeadsOut):
        error = error.__cause__
    return error is not None


MOST_NOT_BELIEVED = 200
"""Told one by one. One file can hold a million things that are not believed, and each is an event and a line."""


class ToldOnce:
    """Names each thing that cannot be read once, in the log. One thread."""

    def __init__(self) -> None:
        self._told: set[Path] = set()
        self._not_believed: set[str] = set()
        self._untold: list[str] = []

    def untold(self) -> list[str]:
        """What was not believed, since this was asked last."""
        untold, self._untold = self._untold, []
        return untold

    def __call__(self, path: Path, error: Exception) -> None:
        if isinstance(error, NotBelieved) or _leads_out(error):
            told = str(error)
            if len(self._not_believed) >= MOST_NOT_BELIEVED:
                told = f"the library has more that is not believed than these {MOST_NOT_BELIEVED}; see to them first"
            if told not in self._not_believed:
                self._not_believed.add(told)
                self._untold.append(told)
                log.warning("%s", told)
            return
        if not self._told.isdisjoint((path, *path.parents)):
            return
        self._told.add(path)
        why = f"{path}: cannot be read ({error.strerror})" if isinstance(error, OSError) else str(error)
        log.warning("%s. It is passed by; the rest of the library is not touched", why)
