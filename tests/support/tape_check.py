"""Reads a tape that a frame counter was played on, and checks every stored sample and every gap."""

from __future__ import annotations

from dataclasses import dataclass

from rigd.model.units import Frame
from rigd.tape.blocks import Lost, Run
from rigd.tape.tape import Tape
from tests.support.counter import check_counter, codes_of, counter_distance


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterGap:
    """A gap on the tape: as it was declared, and by how much the counter really went on."""

    declared: Lost
    counter_frames: int

    @property
    def error_frames(self) -> int:
        return abs(self.declared.frames - self.counter_frames)


def check_tape(tape: Tape, *, first_frame: int = 0, end_frame: int | None = None) -> list[CounterGap]:
    """Every sample of [first_frame, end_frame) is the counter's, without a break but at declared gaps.

    Returns these. Frame numbers are checked to run on across them.
    """
    end = Frame(tape.next_frame if end_frame is None else end_frame)
    gaps: list[CounterGap] = []
    value: int | None = None
    waiting: list[Lost] = []
    reached = first_frame
    for piece in tape.runs(Frame(first_frame), end):
        if isinstance(piece, Run):
            assert piece.frame == reached, f"a run begins at frame {piece.frame}, {reached} was due"
            codes = codes_of(tape.samples(piece), tape.full_scale)
            begins = int(codes[0, 0])
            if waiting:
                assert value is not None
                (lost,) = waiting
                gaps.append(CounterGap(declared=lost, counter_frames=counter_distance(value, begins)))
                value, waiting = begins, []
            value = check_counter(codes, first=value, what=f"tape from frame {piece.frame}")
            reached += piece.frames
        elif isinstance(piece, Lost):
            assert piece.frame == reached
            reached += piece.frames
            if value is not None:
                waiting.append(piece)
    assert reached == end, f"the tape was read to {reached}, not to {end}"
    assert value is not None, "there was nothing on the tape"
    return gaps
