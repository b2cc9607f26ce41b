"""Samples as files have them: every code of the converter comes back as itself."""

from __future__ import annotations

import errno
from contextlib import ExitStack

import numpy as np
import pytest
from tape_source import assert_is_counter, counter

from rigd.model.errors import TapeError
from rigd.model.units import Frame
from rigd.tape.blocks import Run
from rigd.tape.tape import JACK_FULL_SCALE, PORTAUDIO_FULL_SCALE, OverwrittenError, RowNotWrittenError


def unpack(data: bytes | bytearray) -> np.ndarray:
    raw = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
    return (((raw[:, 0] | raw[:, 1] << 8 | raw[:, 2] << 16) ^ 0x800000) - 0x800000).astype(np.int32)


@pytest.mark.parametrize("full_scale", [PORTAUDIO_FULL_SCALE, JACK_FULL_SCALE])
def test_every_24_bit_code_survives(start, full_scale: float) -> None:
    source = start(channels=1, capacity_frames=2**20, full_scale=full_scale)
    lowest = -(2**23) if full_scale == PORTAUDIO_FULL_SCALE else -(2**23) + 1
    step = 2**19
    out = bytearray(3 * step)
    position = 0
    for first in range(lowest, 2**23, step):
        codes = np.arange(first, min(first + step, 2**23), dtype=np.int32)
        floats = (codes / np.float64(full_scale)).astype(np.float32)
        source.core.feed(floats[None, :], len(codes), adc_time=0.0, monotonic_ns=position)
        run = Run(frame=Frame(position), position=position, frames=len(codes))
        source.tape.pack_mono("int24", [0], run, out, stride_bytes=3 * step)
        np.testing.assert_array_equal(unpack(out)[: len(codes)], codes)
        position += len(codes)


@pytest.mark.parametrize("full_scale", [PORTAUDIO_FULL_SCALE, JACK_FULL_SCALE])
def test_what_is_beyond_full_scale_is_limited_and_halves_are_rounded(start, full_scale: float) -> None:
    source = start(channels=1, full_scale=full_scale)
    values = [1.0, 1.5, 3e38, -1.0, -1.01, -3e38, 0.0, -0.0, 1e-42]
    values += [2.4 / full_scale, 2.6 / full_scale, -2.4 / full_scale, -2.6 / full_scale]
    rows = np.array([values], np.float32)
    source.core.feed(rows, len(values), adc_time=0.0, monotonic_ns=0)
    run = source.tape.runs(Frame(0), None)[0]
    out = bytearray(3 * len(values))
    source.tape.pack_mono("int24", [0], run, out, stride_bytes=len(out))
    lowest = -8388608
    assert unpack(out).tolist() == [
        8388607, 8388607, 8388607, -int(full_scale), lowest, lowest, 0, 0, 0, 2, 3, -2, -3,
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["int24", "float32"])
@pytest.mark.parametrize("frames", [1, 7, 8, 255, 256, 257, 1500])
def test_mono_and_poly_pack_the_rows_asked_for_across_the_wrap(start, form: str, frames: int) -> None:
    source = start(channels=5, capacity_frames=4096)
    for _ in range(5):
        source.play(1000)
    rows = [4, 0, 2]
    first = 4096 - frames // 2 - 1  # the wrap is inside
    run = Run(frame=Frame(first), position=first, frames=frames)
    sample_bytes = 3 if form == "int24" else 4
    expected = counter(first, frames, 5)[rows]
    stride = frames * sample_bytes + 5
    mono = bytearray(b"\xaa" * (stride * 3))
    source.tape.pack_mono(form, rows, run, mono, stride_bytes=stride)
    poly = np.zeros(frames * 3 * sample_bytes, np.uint8)
    source.tape.pack_poly(form, rows, run, poly)

    def floats(data: bytes) -> np.ndarray:
        if form == "float32":
            return np.frombuffer(data, "<f4")
        return (unpack(data) / 2**23).astype(np.float32)

    for i in range(3):
        part = bytes(mono[i * stride : i * stride + frames * sample_bytes])
        np.testing.assert_array_equal(floats(part), expected[i])
        assert mono[i * stride + frames * sample_bytes : (i + 1) * stride] == b"\xaa" * 5
    np.testing.assert_array_equal(floats(poly.tobytes()).reshape(frames, 3).T, expected)


@pytest.mark.parametrize("capacity_frames", [4096, 2**14])
def test_blocks_of_any_length_lie_whole_across_stretches_and_the_wrap(start, capacity_frames: int) -> None:
    source = start(channels=5, capacity_frames=capacity_frames)
    longest = capacity_frames // 2
    for frames in [1, 3, 17, 1000, 4095, 4096, 4097, 6001, 7, 8191, 1024] * 3:
        source.play(min(frames, longest))
        assert_is_counter(source.tape, source.tape.oldest_frame)
    first = source.tape.oldest_frame
    run = source.tape.runs(first, None)[0]
    poly = bytearray(run.frames * 5 * 3)
    source.tape.pack_poly("int24", range(5), run, poly)
    codes = np.rint(counter(first, run.frames, 5) * 2**23).astype(np.int32)
    np.testing.assert_array_equal(unpack(poly).reshape(run.frames, 5).T, codes)


def test_many_channels_interleave(start) -> None:
    source = start(channels=700, capacity_frames=1024)
    source.play(300)
    out = np.zeros((300, 700), np.float32)
    source.tape.pack_poly("float32", range(700), source.tape.runs(Frame(0), None)[0], out)
    np.testing.assert_array_equal(out.T, counter(0, 300, 700))


def test_what_was_overwritten_meanwhile_is_not_passed_off_as_sound(start) -> None:
    source = start(capacity_frames=4096)
    source.play(1000)
    run = source.tape.runs(Frame(0), None)[0]
    for _ in range(4):
        source.play(1000)
    with pytest.raises(OverwrittenError, match="frames 0 to 1,000 were overwritten"):
        source.tape.samples(run)
    with pytest.raises(OverwrittenError):
        source.tape.pack_poly("int24", [0], run, bytearray(3000))


@pytest.mark.parametrize("form", ["int24", "float32"])
def test_rows_are_written_to_their_files_and_a_file_that_fails_is_named(start, tmp_path, form: str) -> None:
    source = start(channels=3, capacity_frames=2**14)
    source.play(5000)
    run = source.tape.runs(Frame(0), None)[0]
    row_bytes = run.frames * (3 if form == "int24" else 4)
    packed = bytearray(3 * row_bytes)
    source.tape.pack_mono(form, [2, 0, 1], run, packed, stride_bytes=row_bytes)
    room = bytearray(row_bytes)
    with ExitStack() as opened:
        files = [opened.enter_context((tmp_path / str(i)).open("w+b")) for i in range(3)]
        fds = [file.fileno() for file in files]
        source.tape.write_mono(form, [2, 0, 1], run, fds, room, offset_bytes=100)
        for i, file in enumerate(files):
            assert file.read() == bytes(100) + packed[i * row_bytes : (i + 1) * row_bytes]
        fds[1] = opened.enter_context((tmp_path / "0").open("rb")).fileno()
        with pytest.raises(RowNotWrittenError) as failed:
            source.tape.write_mono(form, [2, 0, 1], run, fds, room, offset_bytes=100)
        assert (failed.value.errno, failed.value.place) == (errno.EBADF, 1)
        with pytest.raises(TapeError, match="to pack, room for"):
            source.tape.write_mono(form, [2, 0, 1], run, fds, room[:-1], offset_bytes=100)
        for _ in range(4):
            source.play(8000)
        with pytest.raises(OverwrittenError):
            source.tape.write_mono(form, [2, 0, 1], run, fds, room, offset_bytes=100)
