"""The tape's memory is taken ahead of the writing: what is not there yet, and none left."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tape_source import RATE, Source, assert_is_counter, geometry

from rigd.model.errors import TapeError
from rigd.tape.blocks import Lost
from rigd.tape.capture_core import CaptureCore
from rigd.tape.memory import AHEAD_S, PART_S, TapeMemory
from rigd.tape.tape import PORTAUDIO_FULL_SCALE, Tape
from tests.support.patience import wait_for
from tests.support.writer_run import small_disk

CAPACITY_FRAMES = 1 << 18
"""Five seconds: more than is there at first."""
BLOCK = 4096


class Begun:
    """A tape of eight channels that has its first part of memory."""

    def __init__(self, folder: Path, opened: ExitStack, *, capacity_frames: int = CAPACITY_FRAMES) -> None:
        self.path = folder / "tape"
        self.tape = opened.enter_context(
            Tape.create(
                self.path,
                geometry(channels=8, capacity_frames=capacity_frames),
                full_scale=PORTAUDIO_FULL_SCALE,
                take_memory=False,
            )
        )
        core = opened.enter_context(CaptureCore(self.tape))
        self.source = Source(self.tape, core)
        self.memory = TapeMemory(self.tape, core)
        self.memory.begin()

    @property
    def taken_bytes(self) -> int:
        return self.path.stat().st_blocks * 512

    @property
    def whole_bytes(self) -> int:
        return self.path.stat().st_size

    def play_s(self, seconds: float) -> None:
        for _ in range(round(seconds * RATE / BLOCK)):
            self.source.play(BLOCK)


@pytest.fixture
def begun(folder: Path) -> Iterator[Begun]:
    with ExitStack() as opened:
        yield Begun(folder, opened)


def test_sound_is_on_the_tape_before_its_memory_is_there(begun: Begun) -> None:
    begun.play_s(1.0)
    assert_is_counter(begun.tape, 0)
    assert begun.taken_bytes < 0.6 * begun.whole_bytes
    assert not begun.tape.map_in()
    begun.memory.take_rest()
    assert begun.taken_bytes >= begun.whole_bytes
    assert begun.tape.map_in()
    begun.play_s(8.0)  # round and round
    assert_is_counter(begun.tape, begun.tape.oldest_frame)
    assert begun.tape.counters().lost_frames == 0


def test_a_block_that_comes_before_its_memory_is_a_declared_gap_and_touches_no_page(begun: Begun) -> None:
    begun.play_s(AHEAD_S + 1.0)
    before = begun.taken_bytes
    stored = begun.tape.written
    lost = begun.source.frame - stored
    assert AHEAD_S * RATE - BLOCK < stored <= AHEAD_S * RATE + BLOCK
    assert begun.tape.counters().lost_frames == lost
    assert begun.taken_bytes == before < begun.whole_bytes
    begun.memory.take_rest()
    begun.play_s(1.0)
    losses = [piece for piece in assert_is_counter(begun.tape, 0) if isinstance(piece, Lost)]
    assert [(gap.frame, gap.frames, gap.exact) for gap in losses] == [(stored, lost, True)]


def test_memory_is_taken_while_sound_comes_and_no_frame_is_another(begun: Begun) -> None:
    taker = threading.Thread(target=begun.memory.take_rest)
    taker.start()
    begun.play_s(1.0)
    taker.join()
    begun.play_s(3.0)
    assert_is_counter(begun.tape, 0)


def test_a_tape_that_is_gone_on_with_has_its_sound_and_gets_the_rest(folder: Path) -> None:
    """A capture that was killed while it took memory."""
    with ExitStack() as opened:
        first = Begun(folder, opened)
        first.play_s(1.0)
        with (
            Tape.attach(first.path, writable=True) as tape,
            CaptureCore(tape) as core,
        ):
            memory = TapeMemory(tape, core)
            memory.begin()
            memory.take_rest()
            assert first.taken_bytes >= first.whole_bytes
            assert_is_counter(tape, 0)


@pytest.mark.parametrize("capacity_frames", [2, 256, 4096, 1 << 14])
def test_a_tape_shorter_than_the_first_part_has_all_of_it_at_once(folder: Path, capacity_frames: int) -> None:
    with ExitStack() as opened:
        begun = Begun(folder, opened, capacity_frames=capacity_frames)
        assert begun.taken_bytes >= begun.whole_bytes
        begun.memory.take_rest()
        for _ in range(3):
            begun.source.play(max(1, capacity_frames // 2))
        assert begun.tape.counters().lost_frames == 0


def test_stopped_it_takes_no_more(begun: Begun) -> None:
    before = begun.taken_bytes
    begun.memory.stop()
    begun.memory.take_rest()
    assert begun.taken_bytes == before


def test_room_for_all_of_it_is_asked_for_before_a_tape_is_made(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 4 << 20) as small:
        small.chmod(0o700)
        with ExitStack() as opened, pytest.raises(TapeError, match=r"no room for .* No tape was made"):
            Begun(small, opened)
        assert list(small.iterdir()) == []


def test_room_for_the_rest_is_asked_for_before_a_tape_is_gone_on_with(tmp_path: Path) -> None:
    """A capture that was killed while it took memory, and somebody else who took the rest of it: nothing is listened
    to that would have to stop in a second."""
    with small_disk(tmp_path / "small", 12 << 20) as small, ExitStack() as opened:
        small.chmod(0o700)
        first = Begun(small, opened)
        lacks = first.whole_bytes - first.taken_bytes
        room = os.statvfs(small)
        (small / "ballast").write_bytes(bytes(room.f_bavail * room.f_frsize - lacks // 2))
        with (
            Tape.attach(first.path, writable=True) as tape,
            CaptureCore(tape) as core,
            pytest.raises(TapeError, match=r"no room for .* Give that tmpfs more memory"),
        ):
            TapeMemory(tape, core).begin()
        assert first.whole_bytes - first.taken_bytes == lacks, "none is taken for nothing"


def test_room_that_somebody_took_meanwhile_is_an_error_and_no_signal(tmp_path: Path) -> None:
    """SIGBUS in the callback would end the process: it is never let go to a page that is not there."""
    with small_disk(tmp_path / "small", 10 << 20) as small, ExitStack() as opened:
        small.chmod(0o700)
        begun = Begun(small, opened)
        with (small / "ballast").open("wb") as ballast:
            free = (begun.whole_bytes - begun.taken_bytes) // 2
            ballast.write(bytes(free + (10 << 20) - begun.whole_bytes))
        with pytest.raises(TapeError, match=r"no room for .* Give that tmpfs more memory"):
            begun.memory.take_rest()
        begun.play_s(6.0)
        stored = begun.tape.written
        assert stored < CAPACITY_FRAMES
        assert stored >= AHEAD_S * RATE - PART_S * RATE
        assert begun.tape.counters().lost_frames == begun.source.frame - stored
        assert_is_counter(begun.tape, 0, stored)


def test_it_waits_for_the_part_that_is_taken_before_a_tape_is_closed(begun: Begun) -> None:
    taker = threading.Thread(target=begun.memory.take_rest)
    taker.start()
    wait_for(lambda: begun.taken_bytes > 0, "a part")
    begun.memory.stop()
    begun.tape.close()
    taker.join()
