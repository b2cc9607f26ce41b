"""A step looks at the take that it is about, however many takes the session has behind it."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from rigd.model.disk_words import TapeWatched
from rigd.model.inputs import MirrorSaid, WriterLost
from rigd.model.messages import GapWritten, OpenTake, TakeClosed, TakeProgress, WriterReport
from rigd.model.state import Take
from rigd.model.take import Gap, GapCause, Slate
from rigd.model.takes import Takes
from rigd.model.units import Frame, TakeId
from tests.support.desk import OPENED, WRITER_IDLE, Desk

MANY = 500
LOOKED_AT = 2
"""Takes of those that are behind which one step may look at: the one that it is about, and a neighbour."""


class WatchedTake(Take, frozen=True, kw_only=True):
    """Notes that somebody looks at it."""

    seen: ClassVar[set[str]] = set()

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("__"):
            WatchedTake.seen.add(object.__getattribute__(self, "take_id"))
        return object.__getattribute__(self, name)


def behind(number: int) -> WatchedTake:
    return WatchedTake(
        take_id=TakeId(f"f{number:031x}"),
        folder=f"{OPENED.folder}/Waltz/Take {number:03}",
        slate=Slate(session="Rehearsal", song="Waltz", number=number),
        first_frame=Frame(0),
        end_frame=Frame(48_000),
        started_at="2023-11-14T20:00:00.000+01:00",
        channels=(1, 2, 3, 4),  # type: ignore[arg-type]
        closed=True,
        ordinal=number,
    )


@pytest.fixture(params=[False, True], ids=["one volume", "two volumes"])
def desk(request: pytest.FixtureRequest) -> Desk:
    """A rig with MANY takes behind it, and one that rolls."""
    desk = Desk(mirror=request.param)
    desk.hear(replace(OPENED, takes=tuple(behind(n) for n in range(1, MANY + 1)), next_take_number=MANY + 1))
    desk.ok("start")
    desk.now_s += 5
    WatchedTake.seen.clear()
    return desk


def report(desk: Desk) -> WriterReport:
    order = next(message.order for message in desk.told(OpenTake))
    return replace(WRITER_IDLE, open_takes=(TakeProgress(order=order, written_frames=9, durable_frames=8),))


@pytest.mark.parametrize(
    "text", ["mark", "next", "stop", "keep 3", "arm 1", "gain 1 20", "circle", "discard"]
)
def test_a_command_looks_at_no_take_that_is_behind(desk: Desk, text: str) -> None:
    desk.ok(text)
    assert len(WatchedTake.seen) <= LOOKED_AT


def test_what_is_said_of_a_take_that_is_behind_looks_at_that_one(desk: Desk) -> None:
    for text in (f"circle {behind(7).take_id}", f"note {behind(7).take_id} loud"):
        desk.ok(text)
    assert len(WatchedTake.seen) <= LOOKED_AT
    assert desk.state.takes[6].slate.circled and type(desk.state.takes) is Takes


def test_what_the_parts_report_looks_at_no_take_that_is_behind(desk: Desk) -> None:
    gap = Gap(at_frame=desk.take.first_frame, length_frames=10, cause=GapCause.OVERFLOW, exact=True)
    facts = (
        report(desk),
        WRITER_IDLE,
        MirrorSaid(fact=report(desk)),
        TapeWatched(unsafe_s=3.0, waiting_s=3.0, tape_fill=0.2, owed_fill=0.2),
        GapWritten(take_id=desk.take.take_id, gap=gap),
        WriterLost(reason="killed"),
        report(desk),
    )
    for fact in facts:
        desk.hear(fact)
        assert len(WatchedTake.seen) <= LOOKED_AT, type(fact).__name__


def test_a_take_that_ends_looks_at_no_take_that_is_behind(desk: Desk) -> None:
    take = desk.take
    desk.ok("next")
    desk.hear(TakeClosed(take_id=take.take_id, folder=take.folder, frames=240_000, files=()))
    desk.now_s += 5
    desk.ok("stop")
    assert len(WatchedTake.seen) <= LOOKED_AT
    assert [take.slate.number for take in desk.state.takes[-2:]] == [MANY + 1, MANY + 2]
