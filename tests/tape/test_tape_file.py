"""The tape as a file: made whole, found, checked, refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from tape_source import assert_is_counter, geometry

from rigd.model.errors import TapeError
from rigd.model.units import Frame
from rigd.tape.tape import JACK_FULL_SCALE, PORTAUDIO_FULL_SCALE, Tape
from tests.support.tools import lacking


def test_a_new_tape_is_private_whole_and_says_what_it_is(folder: Path) -> None:
    path = folder / "tape"
    with Tape.create(path, geometry(channels=8), full_scale=JACK_FULL_SCALE) as made:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.stat().st_blocks * 512 >= path.stat().st_size, "its memory is not taken"
        assert [p.name for p in folder.iterdir()] == ["tape"]
        with Tape.attach(path, writable=False) as seen:
            assert seen.geometry == made.geometry == geometry(channels=8)
            assert seen.tape_id == made.tape_id
            assert seen.full_scale == JACK_FULL_SCALE
            assert seen.oldest_frame == seen.next_frame == 0
            assert seen.runs(Frame(0), None) == []
            assert list(seen.blocks(seen.counters().blocks - 1)) == [], (
                "the last block of a tape that has none"
            )


def test_a_tape_that_is_replaced_stays_whole_for_who_has_it(folder: Path) -> None:
    path = folder / "tape"
    with (
        Tape.create(path, geometry(), full_scale=PORTAUDIO_FULL_SCALE) as old,
        Tape.create(path, geometry(channels=5), full_scale=PORTAUDIO_FULL_SCALE) as new,
        Tape.attach(path, writable=False) as found,
    ):
        assert new.tape_id != old.tape_id
        assert old.geometry.channels == 3
        assert found.tape_id == new.tape_id


def test_no_room_is_said_with_the_cure_and_leaves_nothing_behind(folder: Path) -> None:
    # A real tmpfs says so at once; a disk would have to be filled first.
    if folder.parts[:3] != ("/", "dev", "shm"):
        lacking("there is no tmpfs at /dev/shm")
    with pytest.raises(TapeError, match=r"no room for .* MiB .*Give that tmpfs more memory"):
        Tape.create(
            folder / "tape",
            geometry(channels=1024, capacity_frames=2**32),
            full_scale=PORTAUDIO_FULL_SCALE,
        )
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("channels", "capacity_frames"), [(0, 4096), (1025, 4096), (2, 4095), (2, 0)])
def test_an_impossible_shape_is_refused(folder: Path, channels: int, capacity_frames: int) -> None:
    shape = geometry(channels=channels, capacity_frames=capacity_frames)
    with pytest.raises(TapeError, match="cannot be made with"):
        Tape.create(folder / "tape", shape, full_scale=PORTAUDIO_FULL_SCALE)


def test_a_folder_that_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(TapeError, match="No such file or directory"):
        Tape.create(folder / "gone" / "tape", geometry(), full_scale=PORTAUDIO_FULL_SCALE)


def test_what_is_not_a_tape_is_refused_with_the_reason(folder: Path) -> None:
    path = folder / "tape"
    with pytest.raises(TapeError, match="there is none"):
        Tape.attach(path, writable=False)
    path.write_bytes(b"RIFF" * 4096)
    with pytest.raises(TapeError, match="is not a tape"):
        Tape.attach(path, writable=True)
    path.write_bytes(b"")
    with pytest.raises(TapeError, match="is not a tape"):
        Tape.attach(path, writable=True)


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (8, 77, "it has layout 77, this rigd reads layout 4"),
        (12, 12, "contradicts itself"),
        (16, 0, "contradicts itself"),
        (16, 4, "contradicts itself"),
        (24, 4095, "contradicts itself"),
    ],
)
def test_a_header_of_another_kind_is_refused(folder: Path, offset: int, value: int, reason: str) -> None:
    path = folder / "tape"
    Tape.create(path, geometry(), full_scale=PORTAUDIO_FULL_SCALE).close()
    fd = os.open(path, os.O_RDWR)
    os.pwrite(fd, value.to_bytes(4, "little"), offset)
    os.close(fd)
    with pytest.raises(TapeError, match=reason):
        Tape.attach(path, writable=False)


def test_a_tape_cut_short_is_refused(folder: Path) -> None:
    path = folder / "tape"
    Tape.create(path, geometry(), full_scale=PORTAUDIO_FULL_SCALE).close()
    os.truncate(path, path.stat().st_size - 4096)
    with pytest.raises(TapeError, match="cut short"):
        Tape.attach(path, writable=False)


def test_a_closed_tape_answers_with_an_error_and_closes_twice(folder: Path) -> None:
    tape = Tape.create(folder / "tape", geometry(), full_scale=PORTAUDIO_FULL_SCALE)
    tape.close()
    tape.close()
    for use in (lambda: tape.counters(), lambda: tape.reader(Frame(0)), lambda: tape.timeline()):
        with pytest.raises(TapeError, match="was closed"):
            use()


def test_who_only_reads_cannot_hold(folder: Path, start) -> None:
    source = start()
    source.play(100)
    with Tape.attach(folder / "tape", writable=False) as seen:
        assert_is_counter(seen, 0)
        with pytest.raises(TapeError, match="for reading only"):
            seen.take_hold(Frame(0), key=1)


def test_rows_that_are_not_there_and_room_that_is_too_small_are_refused(start) -> None:
    source = start()
    source.play(64)
    run = source.tape.runs(Frame(0), None)[0]
    with pytest.raises(TapeError, match="rows 0 to 3"):
        source.tape.pack_mono("int24", [0, 3], run, bytearray(10_000), stride_bytes=1000)
    with pytest.raises(TapeError, match="room for 575"):
        source.tape.pack_mono("int24", [0, 1, 2], run, bytearray(575), stride_bytes=192)
    with pytest.raises(TapeError, match="do not fit"):
        source.tape.pack_mono("int24", [0, 1, 2], run, bytearray(576), stride_bytes=191)
    with pytest.raises(TapeError, match="room for 767"):
        source.tape.pack_poly("float32", [0, 1, 2], run, bytearray(767))
