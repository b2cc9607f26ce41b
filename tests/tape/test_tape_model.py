"""The tape against a model of it in a few lines of Python, for blocks, losses and holds in any order."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tape_source import Source, counter, geometry

from rigd.model.take import GapCause
from rigd.model.units import Frame
from rigd.tape.blocks import BlockFlag, Lost, Run
from rigd.tape.capture_core import CaptureCore
from rigd.tape.holds import Hold, HoldLetGoError
from rigd.tape.tape import PORTAUDIO_FULL_SCALE, Tape

CAPACITY = 1024
LOG = 16


class TapeMachine(RuleBasedStateMachine):
    """`stored` is every block ever stored, `(position, frame, frames, lost before it)`."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "tape"
        shape = geometry(channels=2, capacity_frames=CAPACITY)
        self.tape = Tape.create(path, shape, full_scale=PORTAUDIO_FULL_SCALE)
        self.core = CaptureCore(self.tape)
        self.source = Source(self.tape, self.core)
        self.stored: list[tuple[int, int, int, int]] = []
        self.causes: dict[int, tuple[GapCause, bool]] = {}
        self.pending = 0
        self.pending_full = False
        self.pending_estimated = False
        self.lost = 0
        self.written = 0
        self.holds: dict[int, tuple[Hold, int]] = {}
        self.spare: dict[int, tuple[Hold, int | None]] = {}  # None: capture has let go of it
        self.next_key = 1
        self.clocked = False  # the first block has no clock before it to be compared with
        self.follower = self.tape.reader(Frame(0))
        self.followed = 0

    def teardown(self) -> None:
        self.core.close()
        self.tape.close()
        self.folder.cleanup()

    def _fits(self, frames: int) -> bool:
        if not self.holds:
            return True
        lowest = min(position for _, position in self.holds.values())
        return self._taken_up_to(frames) <= lowest

    def _taken_up_to(self, frames: int) -> int:
        """What a block of that length takes off the tape, rows or log entries."""
        taken = self.written + frames - CAPACITY
        if len(self.stored) >= LOG:
            position, _, length, _ = self.stored[-LOG]
            taken = max(taken, position + length)
        return taken

    def _expect(self, frames: int) -> None:
        if not self._fits(frames):
            self.pending += frames
            self.lost += frames
            self.pending_full = True
            return
        for key, (hold, position) in self.spare.items():
            if position is not None and position < self._taken_up_to(frames):
                self.spare[key] = (hold, None)
        first = self.source.frame
        if self.pending:
            cause = GapCause.TAPE_FULL if self.pending_full else GapCause.OVERFLOW
            self.causes[first] = (cause, not self.pending_estimated)
        self.stored.append((self.written, first, frames, self.pending))
        self.written += frames
        self.pending = 0
        self.pending_full = self.pending_estimated = False

    @rule(frames=st.integers(1, CAPACITY // 2))
    def play(self, frames: int) -> None:
        self.clocked = True
        self._expect(frames)
        self.source.play(frames)

    @rule(frames=st.integers(1, 40))
    def play_short(self, frames: int) -> None:
        self.play(frames)

    @precondition(lambda self: self.clocked)
    @rule(frames=st.integers(1, 200), lost=st.integers(0, 300))
    def overflow(self, frames: int, lost: int) -> None:
        lost = lost if lost > frames / 2 else 0
        if lost:
            self.source.lose(lost)
            self.pending += lost
            self.lost += lost
            self.pending_estimated = True
        self._expect(frames)
        self.source.play(frames, flags=BlockFlag.OVERFLOW)

    @rule(frames=st.integers(1, 3000))
    def deliver_nothing(self, frames: int) -> None:
        self.clocked = True
        self.source.play_nothing(frames)
        self.pending += frames
        self.lost += frames

    @rule(back=st.integers(-50, 2 * CAPACITY), spare=st.booleans())
    def hold(self, back: int, spare: bool) -> None:
        if len(self.spare if spare else self.holds) == 4:
            return
        frame = self.source.frame - back
        position = next(
            (p + max(0, frame - first) for p, first, n, _ in self.stored if first + n > frame), self.written
        )
        position = max(position, self._oldest())
        hold = self.tape.take_hold(Frame(frame), key=self.next_key, spare=spare)
        assert hold.position == position
        if spare:
            self.spare[self.next_key] = (hold, position)
        else:
            self.holds[self.next_key] = (hold, position)
        self.next_key += 1

    @precondition(lambda self: self.spare)
    @rule(data=st.data(), by=st.integers(0, 600))
    def advance_a_spare_one(self, data: st.DataObject, by: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.spare)))
        hold, position = self.spare[key]
        if position is None:
            with pytest.raises(HoldLetGoError):
                hold.advance(self.written)
            hold.renew(Frame(self.source.frame))
            self.spare[key] = (hold, self.written)
        else:
            hold.advance(min(position + by, self.written))
            self.spare[key] = (hold, max(position, min(position + by, self.written)))

    @precondition(lambda self: self.spare and len(self.holds) < 4)
    @rule(data=st.data())
    def make_a_spare_one_firm(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.spare)))
        hold, _ = self.spare.pop(key)
        hold.make_firm(Frame(self.source.frame))
        self.holds[key] = (hold, self.written)

    @precondition(lambda self: self.spare)
    @rule(data=st.data())
    def release_a_spare_one(self, data: st.DataObject) -> None:
        self.spare.pop(data.draw(st.sampled_from(sorted(self.spare))))[0].release()

    @invariant()
    def spare_holds_stand_or_were_let_go_of(self) -> None:
        for hold, position in self.spare.values():
            assert hold.let_go == (position is None)
            assert position is None or hold.position == position

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), by=st.integers(0, 600))
    def advance(self, data: st.DataObject, by: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.holds)))
        hold, position = self.holds[key]
        position = min(position + by, self.written)
        hold.advance(position)
        self.holds[key] = (hold, max(position, self.holds[key][1]))

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        hold, _ = self.holds.pop(data.draw(st.sampled_from(sorted(self.holds))))
        hold.release()

    @rule()
    def restart_capture_at_once(self) -> None:
        """Without `resume`: the tape goes on exactly where it was."""
        if self.pending:
            return
        self.clocked = False
        self.core.close()
        self.core = self.source.core = CaptureCore(self.tape)

    @rule()
    def follow(self) -> None:
        while (piece := self.follower.next(300)) is not None:
            if isinstance(piece, Run | Lost):
                assert piece.frame == self.followed
                self.followed += piece.frames

    def _oldest(self) -> int:
        by_log = self.stored[-LOG][0] if len(self.stored) >= LOG else 0
        return max(0, self.written - CAPACITY, by_log)

    @invariant()
    def counters_are_right(self) -> None:
        counters = self.tape.counters()
        assert counters.written == self.written
        assert counters.blocks == len(self.stored)
        assert counters.next_frame == self.source.frame
        assert counters.lost_frames == self.lost
        assert counters.written + counters.lost_frames == self.source.frame

    @invariant()
    def every_piece_of_the_tape_is_right(self) -> None:
        oldest = self._oldest()
        at = 0
        for piece in self.tape.runs(Frame(0), None):
            if not isinstance(piece, Run | Lost):
                continue
            assert piece.frame == at
            at += piece.frames
            if isinstance(piece, Run):
                assert piece.position >= oldest
                np.testing.assert_array_equal(self.tape.samples(piece), counter(piece.frame, piece.frames, 2))
            elif piece.cause is not GapCause.OVERWRITTEN:
                assert (piece.cause, piece.exact) == self.causes[at]
        assert at == self.source.frame - self.pending
        alive = [(p, f, n) for p, f, n, _ in self.stored[-LOG:] if p + n > oldest]
        if alive:
            position, first, _ = alive[0]
            assert self.tape.oldest_frame == first + max(0, oldest - position)


TapeMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_the_tape_is_its_model = TapeMachine.TestCase
