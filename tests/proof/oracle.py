"""The two invariants of every fault test, asked of a take's folder: nothing else has to run or be believed.

A: frames on disk (declared gaps among them) are the frames that the source produced, the same for all channels.
Every sample is the frame counter's, silence lies exactly where a gap is declared, and across a gap the counter
went on by the gap's length.
B: every file opens in libsndfile, sox and Python's wave, with the same number of frames; while a take rolls, too.

Files of minutes are read in pieces, and a piece of a mono file is compared as bytes: 64 channels of an hour take
as long as it takes to read them.
"""

from __future__ import annotations

import os
import subprocess
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from rigd.model.state import Take
from rigd.model.take import Gap
from rigd.takefile.journal import JOURNAL_NAME, TakeRecord, has_begun, read_journal
from rigd.takefile.parts import PartFile
from tests.support.counter import MODULUS, ROW_STEP, check_counter, counter_distance
from tests.support.tools import need_tool

HEADER_BYTES = 4096
"""Samples begin there in every file (docs/take-format.md)."""
PIECE_FRAMES = 1 << 20
BLOCK_FRAMES = 1024
WAVE_LIMIT_BYTES = 1 << 32
"""Past it a file is RF64, which Python's wave does not read."""
APART_FRAMES = 2 * 48_000
"""While a take rolls, headers of its files are brought up to date one after another, every 0.8 s or so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What invariant A found in a take."""

    frames: int
    """In every file."""
    gap_frames: int
    """Of them declared as gaps."""
    gaps: tuple[Gap, ...]
    gap_errors: tuple[int, ...]
    """Of each gap whose length was estimated: by how many frames the source's counter says that it is too short."""
    begins_with: int
    """The counter of row 0 at the first frame."""
    follows: int
    """The counter of row 0 that must come behind the last frame."""

    @property
    def worst_gap_error(self) -> int:
        return max(map(abs, self.gap_errors), default=0)

    @property
    def source_frames(self) -> int:
        """What the source produced from the first frame to the last, by its own counter, modulo 2^23."""
        return counter_distance(self.begins_with, self.follows)


def check_a(
    folder: Path | str,
    *,
    frames: int | None = None,
    first: int | None = None,
    gap_slack_frames: int = 2 * BLOCK_FRAMES,
) -> Heard:
    """Invariant A of the first `frames` frames (None: all that the journal says are there) of every file.

    `first`: the counter that row 0 must begin with. A gap whose length was counted must be right to the frame, one
    that was estimated by the clock to `gap_slack_frames`. AssertionError names file and position.
    """
    folder = Path(folder)
    record = read_journal(folder / JOURNAL_NAME)
    assert record.order.format.sample == "int24", "the oracle reads 24-bit files"
    total = record.frames if frames is None else frames
    gaps = _inside(record, total)
    value, begins, at = first, first, 0
    errors: list[int] = []
    with _Files(folder, record) as files:
        files.check_lengths(total, closed=record.closed)
        for gap in [*gaps, None]:
            ends = total if gap is None else gap.at_frame - record.order.first_frame
            if ends > at:
                value = files.value_at(at) if value is None else value
                begins = value if begins is None else begins
                files.check_counter(at, ends, value)
                value = (value + ends - at) % MODULUS
                at = ends
            if gap is None:
                break
            files.check_silence(at, at + gap.length_frames)
            at += gap.length_frames
            if value is None:
                continue
            value = (value + gap.length_frames) % MODULUS
            if not gap.exact and at < total:
                error = _signed(counter_distance(value, files.value_at(at)))
                assert abs(error) <= gap_slack_frames, f"{gap}: the source's counter says {error:+} frames"
                errors.append(error)
                value = (value + error) % MODULUS
    assert begins is not None and value is not None, f"{folder}: nothing but gaps"
    return Heard(
        frames=total,
        gap_frames=sum(gap.length_frames for gap in gaps),
        gaps=tuple(gaps),
        gap_errors=tuple(errors),
        begins_with=begins,
        follows=value,
    )


def check_b(folder: Path | str) -> int:
    """Invariant B of a closed take: all readers tell the same frames of every file, and the journal does. Returns
    them."""
    folder = Path(folder)
    record = read_journal(folder / JOURNAL_NAME)
    assert record.closed, f"{folder}: its journal does not close it"
    told = _told_frames(folder, record.files)
    due = {file.name: file.frames for file in record.files}
    wrong = {name: counts for name, counts in told.items() if set(counts) != {due[name]}}
    assert not wrong, f"{folder}: {record.frames} frames by the journal, by the readers {wrong}"
    return record.frames


def check_whole(closed: Take, why: str = "") -> Heard:
    """Both invariants of a closed take, and it has no gap; `why` says what it means where it has."""
    heard = check_a(closed.folder)
    check_b(closed.folder)
    assert heard.gaps == closed.gaps == (), why or closed.folder
    return heard


def check_b_rolling(folder: Path | str) -> int:
    """Invariant B at any instant of a take that rolls or was cut off: every reader opens every file, and their
    headers are no further apart than the time between two of them. Returns the least frames told."""
    folder = Path(folder)
    record = read_journal(folder / JOURNAL_NAME)
    # Only files of the last part grow; where one begins at this moment they are not there yet.
    last = [file for file in record.files if file.first_frame == record.parts[-1]]
    told = _told_frames(folder, [file for file in last if (folder / file.name).exists()] or record.files)
    before = record.parts[-1]
    for name, counts in told.items():
        # They were asked one after another while the file grew.
        assert list(counts) == sorted(counts), f"{name}: {counts} frames by wave, libsndfile, sox"
    every = [counted for counts in told.values() for counted in counts]
    assert max(every) - min(every) <= APART_FRAMES, f"{folder}: from {min(every)} to {max(every)} frames"
    return before + min(every)


def check_rolling(folder: Path | str) -> Heard:
    """Both invariants of what is there now of a take that rolls, up to the frames that all readers see."""
    seen = check_b_rolling(folder)
    return check_a(folder, frames=min(seen, read_journal(Path(folder) / JOURNAL_NAME).durable_frames))


def take_folders(library: Path) -> list[Path]:
    """Every folder below that holds a take, in order of the takes' first frames; the trash among them. A journal
    without a whole line is none: the power was cut before the take began."""
    found = [path.parent for path in library.rglob(JOURNAL_NAME) if has_begun(path.parent)]
    return sorted(found, key=lambda folder: read_journal(folder / JOURNAL_NAME).order.first_frame)


def _inside(record: TakeRecord, frames: int) -> list[Gap]:
    first = record.order.first_frame
    return [gap for gap in record.gaps if gap.at_frame - first + gap.length_frames <= frames]


def _signed(distance: int) -> int:
    return distance if distance < MODULUS // 2 else distance - MODULUS


def _told_frames(folder: Path, files: Sequence[PartFile]) -> dict[str, tuple[int, ...]]:
    """By file: frames as wave (where it can), libsndfile and sox tell them, in this order."""
    sox = need_tool("soxi")
    paths = [folder / file.name for file in files]
    plain = [_by_wave(path) for path in paths]
    by_sndfile = [soundfile.info(path).frames for path in paths]
    answer = subprocess.run([sox, "-s", *paths], check=True, capture_output=True, text=True)
    by_sox = [int(line) for line in answer.stdout.split()[: len(paths)]]
    assert len(by_sox) == len(paths), f"sox: {answer.stdout} {answer.stderr}"
    return {
        path.name: (*first, second, third)
        for path, first, second, third in zip(paths, plain, by_sndfile, by_sox, strict=True)
    }


def _by_wave(path: Path) -> tuple[int, ...]:
    if path.stat().st_size >= WAVE_LIMIT_BYTES:
        return ()
    with wave.open(str(path)) as opened:
        return (opened.getnframes(),)


class _Files:
    """The samples of a take's files, below their headers, part by part."""

    def __init__(self, folder: Path, record: TakeRecord) -> None:
        rows = {track.channel: track.input - 1 for track in record.order.tracks}
        there = [file for file in record.files if file.frames or not file.first_frame]
        self._files = [
            (folder / file.name, tuple(rows[channel] for channel in file.channels)) for file in there
        ]
        self._begins = [file.first_frame for file in there]
        """The frame of the take at which each of them begins."""
        self._ends = [
            min((each.first_frame for each in there if each.first_frame > file.first_frame), default=None)
            for file in there
        ]
        self._fds: list[int] = []

    def __enter__(self) -> _Files:
        self._fds = [os.open(path, os.O_RDONLY) for path, _ in self._files]
        return self

    def __exit__(self, *error: object) -> None:
        for fd in self._fds:
            os.close(fd)

    def check_lengths(self, frames: int, *, closed: bool) -> None:
        """Every file has so many frames of samples; a closed one by libsndfile, too."""
        for place, ((path, rows), fd) in enumerate(zip(self._files, self._fds, strict=True)):
            end = self._ends[place]
            due = (frames if end is None else min(end, frames)) - self._begins[place]
            has = (os.fstat(fd).st_size - HEADER_BYTES) // (3 * len(rows))
            assert has >= due, f"{path}: {has} frames in the file, {due} are said to be there"
            if closed:
                told = soundfile.info(path).frames
                assert told >= due, f"{path}: {told} frames, {due} are said to be there"

    def value_at(self, frame: int) -> int:
        """The counter of row 0 at this frame, by the first file."""
        place = next(n for n, end in enumerate(self._ends) if end is None or frame < end)
        (_, rows), fd = self._files[place], self._fds[place]
        at = frame - self._begins[place]
        code = int.from_bytes(os.pread(fd, 3, HEADER_BYTES + 3 * len(rows) * at), "little")
        return (code - ROW_STEP * rows[0]) % MODULUS

    def check_counter(self, begin: int, end: int, value: int) -> None:
        """Row r holds value + 1009 r there, and then one more with each frame."""
        reach = ROW_STEP * max(max(rows) for _, rows in self._files)
        for at, frames in self._pieces(begin, end):
            first = (value + at - begin) % MODULUS
            expected = _counter_bytes(first, frames + reach)
            for path, rows, fd, place in self._at(at):
                found = _read(fd, place, frames, 3 * len(rows))
                if len(rows) == 1:
                    start = 3 * ROW_STEP * rows[0]
                    if found == expected[start : start + 3 * frames]:
                        continue
                codes = np.stack([_codes(found, frames, len(rows), place) for place in range(len(rows))])
                for row, heard in zip(rows, codes, strict=True):
                    what = f"{path.name}, row {row}, from frame {at:,}"
                    check_counter(heard[None, :], first=(first + ROW_STEP * row) % MODULUS, what=what)

    def check_silence(self, begin: int, end: int) -> None:
        """Every sample is zero there."""
        for at, frames in self._pieces(begin, end):
            for path, rows, fd, place in self._at(at):
                found = _read(fd, place, frames, 3 * len(rows))
                assert not any(found.strip(b"\0")), f"{path.name}: the gap at frame {begin:,} is not silent"

    def _at(self, frame: int) -> Iterator[tuple[Path, tuple[int, ...], int, int]]:
        """The files that have that frame, and where in them it is."""
        for n, ((path, rows), fd) in enumerate(zip(self._files, self._fds, strict=True)):
            end = self._ends[n]
            if self._begins[n] <= frame and (end is None or frame < end):
                yield path, rows, fd, frame - self._begins[n]

    def _pieces(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """None goes across the beginning of a part."""
        at = begin
        while at < end:
            border = min((edge for edge in self._begins if edge > at), default=end)
            frames = min(PIECE_FRAMES, end - at, border - at)
            yield at, frames
            at += frames


def _read(fd: int, frame: int, frames: int, frame_bytes: int) -> bytes:
    found = os.pread(fd, frames * frame_bytes, HEADER_BYTES + frame * frame_bytes)
    assert len(found) == frames * frame_bytes, f"a file ends at frame {frame + len(found) // frame_bytes:,}"
    return found


def _counter_bytes(first: int, frames: int) -> bytes:
    """The counter as 24-bit little-endian codes."""
    codes = (np.arange(first, first + frames, dtype=np.int64) % MODULUS).astype("<u4")
    return codes.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _codes(found: bytes, frames: int, width: int, place: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    plain = np.frombuffer(found, np.uint8).reshape(frames, width, 3)[:, place].astype(np.int64)
    return plain[:, 0] | plain[:, 1] << 8 | plain[:, 2] << 16
