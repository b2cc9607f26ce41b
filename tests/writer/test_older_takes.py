"""Takes of an older rigd, with a bext of an odd length and no LIST INFO: read, closed, given a new slate."""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path

import pytest
import soundfile
import wavinfo
from msgspec.structs import replace

from rigd.model.messages import OpenTake, TakeClosed
from rigd.model.take import TakeOrder
from rigd.takefile.bext import bext_of
from rigd.takefile.journal import read_journal
from rigd.takefile.recovery import recover_take, retag_take
from rigd.takefile.riff import HEADER_BYTES, WaveShape, set_sizes
from tests.support.writer_run import FedTape, WriterRun, check_take, order_for

FRAMES = 60_001
RATE = 192_000


def old_header(order: TakeOrder, index: int, *, tail_bytes: int) -> bytes:
    """As rigd 0.1 wrote it: bext with a pad byte behind it, and filler."""
    shape = WaveShape(channels=1, sample_rate_hz=RATE, sample="int24")
    bext = bext_of(order, order.slate, index, shape)[:602] + b"A=PCM,F=192000,W=24,M=mono,T=rigd\r\n"
    assert len(bext) % 2 == 1
    parts = [b"RIFF\0\0\0\0WAVE", b"JUNK" + struct.pack("<I", 28) + bytes(28)]
    parts.append(b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 3 * RATE, 3, 24))
    parts.append(b"bext" + struct.pack("<I", len(bext)) + bext + b"\0")
    left = HEADER_BYTES - 16 - sum(map(len, parts))
    parts.append(b"JUNK" + struct.pack("<I", left) + bytes(left))
    header = bytearray(b"".join(parts) + b"data\0\0\0\0")
    assert len(header) == HEADER_BYTES
    set_sizes(header, shape, frames=FRAMES, tail_bytes=tail_bytes)
    return bytes(header)


def make_old(order: TakeOrder, *, closed: bool) -> None:
    """The take's files and journal are an older rigd's; with `closed` false its writer was killed at the end."""
    folder = Path(order.folder)
    for index, file in enumerate(order.files):
        path = folder / file.name
        content = bytearray(path.read_bytes())
        tail_bytes = len(content) - HEADER_BYTES - FRAMES * 3 - 1
        content[:HEADER_BYTES] = old_header(order, index, tail_bytes=tail_bytes)
        path.write_bytes(content if closed else content[: HEADER_BYTES + FRAMES * 3])
    lines = []
    for line in (folder / "take.journal").read_bytes().splitlines():
        fact = json.loads(line[9:])
        if fact["type"] == "Begun":
            del fact["order"]["preroll_frames"]
        if closed or fact["type"] not in ("Closing", "Closed"):
            text = json.dumps(fact, separators=(",", ":")).encode()
            lines.append(b"%08x %s\n" % (zlib.crc32(text), text))
    (folder / "take.journal").write_bytes(b"".join(lines))


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "left open"])
def test_a_take_of_an_older_rigd_is_closed_and_given_a_new_slate(
    runtime: Path, library: Path, closed: bool
) -> None:
    order = order_for(library, channels=2, end_frame=FRAMES)
    order = replace(order, format=replace(order.format, sample_rate_hz=RATE))
    with FedTape(runtime, channels=2, rate=RATE) as fed, WriterRun(runtime, library) as writer:
        fed.feed(FRAMES)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeClosed)
    make_old(order, closed=closed)
    folder = Path(order.folder)
    assert (recover_take(order.folder, root=library, cache_survived=True) is None) == closed
    record = check_take(folder, first_frame=0, frames=FRAMES)
    assert record.closed and record.faults == () and record.order.preroll_frames == 0
    retag_take(order.folder, order.take_id, replace(order.slate, name="found"), root=library)
    assert not read_journal(folder / "take.journal").retag_due
    check_take(folder, first_frame=0, frames=FRAMES)
    for file in order.files:
        path = folder / file.name
        assert wavinfo.WavInfoReader(str(path), info_encoding="utf-8").info.title == "Söng take 3 found"
        with soundfile.SoundFile(path) as sound:
            assert sound.frames == FRAMES
        assert os.stat(path).st_size % 2 == 0
