"""Hypothesis plays two volumes that fail, hang, come back and are told late, in every order."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from rigd.model.effects import AdoptTake, CheckVolume, SendToMirror, SendToWriter, TrashTake
from rigd.model.inputs import CaptureLost, MirrorLost, MirrorSaid, PostRollOver, TakeAdopted, WriterLost
from rigd.model.library import CopiesLeft, TakeCompared, TakeTrashed, VolumeChecked, WhichVolume
from rigd.model.messages import (
    EndTake,
    KeepFirm,
    OpenTake,
    StopWriter,
    TakeClosed,
    TakeFailed,
    TakeProgress,
    WriterReport,
)
from rigd.model.state import Copy, CopyState, Take, Transport, is_rolling
from rigd.model.take import ClosedFile, TakeOrder
from rigd.model.units import Frame, TakeId
from rigd.rules.mirroring import may_copy
from rigd.rules.step_work import known_takes
from rigd.rules.take_orders import take_of
from tests.rules.test_state_table import check
from tests.support.desk import LISTENING, VOLUMES, Desk, frame

pytestmark = pytest.mark.slow

ENOUGH = 10**12


@dataclass
class Written:
    """A take as a writer has it."""

    order: TakeOrder
    end: int | None
    whole: bool = True
    state: str = "open"

    @property
    def is_nothing(self) -> bool:
        """Nothing of it was kept, and its folder is gone."""
        return self.state == "failed" and self.end == self.order.first_frame

    def told(self) -> TakeOrder:
        return replace(self.order, end_frame=None if self.end is None else Frame(self.end))


class Writer:
    """One volume's. What it says is heard later, in order."""

    def __init__(self) -> None:
        self.takes: dict[TakeId, Written] = {}
        self.said: deque[Any] = deque()
        self.problem = ""
        self.free = ENOUGH

    def hear(self, message: Any) -> None:
        match message:
            case OpenTake(order=order):
                assert order.take_id not in self.takes, "ordered twice"
                folders = [take.order.folder for take in self.takes.values() if not take.is_nothing]
                assert order.folder not in folders, "two takes in one folder"
                self.takes[order.take_id] = Written(order, order.end_frame)
            case EndTake(take_id=take_id, end_frame=end_frame):
                known = self.takes.get(take_id)
                if known is not None and known.state == "open":
                    known.end = end_frame
            case KeepFirm(take_id=take_id):
                assert take_id in self.takes, "a copy that was never ordered is the only one"
            case StopWriter():
                raise AssertionError("nobody shuts down here")

    def open_takes(self) -> list[Written]:
        return [take for take in self.takes.values() if take.state == "open"]

    def report(self, now: int) -> WriterReport:
        progress = tuple(
            TakeProgress(
                order=take.told(),
                written_frames=max(0, min(now, take.end or now) - take.order.first_frame),
                durable_frames=0,
                whole=take.whole,
            )
            for take in self.open_takes()
        )
        return WriterReport(
            open_takes=progress,
            free_bytes=self.free,
            bytes_per_second=0,
            behind_frames=0,
            problem=self.problem,
        )

    def fail(self, take: Written, *, kept: int, full: bool) -> None:
        take.state, take.end = "failed", take.order.first_frame + kept
        order = take.order
        self.said.append(
            TakeFailed(
                take_id=order.take_id,
                folder=order.folder,
                frames_kept=kept,
                reason="no space left" if full else "input/output error",
                disk_full=full,
            )
        )

    def close(self, take: Written) -> None:
        assert take.end is not None
        take.state = "closed"
        frames = take.end - take.order.first_frame
        self.said.append(
            TakeClosed(
                take_id=take.order.take_id, folder=take.order.folder, frames=frames, files=files_of(take)
            )
        )


def files_of(take: Written) -> tuple[ClosedFile, ...]:
    frames = (take.end or 0) - take.order.first_frame
    return tuple(
        ClosedFile(name=file.name, channels=file.channels, frames=frames, size_bytes=4096 + 3 * frames)
        for file in take.order.files
    )


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(mirror=True, preroll_s=0.0, postroll_s=1.0)
        self.library, self.mirror = Writer(), Writer()
        self.to_check: list[WhichVolume] = []
        self.adopting: list[AdoptTake] = []
        self.to_trash: list[Take] = []
        self.kept: set[TakeId] = set()

    # Steps, and what they want done.

    def fact(self, fact: Any) -> None:
        self.desk.hear(fact)
        self.carry_out()

    def carry_out(self) -> None:
        effects, self.desk.effects = self.desk.effects, []
        takes = known_takes(self.desk.state)
        self.kept |= {take.take_id for take in takes if take.goes_on_after in self.kept}
        for effect in effects:
            match effect:
                case SendToWriter(message=message):
                    self.library.hear(message)
                case SendToMirror(message=message):
                    self.mirror.hear(message)
                case CheckVolume(volume=volume):
                    self.to_check.append(volume)
                case AdoptTake():
                    self.adopting.append(effect)
                case TrashTake(take=take):
                    assert not is_rolling(self.desk.state)
                    self.to_trash.append(take)

    def press(self, text: str) -> None:
        self.desk.do(text)
        self.carry_out()

    @rule(text=st.sampled_from(["start", "stop", "next", "toggle", "again", "discard", "clear-fault"]))
    def transport(self, text: str) -> None:
        self.press(text)

    @rule()
    def keep(self) -> None:
        before = {take.take_id for take in known_takes(self.desk.state)}
        self.press("keep 1")
        self.kept |= {take.take_id for take in known_takes(self.desk.state)} - before

    @rule(seconds=st.floats(0.05, 3.0))
    def wait(self, seconds: float) -> None:
        self.desk.now_s += seconds
        take = self.desk.state.take
        if take is not None and take.end_frame is not None and frame(self.desk.now_s) >= take.end_frame:
            self.fact(PostRollOver(take_id=take.take_id))

    # The volumes.

    @rule(which=st.booleans(), data=st.data(), full=st.booleans(), share=st.sampled_from([0.0, 0.5, 1.0]))
    def fail(self, which: bool, data: st.DataObject, full: bool, share: float) -> None:
        writer = self.mirror if which else self.library
        begun = [take for take in writer.open_takes() if take.order.first_frame < frame(self.desk.now_s)]
        if begun:
            take = data.draw(st.sampled_from(begun))
            end = min(frame(self.desk.now_s), frame(self.desk.now_s) if take.end is None else take.end)
            writer.fail(take, kept=round(share * (end - take.order.first_frame)), full=full)

    @rule(which=st.booleans())
    def close(self, which: bool) -> None:
        writer = self.mirror if which else self.library
        for take in writer.open_takes():
            if take.end is not None and take.end <= frame(self.desk.now_s):
                writer.close(take)

    @rule()
    def the_mirror_lacks_something(self) -> None:
        for take in self.mirror.open_takes():
            known = [each for each in known_takes(self.desk.state) if each.take_id == take.order.take_id]
            take.whole = take.whole and any(
                each.on_mirror for each in known
            )  # only a spare hold is let go of

    @rule(which=st.booleans(), count=st.integers(1, 3))
    def is_heard(self, which: bool, count: int) -> None:
        writer = self.mirror if which else self.library
        while writer.said and count:
            count -= 1
            fact = writer.said.popleft()
            self.fact(MirrorSaid(fact=fact) if which else fact)

    @rule(which=st.booleans())
    def reports(self, which: bool) -> None:
        """In order behind what was said before."""
        writer = self.mirror if which else self.library
        self.is_heard(which, len(writer.said))
        report = writer.report(frame(self.desk.now_s))
        self.fact(MirrorSaid(fact=report) if which else report)

    @rule(
        which=st.booleans(), problem=st.sampled_from(["", "read-only"]), free=st.sampled_from([ENOUGH, 1000])
    )
    def changes(self, which: bool, problem: str, free: int) -> None:
        writer = self.mirror if which else self.library
        writer.problem, writer.free = problem, free

    @rule(which=st.booleans())
    def is_killed_and_back(self, which: bool) -> None:
        self.fact(MirrorLost(reason="killed") if which else WriterLost(reason="killed"))
        self.reports(which)

    @precondition(lambda self: self.to_check)
    @rule(works=st.booleans())
    def is_checked(self, works: bool) -> None:
        volume = self.to_check.pop(0)
        self.fact(VolumeChecked(volume=volume, problem="" if works else "not mounted"))

    @rule()
    def interface_goes_and_comes(self) -> None:
        self.fact(CaptureLost(reason="unplugged"))
        self.fact(LISTENING)

    # The library.

    @precondition(lambda self: self.adopting)
    @rule()
    def is_adopted(self) -> None:
        asked = self.adopting.pop(0)
        on_mirror = asked.folder.startswith(VOLUMES.mirror)
        known = (self.mirror if on_mirror else self.library).takes.get(asked.take_id)
        if known is None:
            return
        take = take_of(known.told())
        if known.state != "open":
            assert known.end is not None
            take = replace(take, closed=True, end_frame=Frame(known.end), files=files_of(known))
        self.fact(TakeAdopted(take=take))

    @precondition(lambda self: self.to_trash)
    @rule()
    def is_trashed(self) -> None:
        take = self.to_trash.pop(0)
        self.fact(TakeTrashed(take_id=take.take_id, folder="/takes/trash"))

    @rule()
    def copies_are_made(self) -> None:
        if not may_copy(self.desk.state):
            return
        for take in known_takes(self.desk.state):
            assert take.closed
            if take.copy is not None and take.copy.state is not CopyState.SAME:
                here = take.folder.replace(VOLUMES.mirror, VOLUMES.library)
                there = here.replace(VOLUMES.library, VOLUMES.mirror)
                same = Copy(folder=there, state=CopyState.SAME)
                self.fact(TakeCompared(take=replace(take, folder=here, on_mirror=False, copy=same)))
        self.fact(CopiesLeft(count=0))

    # What is always so.

    @invariant()
    def legal(self) -> None:
        check(self.desk.state)

    @invariant()
    def whoever_writes_without_an_end_writes_the_take_that_rolls(self) -> None:
        state = self.desk.state
        for writer in (self.library, self.mirror):
            endless = [take.order.take_id for take in writer.open_takes() if take.end is None]
            current = state.take.take_id if state.transport is Transport.ROLLING and state.take else None
            assert set(endless) <= {current}, (endless, current)

    @invariant()
    def somebody_writes_what_rolls(self) -> None:
        state = self.desk.state
        if state.transport is not Transport.ROLLING or state.take is None:
            return
        writer = self.mirror if state.take.on_mirror else self.library
        written = writer.takes[state.take.take_id]
        assert written.state == "open" or writer.said, "nobody writes it, and nobody will say so"
        assert written.state != "open" or written.end is None

    @invariant()
    def no_volume_has_two_takes_of_the_same_frames(self) -> None:
        now = frame(self.desk.now_s)
        for writer in (self.library, self.mirror):
            if writer.said:
                continue  # what failed is not known yet
            spans = sorted(
                (take.order.first_frame, now if take.end is None else take.end)
                for take_id, take in writer.takes.items()
                if take_id not in self.kept and take.order.first_frame < (take.end or now)
            )
            for (_, end), (first, _) in itertools.pairwise(spans):
                assert end <= first + 1, spans  # no take is shorter than a frame

    def teardown(self) -> None:
        """Once everything works again a person can record again, and nothing hangs."""
        for writer in (self.library, self.mirror):
            writer.problem, writer.free = "", ENOUGH
        self.press("clear-fault")
        for _ in range(12):
            self.press("stop")
            self.desk.now_s += 4
            take = self.desk.state.take
            if take is not None and take.end_frame is not None:
                self.fact(PostRollOver(take_id=take.take_id))
            for which in (False, True):
                self.close(which)
                self.reports(which)
            while self.to_check:
                self.is_checked(True)
            while self.adopting:
                self.is_adopted()
            while self.to_trash:
                self.is_trashed()
            self.copies_are_made()
            self.press("clear-fault")
        state = self.desk.state
        assert state.transport is Transport.READY, state.transport
        assert not state.faults, state.faults
        assert all(take.closed for take in known_takes(state))
        assert not self.library.open_takes() and not self.mirror.open_takes()
        assert state.mirror is not None and state.mirror.phase == "in step", state.mirror
        self.press("start")
        assert self.desk.stands(Transport.ROLLING)
        assert not self.desk.take.on_mirror and self.desk.take.copy is not None
        assert self.desk.take.copy.state is CopyState.ROLLING


Machine.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestTwoVolumesFail = Machine.TestCase
