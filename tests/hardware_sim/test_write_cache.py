"""At a cut a disk's cache loses sectors that were written since the last flush, and no others; only copies lose."""

from __future__ import annotations

import contextlib
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hardware_sim.disk_images import SECTOR, make_sparse
from hardware_sim.write_cache import WriteCache
from tests.support.tools import need_mounts

SECTORS = 4096
WAIT_S = 30.0


@pytest.fixture(autouse=True)
def _root() -> None:
    need_mounts(write_cache=True)


@contextmanager
def cache_in(folder: Path) -> Iterator[WriteCache]:
    image, mounted = folder / "image", folder / "mounted"
    make_sparse(image, SECTORS * SECTOR)
    mounted.mkdir()
    cache = WriteCache(image, mounted)
    try:
        yield cache
    finally:
        cache.close()


def versions(image: Path) -> list[int]:
    """The number that each sector is full of. AssertionError where one holds two."""
    content = image.read_bytes()
    found = []
    for at in range(0, len(content), SECTOR):
        sector = content[at : at + SECTOR]
        assert sector == sector[:8] * (SECTOR // 8), f"sector {at // SECTOR} is of two writes"
        found.append(int.from_bytes(sector[:8], "little"))
    return found


def sectors_full_of(version: int, count: int) -> bytes:
    return version.to_bytes(8, "little") * (SECTOR // 8) * count


@dataclass(slots=True)
class Scribbler:
    """Writes here and there all the time, each write a new version, and flushes after each few of them."""

    file: int
    seed: int
    stop: threading.Event = field(default_factory=threading.Event)
    version: int = 0
    begun: dict[int, list[int]] = field(default_factory=dict)
    """By sector: every version whose write was begun, in order."""
    flushed: int = 0
    """All versions up to this one are."""

    def work(self) -> None:
        chance = random.Random(self.seed)
        while not self.stop.is_set():
            for _ in range(chance.randrange(1, 12)):
                count = chance.randrange(1, 256)
                first = chance.randrange(SECTORS - count)
                version = self.version + 1
                for sector in range(first, first + count):
                    self.begun.setdefault(sector, []).append(version)
                self.version = version
                os.pwrite(self.file, sectors_full_of(version, count), first * SECTOR)
            version = self.version
            os.fsync(self.file)
            self.flushed = version


def test_a_cut_while_somebody_writes_and_flushes_lacks_only_sectors_written_since_the_flush(
    tmp_path: Path,
) -> None:
    torn = 0
    with cache_in(tmp_path) as cache:
        file = os.open(cache.file, os.O_RDWR)
        scribbler = Scribbler(file, seed=3)
        scribbling = threading.Thread(target=scribbler.work)
        scribbling.start()
        try:
            for seed in range(20):
                flushed_before = scribbler.flushed
                cut = cache.cut(tmp_path / "cut", seed=seed, wait_s=WAIT_S)
                assert 1 <= cut.torn_sectors <= cut.unflushed_sectors
                begun = {sector: list(each) for sector, each in scribbler.begun.copy().items()}
                behind = 0
                found = versions(cut.image)
                newest = max(found)
                for sector, version in enumerate(found):
                    written = begun.get(sector, [])
                    assert version == 0 or version in written
                    safe = [each for each in written if each <= flushed_before]
                    assert version >= max(safe, default=0), "what was flushed is there"
                    behind += version < max((each for each in written if each < newest), default=0)
                assert behind <= cut.torn_sectors
                torn += behind
        finally:
            scribbler.stop.set()
            scribbling.join()
            os.close(file)
        assert torn, "and some are missing"
        last = {sector: each[-1] for sector, each in scribbler.begun.items()}
        assert versions(cache.file) == [last.get(sector, 0) for sector in range(SECTORS)], (
            "the disk has them all"
        )


def test_what_was_flushed_is_in_every_cut_and_of_what_was_not_a_half_is_missing(tmp_path: Path) -> None:
    with cache_in(tmp_path) as cache:
        file = os.open(cache.file, os.O_RDWR)
        os.pwrite(file, sectors_full_of(1, SECTORS), 0)
        os.fsync(file)
        os.pwrite(file, sectors_full_of(2, 1000), 0)
        os.pwrite(file, sectors_full_of(3, 1000), 500 * SECTOR)
        cut = cache.cut(tmp_path / "cut", seed=0, wait_s=0)
        found = versions(cut.image)
        assert cut.unflushed_sectors == 1500
        assert found[:1500].count(1) == cut.torn_sectors
        assert 600 < cut.torn_sectors < 900
        assert set(found[:500]) == {1, 2} and set(found[500:1500]) == {1, 3}, "1 is the one that was flushed"
        assert set(found[1500:]) == {1}
        os.close(file)


def test_where_nothing_was_written_since_the_flush_the_cut_is_whole_and_says_so(tmp_path: Path) -> None:
    with cache_in(tmp_path) as cache:
        file = os.open(cache.file, os.O_RDWR)
        os.pwrite(file, sectors_full_of(1, SECTORS), 0)
        os.fsync(file)
        os.pwrite(file, sectors_full_of(1, 100), 0)  # the same again: nothing of it can be lost
        cut = cache.cut(tmp_path / "cut", seed=0, wait_s=0.05)
        assert (cut.torn_sectors, cut.unflushed_sectors) == (0, 0)
        assert versions(cut.image) == [1] * SECTORS
        os.close(file)


def test_a_cache_that_is_closed_is_an_error_to_who_has_it_open_and_leaves_no_mount(tmp_path: Path) -> None:
    with cache_in(tmp_path) as cache:
        file = os.open(cache.file, os.O_RDWR)
    with pytest.raises(OSError):
        os.pwrite(file, bytes(SECTOR), 0)
    with contextlib.suppress(OSError):  # it is closed all the same
        os.close(file)
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
