"""What a writer said while nobody listened, or could not say at all, is found out and told."""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.effects import AdoptTake, TrashTake
from rigd.model.inputs import TakeAdopted, WriterLost
from rigd.model.messages import OpenTake, TakeClosed, TakeFailed, TakeOpened, TakeProgress
from rigd.model.state import RigState, Transport
from rigd.model.take import TakeOrder
from rigd.model.units import Frame
from tests.support.desk import WRITER_IDLE, Desk, frame, orders


def failed(order: TakeOrder, *, rolled: bool = True, frames: int = 48_000) -> TakeFailed:
    return TakeFailed(
        take_id=order.take_id,
        folder=order.folder,
        frames_kept=frames,
        reason="disk write failed",
        disk_full=False,
        rolled=rolled,
    )


def rolling_order() -> TakeOrder:
    """An order that an earlier daemon gave."""
    desk = Desk()
    desk.ok("start")
    order: TakeOrder = orders(desk)[0]
    return order


def faults(state: RigState) -> str:
    return " ".join(fault.what for fault in state.faults)


def test_a_writer_that_is_back_without_the_take_that_rolls_is_not_believed_to_write_it() -> None:
    desk = Desk()
    desk.ok("start")
    take = desk.take
    desk.hear(WriterLost(reason="killed"))
    desk.hear(WRITER_IDLE)
    assert desk.done(AdoptTake) == [AdoptTake(take_id=take.take_id, folder=take.folder)]
    # Its journal says that it was closed before the writer was killed.
    desk.now_s += 1
    closed = replace(take, closed=True, written_frames=96_000, end_frame=Frame(take.first_frame + 96_000))
    desk.hear(TakeAdopted(take=closed))
    assert desk.stands(Transport.ROLLING)
    assert orders(desk)[-1].first_frame == take.first_frame + 96_000


def test_a_failure_that_is_told_twice_counts_once() -> None:
    desk = Desk()
    desk.ok("start")
    fact = failed(orders(desk)[0])
    desk.hear(fact)
    once = (desk.state.takes, desk.state.take, len(desk.told(OpenTake)))
    desk.hear(fact)
    assert (desk.state.takes, desk.state.take, len(desk.told(OpenTake))) == once


def test_a_take_that_failed_while_no_daemon_ran_is_an_alarm_and_nothing_is_said_to_roll() -> None:
    order = rolling_order()
    desk = Desk()
    desk.hear(failed(order))
    assert desk.stands(Transport.HALTED)
    assert "failed while rigd was away: disk write failed" in faults(desk.state)
    assert desk.done(AdoptTake)
    desk.ok("clear-fault")
    assert desk.stands(Transport.READY)


def test_one_that_was_stopped_before_or_is_followed_by_another_halts_nothing() -> None:
    order = rolling_order()
    stopped, followed = Desk(), Desk()
    stopped.hear(failed(order, rolled=False))
    assert stopped.stands(Transport.READY)
    followed.next_ids_from(100)
    followed.ok("start")
    followed.hear(failed(order))
    assert followed.stands(Transport.ROLLING)


def test_a_take_that_was_discarded_before_the_daemon_was_killed_goes_to_the_trash() -> None:
    order = replace(rolling_order(), end_frame=frame(110.0))
    desk = Desk()
    progress = TakeProgress(order=order, written_frames=48_000, durable_frames=48_000)
    desk.hear(replace(WRITER_IDLE, open_takes=(progress,)))
    (take,) = desk.state.takes
    false_take = replace(take, slate=replace(take.slate, false_take=True))
    desk.hear(TakeAdopted(take=false_take))
    assert desk.state.takes == ()
    assert [false.take.take_id for false in desk.state.discarding] == [take.take_id]
    desk.hear(TakeClosed(take_id=take.take_id, folder=take.folder, frames=96_000, files=()))
    assert [effect.take.take_id for effect in desk.done(TrashTake)] == [take.take_id]
    assert desk.state.trashed == (take.take_id,)


def test_a_take_that_closed_on_a_tape_that_is_gone_goes_on_at_the_beginning_of_the_new_one() -> None:
    desk = Desk()
    desk.ok("start")
    take = desk.take
    far = frame(10_000.0)  # frames of the old tape: the new one began to count anew
    frames = far - take.first_frame
    desk.hear(TakeClosed(take_id=take.take_id, folder=take.folder, frames=frames, files=()))
    assert orders(desk)[-1].first_frame == frame(40.0), "its oldest frame"
    assert "is not on the tape any more" in faults(desk.state)


def test_a_seam_that_lacks_something_says_how_much() -> None:
    desk = Desk()
    desk.ok("start")
    desk.now_s += 10
    desk.ok("next")
    take = desk.take
    desk.hear(TakeOpened(take_id=take.take_id, first_frame=Frame(take.first_frame + 480)))
    assert "480 frames (0.010 s) are missing between take 1 and take 2" in faults(desk.state)
    assert desk.take.first_frame == take.first_frame + 480


def test_a_seam_that_lacks_nothing_says_nothing() -> None:
    desk = Desk()
    desk.ok("start")
    desk.ok("next", at=desk.now_s + 0)
    desk.hear(TakeOpened(take_id=desk.take.take_id, first_frame=desk.take.first_frame))
    assert faults(desk.state) == ""
