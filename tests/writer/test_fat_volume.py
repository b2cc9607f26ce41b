"""A real FAT volume: known by its kind, recorded to, and filled up to the 4 GiB of a file (in full size).

Where the kernel knows FAT; tests/faults/test_f50_file_too_long.py has the same by a limit of the process.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware_sim.disk_images import make_sparse
from rigd.model.messages import EndTake, OpenTake, TakeClosed, TakeOpened
from rigd.model.units import Frame
from rigd.takefile.file_limit import file_limit, what_it_means
from tests.proof.figures import is_full
from tests.support.long_file import FAT_BYTES, check_border, feed
from tests.support.tools import Exempt, excused, lacking, need_root, need_tool
from tests.support.writer_run import FedTape, WriterRun, check_take, order_for

CAPACITY_FRAMES = 1 << 18


@contextlib.contextmanager
def fat_volume(at: Path, size_bytes: int) -> Iterator[Path]:
    """A FAT32 volume in an image, mounted."""
    need_root("a FAT volume, which is a loop mount,")
    image = at / "fat.img"
    make_sparse(image, size_bytes)
    subprocess.run([need_tool("mkfs.vfat"), "-F", "32", image], check=True, capture_output=True)
    place = at / "stick"
    place.mkdir()
    done = subprocess.run(["mount", "-o", "loop", image, place], capture_output=True, text=True, check=False)
    if "unknown filesystem type" in done.stderr:
        excused(Exempt.FAT)
    if done.returncode != 0:
        lacking(f"a FAT volume needs a loop mount, and mount says: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        image.unlink()


def test_a_fat_volume_is_known_by_its_kind_and_records(runtime: Path, tmp_path: Path) -> None:
    with fat_volume(tmp_path, 64 << 20) as stick:
        found = file_limit(str(stick / "library"))
        assert found.most_bytes == FAT_BYTES
        told = what_it_means(found, frame_bytes=3, sample_rate_hz=48_000)
        assert f"{stick} is a FAT volume: no file grows beyond 4 GiB" in told
        assert "goes on in next files every 8.3 h, without a gap" in told
        order = order_for(stick / "library", channels=4)
        with (
            FedTape(runtime, channels=4, capacity_frames=CAPACITY_FRAMES) as fed,
            WriterRun(runtime, stick / "library") as writer,
        ):
            writer.send(OpenTake(order=order))
            writer.await_fact(TakeOpened)
            feed(fed, 100_000)
            writer.send(EndTake(take_id=order.take_id, end_frame=Frame(fed.frame)))
            assert writer.await_fact(TakeClosed).frames == 100_000
        check_take(Path(order.folder), first_frame=0, frames=100_000)


@pytest.mark.timeout(1800)
def test_a_file_is_filled_up_to_four_gigabytes_and_the_next_one_goes_on(
    runtime: Path, tmp_path: Path
) -> None:
    with fat_volume(tmp_path, (6 << 30) if is_full() else (64 << 20)) as stick:
        if is_full():  # FAT has no holes: the gap before the border is four gigabytes of zeros
            check_border(runtime, stick / "library", limited=False)
