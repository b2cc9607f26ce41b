"""The daemon's own look at the tape: time to frames, meters, and whether frames still come in.

Read-only. Any thread may ask; one lock keeps the map alive while somebody reads it, because capture
may replace the tape (another interface, another channel count) at any time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from rigd.model.errors import TapeError
from rigd.model.levels import Levels
from rigd.model.requests import Timing
from rigd.model.units import NS_PER_SECOND, Frame, Ns
from rigd.tape.blocks import Block, Run
from rigd.tape.holds import HoldRecord
from rigd.tape.levels import LevelMeter
from rigd.tape.tape import Tape, TapeCounters
from rigd.tape.timeline import Timeline


class HeldTape(Struct, frozen=True, kw_only=True):
    """A tape at one moment. Positions are counted in stored frames: a gap takes none."""

    tape_id: int
    written: int
    """Position after the last stored frame."""
    capacity_frames: int
    sample_rate_hz: int
    holds: tuple[HoldRecord, ...]
    dropped_frames: int = 0
    """Frames that came behind the last stored one and were not stored, up to now."""


class _Fitted(Struct, frozen=True, kw_only=True):
    of: tuple[int, int, int]
    """The tape, and what had been lost on it."""
    at_ns: Ns
    timeline: Timeline


class TapeView:
    """Attaches to the tape in the runtime folder, again whenever another one lies there."""

    def __init__(self, runtime_dir: Path) -> None:
        self._path = runtime_dir / "tape"
        self._lock = threading.Lock()
        self._tape: Tape | None = None
        self._inode = 0
        self._is_named_anew = False
        self._fitted: _Fitted | None = None

    def refresh(self) -> None:
        """The tape that lies there now is attached. TapeError where there is none, or one of another layout."""
        with self._lock:
            if self._tape is not None:
                self._tape.name_again()
            try:
                inode = self._path.stat().st_ino
            except FileNotFoundError:
                raise TapeError("there is no tape yet: rigd-capture has not opened the interface") from None
            if self._tape is not None and inode == self._inode:
                return
            fresh = Tape.attach(self._path, writable=False)
            if self._tape is not None:
                self._tape.close()
            self._tape, self._inode = fresh, inode
            self._is_named_anew = self._path.is_symlink()

    @property
    def is_missing(self) -> bool:
        """No tape lies there."""
        return not self._path.exists()

    def name_again(self) -> None:
        """The tape that is attached can be found by its name again, where that vanished."""
        with self._lock:
            if self._tape is not None:
                self._tape.name_again()
                self._is_named_anew = self._path.is_symlink()

    def can_be_found(self) -> bool:
        """Its name leads to a tape as before, or there is none yet. False once where another process named it anew
        (`name_again`)."""
        with self._lock:
            was_named_anew, self._is_named_anew = self._is_named_anew, self._path.is_symlink()
            return self._tape is None or (
                not self.is_missing and self._is_named_anew in (False, was_named_anew)
            )

    def close(self) -> None:
        with self._lock:
            if self._tape is not None:
                self._tape.close()
            self._tape = None

    def counters(self) -> TapeCounters:
        """Raises TapeError while there is no tape."""
        with self._lock:
            return self._attached().counters()

    def last_block(self) -> Block | None:
        """The newest one that is on the tape; None where there is none."""
        with self._lock:
            tape = self._attached()
            return next(tape.blocks(tape.counters().blocks - 1), None)

    def newest_sound_ns(self) -> Ns | None:
        """When the newest block came (CLOCK_MONOTONIC); None where there is no tape, or nothing on it."""
        try:
            block = self.last_block() if self.counters().blocks else None
        except TapeError:
            return None
        return None if block is None else block.monotonic_ns

    def tape_id(self) -> str:
        """Tells this tape from every other one, as journals write it. Raises TapeError while there is no tape."""
        with self._lock:
            return f"{self._attached().tape_id:016x}"

    def timeline(self) -> Timeline:
        """Raises TapeError while nothing has been heard."""
        with self._lock:
            return self._attached().timeline()

    def frame_at(self, at_ns: Ns, *, fitted_within_ns: int = 0) -> Frame | None:
        """The frame of that moment; None where there is no tape to tell it by. A timeline that was fitted so little
        earlier will do, where nothing was lost since: a fit takes a millisecond."""
        try:
            with self._lock:
                tape = self._attached()
                counters = tape.counters()
                of = (tape.tape_id, counters.lost_frames, counters.xruns)
                fitted = self._fitted
                if fitted is None or fitted.of != of or not 0 <= at_ns - fitted.at_ns < fitted_within_ns:
                    fitted = self._fitted = _Fitted(of=of, at_ns=at_ns, timeline=tape.timeline())
            return fitted.timeline.frame_at(at_ns)
        except TapeError:
            return None

    def timing(self) -> Timing | None:
        """The interface's clock and what was lost; None while nothing has been heard."""
        try:
            with self._lock:
                timeline, counters = self._attached().timeline(), self._attached().counters()
        except TapeError:
            return None
        return Timing(
            measured_rate_hz=timeline.measured_rate_hz,
            drift_ppm=timeline.drift_ppm,
            measured_over_s=timeline.span_ns / NS_PER_SECOND,
            next_frame=counters.next_frame,
            lost_frames=counters.lost_frames,
            xruns=counters.xruns,
        )

    def held(self) -> HeldTape | None:
        """What writers hold, and where the tape ends; None where there is no tape."""
        with self._lock:
            if self._tape is None:
                return None
            geometry, counters = self._tape.geometry, self._tape.counters()
            return HeldTape(
                tape_id=self._tape.tape_id,
                written=counters.written,
                capacity_frames=geometry.capacity_frames,
                sample_rate_hz=geometry.sample_rate_hz,
                holds=self._tape.holds(),
                dropped_frames=_dropped_frames(self._tape, counters.next_frame),
            )

    def position_of(self, frame: Frame, *, tape_id: int) -> int | None:
        """Where that frame is stored; None where that tape is there no more."""
        with self._lock:
            if self._tape is None or self._tape.tape_id != tape_id:
                return None
            return self._tape.frame_to_position(frame)

    def extent(self) -> tuple[Frame, Frame] | None:
        """Oldest frame still there and one past the newest; None where there is no tape."""
        with self._lock:
            if self._tape is None:
                return None
            return self._tape.oldest_frame, self._tape.next_frame

    def heard_from(self, frame: Frame) -> Frame | None:
        """That frame, or the one behind the gap that it lies in; None where the tape has nothing of it yet."""
        with self._lock:
            if self._tape is None:
                return None
            reader = self._tape.reader(frame)
            while (piece := reader.next(1)) is not None:
                if isinstance(piece, Run):
                    return piece.frame
            return None

    def meter(self) -> Callable[[], Levels | None]:
        """A meter of one's own: each call gives the levels since the call before, None where there is no tape."""
        of: Tape | None = None
        meter: LevelMeter | None = None

        def read() -> Levels | None:
            nonlocal of, meter
            with self._lock:
                if self._tape is not of or meter is None:
                    of = self._tape
                    meter = of.level_meter() if of is not None else None
                return meter.read() if meter is not None else None

        return read

    def _attached(self) -> Tape:
        if self._tape is None:
            raise TapeError("there is no tape yet: rigd-capture has not opened the interface")
        return self._tape


def _dropped_frames(tape: Tape, next_frame: Frame) -> int:
    """`next_frame` was read before: a block that is stored meanwhile must not look like a loss."""
    blocks = tape.counters().blocks
    newest = next(tape.blocks(blocks - 1), None) if blocks else None
    return max(0, next_frame - newest.first_frame - newest.frames) if newest is not None else 0
