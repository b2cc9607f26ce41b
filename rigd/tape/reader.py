"""A cursor that follows the tape: stored runs, losses and xrun marks, in order, none left out.

One thread a reader; any number of readers. It never blocks and never waits: `next` answers None where
the tape ends for now.
"""

from __future__ import annotations

from rigd.model.take import Xrun
from rigd.model.units import Frame
from rigd.tape._core import ffi, lib
from rigd.tape.blocks import CAUSE_BY_CODE, Lost, Piece, Run
from rigd.tape.mapping import TapeMap


class Reader:
    """Stands at `frame`; every `next` moves it over what it returned.

    A reader without a hold may be overtaken by the tape. It then gets `Lost` with the cause
    OVERWRITTEN and the exact length, and goes on with the oldest frame that is there.
    """

    def __init__(self, tape_map: TapeMap, frame: Frame) -> None:
        self._map = tape_map
        self._cursor = ffi.new("rigd_cursor *")
        self._piece = ffi.new("rigd_piece *")
        lib.rigd_cursor_set(tape_map.pointer, self._cursor, frame)

    @property
    def frame(self) -> Frame:
        """The next frame it will tell of."""
        return Frame(self._cursor.frame)

    @property
    def position(self) -> int:
        """Where that frame is stored, or will be: what a hold may be advanced to once all before is safe."""
        return int(lib.rigd_position_of(self._map.pointer, self._cursor.frame))

    def next(self, most_frames: int) -> Piece | None:
        """The next piece: a `Run` of at most `most_frames`, a `Lost` of any length, a mark (`Xrun`) that
        stands before the run it belongs to, or None where nothing more is on the tape yet. A suspect
        mark comes half a second after the frame it tells: until then it may only be a late wake-up."""
        kind = lib.rigd_cursor_next(self._map.pointer, self._cursor, most_frames, self._piece)
        piece = self._piece
        if kind == lib.RIGD_RUN:
            return Run(frame=Frame(piece.frame), position=piece.position, frames=piece.frames)
        if kind == lib.RIGD_LOST:
            cause = CAUSE_BY_CODE[piece.cause]
            estimated = piece.cause != lib.RIGD_CAUSE_OVERWRITTEN and piece.flags & lib.RIGD_ESTIMATED
            return Lost(frame=Frame(piece.frame), frames=piece.frames, cause=cause, exact=not estimated)
        if kind == lib.RIGD_MARK:
            suspect = bool(piece.flags & lib.RIGD_SUSPECT)
            return Xrun(at_frame=Frame(piece.frame), suspect=suspect, about_frames=piece.frames)
        return None
