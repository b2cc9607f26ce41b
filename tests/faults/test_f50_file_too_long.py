"""F50: a file may not grow any further (EFBIG): a FAT volume at 4 GiB, a limit of the process.

The take goes on in next files of its own, all channels at the same frame, while its writer is killed and started
again. The limit of a process has the same errno; a real FAT volume is filled up to its 4 GiB in full size.
"""

from __future__ import annotations

import contextlib
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hardware_sim.disk_images import make_sparse
from rigd.model.messages import EndTake, OpenTake, TakeClosed, TakeOpened
from rigd.model.units import Frame
from rigd.writer.file_limit import file_limit, what_it_means
from rigd.writer.journal import read_journal
from rigd.writer.riff import HEADER_BYTES
from tests.faults import oracle
from tests.proof.figures import Figures, count, is_full
from tests.support.capture_run import runtime_folder
from tests.support.counter import counter_rows
from tests.support.patience import wait_for
from tests.support.tools import Exempt, excused, lacking, need_root, need_tool
from tests.support.writer_run import FedTape, WriterRun, check_take, order_for

LIMIT_BYTES = 1_200_000
CAPACITY_FRAMES = 1 << 18
FAT_BYTES = 2**32 - 1
CHANNELS = 64
PROMISE = "a file may grow no further: frames lost or repeated"


@pytest.fixture
def runtime() -> Iterator[Path]:
    with runtime_folder() as folder:
        yield folder


def limit(writer: WriterRun) -> None:
    resource.prlimit(writer.process.pid, resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES))


def feed(fed: FedTape, frames: int) -> None:
    """As fast as the writer makes room."""
    until = fed.frame + frames
    while fed.frame < until:
        fed.feed(min(8_192, until - fed.frame))
        need = fed.tape.written - fed.tape.geometry.capacity_frames // 2
        wait_for(lambda at=need: all(hold.position >= at for hold in fed.tape.holds()), "room on the tape")


@pytest.mark.parametrize("known", [True, False], ids=["known before", "met by a write"])
def test_a_take_goes_on_in_next_files_whoever_is_killed_on_the_way(
    runtime: Path, tmp_path: Path, figures: Figures, known: bool
) -> None:
    library, kills = tmp_path / "library", count(ci=2, full=20)
    order = order_for(library, channels=4)
    with (
        FedTape(runtime, channels=4, capacity_frames=CAPACITY_FRAMES) as fed,
        WriterRun(runtime, library) as writer,
    ):
        if known:
            limit(writer)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        limit(writer)
        for _ in range(kills):
            feed(fed, 400_001)
            writer.restart()
            limit(writer)
        feed(fed, 400_001)
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(fed.frame)))
        closed = writer.await_fact(TakeClosed)
        frames = fed.frame
    heard = oracle.check_a(order.folder, frames=frames, first=0)
    assert oracle.check_b(order.folder) == closed.frames == frames and heard.gaps == ()
    parts = read_journal(Path(order.folder) / "take.journal").parts
    assert len(parts) > kills
    figures.record(
        "F50",
        PROMISE,
        bound="0 frames",
        measured=0,
        unit="frames",
        count=f"{len(parts)} sets of files, {kills} kills between them",
        load="4 ch/48 kHz/24 bit",
        key="known" if known else "met",
    )


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
@pytest.mark.parametrize("fat", [False, True], ids=["limit of 4 GiB", "FAT"])
def test_a_file_is_filled_up_to_four_gigabytes_and_the_next_one_goes_on(
    runtime: Path, tmp_path: Path, figures: Figures, fat: bool
) -> None:
    """Up to the border it is a declared gap: a hole, but FAT writes out its zeros, which is for full size."""
    width, around = 3 * CHANNELS, 40_000
    with contextlib.ExitStack() as disk:
        if fat and not is_full():
            return
        library = disk.enter_context(fat_volume(tmp_path, 6 << 30)) if fat else tmp_path
        order = order_for(library / "library", channels=CHANNELS, poly=True)
        fed = disk.enter_context(FedTape(runtime, channels=CHANNELS, capacity_frames=1 << 17))
        writer = disk.enter_context(WriterRun(runtime, library / "library"))
        if not fat:
            resource.prlimit(writer.process.pid, resource.RLIMIT_FSIZE, (FAT_BYTES, FAT_BYTES))
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(4_096)
        border = (FAT_BYTES - HEADER_BYTES - (4 << 20)) // width // 4096 * 4096
        lost = border - around - fed.frame
        fed.lose(lost)
        journal = Path(order.folder) / "take.journal"
        wait_for(lambda: read_journal(journal).durable_frames >= lost, "the gap is written", within_s=900)
        feed(fed, 2 * around)
        frames = fed.frame
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(frames)))
        assert writer.await_fact(TakeClosed).frames == frames
        record = read_journal(journal)
        assert record.parts == (0, border)
        pieces = []
        for file in record.files:
            path = Path(order.folder) / file.name
            assert path.stat().st_size <= FAT_BYTES
            with soundfile.SoundFile(path) as sound:
                assert sound.frames == file.frames
                sound.seek(max(0, border - 30_000 - file.first_frame))
                pieces.append(sound.read(dtype="int32", always_2d=True).T >> 8)
    codes = np.concatenate(pieces, axis=1)
    assert np.array_equal(codes, counter_rows(border - 30_000, frames - border + 30_000, CHANNELS))
    figures.record(
        "F50",
        PROMISE,
        bound="0 frames",
        measured=0,
        unit="frames",
        count="a file up to its 4 GiB and the next one; the frames around the border compared",
        key="FAT32" if fat else "4 GiB",
    )
