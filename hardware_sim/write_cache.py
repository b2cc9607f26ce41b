"""The volatile cache of a disk, which a power cut loses: what was written since the last flush may be there or not.

The image of a disk is served as a file over FUSE by a process of its own (`python -m hardware_sim.write_cache`), so
that every write and flush passes there one after the other, and it knows what each sector was at the last flush. A
cut is made between two of them, when there is something to lose. `WriteCache` is its other end: any one thread.
It never changes what is written: only copies are torn.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from hardware_sim.disk_images import SECTOR, DiskError, PowerCut, copy_sparse, run_tool
from hardware_sim.fuse import mount_fuse, serve_one

WRITES_LATER = (0, 0, 0, 1, 2, 4, 8, 16)
"""One of these is drawn: after so many more writes the cut is made. Without it, each would be at the first write
after a flush."""
AT_LEAST_SECTORS = (1, 1, 16, 128, 512)
"""And one of these: so many must be there to be lost, for the first half of the wait. Most windows between two
flushes hold a sector or two of the file system's journal; the wide ones hold the sound."""
AT_FLUSH_CHANCE = 0.5
"""That a flush which comes before is cut off: it is not answered, and all it would have made safe may be lost."""
MISSING_SHARE = 0.5
PATIENCE_S = 120.0
"""That long the copying of an image may take."""


class WriteCache:
    """From its making to `close`: `file` is the image with a cache in front of it."""

    def __init__(self, image: Path, folder: Path) -> None:
        mounted = mount_fuse(folder)
        self.file = mounted.file
        self._folder = folder
        self._orders, theirs = socket.socketpair()
        fds = (mounted.requests_fd, theirs.fileno())
        command = [sys.executable, "-m", "hardware_sim.write_cache", *map(str, fds), str(image)]
        try:
            # A session of its own: Ctrl-C in a terminal must not take the disk away before it is unmounted.
            self._process = subprocess.Popen(command, pass_fds=fds, start_new_session=True)
        finally:
            # With the process the last one who could answer is gone, and who waits gets an error, not silence.
            os.close(mounted.requests_fd)
            theirs.close()

    def cut(self, to: Path, *, seed: int, wait_s: float) -> PowerCut:
        """A copy of the image at `to`, in which a random half of the sectors written since the last flush that was
        answered is as it was then; made as soon as there are some, or whole after `wait_s`."""
        order = {"to": str(to), "seed": seed, "wait_s": wait_s}
        asked_ns = time.monotonic_ns()
        self._orders.settimeout(wait_s + PATIENCE_S)
        try:
            self._orders.sendall(json.dumps(order).encode() + b"\n")
            answer = self._orders.recv(1 << 16)
        except OSError as error:
            raise DiskError(f"{self.file}: the process that serves it does not answer ({error})") from error
        if not answer:
            raise DiskError(f"{self.file}: the process that serves it has died, and the disk with it")
        told = json.loads(answer)
        if "failed" in told:
            raise DiskError(f"{self.file} could not be copied to {to}: {told['failed']}")
        return PowerCut(
            image=to,
            asked_ns=asked_ns,
            cut_ns=told["cut_ns"],
            torn_sectors=told["torn_sectors"],
            unflushed_sectors=told["unflushed_sectors"],
        )

    def close(self) -> None:
        """It is not there any more; to whoever still has it open every access is an error."""
        with contextlib.suppress(DiskError):
            run_tool("umount", "-l", str(self._folder))
        self._orders.close()
        self._process.kill()
        self._process.wait()


@dataclass(slots=True, kw_only=True)
class Ordered:
    """A cut that somebody waits for."""

    to: Path
    chance: random.Random
    until_s: float
    writes_left: int
    any_from_s: float
    """From then on one sector is enough."""
    at_least_sectors: int


class CachedImage:
    """In the process that serves: the image, and what its sectors were at the last flush."""

    def __init__(self, image: Path, orders: socket.socket) -> None:
        self._image = image
        self._orders = orders
        self._file = os.open(image, os.O_RDWR | os.O_CLOEXEC)
        self._replaced: list[tuple[int, bytes]] = []
        """Since the last flush, in order: first sector, what was there."""
        self._ordered: Ordered | None = None

    @property
    def size_bytes(self) -> int:
        return os.fstat(self._file).st_size

    def read(self, at: int, count: int) -> bytes:
        return os.pread(self._file, count, at)

    def write(self, at: int, content: bytes) -> None:
        first, end = at // SECTOR, -(-(at + len(content)) // SECTOR)
        self._replaced.append((first, os.pread(self._file, (end - first) * SECTOR, first * SECTOR)))
        os.pwrite(self._file, content, at)
        if self._ordered is not None:
            self._ordered.writes_left -= 1
            self._cut_if_due()

    def flush(self) -> None:
        ordered = self._ordered
        if ordered is not None and ordered.chance.random() < AT_FLUSH_CHANCE:
            ordered.writes_left = 0
            self._cut_if_due()
        self._replaced.clear()

    def take_order(self) -> None:
        """Somebody wants a cut. Raises EOFError where nobody ever will again."""
        line = self._orders.recv(1 << 16)
        if not line:
            raise EOFError
        order = json.loads(line)
        chance, now_s = random.Random(order["seed"]), time.monotonic()
        self._ordered = Ordered(
            to=Path(order["to"]),
            chance=chance,
            until_s=now_s + order["wait_s"],
            writes_left=chance.choice(WRITES_LATER),
            any_from_s=now_s + order["wait_s"] / 2,
            at_least_sectors=chance.choice(AT_LEAST_SECTORS),
        )
        self._cut_if_due()

    def wait_ms(self) -> float | None:
        """Until the cut that is wanted has to be made."""
        if self._ordered is None:
            return None
        return max(0.0, self._ordered.until_s - time.monotonic()) * 1000

    def cut_if_late(self) -> None:
        if self._ordered is not None and time.monotonic() >= self._ordered.until_s:
            self._cut(self._ordered, self._unflushed())

    def _cut_if_due(self) -> None:
        if self._ordered is None or self._ordered.writes_left > 0:
            return
        enough = self._ordered.at_least_sectors if time.monotonic() < self._ordered.any_from_s else 1
        if sum(len(before) for _, before in self._replaced) < enough * SECTOR:
            return
        unflushed = self._unflushed()
        if len(unflushed) >= enough:
            self._cut(self._ordered, unflushed)

    def _cut(self, ordered: Ordered, unflushed: dict[int, bytes]) -> None:
        self._ordered = None
        cut_ns = time.monotonic_ns()
        missing = [sector for sector in unflushed if ordered.chance.random() < MISSING_SHARE]
        if unflushed and not missing:
            missing = [ordered.chance.choice(list(unflushed))]
        try:
            copy_sparse(self._image, ordered.to)
            with ordered.to.open("r+b") as copy:
                for sector in missing:
                    copy.seek(sector * SECTOR)
                    copy.write(unflushed[sector])
        except (OSError, DiskError) as error:
            told: dict[str, object] = {"failed": str(error)}
        else:
            told = {"cut_ns": cut_ns, "torn_sectors": len(missing), "unflushed_sectors": len(unflushed)}
        with contextlib.suppress(OSError):  # nobody waits for it any more
            self._orders.sendall(json.dumps(told).encode())

    def _unflushed(self) -> dict[int, bytes]:
        """What each sector was at the last flush, of those that are otherwise now."""
        were: dict[int, bytes] = {}
        for first, before in self._replaced:
            for index in range(len(before) // SECTOR):
                were.setdefault(first + index, before[index * SECTOR : (index + 1) * SECTOR])
        return {
            sector: was
            for sector, was in were.items()
            if os.pread(self._file, SECTOR, sector * SECTOR) != was
        }


def main(requests_fd: int, orders_fd: int, image: Path) -> None:
    """The image is served until it is unmounted, or until nobody can order a cut any more."""
    with socket.socket(fileno=orders_fd) as orders:
        cached = CachedImage(image, orders)
        ready = select.poll()
        ready.register(requests_fd, select.POLLIN)
        ready.register(orders_fd, select.POLLIN)
        with contextlib.suppress(EOFError, OSError):
            while True:
                fds = {fd for fd, _ in ready.poll(cached.wait_ms())}
                if orders_fd in fds:
                    cached.take_order()
                if requests_fd in fds:
                    serve_one(requests_fd, cached)
                cached.cut_if_late()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
