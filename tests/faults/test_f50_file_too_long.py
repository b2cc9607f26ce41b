"""F50: a file may not grow any further (EFBIG): a FAT volume at 4 GiB, a limit of the process.

The take goes on in next files of its own, all channels at the same frame, while its writer is killed and started
again. The limit of a process has the same errno; tests/writer/test_fat_volume.py fills a real FAT volume.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.model.messages import EndTake, OpenTake, TakeClosed, TakeOpened
from rigd.model.units import Frame
from rigd.takefile.journal import read_journal
from tests.proof import oracle
from tests.proof.figures import Figures, count
from tests.support.capture_run import runtime_folder
from tests.support.long_file import check_border, feed, limit_files
from tests.support.writer_run import FedTape, WriterRun, order_for

LIMIT_BYTES = 1_200_000


@pytest.fixture
def runtime() -> Iterator[Path]:
    with runtime_folder() as folder:
        yield folder


@pytest.mark.timeout(900)
@pytest.mark.parametrize("known", [True, False], ids=["known before", "met by a write"])
def test_a_take_goes_on_in_next_files_whoever_is_killed_on_the_way(
    runtime: Path, tmp_path: Path, figures: Figures, known: bool
) -> None:
    library, kills = tmp_path / "library", count(ci=2, full=20)
    order = order_for(library, channels=4)
    with (
        FedTape(runtime, channels=4, capacity_frames=1 << 18) as fed,
        WriterRun(runtime, library) as writer,
    ):
        if known:
            limit_files(writer, LIMIT_BYTES)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        limit_files(writer, LIMIT_BYTES)
        for _ in range(kills):
            feed(fed, 400_001)
            writer.restart()
            limit_files(writer, LIMIT_BYTES)
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
        "frames lost or repeated where the take goes on in next files",
        bound="0 frames",
        measured=0,
        unit="frames",
        count=f"{len(parts)} sets of files, the limit {'known' if known else 'met'}, {kills} kills between them",
        load="4 ch/48 kHz/24 bit",
    )


def test_a_file_is_filled_up_to_four_gigabytes_and_the_next_one_goes_on(
    runtime: Path, tmp_path: Path, figures: Figures
) -> None:
    check_border(runtime, tmp_path / "library", limited=True)
    figures.record(
        "F50",
        "frames lost or repeated at 4 GiB",
        bound="0 frames",
        measured=0,
        unit="frames",
        count="a file up to its 4 GiB and the next one; the frames around the border compared",
    )
