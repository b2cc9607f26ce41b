"""How long one file may become: what its file system and this process' limit say before any write fails.

Any thread. Asks the kernel's list of mounts and no disk, so that a share that does not answer holds up nobody. File
systems with a limit that is not listed here say so by EFBIG, and a take goes on all the same.
"""

from __future__ import annotations

import os
import re
import resource
from pathlib import Path

from msgspec import Struct

LIMITS_BY_KIND = {"vfat": 2**32 - 1, "msdos": 2**32 - 1, "hfs": 2**31 - 1}
"""Of file systems (Documentation/filesystems/vfat.rst: FAT's size field has 32 bits; HFS, not HFS+)."""
NO_LIMIT = 2**62
MOUNTS = "/proc/self/mountinfo"
_ESCAPED = re.compile(r"\\([0-7]{3})")


class FileLimit(Struct, frozen=True, kw_only=True):
    """The longest file, and what sets it."""

    most_bytes: int = NO_LIMIT
    why: str = ""


class Mount(Struct, frozen=True, kw_only=True):
    """Where a file system is mounted, and its kind; both empty where the kernel does not tell."""

    place: str = ""
    kind: str = ""


def mount_of(path: str, mounts: str | None = None) -> Mount:
    """The mount that a path lies on, also of one that is not there yet. `mounts`: a list other than the kernel's."""
    wanted = os.path.abspath(path)
    found = Mount()
    try:
        lines = (
            mounts if mounts is not None else Path(MOUNTS).read_text("utf-8", "surrogateescape")
        ).splitlines()
    except OSError:
        return found
    for line in lines:
        left, _, right = line.partition(" - ")
        words, kinds = left.split(" "), right.split(" ")
        if len(words) < 5 or not kinds[0]:
            continue
        place = _ESCAPED.sub(lambda code: chr(int(code.group(1), 8)), words[4])  # proc(5): space is \040
        inside = place == "/" or wanted == place or wanted.startswith(f"{place}/")
        if inside and len(place) >= len(found.place):  # of two at the same place the later one is seen
            found = Mount(place=place, kind=kinds[0])
    return found


def limit_of_volume(path: str, mounts: str | None = None) -> FileLimit:
    """What the file system sets."""
    mount = mount_of(path, mounts)
    most = LIMITS_BY_KIND.get(mount.kind)
    if most is None:
        return FileLimit()
    name = "FAT" if mount.kind in ("vfat", "msdos") else mount.kind.upper()
    return FileLimit(most_bytes=most, why=f"{mount.place} is a {name} volume")


def file_limit(path: str, mounts: str | None = None) -> FileLimit:
    """The lesser one of the file system's and this process' (RLIMIT_FSIZE)."""
    of_volume = limit_of_volume(path, mounts)
    most, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if most != resource.RLIM_INFINITY and most < of_volume.most_bytes:
        return FileLimit(most_bytes=most, why=f"this process may write {most:,} bytes to a file (ulimit -f)")
    return of_volume


def what_it_means(limit: FileLimit, *, frame_bytes: int, sample_rate_hz: int) -> str:
    """A sentence for a person, of files of so many bytes a frame."""
    seconds = limit.most_bytes / max(1, frame_bytes * sample_rate_hz)
    length = f"{seconds:.0f} s"
    if seconds >= 120:
        length = f"{seconds / 3600:.1f} h" if seconds >= 7200 else f"{seconds / 60:.0f} min"
    size = "4 GiB" if limit.most_bytes == 2**32 - 1 else f"{limit.most_bytes:,} bytes"
    return f"{limit.why}: no file grows beyond {size}, so a take goes on in next files every {length}, without a gap"
