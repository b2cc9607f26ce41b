"""Images of disks: copied while they lie still, checked, mounted.

Runs e2fsprogs and mount(8); needs root where it mounts. Any thread; it touches no file but the images it is given.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rigd.model.errors import RigError

SECTOR = 512
FSCK_WORST = 3
"""e2fsck(8): 0 nothing to do, 1 corrected, 2 corrected and wants a reboot; from 4 on it is not mended."""


class DiskError(RigError):
    """A simulated disk could not be made, or cannot do what was asked now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerCut:
    """A copy of a disk as a power cut would have left it.

    What was durable before `asked_ns` (CLOCK_MONOTONIC) is in it; what was written after `cut_ns` is not.
    """

    image: Path
    asked_ns: int
    cut_ns: int
    torn_sectors: int = 0
    """So many are as they were at the last flush."""
    unflushed_sectors: int = 0
    """Of so many that had changed since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MountedCopy:
    """A power-cut image that e2fsck has been over, mounted at `path`."""

    path: Path
    fsck_code: int
    fsck_said: str


def check_image(image: Path) -> tuple[int, str]:
    """The image is a sound file system, mended where it had to be: e2fsck's exit code (0 to 3) and words."""
    done = subprocess.run(["e2fsck", "-fy", str(image)], capture_output=True, text=True, env=_plain_words())
    said = done.stdout + done.stderr
    if done.returncode > FSCK_WORST:
        raise DiskError(f"e2fsck could not mend {image} (exit code {done.returncode}): {said}")
    return done.returncode, said


@contextlib.contextmanager
def mount_copy(image: Path) -> Iterator[MountedCopy]:
    """The image, checked by e2fsck as at the next start of a machine, is mounted until the end of `with`."""
    code, said = check_image(image)
    path = Path(tempfile.mkdtemp(prefix=f"rigd-disk-{os.getpid()}-", dir=fast_folder()))
    try:
        run_tool("mount", "-o", "loop,errors=remount-ro", str(image), str(path))
        yield MountedCopy(path=path, fsck_code=code, fsck_said=said)
    finally:
        if os.path.ismount(path):
            run_tool("umount", "-l", str(path))  # mount made the loop device, and it goes with the mount
        path.rmdir()


def fast_folder() -> Path:
    """Memory where there is such a folder, else the usual place."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


def make_sparse(path: Path, size_bytes: int) -> None:
    """A file of that length that takes no room yet."""
    with path.open("wb") as file:
        file.truncate(size_bytes)


def copy_sparse(source: Path, to: Path) -> None:
    """The same bytes; where they are zeros, no room is taken."""
    to.unlink(missing_ok=True)
    run_tool("cp", "--sparse=always", "--reflink=auto", str(source), str(to))


def run_tool(*command: str, pass_fds: tuple[int, ...] = ()) -> str:
    """What the program printed. Raises DiskError with its own words where it failed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=_plain_words(), pass_fds=pass_fds)
    except FileNotFoundError as error:
        raise DiskError(f"{command[0]} is not installed: apt install e2fsprogs mount") from error
    if done.returncode != 0:
        raise DiskError(f"{' '.join(command)}: {done.stderr.strip() or f'exit code {done.returncode}'}")
    return done.stdout


def _plain_words() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}
