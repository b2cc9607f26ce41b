"""Disks that fail as real ones do: ext4 on a loop device that hangs, freezes, goes read-only, is pulled out or
loses its power; and a tmpfs that is soon full. Needs root; `can_mount` tells. Any thread; never a disk of the user's.

A `LoopDisk` is ext4 in an image file that lies on a small ext4 of its own, the *shelf*. While the shelf is frozen no
write can get into the image, so a copy made then is the disk at one instant, with the writes in their true order:
what the block layer has written by then, and nothing that was only in the page cache. A copy made without it would
hold blocks of different instants, which no power cut leaves behind.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from hardware_sim.disk_images import (
    DiskError,
    MountedCopy,
    PowerCut,
    check_image,
    copy_sparse,
    fast_folder,
    make_sparse,
    mount_copy,
    run_tool,
)
from hardware_sim.write_cache import WriteCache

__all__ = [
    "DiskError",
    "LoopDisk",
    "Mountable",
    "MountedCopy",
    "PowerCut",
    "SmallDisk",
    "can_mount",
    "check_image",
    "mount_copy",
]

FIFREEZE = 0xC0045877
FITHAW = 0xC0045878
EXT4_IOC_SHUTDOWN = 0x8004587D
SHUTDOWN_AT_ONCE = b"\2\0\0\0"  # EXT4_GOING_FLAGS_NOLOGFLUSH: not even the journal is written any more
MEBIBYTE = 1 << 20
NEEDED = ("mount", "umount", "losetup", "mkfs.ext4", "e2fsck")
TORN_WAIT_S = 3.0
"""Longer than rigd goes on without a write while a take rolls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mountable:
    """Whether this process may make disks; why not."""

    reason: str = ""

    def __bool__(self) -> bool:
        return not self.reason


def can_mount(*, write_cache: bool = False) -> Mountable:
    """Truthy where such loop disks can be made here (it is tried); else `.reason` says what stands in the way."""
    if os.geteuid() != 0:
        return Mountable(reason="loop disks need root: run the tests as root")
    missing = [tool for tool in NEEDED if shutil.which(tool) is None]
    if missing:
        return Mountable(
            reason=f"not installed: {', '.join(missing)}. Install it: apt install e2fsprogs mount"
        )
    try:
        with LoopDisk(8 * MEBIBYTE, write_cache=write_cache):
            return Mountable()
    except DiskError as error:
        return Mountable(reason=str(error))


class LoopDisk:
    """From `with` to its end: ext4 of `size_bytes`, mounted at `path`. One thread calls its methods.

    `folder` is where the image lies; memory (/dev/shm) where not given. Nothing of it is left at the end,
    even where processes still have files of it open. With `write_cache` it can be torn (`torn_power_cut`): each
    access then passes through one more process, and needs /dev/fuse.
    """

    def __init__(self, size_bytes: int, folder: Path | None = None, *, write_cache: bool = False) -> None:
        self._size_bytes = size_bytes
        self._write_cache = write_cache
        self._cache: WriteCache | None = None
        self._parent = folder if folder is not None else fast_folder()
        self._home = Path()
        self._loop = ""
        self._shelf_loop = ""
        self._image = Path()
        self._number = 0
        self._frozen = False
        self._stalled = False

    @property
    def path(self) -> Path:
        """Where it is mounted; the same path after `plug_in` and `mount`."""
        return self._home / "volume"

    @property
    def device(self) -> str:
        """The loop device, such as /dev/loop3; empty while it is pulled out."""
        return self._loop

    def __enter__(self) -> Self:
        self._home = Path(tempfile.mkdtemp(prefix=f"rigd-disk-{os.getpid()}-", dir=self._parent))
        try:
            for name in ("shelf", "volume", "cache"):
                (self._home / name).mkdir()
            self._make_shelf()
            self._image = self._new_image()
            make_sparse(self._image, self._size_bytes)
            run_tool("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
            self._attach()
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clean_up()

    # --- mounting ---

    def mount(self) -> None:
        """It is at `path`."""
        run_tool("mount", "-o", "errors=remount-ro", self._loop, str(self.path))

    def unmount(self) -> None:
        """It is not at `path`, and clean. Raises DiskError where files of it are open."""
        run_tool("umount", str(self.path))

    def lazy_unmount(self) -> None:
        """It is not at `path` any more; whoever has files of it open goes on writing to them."""
        run_tool("umount", "-l", str(self.path))

    def remount_read_only(self) -> None:
        """Every write from now on is refused (EROFS), of files that are open, too.

        With files open for writing Linux does it only where ext4 has found an error, so such an error is
        reported to it (/sys/fs/ext4/*/trigger_fs_error).
        """
        try:
            run_tool("mount", "-o", "remount,ro", str(self.path))
        except DiskError:
            trigger = Path("/sys/fs/ext4") / Path(self._loop).name / "trigger_fs_error"
            trigger.write_text("a simulated disk error\n", "ascii")
        if not _refuses(self.path):
            raise DiskError(f"{self.path} did not become read-only. Unmount it instead: lazy_unmount()")

    def remount_read_write(self) -> None:
        """It takes writes again, at the same path: after an error, checked and mounted anew.

        Files that were open before stay as they were: of the disk that failed.
        """
        with contextlib.suppress(DiskError):
            run_tool("mount", "-o", "remount,rw", str(self.path))
        if _refuses(self.path):  # ext4 does not go on after an error
            self.detach()
            self.plug_in()

    # --- standing still ---

    def freeze(self) -> None:
        """The file system is frozen (fsfreeze): clean on the disk, and every write to it waits."""
        if self._stalled:
            raise DiskError("a stalled disk cannot be frozen: that would wait for ever. Call go_on() first")
        if not self._frozen:
            _order(self.path, FIFREEZE)
            self._frozen = True

    def thaw(self) -> None:
        """What waited goes on."""
        if self._frozen:
            _order(self.path, FITHAW)
            self._frozen = False

    def stall(self) -> None:
        """The disk hangs: writes go into the page cache as always, but none gets to the disk and fdatasync waits."""
        if not self._stalled:
            _order(self._shelf, FIFREEZE)
            self._stalled = True

    def go_on(self) -> None:
        """The disk works again."""
        if self._stalled:
            _order(self._shelf, FITHAW)
            self._stalled = False

    # --- going away ---

    def pull(self) -> None:
        """The disk is gone: every access is an error (EIO) at once; it is still in the list of mounts."""
        self.go_on()
        self.thaw()
        opened = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(opened, EXT4_IOC_SHUTDOWN, SHUTDOWN_AT_ONCE)
        except OSError as error:
            raise DiskError(f"{self.path}: cannot be pulled ({error.strerror}); is it mounted?") from error
        finally:
            os.close(opened)

    def detach(self) -> None:
        """The disk is gone, and its mount, too. `plug_in` brings back what had been written to it."""
        self.go_on()
        if os.path.ismount(self.path):
            self.pull()
            self.lazy_unmount()
        self._release_loop()

    def plug_in(self) -> None:
        """After `detach`: checked with e2fsck and mounted at the same path again."""
        if self._loop:
            raise DiskError(f"{self._loop} is plugged in. Call detach() first")
        # A new file and a new loop device: where somebody still has files open, the old ones live on.
        image = self._new_image()
        copy_sparse(self._image, image)
        self._image.unlink()
        self._image = image
        check_image(image)
        self._attach()

    # --- power cuts ---

    def power_cut(self, to: Path) -> PowerCut:
        """A copy at `to` of the disk at one instant; the disk itself works on (it stands still for some ms)."""
        asked_ns = time.monotonic_ns()
        with self._standing():
            cut_ns = time.monotonic_ns()
            copy_sparse(self._image, to)
        return PowerCut(image=to, asked_ns=asked_ns, cut_ns=cut_ns)

    def torn_power_cut(self, to: Path, *, seed: int, wait_s: float = TORN_WAIT_S) -> PowerCut:
        """As `power_cut`, but a random half of the sectors written since the last flush that was answered is as it
        was at that flush. Made once there are some; where nothing is written for `wait_s` the copy is whole.

        A disk may lose just that at a power cut, and nothing else. Needs a disk with `write_cache`.
        """
        if self._cache is None:
            raise DiskError(f"{self.path} has no cache to lose. Make it with write_cache=True")
        return self._cache.cut(to, seed=seed, wait_s=wait_s)

    @contextlib.contextmanager
    def _standing(self) -> Iterator[None]:
        stalled = self._stalled
        self.stall()
        try:
            yield
        finally:
            if not stalled:
                self.go_on()

    # --- inside ---

    @property
    def _shelf(self) -> Path:
        return self._home / "shelf"

    def _make_shelf(self) -> None:
        # Room for the image twice (plug_in copies it); both files are sparse and cost what is written to them.
        image = self._home / "shelf.img"
        make_sparse(image, 2 * self._size_bytes + self._size_bytes // 8 + 16 * MEBIBYTE)
        run_tool(
            "mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096", "-N", "64", "-O", "^has_journal", str(image)
        )
        self._shelf_loop = run_tool("losetup", "--find", "--show", str(image)).strip()
        run_tool("mount", self._shelf_loop, str(self._shelf))

    def _new_image(self) -> Path:
        self._number += 1
        return self._shelf / f"disk-{self._number}.img"

    def _attach(self) -> None:
        file = self._image
        if self._write_cache:
            self._cache = WriteCache(self._image, self._home / "cache")
            file = self._cache.file
        self._loop = run_tool("losetup", "--find", "--show", str(file)).strip()
        self.mount()

    def _release_loop(self) -> None:
        try:
            if self._loop:
                run_tool(
                    "losetup", "-d", self._loop
                )  # while files are open, Linux does it when they are closed
                self._loop = ""
        finally:
            if self._cache is not None:
                self._cache.close()
                self._cache = None

    def _clean_up(self) -> None:
        # Each step whatever became of the one before: nothing may be left standing or mounted.
        with contextlib.suppress(DiskError):
            self.go_on()
        with contextlib.suppress(DiskError):
            self.thaw()
        for place in (self.path, self._shelf):
            while os.path.ismount(place):
                run_tool("umount", "-l", str(place))
        with contextlib.suppress(DiskError):
            self._release_loop()
        if self._shelf_loop:
            with contextlib.suppress(DiskError):
                run_tool("losetup", "-d", self._shelf_loop)
            self._shelf_loop = ""
        shutil.rmtree(self._home)


class SmallDisk:
    """From `with` to its end: a tmpfs of `size_bytes`, mounted at `path`."""

    def __init__(self, size_bytes: int, folder: Path | None = None) -> None:
        self._size_bytes = size_bytes
        self._parent = folder if folder is not None else fast_folder()
        self.path = Path()

    def __enter__(self) -> Self:
        self.path = Path(tempfile.mkdtemp(prefix=f"rigd-disk-{os.getpid()}-", dir=self._parent))
        try:
            run_tool("mount", "-t", "tmpfs", "-o", f"size={self._size_bytes}", "rigd-disk", str(self.path))
        except DiskError:
            self.path.rmdir()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if os.path.ismount(self.path):
            run_tool("umount", "-l", str(self.path))
        self.path.rmdir()

    def resize(self, size_bytes: int) -> None:
        """It holds so much from now on; what is there stays."""
        run_tool("mount", "-o", f"remount,size={size_bytes}", str(self.path))

    def fill(self, *, leave_bytes: int) -> Path:
        """A file takes all room but so many bytes; delete it to have the room back."""
        ballast = self.path / "ballast"
        with ballast.open("ab") as file:
            while True:
                disk = os.statvfs(self.path)
                wanted = max(1, disk.f_bavail * disk.f_frsize - leave_bytes + file.tell())
                try:
                    os.posix_fallocate(file.fileno(), 0, wanted)
                    break
                except OSError as error:  # somebody who wrote in between has had some of it, or all
                    if error.errno != errno.ENOSPC:
                        raise
                    if wanted == 1:
                        break
        return ballast


def _order(path: Path, order: int) -> None:
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(opened, order, 0)
    except OSError as error:
        word = "frozen" if order == FIFREEZE else "thawed"
        raise DiskError(f"{path} could not be {word} ({error.strerror}); is it mounted?") from error
    finally:
        os.close(opened)


def _refuses(path: Path) -> bool:
    """Whether a write is refused there."""
    probe = path / ".rigd-disk-probe"
    try:
        probe.touch()
        probe.unlink()
    except OSError:
        return True
    return False
