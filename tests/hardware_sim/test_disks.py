"""The simulated disks fail as they say, leave no mount and no loop device behind, and lose power at one instant."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware_sim.disks import DiskError, LoopDisk, SmallDisk, mount_copy
from tests.support.patience import wait_for
from tests.support.tools import need_mounts

MEBIBYTE = 1 << 20
SIZE = 64 * MEBIBYTE
LINE = 64


@pytest.fixture(autouse=True)
def _root() -> None:
    need_mounts()


@pytest.fixture
def disk() -> Iterator[LoopDisk]:
    with LoopDisk(SIZE) as disk:
        yield disk


def write(path: Path, content: bytes = b"sound") -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fdatasync(file.fileno())


def in_thread(work: object) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_nothing_is_left_of_a_disk_even_where_it_stands_still_and_files_are_open() -> None:
    with LoopDisk(SIZE) as disk:
        path, device = disk.path, disk.device
        opened = (path / "open").open("wb")
        disk.freeze()
        disk.stall()
    assert str(path) not in Path("/proc/mounts").read_text()
    assert not path.parent.exists()
    opened.close()

    def loops() -> str:
        return subprocess.run(
            ["losetup", "-l", "-n", "-O", "BACK-FILE"], capture_output=True, text=True
        ).stdout

    wait_for(
        lambda: path.parent.name not in loops(), f"{device} is let go of, which the kernel does by itself"
    )


def test_two_disks_at_once_are_two_disks() -> None:
    with LoopDisk(SIZE) as one, LoopDisk(SIZE) as two:
        write(one.path / "a")
        assert one.device != two.device
        assert not (two.path / "a").exists()


def test_a_write_to_a_frozen_disk_waits_until_it_is_thawed(disk: LoopDisk) -> None:
    disk.freeze()
    writing = in_thread(lambda: write(disk.path / "a"))
    writing.join(0.2)
    assert writing.is_alive()
    disk.thaw()
    writing.join(10)
    assert (disk.path / "a").read_bytes() == b"sound"


def test_a_stalled_disk_takes_writes_into_memory_and_makes_none_durable(disk: LoopDisk) -> None:
    disk.stall()
    with (disk.path / "a").open("wb", buffering=0) as file:
        file.write(b"sound")
        syncing = in_thread(lambda: os.fdatasync(file.fileno()))
        syncing.join(0.2)
        assert syncing.is_alive()
        disk.go_on()
        syncing.join(10)
        assert not syncing.is_alive()


def test_a_stalled_disk_refuses_to_be_frozen_too(disk: LoopDisk) -> None:
    disk.stall()
    with pytest.raises(DiskError, match="go_on"):
        disk.freeze()


def test_a_disk_turns_read_only_under_an_open_file_and_comes_back(disk: LoopDisk) -> None:
    write(disk.path / "a")
    with (disk.path / "open").open("wb", buffering=0) as file:
        disk.remount_read_only()
        with pytest.raises(OSError) as refused:
            os.pwrite(file.fileno(), b"x", 0)
        assert refused.value.errno == errno.EROFS
        disk.remount_read_write()
    assert (disk.path / "a").read_bytes() == b"sound"
    write(disk.path / "b")


def test_a_read_only_disk_without_open_files_comes_back_too(disk: LoopDisk) -> None:
    disk.remount_read_only()
    with pytest.raises(OSError, match="Read-only"):
        (disk.path / "a").touch()
    disk.remount_read_write()
    write(disk.path / "a")


def test_a_pulled_disk_is_an_error_to_every_open_file(disk: LoopDisk) -> None:
    with (disk.path / "open").open("wb", buffering=0) as file:
        disk.pull()
        with pytest.raises(OSError) as refused:
            os.pwrite(file.fileno(), b"x", 0)
        assert refused.value.errno == errno.EIO
        with pytest.raises(OSError) as refused:
            os.fdatasync(file.fileno())
        assert refused.value.errno == errno.EIO


def test_a_detached_disk_is_plugged_in_with_what_was_durable(disk: LoopDisk) -> None:
    path = disk.path
    write(path / "durable")
    with (path / "open").open("wb", buffering=0) as file:
        disk.detach()
        assert not os.path.ismount(path)
        assert list(path.iterdir()) == []
        disk.plug_in()
        assert (path / "durable").read_bytes() == b"sound"
        with pytest.raises(OSError):
            file.write(b"this file is of the disk that is gone")
    write(path / "new")


def test_files_stay_writable_after_a_lazy_unmount(disk: LoopDisk) -> None:
    with (disk.path / "open").open("wb", buffering=0) as file:
        disk.lazy_unmount()
        assert not (disk.path / "open").exists()
        file.write(b"x")
        with pytest.raises(DiskError):
            disk.unmount()


def test_a_power_cut_has_all_that_was_durable_before_it_and_nothing_written_later(
    disk: LoopDisk, tmp_path: Path
) -> None:
    write(disk.path / "before")
    (disk.path / "in memory only").write_bytes(b"x")
    cut = disk.power_cut(tmp_path / "cut.img")
    write(disk.path / "after")
    assert cut.asked_ns <= cut.cut_ns
    with mount_copy(cut.image) as copy:
        assert copy.fsck_code in (0, 1)
        assert (copy.path / "before").read_bytes() == b"sound"
        assert not (copy.path / "after").exists()
        assert not (copy.path / "in memory only").exists()
    assert not copy.path.exists()


@pytest.mark.parametrize("torn", [False, True], ids=["whole", "torn"])
def test_lines_that_were_durable_before_a_cut_are_in_the_copy_whatever_is_being_written(
    tmp_path: Path, torn: bool
) -> None:
    need_mounts(write_cache=torn)
    with LoopDisk(SIZE, write_cache=torn) as disk:
        durable: list[tuple[int, int]] = []
        stop = threading.Event()

        def keep_writing() -> None:
            with (disk.path / "log").open("wb", buffering=0) as file:
                for number in range(1_000_000):
                    file.write(b"%0*d\n" % (LINE - 1, number))
                    if number % 200 == 0:
                        os.fdatasync(file.fileno())
                        durable.append((time.monotonic_ns(), number))
                        stop.wait(0.01)  # the disk must not be full before the last cut
                    if stop.is_set():
                        return

        writer = in_thread(keep_writing)
        try:
            for number in range(6):
                while len(durable) < number + 2:
                    assert writer.is_alive()
                    stop.wait(0.005)
                image = tmp_path / f"{number}.img"
                cut = disk.torn_power_cut(image, seed=number) if torn else disk.power_cut(image)
                assert (cut.torn_sectors > 0) == torn
                promised = max(line for at_ns, line in durable if at_ns <= cut.asked_ns)
                with mount_copy(cut.image) as copy:
                    lines = (copy.path / "log").read_bytes().splitlines()[: promised + 1]
                assert [int(line) for line in lines] == list(range(promised + 1))
                image.unlink()
        finally:
            stop.set()
            writer.join()


def test_a_disk_without_a_cache_cannot_be_torn(disk: LoopDisk, tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="write_cache=True"):
        disk.torn_power_cut(tmp_path / "cut.img", seed=0)


def test_a_disk_with_a_cache_stalls_is_pulled_out_and_comes_back_as_any_other() -> None:
    need_mounts(write_cache=True)
    with LoopDisk(SIZE, write_cache=True) as disk:
        disk.stall()
        writing = in_thread(lambda: write(disk.path / "a"))
        writing.join(0.2)
        assert writing.is_alive()
        disk.go_on()
        writing.join(10)
        with (disk.path / "open").open("wb", buffering=0) as file:
            disk.detach()
            disk.plug_in()
            with pytest.raises(OSError):
                file.write(b"this file is of the disk that is gone")
        assert (disk.path / "a").read_bytes() == b"sound"
    left = Path("/proc/mounts").read_text()
    assert str(disk.path.parent) not in left


def test_a_small_disk_is_full_at_its_size_and_grows() -> None:
    with SmallDisk(4 * MEBIBYTE) as disk:
        ballast = disk.fill(leave_bytes=MEBIBYTE)
        (disk.path / "a").write_bytes(bytes(MEBIBYTE))
        with pytest.raises(OSError) as full:
            (disk.path / "b").write_bytes(bytes(MEBIBYTE))
        assert full.value.errno == errno.ENOSPC
        disk.resize(8 * MEBIBYTE)
        (disk.path / "b").write_bytes(bytes(MEBIBYTE))
        ballast.unlink()
    assert not disk.path.exists()


def test_what_cannot_be_done_says_why(disk: LoopDisk, tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="plugged in"):
        disk.plug_in()
    disk.unmount()
    with pytest.raises(DiskError, match="is it mounted"):
        disk.pull()
    disk.mount()
    (tmp_path / "noise.img").write_bytes(os.urandom(MEBIBYTE))
    with pytest.raises(DiskError, match="could not mend"), mount_copy(tmp_path / "noise.img"):
        pass
