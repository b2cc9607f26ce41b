"""The RIFF/WAVE header of a take file: 4,096 bytes, rewritten whole (EBU Tech 3285, 3306). Pure.

    0 RIFF|RF64 size WAVE · 12 JUNK|ds64 (28) · 48 fmt  (16, float 18) · [fact] · bext · CSET · LIST INFO ·
    JUNK filler · 4088 data size

Every element but `data` is even by its content, so that none needs a pad byte: libsndfile's reader of RF64 skips
none. One block of the file system holds all of it, so that a size can never be torn from its neighbour, and the
step past 4 GiB (JUNK becomes ds64, RIFF becomes RF64) is one write like any other.
"""

from __future__ import annotations

import struct

from msgspec import Struct

from rigd.model.take import SAMPLE_BYTES, SampleForm

HEADER_BYTES = 4096
_DATA_AT = HEADER_BYTES - 8
_LARGE_SIZES_AT = 12
_FACT_AT = 48 + 8 + 18
_LIMIT = 0xFFFFFFFF
"""Of what RIFF itself can count; past it a file is RF64."""
_IN_DS64 = 0xFFFFFFFF
"""Stands where a size of 32 bits has no room (EBU Tech 3306 s.3)."""
PCM = 1
IEEE_FLOAT = 3


class WaveShape(Struct, frozen=True, kw_only=True):
    """How the samples of one file lie."""

    channels: int
    sample_rate_hz: int
    sample: SampleForm

    @property
    def sample_bytes(self) -> int:
        return SAMPLE_BYTES[self.sample]

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.sample_bytes


def subchunk(name: bytes, payload: bytes) -> bytes:
    """One RIFF element: name, size, and the payload, which a zero makes even where it is odd. The zero is part of
    the payload and counted: every text in it may end in zeros, and a reader that forgets pad bytes finds what
    follows."""
    payload += b"\0" * (len(payload) & 1)
    return name + struct.pack("<I", len(payload)) + payload


def header_of(shape: WaveShape, bext: bytes, info: bytes = b"") -> bytearray:
    """The header of a file of 0 frames with nothing behind them. `info`: whole elements that stand behind bext.
    Raises ValueError where they are too long."""
    frame_bytes, rate = shape.frame_bytes, shape.sample_rate_hz
    tag = PCM if shape.sample == "int24" else IEEE_FLOAT
    parts = [
        b"RIFF\0\0\0\0WAVE",
        subchunk(b"JUNK", bytes(28)),
        subchunk(
            b"fmt ",
            struct.pack(
                "<HHIIHH", tag, shape.channels, rate, rate * frame_bytes, frame_bytes, 8 * shape.sample_bytes
            )
            + (
                bytes(2) if tag == IEEE_FLOAT else b""
            ),  # cbSize, which every form but PCM has (RIFF MCI, 1994)
        ),
    ]
    if tag == IEEE_FLOAT:
        parts.append(subchunk(b"fact", bytes(4)))
    parts += [subchunk(b"bext", bext), info]
    used = sum(map(len, parts))
    if used + 8 > _DATA_AT:
        raise ValueError(
            f"the header has no room for {len(bext)} bytes of bext and {len(info)} of other words"
        )
    parts.append(subchunk(b"JUNK", bytes(_DATA_AT - used - 8)))
    header = bytearray(b"".join(parts) + b"data\0\0\0\0")
    set_sizes(header, shape, frames=0)
    return header


def set_sizes(header: bytearray | memoryview, shape: WaveShape, *, frames: int, tail_bytes: int = 0) -> None:
    """`header` says that `frames` frames follow it, and behind those (and their pad) `tail_bytes` more."""
    data_bytes = frames * shape.frame_bytes
    riff_bytes = _DATA_AT + data_bytes + (data_bytes & 1) + tail_bytes
    if riff_bytes <= _LIMIT:
        struct.pack_into("<4sI", header, 0, b"RIFF", riff_bytes)
        struct.pack_into("<4sI28x", header, _LARGE_SIZES_AT, b"JUNK", 28)
        struct.pack_into("<I", header, _DATA_AT + 4, data_bytes)
    else:
        struct.pack_into("<4sI", header, 0, b"RF64", _IN_DS64)
        struct.pack_into("<4sIQQQI", header, _LARGE_SIZES_AT, b"ds64", 28, riff_bytes, data_bytes, frames, 0)
        struct.pack_into("<I", header, _DATA_AT + 4, _IN_DS64)
    if shape.sample == "float32":
        struct.pack_into("<I", header, _FACT_AT + 8, min(frames, _IN_DS64))


def tail_offset(shape: WaveShape, frames: int) -> int:
    """Where in the file the metadata behind `frames` frames begins."""
    data_bytes = frames * shape.frame_bytes
    return HEADER_BYTES + data_bytes + (data_bytes & 1)


def frames_said(header: bytes, shape: WaveShape) -> int:
    """How many frames a header made here says that it has; 0 where it is not one."""
    if len(header) < HEADER_BYTES or header[8:12] != b"WAVE" or header[_DATA_AT : _DATA_AT + 4] != b"data":
        return 0
    data_bytes: int = struct.unpack_from("<I", header, _DATA_AT + 4)[0]
    if header[:4] == b"RF64":
        data_bytes = struct.unpack_from("<Q", header, _LARGE_SIZES_AT + 16)[0]
    return data_bytes // shape.frame_bytes
