"""The tape as Python sees it: made by capture, read by all, held by writers.

Any thread may read. `CaptureCore` (capture_core.py) is the only way to write. No samples pass through
Python here but in `samples`, which is for looking at short stretches.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from msgspec import Struct

from rigd.model.errors import TapeError
from rigd.model.messages import TapeGeometry
from rigd.model.take import SAMPLE_BYTES, SampleForm
from rigd.model.units import Frame, Ns
from rigd.tape import holds
from rigd.tape._core import ffi, lib
from rigd.tape.blocks import Block, BlockFlag, Lost, Piece, Run, wake_frames
from rigd.tape.holds import Hold, HoldRecord
from rigd.tape.levels import LevelMeter
from rigd.tape.mapping import CData, TapeMap, create_file, open_map
from rigd.tape.reader import Reader
from rigd.tape.timeline import ALL_BLOCKS, Timeline, read_timeline

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PORTAUDIO_FULL_SCALE = 8_388_608.0
"""PortAudio's own conversion of 24-bit codes, and rigd's simulated drivers, divide by 2^23."""
JACK_FULL_SCALE = 8_388_607.0
"""JACK's drivers divide by 2^23 - 1."""
SHORTEST_BLOCK_FRAMES = 64
"""The block log covers the whole tape down to blocks of this length, and less of it with shorter ones."""

RECENT_BLOCKS = 64
"""By which it is seen how much the host brings at once."""


class OverwrittenError(TapeError):
    """The tape went over what was being read. Only a reader without a hold can get it."""


class RowNotWrittenError(OSError):
    """A row could not be written to its file. `place` is the file's among those that were given."""

    def __init__(self, code: int, place: int) -> None:
        super().__init__(code, os.strerror(code))
        self.place = place


class TapeCounters(Struct, frozen=True, kw_only=True):
    """What has happened on the tape since it was made."""

    written: int
    """Position after the last stored frame."""
    blocks: int
    next_frame: Frame
    """The frame that the next block will begin with. Runs on while blocks are dropped: it is the
    sign of life of capture."""
    xruns: int
    dropped_blocks: int
    lost_frames: int
    suspects: int
    clamped: int
    zero_blocks: int


class Tape:
    """An attached tape. Close it, or use it in a `with` block; after that every call raises TapeError."""

    def __init__(self, tape_map: TapeMap) -> None:
        self._map = tape_map

    @classmethod
    def create(
        cls,
        path: Path,
        geometry: TapeGeometry,
        *,
        full_scale: float,
        shortest_block_frames: int = SHORTEST_BLOCK_FRAMES,
        origin_frame: int = 0,
        origin_position: int = 0,
        take_memory: bool = True,
    ) -> Tape:
        """A new tape at `path` (mode 0600, all its memory taken), attached for writing. Without `take_memory` it has
        that of its head only, and there is room for the rest: see `TapeMemory`.

        A tape that is there already is replaced; who has it mapped keeps the old one. `full_scale` is
        what the driver divides a 24-bit code by. The origins are the first frame and position, for
        tests of large numbers. TapeError where the memory is not to be had.
        """
        create_file(
            path,
            geometry,
            full_scale=full_scale,
            shortest_block_frames=shortest_block_frames,
            origin_frame=origin_frame,
            origin_position=origin_position,
            take_memory=take_memory,
        )
        return cls.attach(path, writable=True)

    @classmethod
    def attach(cls, path: Path, *, writable: bool) -> Tape:
        """The tape at `path`. `writable` is for capture and writers (holds).

        TapeError if there is none, or it is of another layout, cut short or no tape at all.
        """
        return cls(open_map(path, writable=writable))

    def close(self) -> None:
        """Unmaps it from this process; the file and its holds stay. May be called again."""
        self._map.close()

    def __enter__(self) -> Tape:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What it is.

    @property
    def map(self) -> TapeMap:
        """For the other files of this room."""
        return self._map

    @property
    def path(self) -> Path:
        return self._map.path

    def name_again(self) -> bool:
        """Its path leads to it, also where its file was deleted; see `TapeMap.name_again`. Any thread."""
        return self._map.name_again()

    @property
    def geometry(self) -> TapeGeometry:
        shape = self._map.shape
        return TapeGeometry(
            channels=shape.channels,
            sample_rate_hz=shape.sample_rate_hz,
            capacity_frames=shape.capacity_frames,
        )

    @property
    def tape_id(self) -> int:
        """A random 64-bit number: two tapes at the same path are told apart by it."""
        return int(self._map.shape.tape_id)

    @property
    def full_scale(self) -> float:
        """What the driver divides a 24-bit code by; the packing multiplies by it."""
        return float(self._map.shape.full_scale)

    def map_in(self) -> bool:
        """All of it is mapped here, so that reading it costs no page faults; False while not all of its memory is
        taken. 0.1 s for a gigabyte."""
        if not self._map.has_all_memory:
            return False
        lib.rigd_tape_map_in(self._map.pointer)
        return True

    def lock_memory(self) -> None:
        """Keeps the tape from being paged out, also what gets its memory later, or raises TapeError with the cure."""
        fault = lib.rigd_tape_lock(self._map.pointer)
        if fault != 0:
            raise TapeError(
                f"tape {self.path}: cannot be locked in memory ({os.strerror(fault)}); it is used"
                " unlocked and may be paged out when memory is short. Raise the limit:"
                " LimitMEMLOCK=infinity in the unit, or '@audio - memlock unlimited' in"
                " /etc/security/limits.d/audio.conf"
            )

    # Where it is.

    def counters(self) -> TapeCounters:
        c = ffi.new("rigd_counters *")
        lib.rigd_tape_counters(self._map.pointer, c)
        return TapeCounters(
            written=c.written,
            blocks=c.blocks,
            next_frame=Frame(c.next_frame),
            xruns=c.xruns,
            dropped_blocks=c.dropped_blocks,
            lost_frames=c.lost_frames,
            suspects=c.suspects,
            clamped=c.clamped,
            zero_blocks=c.zero_blocks,
        )

    @property
    def written(self) -> int:
        return self.counters().written

    @property
    def next_frame(self) -> Frame:
        return self.counters().next_frame

    @property
    def oldest_frame(self) -> Frame:
        """The oldest frame the tape still has; `next_frame` while it has none."""
        frame = ffi.new("int64_t *")
        lib.rigd_oldest(self._map.pointer, frame)
        return Frame(frame[0])

    def frame_to_position(self, frame: Frame) -> int:
        """Where `frame` is stored. In a gap: where the frame after it is; ahead: where the tape ends."""
        return int(lib.rigd_position_of(self._map.pointer, frame))

    def timeline(self, *, before_block: int = ALL_BLOCKS) -> Timeline:
        """A snapshot for the time around now, or as it was before that block of the log. TapeError while nothing has
        been heard. Under 1 ms."""
        return read_timeline(self._map, before_block=before_block)

    def wake_frames(self) -> int:
        """How many frames the host brought at once when it was heard last; 0 where nobody knows."""
        recent = self.blocks(max(0, self.counters().blocks - RECENT_BLOCKS))
        return wake_frames(recent, sample_rate_hz=self.geometry.sample_rate_hz)

    def level_meter(self) -> LevelMeter:
        return LevelMeter(self._map)

    # What is on it.

    def reader(self, frame: Frame) -> Reader:
        """A cursor that begins at `frame`, which may be older than the tape or ahead of it."""
        return Reader(self._map, frame)

    def runs(self, first_frame: Frame, end_frame: Frame | None) -> list[Piece]:
        """Everything known of `[first_frame, end_frame)`, or to the end of the tape, in order."""
        reader = self.reader(first_frame)
        found: list[Piece] = []
        while end_frame is None or reader.frame < end_frame:
            left = 2**62 if end_frame is None else end_frame - reader.frame
            piece = reader.next(left)
            if piece is None:
                break
            if isinstance(piece, Lost) and piece.frames > left:
                piece = Lost(frame=piece.frame, frames=left, cause=piece.cause, exact=piece.exact)
            found.append(piece)
        return found

    def blocks(self, first_block: int = 0) -> Iterator[Block]:
        """The block log from `first_block` on, as far as it is still there."""
        entry = ffi.new("rigd_block *")
        counters = self.counters()
        index = max(0, first_block, counters.blocks - self._map.shape.log_blocks)
        while (there := lib.rigd_block_at(self._map.pointer, index, entry)) != 0:
            if there == 1:
                yield Block(
                    index=entry.index,
                    position=entry.position,
                    first_frame=Frame(entry.first_frame),
                    frames=entry.frames,
                    flags=BlockFlag(entry.flags),
                    adc_time=entry.adc_time,
                    monotonic_ns=Ns(entry.monotonic_ns),
                    lost_before=entry.lost_before,
                    clamped=entry.clamped,
                )
            index += 1

    def pack_mono(
        self, form: SampleForm, rows: Sequence[int], run: Run, out: object, *, stride_bytes: int
    ) -> None:
        """Fills `out` (any writable buffer) with the run's samples, little-endian: row `rows[i]` (from 0)
        goes to byte `i * stride_bytes`. OverwrittenError if the tape went over it meanwhile."""
        row_bytes = run.frames * SAMPLE_BYTES[form]
        if stride_bytes < row_bytes:
            raise TapeError(
                f"tape {self.path}: rows of {row_bytes} bytes do not fit in steps of {stride_bytes}"
            )
        needed = stride_bytes * (len(rows) - 1) + row_bytes if rows else 0
        pack = lib.rigd_pack_int24 if form == "int24" else lib.rigd_pack_float32
        with self._room(out, needed) as room:
            fault = pack(
                self._map.pointer, self._rows(rows), len(rows), run.position, run.frames, room, stride_bytes
            )
        self._check_intact(fault, run)

    def pack_poly(self, form: SampleForm, rows: Sequence[int], run: Run, out: object) -> None:
        """Fills `out` with the run's samples interleaved in the order of `rows`; else as `pack_mono`."""
        if not rows:
            return
        pack = lib.rigd_pack_poly_int24 if form == "int24" else lib.rigd_pack_poly_float32
        with self._room(out, run.frames * len(rows) * SAMPLE_BYTES[form]) as room:
            fault = pack(self._map.pointer, self._rows(rows), len(rows), run.position, run.frames, room)
        self._check_intact(fault, run)

    def write_mono(
        self,
        form: SampleForm,
        rows: Sequence[int],
        run: Run,
        fds: Sequence[int],
        room: object,
        *,
        offset_bytes: int,
    ) -> None:
        """The run's samples of row `rows[i]` stand at `offset_bytes` of file `fds[i]`, in the page cache. `room`
        (any writable buffer) has place for one row: what was packed is still in the processor's cache when it
        is written. RowNotWrittenError; OverwrittenError as `pack_mono`. Rows before that one are written."""
        needed, place = run.frames * SAMPLE_BYTES[form], ffi.new("uint32_t *")
        with self._room(room, needed) as packed:
            fault = lib.rigd_write_rows(
                self._map.pointer,
                form == "float32",
                self._rows(rows),
                ffi.new("int[]", list(fds)),
                min(len(rows), len(fds)),
                run.position,
                run.frames,
                offset_bytes,
                packed,
                place,
            )
        if fault > 0:
            raise RowNotWrittenError(fault, place[0])
        self._check_intact(fault, run)

    def samples(self, run: Run) -> npt.NDArray[np.float32]:
        """A copy of the run, shape (channels, frames)."""
        channels = self._map.shape.channels
        import numpy as np  # not at the top: it would take the writer and the daemon 0.1 s to start

        out = np.empty((channels, run.frames), np.float32)
        self.pack_mono("float32", range(channels), run, out, stride_bytes=4 * run.frames)
        return out

    # Holds.

    def take_hold(self, frame: Frame, *, key: int, spare: bool = False) -> Hold:
        """From now on nothing at or after `frame` is overwritten, nor is it forgotten what was lost there.

        Where the tape no longer has `frame`, the oldest it has is held: a reader that begins at `frame`
        tells how much was too late. `key` (not 0, see `hold_key`) is what a restarted writer adopts it by.
        Of a `spare` one capture lets go before it would lose a block to it.
        """
        return holds.take_hold(self._map, frame, key, spare=spare)

    def adopt_hold(self, key: int) -> Hold:
        """The hold of a writer that is gone, now owned by this process. TapeError if there is none or
        its owner runs."""
        return holds.adopt_hold(self._map, key)

    def holds(self) -> tuple[HoldRecord, ...]:
        """All holds, whoever has them."""
        return holds.list_holds(self._map)

    def reclaim_dead_holds(self, writer: str | None = None) -> int:
        """Releases every hold whose process is gone, of writers of that name or of all, and returns how many.
        Only for who knows that nobody will adopt them: a killed writer's hold is what keeps its sound."""
        return holds.reclaim_dead_holds(self._map, writer)

    def _rows(self, rows: Sequence[int]) -> object:
        channels = self._map.shape.channels
        if rows and not 0 <= min(rows) <= max(rows) < channels:
            raise TapeError(f"tape {self.path}: rows {min(rows)} to {max(rows)} asked for, it has {channels}")
        return ffi.new("uint32_t[]", list(rows))

    def _room(self, out: object, needed: int) -> CData:
        room = ffi.from_buffer("uint8_t[]", out, require_writable=True)
        if len(room) < needed:
            raise TapeError(f"tape {self.path}: {needed:,} bytes to pack, room for {len(room):,}")
        return room

    def _check_intact(self, fault: int, run: Run) -> None:
        if fault != 0:
            raise OverwrittenError(
                f"tape {self.path}: frames {run.frame:,} to {run.frame + run.frames:,} were overwritten while"
                " they were read. Nothing of them was used"
            )
