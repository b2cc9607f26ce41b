"""A take of 64 channels in one file, filled up to FAT's 4 GiB and gone on with in the next one; and feeding a writer
as fast as it makes room."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import soundfile

from rigd.model.messages import EndTake, OpenTake, TakeClosed, TakeOpened
from rigd.model.units import Frame
from rigd.takefile.journal import read_journal
from rigd.takefile.riff import HEADER_BYTES
from tests.support.counter import counter_rows
from tests.support.patience import wait_for
from tests.support.writer_run import FedTape, WriterRun, order_for

FAT_BYTES = 2**32 - 1
CHANNELS = 64
WIDTH = 3 * CHANNELS
AROUND = 40_000
HEARD = 30_000


def limit_files(writer: WriterRun, most_bytes: int) -> None:
    """No file of the process may be longer from now on: EFBIG, as on a FAT volume."""
    resource.prlimit(writer.process.pid, resource.RLIMIT_FSIZE, (most_bytes, most_bytes))


def feed(fed: FedTape, frames: int) -> None:
    """So many more, as fast as the writer makes room."""
    until = fed.frame + frames
    while fed.frame < until:
        fed.feed(min(8_192, until - fed.frame))
        need = fed.tape.written - fed.tape.geometry.capacity_frames // 2
        wait_for(lambda at=need: all(hold.position >= at for hold in fed.tape.holds()), "room on the tape")


def check_border(runtime: Path, library: Path, *, limited: bool) -> None:
    """Up to the border the take is a declared gap: a hole, or on FAT zeros that are written. `limited`: by a limit of
    the process, else by the volume."""
    with (
        FedTape(runtime, channels=CHANNELS, capacity_frames=1 << 17) as fed,
        WriterRun(runtime, library) as writer,
    ):
        if limited:
            limit_files(writer, FAT_BYTES)
        order = order_for(library, channels=CHANNELS, poly=True)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(4_096)
        border = (FAT_BYTES - HEADER_BYTES - (4 << 20)) // WIDTH // 4096 * 4096
        lost = border - AROUND - fed.frame
        fed.lose(lost)
        journal = Path(order.folder) / "take.journal"
        wait_for(lambda: read_journal(journal).durable_frames >= lost, "the gap is written", within_s=900)
        feed(fed, 2 * AROUND)
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
                sound.seek(max(0, border - HEARD - file.first_frame))
                pieces.append(sound.read(dtype="int32", always_2d=True).T >> 8)
    codes = np.concatenate(pieces, axis=1)
    assert np.array_equal(codes, counter_rows(border - HEARD, frames - border + HEARD, CHANNELS))
