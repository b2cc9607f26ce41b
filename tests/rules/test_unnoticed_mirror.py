"""Hypothesis plays a second volume that does what it likes: the library's writer is told the same as without one."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from rigd.model.effects import SendToWriter
from rigd.model.inputs import MirrorLost, MirrorSaid
from rigd.model.library import CopiesLeft, VolumeChecked, WhichVolume
from rigd.model.messages import GapWritten
from rigd.model.take import Gap, GapCause
from rigd.model.units import Frame
from tests.rules.test_mirror import disk_failed, mirror_report
from tests.rules.test_state_table import check
from tests.support.desk import Desk, frame


class UnnoticedMirrorMachine(RuleBasedStateMachine):
    """Whatever the mirror does, what the library's writer is told of its own takes does not change."""

    def __init__(self) -> None:
        super().__init__()
        self.desk, self.plain = Desk(mirror=True), Desk()
        self.presses = 0

    def both(self, text: str) -> None:
        self.presses += 10
        for desk in (self.desk, self.plain):
            desk.next_ids_from(self.presses)
        assert type(self.desk.do(text)) is type(self.plain.do(text))

    @rule(text=st.sampled_from(["start", "stop", "next", "mark", "circle", "keep 5", "discard", "undo"]))
    def press(self, text: str) -> None:
        self.both(text)

    @rule(seconds=st.floats(0.1, 5.0))
    def wait(self, seconds: float) -> None:
        self.desk.now_s += seconds
        self.plain.now_s += seconds

    @rule()
    def close(self) -> None:
        for take in self.plain.state.takes:
            if not take.closed:
                self.plain.close(take)
                self.desk.close(take)

    @rule(behind_s=st.floats(0, 30), whole=st.booleans(), problem=st.sampled_from(["", "read-only"]))
    def report(self, behind_s: float, whole: bool, problem: str) -> None:
        self.desk.hear(mirror_report(self.desk, behind_s=behind_s, whole=whole, problem=problem))

    @rule(problem=st.sampled_from(["", "gone"]), volume=st.sampled_from(WhichVolume))
    def checked(self, problem: str, volume: WhichVolume) -> None:
        self.desk.hear(VolumeChecked(volume=volume, problem=problem))

    @rule()
    def lose(self) -> None:
        self.desk.hear(MirrorLost(reason="killed"))

    @precondition(lambda self: self.desk.state.take is not None)
    @rule()
    def fail(self) -> None:
        self.desk.hear(MirrorSaid(fact=disk_failed(self.desk.take)))

    @precondition(lambda self: self.desk.state.take is not None)
    @rule()
    def gap(self) -> None:
        at = Frame(max(0, frame(self.desk.now_s) - 480))
        gap = Gap(at_frame=at, length_frames=48, cause=GapCause.OVERWRITTEN, exact=True)
        self.desk.hear(MirrorSaid(fact=GapWritten(take_id=self.desk.take.take_id, gap=gap)))

    @rule(count=st.integers(0, 3))
    def left(self, count: int) -> None:
        self.desk.hear(CopiesLeft(count=count))

    @invariant()
    def legal(self) -> None:
        check(self.desk.state)

    @invariant()
    def the_library_never_notices(self) -> None:
        assert self.desk.done(SendToWriter) == self.plain.done(SendToWriter)
        assert self.desk.state.transport is self.plain.state.transport
        for ours, plain in zip(self.desk.state.takes, self.plain.state.takes, strict=True):
            assert replace(ours, copy=None) == plain


TestUnnoticedMirror = UnnoticedMirrorMachine.TestCase
TestUnnoticedMirror.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
