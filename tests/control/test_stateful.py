"""Hypothesis plays the rig: whatever is pressed and whatever fails, no take is lost and none is doubled."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rigd.model.commands import Accepted, Command, Reply
from rigd.model.effects import Effect, RestoreTake, SendToWriter, TrashTake
from rigd.model.inputs import CaptureLost, PostRollOver, WriterLost
from rigd.model.library import LibraryFailed, TakeRestored, TakeTrashed
from rigd.model.messages import EndTake, OpenTake, TakeFailed
from rigd.model.state import SurfaceStatus, Take, Transport, is_rolling
from rigd.model.units import TakeId
from rigd.rules.permissions import RIG_ITSELF
from tests.support.desk import LISTENING, OPENED, WRITER_IDLE, Desk, frame
from tests.support.parts import ObedientParts, WoundTape, controller_of, until
from tests.support.patience import PATIENCE_S

LATE_S = st.floats(min_value=0.0, max_value=0.5)


class WriterModel:
    """What a writer would hold: the interval of every take it was told, and which are closed."""

    def __init__(self) -> None:
        self.intervals: dict[TakeId, tuple[int, int | None]] = {}
        self.closed: set[TakeId] = set()

    def hear(self, message: Any) -> None:
        match message:
            case OpenTake(order=order):
                assert order.take_id not in self.intervals, "a take was ordered twice"
                self.intervals[order.take_id] = (order.first_frame, order.end_frame)
            case EndTake(take_id=take_id, end_frame=end_frame) if take_id not in self.closed:
                first_frame, _ = self.intervals[take_id]
                self.intervals[take_id] = (first_frame, end_frame)


class ControlledDesk(Desk):
    """A desk whose steps are made by a controller, on its thread; the test plays all of its parts."""

    def __init__(self) -> None:
        self.tape = WoundTape()
        self._rounds = itertools.count(1)
        super().__init__(ready=False)
        parts = ListedParts(self.effects)
        self.controller = controller_of(self.tape, parts, postroll_s=1.0)
        self.controller.start()
        for fact in (OPENED, WRITER_IDLE, LISTENING):
            self.hear(fact)

    def stop(self) -> None:
        self.controller.stop()

    def give(self, command: Command) -> Reply:
        self.tape.now_s = self.now_s
        reply = self.controller.submit(command, RIG_ITSELF).result(PATIENCE_S)
        self.state = self.controller.state
        return reply

    def hear(self, fact: Any) -> None:
        self.tape.now_s = self.now_s
        self.controller.post(fact)
        mark = SurfaceStatus(name="mark", kind="test", connected=True, detail=str(next(self._rounds)))
        self.controller.post(mark)
        self.state = until(self.controller, lambda state: mark in state.surfaces)


class ListedParts(ObedientParts):
    """Parts that do nothing of what they are asked, but list it."""

    def __init__(self, effects: list[Effect]) -> None:
        super().__init__()
        self._effects = effects

    def send(self, *messages: Any) -> None:
        self._effects += [SendToWriter(message=message) for message in messages]

    def trash(self, take: Take) -> None:
        self._effects.append(TrashTake(take=take))

    def restore(self, take_id: TakeId) -> None:
        self._effects.append(RestoreTake(take_id=take_id))


class RigMachine(RuleBasedStateMachine):
    """The rules of a rehearsal, against a model of three sets: started, in the trash, at the writer."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = ControlledDesk()
        self.writer = WriterModel()
        self.in_trash: dict[TakeId, Take] = {}
        self.asked: list[TrashTake | RestoreTake] = []
        self.chain: list[tuple[TakeId, TakeId]] = []
        """Pairs of takes of which the second was made by `next`."""

    def teardown(self) -> None:
        self.desk.stop()

    def press(self, text: str, late_s: float = 0.0, held: bool = False) -> bool:
        desk = self.desk
        before = desk.take if desk.state.take is not None else None
        was = desk.state.transport
        accepted = isinstance(desk.do(text, at=desk.now_s - late_s, held=held), Accepted)
        if accepted and text == "next" and was is Transport.ROLLING:
            assert before is not None
            self.chain.append((before.take_id, desk.take.take_id))
        self.take_in(was)
        return accepted

    def fact(self, fact: Any) -> None:
        was = self.desk.state.transport
        self.desk.hear(fact)
        self.take_in(was)

    def take_in(self, was: Transport) -> None:
        effects = list(self.desk.effects)
        del self.desk.effects[: len(effects)]
        for effect in effects:
            if isinstance(effect, SendToWriter):
                self.writer.hear(effect.message)
            elif isinstance(effect, TrashTake | RestoreTake):
                assert not is_rolling(self.desk.state), "moved while a take rolls"
                self.asked.append(effect)

    @rule(text=st.sampled_from(["start", "stop", "toggle", "next", "again", "discard"]), late_s=LATE_S)
    def transport(self, text: str, late_s: float) -> None:
        self.press(text, late_s)

    @rule(text=st.sampled_from(["toggle", "again", "discard"]))
    def hold(self, text: str) -> None:
        locked, trashed = self.desk.state.locked, self.desk.state.trashed
        rolled = is_rolling(self.desk.state)
        self.press(text, held=True)
        if locked and rolled:
            assert self.desk.state.trashed == trashed, "discarded in spite of the lock"

    @rule(seconds=st.floats(min_value=0.1, max_value=100.0))
    def keep(self, seconds: float) -> None:
        self.press(f"keep {seconds}")

    @rule(
        text=st.sampled_from(
            ["undo", "circle", "note x", "mark", "lock", "unlock", "clear-fault", "song B"],
        )
    )
    def talk(self, text: str) -> None:
        self.press(text)

    @rule(seconds=st.floats(min_value=0.01, max_value=5.0))
    def time_goes_on(self, seconds: float) -> None:
        self.desk.now_s += seconds
        take = self.desk.state.take
        if take is not None and take.end_frame is not None and frame(self.desk.now_s) >= take.end_frame:
            self.fact(PostRollOver(take_id=take.take_id))

    @precondition(lambda self: self._closable())
    @rule(data=st.data())
    def writer_closes(self, data: st.DataObject) -> None:
        take_id = data.draw(st.sampled_from(self._closable()))
        first_frame, end_frame = self.writer.intervals[take_id]
        assert end_frame is not None
        self.writer.closed.add(take_id)
        take = self._take(take_id)
        was = self.desk.state.transport
        self.desk.close(take, frames=end_frame - first_frame)
        self.take_in(was)

    @precondition(lambda self: self.asked)
    @rule(works=st.booleans())
    def library_works(self, works: bool) -> None:
        effect = self.asked.pop(0)
        if isinstance(effect, TrashTake):
            take_id = effect.take.take_id
            if works:
                self.in_trash[take_id] = effect.take
                self.fact(TakeTrashed(take_id=take_id, folder="/takes/trash"))
            else:
                self.fact(LibraryFailed(doing="discard", subject=take_id, reason="busy"))
        elif works and effect.take_id in self.in_trash:
            self.fact(TakeRestored(take=self.in_trash.pop(effect.take_id)))
        else:
            self.fact(LibraryFailed(doing="restore", subject=effect.take_id, reason="busy"))

    @rule()
    def interface_goes(self) -> None:
        self.fact(CaptureLost(reason="unplugged"))

    @rule()
    def interface_comes(self) -> None:
        self.fact(LISTENING)

    @rule()
    def writer_dies_and_is_back(self) -> None:
        take = self.desk.state.take
        self.fact(WriterLost(reason="killed"))
        self.fact(WRITER_IDLE)
        assert self.desk.state.take == take

    @precondition(lambda self: self.desk.state.take is not None)
    @rule()
    def disk_is_full(self) -> None:
        take = self.desk.take
        if take.take_id in self.writer.closed:
            return
        self.writer.closed.add(take.take_id)
        kept = max(0, frame(self.desk.now_s) - take.first_frame)
        self.fact(
            TakeFailed(
                take_id=take.take_id, folder=take.folder, frames_kept=kept, reason="full", disk_full=True
            )
        )
        if not kept:
            del self.writer.intervals[take.take_id]
            self.chain = [pair for pair in self.chain if take.take_id not in pair]
        assert self.desk.state.transport is Transport.HALTED

    def _closable(self) -> list[TakeId]:
        now = frame(self.desk.now_s)
        return [
            take_id
            for take_id, (_, end_frame) in self.writer.intervals.items()
            if end_frame is not None and end_frame <= now and take_id not in self.writer.closed
        ]

    def _take(self, take_id: TakeId) -> Take:
        state = self.desk.state
        current = [state.take] if state.take else []
        waiting = [false.take for false in state.discarding]
        return next(take for take in (*current, *state.takes, *waiting) if take.take_id == take_id)

    @invariant()
    def every_take_is_in_exactly_one_place(self) -> None:
        state = self.desk.state
        places = [
            *([state.take.take_id] if state.take else []),
            *(take.take_id for take in state.takes),
            *(false.take.take_id for false in state.discarding),
            *self.in_trash,
        ]
        assert sorted(places) == sorted(self.writer.intervals)

    @invariant()
    def every_discarded_take_can_be_undone_or_is_coming_back(self) -> None:
        state = self.desk.state
        back = {coming.take_id for coming in state.coming_back}
        waiting = {false.take.take_id for false in state.discarding}
        assert set(state.trashed) | back == waiting | set(self.in_trash)
        assert not set(state.trashed) & back

    @invariant()
    def the_writer_knows_what_the_state_says(self) -> None:
        state = self.desk.state
        for take in (*([state.take] if state.take else []), *state.takes):
            if not take.closed:
                assert self.writer.intervals[take.take_id] == (take.first_frame, take.end_frame)
        open_ended = [i for i, (_, end) in self.writer.intervals.items() if end is None]
        open_ended = [take_id for take_id in open_ended if take_id not in self.writer.closed]
        rolling = [state.take.take_id] if state.transport is Transport.ROLLING and state.take else []
        assert open_ended == rolling

    @invariant()
    def no_interval_is_inside_out(self) -> None:
        assert all(end is None or end > first for first, end in self.writer.intervals.values())

    @invariant()
    def next_takes_touch_without_gap_or_overlap(self) -> None:
        for before, after in self.chain:
            assert self.writer.intervals[before][1] == self.writer.intervals[after][0]

    @invariant()
    def the_transport_fits(self) -> None:
        state = self.desk.state
        assert is_rolling(state) is (state.take is not None)
        if state.take is not None:
            assert (state.take.end_frame is None) is (state.transport is Transport.ROLLING)

    @invariant()
    def numbers_are_used_once(self) -> None:
        state = self.desk.state
        takes = [*([state.take] if state.take else []), *state.takes, *(f.take for f in state.discarding)]
        takes += list(self.in_trash.values())
        slates = [(take.slate.song, take.slate.number) for take in takes]
        assert len(set(slates)) == len(slates)


RigMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, derandomize=True
)
TestRig = RigMachine.TestCase
