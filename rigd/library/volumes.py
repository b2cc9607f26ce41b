"""Whether a volume is the one that it was, and fit to be written to. Any thread; asks the disk.

Each volume has an id in `.rigd/volume`. A folder without it, where one had been, is the empty place at which
a disk is not mounted; writing there would fill another disk.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path

from rigd.library.durable import make_folder, sync_folder, write_whole
from rigd.model.errors import LibraryError
from rigd.model.library import WhichVolume
from rigd.takefile.beneath import new_file, remove
from rigd.takefile.volume import ID_NAME, OWN_FOLDER, read_id

MIRROR_ID_NAME = "mirror-volume"
LIBRARY_ID_NAME = "library-volume"
PROBE_NAME = "probe"
PROBE_BYTES = 1 << 16


def volume_id(root: Path) -> str:
    """The volume's id; made where it has none. Raises LibraryError."""
    known = read_id(root)
    if known:
        return known
    own = root / OWN_FOLDER
    try:
        root.mkdir(mode=0o750, parents=True, exist_ok=True)
        make_folder(own, root=root)
        write_id(root, ID_NAME, uuid.uuid4().hex)
    except OSError as error:
        raise LibraryError(f"{own}: cannot be written ({error.strerror})") from error
    return read_id(root)


def write_id(root: Path, name: str, known: str) -> None:
    """The id is in that file of the volume's own folder, durably. OSError."""
    write_whole(root / OWN_FOLDER / name, f"{known}\n".encode("ascii"), root=root)


def why_unfit(root: Path, known: str) -> str:
    """Empty: it is the volume of that id, takes what is written to it, and gives it back. Else why not.

    Nothing is written before the id was seen."""
    found = read_id(root)
    if found != known:
        other = "holds another volume" if found else "does not hold the volume that it held"
        return f'"{root}" {other}; see whether its disk is mounted'
    try:
        if os.statvfs(root).f_flag & os.ST_RDONLY:
            return f'"{root}" is read-only; mount it for writing (as a service: ReadWritePaths=)'
        _probe(root, root / OWN_FOLDER / PROBE_NAME)
    except OSError as error:
        return f'"{root}" does not take a written file and give it back ({error.strerror}); check the disk'
    return ""


class VolumePair:
    """Library and mirror, as they were when they were seen first. Used by one thread."""

    def __init__(self, library: Path, mirror: Path) -> None:
        self._library, self._mirror = library, mirror
        self._library_id = ""
        self._library_device = 0

    def learn(self) -> None:
        """What is there now is the library."""
        with contextlib.suppress(LibraryError, OSError):
            self._library_id = volume_id(self._library)
            self._library_device = self._library.stat().st_dev

    def why_unfit(self, volume: WhichVolume) -> str:
        """As the function of that name. The mirror is a new one, and gets an id, where the library knows of none
        and it knows of no library. LibraryError."""
        if volume is WhichVolume.LIBRARY:
            return why_unfit(self._library, self._library_id)
        known = read_id(self._library, MIRROR_ID_NAME)
        library = read_id(self._mirror, LIBRARY_ID_NAME)
        if library not in ("", self._library_id):
            # The library's disk is not mounted, and what is there is the empty folder below: everything on the
            # mirror would be copied into that.
            return (
                f'"{self._mirror}" is the mirror of another library: is the disk of "{self._library}" mounted? If '
                f"this is to be its library: rm {self._mirror / OWN_FOLDER / LIBRARY_ID_NAME}"
            )
        if not known:
            known = volume_id(self._mirror)
            with contextlib.suppress(OSError):
                write_id(self._library, MIRROR_ID_NAME, known)
        problem = why_unfit(self._mirror, known)
        if problem and read_id(self._mirror) != known:
            problem += f" To begin with a new one: rm {self._library / OWN_FOLDER / MIRROR_ID_NAME}"
        if not problem and not library and self._library_id:
            with contextlib.suppress(OSError):
                write_id(self._mirror, LIBRARY_ID_NAME, self._library_id)
        return problem

    def are_there(self) -> bool:
        """Both are mounted, and the ones that they were."""
        mirror_id = read_id(self._library, MIRROR_ID_NAME)
        here, there = read_id(self._library), read_id(self._mirror)
        return "" not in (here, there) and here == self._library_id and there == mirror_id

    def library_is_another_mount(self) -> bool:
        """True once after the library's volume came back from elsewhere: what was open on it is of no use."""
        with contextlib.suppress(OSError):
            before, self._library_device = self._library_device, self._library.stat().st_dev
            return before != self._library_device
        return False


def _probe(root: Path, path: Path) -> None:
    """Written, made durable, and read back past the page cache. OSError."""
    pattern = os.urandom(PROBE_BYTES)
    handle = new_file(root, path)
    try:
        os.pwrite(handle, pattern, 0)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        if os.pread(handle, PROBE_BYTES, 0) != pattern:
            raise OSError(0, "it gave back something else")
    finally:
        os.close(handle)
        with contextlib.suppress(OSError):
            remove(root, path)
    sync_folder(path.parent, root=root)
