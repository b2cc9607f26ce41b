"""F23: a file grows past 4 GiB. JUNK becomes ds64 in place, the frame count is exact, the sample at the border once.

The file is filled up to the border by a declared gap (a hole of the file), and with sound across it.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import wavinfo

from rigd.model.messages import Annotate, EndTake, OpenTake, TakeClosed, TakeOpened
from rigd.model.take import Marker
from rigd.model.units import Frame
from rigd.takefile.riff import HEADER_BYTES
from tests.proof.figures import Figures, is_full
from tests.support.capture_run import runtime_folder
from tests.support.counter import counter_rows
from tests.support.patience import wait_for
from tests.support.tools import need_tool
from tests.support.writer_run import FedTape, WriterRun, order_for

CHANNELS = 64
FRAME_BYTES = 3 * CHANNELS
BORDER = (2**32 - HEADER_BYTES) // FRAME_BYTES
"""The frame on which the fourth gigabyte ends."""
AROUND = 40_000


@pytest.fixture
def runtime() -> Iterator[Path]:
    with runtime_folder() as folder:
        yield folder


@pytest.mark.timeout(900)
def test_past_four_gigabytes_a_file_becomes_rf64_in_place(
    runtime: Path, tmp_path: Path, figures: Figures
) -> None:
    library = tmp_path / "library"
    frames = BORDER + AROUND
    with (
        FedTape(runtime, channels=CHANNELS, capacity_frames=1 << 17) as fed,
        WriterRun(runtime, library) as writer,
    ):
        order = order_for(library, channels=CHANNELS, poly=True)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        path = Path(order.folder) / "All.wav"
        fed.feed(4_096)
        lost = BORDER - AROUND - fed.frame
        fed.lose(lost)
        writer.await_progress(order.take_id, written=lost)
        while fed.frame < frames:
            fed.feed(8_192)
            assert fed.tape.counters().dropped_blocks == 0
            position = fed.tape.written - 65_536
            wait_for(lambda at=position: fed.tape.holds()[0].position >= at, "room on the tape")
        writer.await_progress(order.take_id, durable=frames - 10_000)
        assert path.stat().st_size > 2**32
        with soundfile.SoundFile(path) as rolling:
            assert rolling.frames >= frames - 10_000, "it is RF64 while it rolls"
        # A writer that is killed on the far side goes on in the same file.
        writer.restart()
        writer.send(Annotate(take_id=order.take_id, note=Marker(at_frame=Frame(BORDER), name="border")))
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(frames)))
        assert writer.await_fact(TakeClosed).frames == frames
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    assert header[:8] == b"RF64\xff\xff\xff\xff" and header[12:20] == b"ds64\x1c\0\0\0"
    riff, data, count, table = struct.unpack_from("<QQQI", header, 20)
    assert (riff, data) == (path.stat().st_size - 8, frames * FRAME_BYTES)
    assert (count, table) == (frames, 0) and header[-8:] == b"data\xff\xff\xff\xff"
    with soundfile.SoundFile(path) as sound:
        assert sound.frames == frames
        sound.seek(BORDER - 30_000)
        codes = sound.read(60_000, dtype="int32", always_2d=True).T >> 8
    assert np.array_equal(codes, counter_rows(BORDER - 30_000, 60_000, CHANNELS))
    command = [str(need_tool("ffprobe")), "-v", "error", "-show_entries", "stream=duration_ts"]
    said = subprocess.run([*command, "-of", "csv=p=0", str(path)], capture_output=True, check=True)
    assert int(said.stdout) == frames
    info = wavinfo.WavInfoReader(str(path))
    assert info.ixml.family_uid == order.take_id
    readers = "libsndfile, ffprobe"
    if is_full():  # sox reads all of an RF64 file to find out, which takes a minute
        said = subprocess.run([need_tool("soxi"), "-s", str(path)], capture_output=True, check=True)
        assert int(said.stdout) == frames
        readers += ", sox"
    figures.record(
        "F23",
        "a file across 4 GiB: frames lost or repeated",
        bound="0 frames",
        measured=0,
        unit="frames",
        count=f"60,000 frames around the border compared; {readers} agree on {frames:,}",
    )
