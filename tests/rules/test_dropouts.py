"""What capture and the writer say: a dropout never ends a take, a full disk does and says so."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rigd.model.effects import AdoptTake, TrashTake, WriteTakeSheet
from rigd.model.events import Happening
from rigd.model.inputs import CaptureLost, TakeAdopted, WriterLost
from rigd.model.library import SheetWritten
from rigd.model.messages import (
    CapturePhase,
    EndTake,
    GapWritten,
    RetagFailed,
    TakeClosed,
    TakeFailed,
    TakeOpened,
    TakeProgress,
    XrunNoted,
)
from rigd.model.state import Take, Transport
from rigd.model.take import Gap, GapCause, Marker, TakeOrder, Xrun
from rigd.model.units import Frame
from tests.support.desk import LISTENING, OPENED, SESSION_FOLDER, WRITER_IDLE, Desk, frame, orders

GAP = Gap(at_frame=frame(101.0), length_frames=480, cause=GapCause.OVERFLOW, exact=True)


def rolling_order() -> TakeOrder:
    """An order that an earlier daemon gave."""
    desk = Desk()
    desk.ok("start")
    order: TakeOrder = orders(desk)[0]
    return order


def test_a_lost_interface_does_not_end_the_take() -> None:
    desk = Desk()
    desk.ok("start")
    desk.hear(CaptureLost(reason="unplugged"))
    assert desk.stands(Transport.ROLLING)
    assert not desk.told(EndTake)
    assert "unplugged" in desk.state.faults[0].what
    assert desk.state.interface is not None and desk.state.interface.phase is CapturePhase.FAILED


def test_its_return_clears_the_fault_by_itself() -> None:
    desk = Desk()
    desk.ok("start")
    desk.hear(CaptureLost(reason="unplugged"))
    desk.hear(replace(LISTENING, phase=CapturePhase.OPENING))
    assert desk.state.faults
    desk.hear(LISTENING)
    assert desk.state.faults == ()
    assert desk.stands(Transport.ROLLING)
    assert desk.happened()[-2:] == [Happening.FAULT_CLEARED, Happening.INTERFACE_CHANGED]


def test_a_ready_rig_goes_offline_and_comes_back() -> None:
    desk = Desk()
    desk.hear(CaptureLost(reason="unplugged"))
    assert desk.stands(Transport.OFFLINE)
    assert "unplugged" in desk.no("start")
    desk.hear(LISTENING)
    assert desk.stands(Transport.READY)


def test_clear_fault_does_not_hide_an_interface_that_is_still_gone() -> None:
    desk = Desk()
    desk.hear(CaptureLost(reason="unplugged"))
    assert "unplugged" in desk.ok("clear-fault")
    assert [fault.key for fault in desk.state.faults] == ["interface"]


def test_a_stop_while_the_interface_is_gone_ends_where_the_tape_ends() -> None:
    desk = Desk(postroll_s=3.0)
    desk.ok("start")
    desk.hear(CaptureLost(reason="unplugged"))
    desk.ok("stop", at=100.5)
    assert desk.told(EndTake)[-1].end_frame == frame(100.0)
    assert desk.stands(Transport.OFFLINE)


def test_a_postroll_that_can_no_longer_be_filled_ends_where_the_tape_ends() -> None:
    desk = Desk(postroll_s=3.0)
    desk.ok("start")
    desk.now_s += 5
    desk.ok("stop")
    desk.now_s += 1
    desk.hear(CaptureLost(reason="unplugged"))
    assert desk.told(EndTake)[-1].end_frame == frame(106.0)
    assert desk.stands(Transport.OFFLINE)
    assert desk.state.takes[-1].end_frame == frame(106.0)


def test_a_take_goes_on_without_a_writer() -> None:
    desk = Desk()
    desk.ok("start")
    desk.hear(WriterLost(reason="killed"))
    assert desk.stands(Transport.ROLLING)
    assert [fault.key for fault in desk.state.faults] == ["writer"]
    desk.now_s += 1
    desk.ok("next")
    desk.hear(WRITER_IDLE)
    assert desk.state.faults == ()


@pytest.mark.parametrize("text", ["start", "toggle", "next", "keep 5"])
def test_nothing_is_begun_while_nobody_would_write_it(text: str) -> None:
    desk = Desk()
    desk.hear(WriterLost(reason="killed"))
    reason = desk.no(text)
    for words in ("the writer does not run", "killed", "rigd starts it again", "writer.log"):
        assert words in reason
    desk.hear(WRITER_IDLE)
    desk.ok(text)


def test_until_the_writer_was_heard_of_nothing_is_begun() -> None:
    desk = Desk(ready=False)
    desk.hear(OPENED)
    desk.hear(LISTENING)
    assert "not heard from yet" in desk.no("start")
    desk.hear(WRITER_IDLE)
    desk.ok("start")


def test_a_rig_is_not_well_before_its_parts_were_heard_of() -> None:
    desk = Desk(ready=False)
    assert [fault.key for fault in desk.state.faults] == ["interface", "writer"]
    assert all("not heard from yet" in fault.what for fault in desk.state.faults)
    desk.hear(WRITER_IDLE)
    desk.ok("clear-fault")
    assert [fault.key for fault in desk.state.faults] == ["interface"]
    desk.hear(LISTENING)
    assert desk.state.faults == ()


def nothing_kept(take: Take) -> TakeFailed:
    return TakeFailed(
        take_id=take.take_id, folder=take.folder, frames_kept=0, reason="no space", disk_full=True
    )


def test_a_take_of_which_nothing_was_kept_is_in_no_list_and_its_number_is_free() -> None:
    desk = Desk()
    desk.kept_take()
    desk.ok("start")
    desk.effects.clear()
    desk.hear(nothing_kept(desk.take))
    assert desk.stands(Transport.HALTED)
    assert [take.slate.number for take in desk.state.takes] == [1]
    assert desk.state.next_take_number == 2
    assert not desk.done(WriteTakeSheet)
    assert desk.happened().count(Happening.TAKE_FAILED) == 1


def test_the_number_of_a_take_that_came_to_nothing_is_used_up_where_a_later_one_has_begun() -> None:
    desk = Desk()
    desk.ok("start")
    first = desk.take
    desk.now_s += 1
    desk.ok("next")
    desk.hear(nothing_kept(first))
    assert desk.stands(Transport.ROLLING) and desk.state.takes == ()
    assert desk.state.next_take_number == 3


def test_a_discarded_take_of_which_nothing_was_kept_does_not_come_back() -> None:
    desk = Desk()
    desk.ok("start")
    take = desk.take
    desk.now_s += 1
    desk.ok("discard")
    desk.hear(nothing_kept(take))
    assert desk.state.discarding == () and not desk.done(TrashTake)
    assert "nothing was discarded" in desk.no("undo")


def test_a_full_disk_halts_and_says_what_was_kept_and_what_to_do() -> None:
    desk = Desk()
    desk.ok("start")
    take = desk.take
    reason = "no space left on /srv"
    desk.hear(
        TakeFailed(
            take_id=take.take_id, folder=take.folder, frames_kept=96_000, reason=reason, disk_full=True
        )
    )
    assert desk.stands(Transport.HALTED)
    (fault,) = desk.state.faults
    for words in ("no space left on /srv", "96,000 frames", "Free some space", "rigd clear-fault"):
        assert words in fault.what
    (kept,) = desk.state.takes
    assert kept.closed and kept.end_frame == take.first_frame + 96_000
    desk.ok("clear-fault")
    assert desk.stands(Transport.READY) and desk.state.faults == ()


def test_a_failed_take_that_no_longer_rolls_leaves_the_rolling_one_alone() -> None:
    desk = Desk()
    desk.ok("start")
    desk.now_s += 1
    desk.ok("next")
    old = desk.state.takes[0]
    desk.hear(
        TakeFailed(take_id=old.take_id, folder=old.folder, frames_kept=5, reason="bad disk", disk_full=False)
    )
    assert desk.stands(Transport.ROLLING)
    assert len(desk.state.faults) == 1


def test_a_gap_is_shown_at_once_in_the_take_and_as_a_fault_until_it_was_seen() -> None:
    desk = Desk()
    desk.ok("start")
    desk.hear(GapWritten(take_id=desk.take.take_id, gap=GAP))
    desk.hear(GapWritten(take_id=desk.take.take_id, gap=GAP))
    assert desk.take.gaps == (GAP,)
    assert desk.happened().count(Happening.GAP_FOUND) == 1
    assert "480 frames" in desk.state.faults[0].what
    assert desk.stands(Transport.ROLLING)
    desk.ok("clear-fault")
    assert desk.state.faults == () and desk.take.gaps == (GAP,)


def test_xruns_are_counted() -> None:
    desk = Desk()
    desk.ok("start")
    desk.hear(XrunNoted(take_id=desk.take.take_id, xrun=Xrun(at_frame=frame(101.0), suspect=True)))
    assert desk.take.xruns == 1
    assert desk.happened()[-2:] == [Happening.XRUN_FOUND, Happening.FAULT_RAISED]


def test_a_take_that_began_later_than_asked_says_so() -> None:
    desk = Desk()
    desk.ok("start")
    desk.hear(TakeOpened(take_id=desk.take.take_id, first_frame=Frame(desk.take.first_frame + 480)))
    assert desk.take.first_frame == frame(98.0) + 480


def test_a_closed_take_gets_its_sheet() -> None:
    desk = Desk()
    take = desk.kept_take()
    assert take.closed and len(take.files) == 4
    assert desk.done(WriteTakeSheet)[-1].take == take
    assert desk.happened()[-1] is Happening.TAKE_CLOSED


def test_a_restarted_daemon_takes_over_the_take_that_rolls() -> None:
    order = rolling_order()
    desk = Desk(ready=False)
    progress = TakeProgress(order=order, written_frames=4800, durable_frames=2400, gaps=(GAP,))
    desk.hear(replace(WRITER_IDLE, open_takes=(progress,)))
    assert desk.stands(Transport.ROLLING)
    assert desk.take.slate == order.slate and desk.take.written_frames == 4800
    assert desk.take.gaps == (GAP,)
    assert desk.done(AdoptTake) == [AdoptTake(take_id=order.take_id, folder=order.folder)]
    desk.hear(OPENED)
    desk.hear(LISTENING)
    assert desk.state.next_take_number == 2
    desk.now_s += 5
    desk.ok("stop")
    assert desk.told(EndTake)[-1].take_id == order.take_id


def test_its_journal_gives_back_its_slate_and_markers() -> None:
    order = rolling_order()
    desk = Desk(ready=False)
    desk.hear(
        replace(WRITER_IDLE, open_takes=(TakeProgress(order=order, written_frames=1, durable_frames=1),))
    )
    marker = Marker(at_frame=frame(99.0), name="verse")
    slate = replace(order.slate, circled=True)
    desk.hear(TakeAdopted(take=replace(desk.take, slate=slate, markers=(marker,))))
    assert desk.take.slate.circled and desk.take.markers == (marker,)
    assert desk.stands(Transport.ROLLING)


def test_a_take_whose_end_is_told_is_not_taken_for_a_rolling_one() -> None:
    order = replace(rolling_order(), end_frame=frame(103.0))
    desk = Desk()
    desk.hear(
        replace(WRITER_IDLE, open_takes=(TakeProgress(order=order, written_frames=1, durable_frames=1),))
    )
    assert desk.stands(Transport.READY)
    assert [take.take_id for take in desk.state.takes] == [order.take_id]


def test_a_recovered_take_is_listed_as_such() -> None:
    desk = Desk()
    order = rolling_order()
    folder = f"{SESSION_FOLDER}/Waltz/Take 001"
    desk.hear(TakeClosed(take_id="9" * 32, folder=folder, frames=480, files=(), recovered=True))  # type: ignore[arg-type]
    assert [effect.folder for effect in desk.done(AdoptTake)] == [folder]
    found = Desk().kept_take()
    desk.hear(TakeAdopted(take=replace(found, take_id=order.take_id, recovered=True)))
    assert desk.state.takes[0].recovered
    assert desk.happened()[-1] is Happening.TAKE_RECOVERED


def test_a_recovered_false_take_goes_to_the_trash() -> None:
    desk = Desk()
    found = Desk().kept_take()
    found = replace(found, recovered=True, slate=replace(found.slate, false_take=True))
    desk.hear(TakeAdopted(take=found))
    assert desk.state.takes == () and desk.state.trashed == (found.take_id,)
    assert len(desk.done(TrashTake)) == 1


def test_a_take_that_a_dying_writer_closed_unheard_is_asked_after() -> None:
    desk = Desk()
    desk.ok("start")
    desk.now_s += 5
    desk.ok("stop")
    (take,) = desk.state.takes
    desk.hear(WriterLost(reason="killed"))
    desk.hear(WRITER_IDLE)
    assert [effect.take_id for effect in desk.done(AdoptTake)] == [take.take_id]
    desk.hear(SheetWritten(take=replace(take, closed=True, written_frames=336_000)))
    assert desk.state.takes[0].closed


def test_a_take_that_closes_although_it_should_roll_goes_on_as_the_next() -> None:
    desk = Desk()
    desk.ok("start")
    take = desk.take
    desk.now_s += 3
    desk.close(take, frames=96_000)
    assert desk.stands(Transport.ROLLING)
    assert desk.take.take_id != take.take_id
    assert desk.take.first_frame == take.first_frame + 96_000


def test_a_slate_that_did_not_reach_the_files_is_a_fault_unless_the_take_was_thrown_away() -> None:
    desk = Desk()
    take = desk.kept_take()
    desk.hear(RetagFailed(take_id=take.take_id, reason="busy"))
    assert "busy" in desk.state.faults[0].what
    desk.ok("clear-fault")
    desk.ok("discard")
    desk.hear(RetagFailed(take_id=take.take_id, reason="moved"))
    assert desk.state.faults == ()


def test_a_suspect_loss_says_how_much_and_belongs_to_the_take_in_which_it_began() -> None:
    desk = Desk()
    desk.ok("start")
    first = desk.take
    desk.now_s += 5.0
    desk.ok("next")
    second = desk.take
    xrun = Xrun(at_frame=Frame(second.first_frame - 1), suspect=True, about_frames=1024)
    desk.hear(XrunNoted(take_id=second.take_id, xrun=xrun))
    (fault,) = desk.state.faults
    assert fault.key == f"suspect {first.take_id}"
    assert "may have lost about 1,024 frames (0.021 s) at " in fault.what
    assert desk.events[-2].subject == first.take_id
    early = Xrun(at_frame=Frame(first.first_frame - 4_800), suspect=True, about_frames=64)
    desk.hear(XrunNoted(take_id=second.take_id, xrun=early))
    assert "before its start" in desk.state.faults[-1].what


def test_a_suspect_jump_is_an_alarm_until_somebody_has_seen_it() -> None:
    desk = Desk()
    desk.ok("start")
    at_frame = Frame(desk.take.first_frame + 48_000)
    desk.hear(XrunNoted(take_id=desk.take.take_id, xrun=Xrun(at_frame=at_frame, suspect=True)))
    (fault,) = desk.state.faults
    assert "may have lost sound at 1.00 s" in fault.what
    assert desk.stands(Transport.ROLLING)
    desk.ok("clear-fault")
    assert not desk.state.faults
