"""The wall clock: what it is worth, that it was set, takes that are dated anew."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from rigd.model.effects import DateTakes, WriteTakeSheet
from rigd.model.events import Happening
from rigd.model.inputs import ClockReading, ClockSeen
from rigd.model.library import TakesDated
from rigd.model.messages import Retag
from rigd.model.state import Copy, CopyState, Take
from rigd.model.take import ClockState
from rigd.model.units import Frame
from rigd.rules.step_work import STANDING_FAULTS
from rigd.rules.wall_clock import EARLIEST_UNIX_NS, Evidence, state_of
from tests.support.desk import OPENED, Desk, orders

WRONG, UNSYNC, SYNC = ClockState.WRONG, ClockState.UNSYNCHRONISED, ClockState.SYNCHRONISED
NOW_NS = EARLIEST_UNIX_NS + 300 * 86_400 * 10**9


def seen(state: ClockState, *, jumped_s: float = 0.0) -> ClockSeen:
    reading = ClockReading(unix_ns=NOW_NS, boottime_ns=500 * 10**9, boot_id="b", state=state)
    return ClockSeen(reading=reading, jumped_s=jumped_s)


def faults(desk: Desk) -> dict[str, str]:
    return {fault.key: fault.what for fault in desk.state.faults}


@pytest.mark.parametrize(
    ("unix_ns", "synchronised", "trace_ns", "state"),
    [
        (0, True, 0, WRONG),
        (EARLIEST_UNIX_NS - 1, True, 0, WRONG),
        (NOW_NS, True, 0, SYNC),
        (NOW_NS, True, NOW_NS + 10**15, SYNC),
        (NOW_NS, False, 0, UNSYNC),
        (NOW_NS, False, NOW_NS + 59 * 10**9, UNSYNC),
        (NOW_NS, False, NOW_NS + 61 * 10**9, WRONG),
    ],
)
def test_what_a_clock_is_worth(unix_ns: int, synchronised: bool, trace_ns: int, state: ClockState) -> None:
    assert state_of(unix_ns, Evidence(synchronised=synchronised, newest_trace_ns=trace_ns)) is state


def test_a_wrong_clock_is_a_fault_until_it_is_right() -> None:
    desk = Desk()
    desk.hear(seen(WRONG))
    assert "sudo date -s" in faults(desk)["clock"] and "clock" in STANDING_FAULTS
    desk.ok("clear-fault")
    assert "clock" in faults(desk)
    desk.hear(seen(SYNC, jumped_s=1e9))
    assert not faults(desk)
    assert "set forward by 11,574.1 days" in desk.events[-1].text and "dated anew" in desk.events[-1].text


@pytest.mark.parametrize("before", [UNSYNC, SYNC])
@pytest.mark.parametrize(("jumped_s", "words"), [(-7200.0, "back by 2.0 h"), (61.0, "forward by 61.0 s")])
def test_a_clock_that_is_set_for_no_known_reason_is_said(
    before: ClockState, jumped_s: float, words: str
) -> None:
    desk = Desk()
    desk.hear(seen(before))
    desk.hear(seen(UNSYNC, jumped_s=jumped_s))
    assert words in faults(desk)["clock set"]
    assert Happening.CLOCK_SET in desk.happened()
    desk.ok("clear-fault")
    assert not faults(desk)


def test_it_is_set_first_and_synchronised_a_moment_later() -> None:
    desk = Desk()
    desk.hear(seen(UNSYNC))
    desk.hear(seen(UNSYNC, jumped_s=6e5))
    assert "clock set" in faults(desk)
    desk.hear(seen(SYNC))
    assert not faults(desk)


def test_takes_are_dated_anew_once_nothing_is_recorded_or_closed() -> None:
    desk = Desk()
    desk.hear(seen(WRONG))
    assert len(desk.done(DateTakes)) == 1, "what an earlier rigd did not finish"
    desk.ok("start")
    desk.now_s += 2
    desk.hear(seen(SYNC, jumped_s=1e9))
    desk.now_s += 2
    desk.ok("stop")
    assert len(desk.done(DateTakes)) == 1
    desk.close(desk.state.takes[-1])
    assert len(desk.done(DateTakes)) == 2
    wanted = [type(effect) for effect in desk.effects if isinstance(effect, WriteTakeSheet | DateTakes)]
    assert wanted[-2:] == [WriteTakeSheet, DateTakes], "its sheet is there before it is looked at"


def dated(take: Take, folder: str) -> Take:
    text = "2026-11-29T15:00:00.000+01:00"
    slate = replace(take.slate, dated=text)
    place = f"{folder}/Waltz/Take {slate.number:03}"
    new: Take = replace(take, folder=place, started_at=text, slate=slate, copy=None)
    return new


def test_dated_takes_are_told_to_the_writers_and_stay_what_they_were() -> None:
    desk = Desk(mirror=True)
    first, second = desk.kept_take(), desk.kept_take()
    copy = Copy(folder="/mnt/mirror/old", state=CopyState.WHOLE)
    desk.state = replace(desk.state, takes=(replace(first, copy=copy), replace(second, copy=copy)))
    folder = "/takes/2026-11-29 Rehearsal"
    takes = (dated(first, folder), dated(second, folder))
    opened = replace(OPENED, folder=folder, date="2026-11-29", takes=takes, next_take_number=3)
    desk.ok("circle")  # while the library was at it
    desk.hear(TakesDated(takes=takes, opened=opened))
    assert [take.folder for take in desk.state.takes] == [take.folder for take in takes]
    assert [take.slate.circled for take in desk.state.takes] == [False, True]
    told: list[Any] = desk.told(Retag)[-2:]
    assert [message.folder for message in told] == [take.folder for take in takes]
    assert [(message.slate.dated, message.slate.circled) for message in told] == [
        (takes[0].started_at, False),
        (takes[0].started_at, True),
    ]
    assert [message.folder for message in desk.mirror_told(Retag)[-2:]] == ["/mnt/mirror/old"] * 2
    assert (desk.state.session_folder, desk.state.next_take_number) == (folder, 3)
    assert desk.happened().count(Happening.TAKE_DATED) == 2


def test_what_was_left_is_asked_for_again() -> None:
    desk = Desk()
    desk.hear(TakesDated(takes=(), left=True))
    assert len(desk.done(DateTakes)) == 1


def test_a_take_knows_its_first_frame_by_the_clock_that_cannot_be_set() -> None:
    desk = Desk()
    plain = desk.circumstances

    def circumstances(at_ns: int, what: Any = None) -> Any:
        reading = ClockReading(unix_ns=0, boottime_ns=900 * 10**9, boot_id="b", state=WRONG)
        return replace(plain(at_ns), clock=reading)

    desk.circumstances = circumstances  # type: ignore[method-assign]
    desk.ok("start", at=desk.now_s - 0.5)
    (order,) = orders(desk)
    assert order.first_frame == Frame(round((desk.now_s - 2.5) * 48_000)), "two seconds of pre-roll"
    assert (order.clock.boottime_ns, order.clock.state) == (897_500_000_000, WRONG)
