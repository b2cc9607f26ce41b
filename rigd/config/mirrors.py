"""Library and mirror beside each other: two folders, neither inside the other, best on two disks.

Looks at the file system and writes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from rigd.config.faults import ConfigFault

_PATH = ("mirror", "library")


def check_mirror(library: Path, mirror: Path | None) -> Iterator[ConfigFault]:
    """Why these two folders cannot be library and mirror, links followed. Raises OSError, RuntimeError."""
    if mirror is None:
        return
    first, second = library.resolve(), mirror.resolve()
    if first == second:
        yield ConfigFault(
            path=_PATH, text=f'library is [rig] library itself ("{first}"): a mirror is another folder'
        )
    elif second.is_relative_to(first):
        yield ConfigFault(path=_PATH, text=f'library "{second}" is inside [rig] library "{first}"')
    elif first.is_relative_to(second):
        yield ConfigFault(path=_PATH, text=f'library "{second}" has [rig] library "{first}" inside')


def mirror_warnings(library: Path, mirror: Path) -> list[str]:
    """What a mirror there does not guard against."""
    if _device(library) != _device(mirror):
        return []
    return [
        "[mirror] library is on the same file system as [rig] library: one failing disk takes both. "
        "Put it on another disk"
    ]


def _device(folder: Path) -> int:
    for each in (folder, *folder.parents):
        try:
            return os.stat(each).st_dev
        except OSError:
            continue
    return 0
