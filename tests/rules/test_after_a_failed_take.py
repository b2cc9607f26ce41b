"""A take that failed in a disk that can still be written goes on in a fresh folder, from exactly its end."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rigd.model.disk_trouble import NO_ROOM, DiskTrouble
from rigd.model.effects import WriteTakeSheet
from rigd.model.events import Happening
from rigd.model.messages import Annotate, TakeFailed
from rigd.model.state import Take, Transport
from tests.support.desk import RATE_HZ, WRITER_IDLE, Desk, frame, orders


def io_error(take: Take, *, kept: int, disk_full: bool = False) -> TakeFailed:
    return TakeFailed(
        take_id=take.take_id,
        folder=take.folder,
        frames_kept=kept,
        reason="disk write failed after 00:00:05 (Input/output error)",
        disk_full=disk_full,
    )


def failing() -> tuple[Desk, Take]:
    """A take has rolled for 10 s."""
    desk = Desk()
    desk.ok("start")
    desk.now_s += 10
    return desk, desk.take


def test_the_recording_goes_on_from_exactly_the_frame_at_which_the_failed_take_ends() -> None:
    desk, take = failing()
    desk.hear(io_error(take, kept=5 * RATE_HZ + 1))
    assert desk.stands(Transport.ROLLING)
    failed_order, fresh = orders(desk)
    assert fresh.first_frame == take.first_frame + 5 * RATE_HZ + 1
    assert fresh.end_frame is None and fresh.folder != failed_order.folder
    assert [track.channel for track in fresh.tracks] == [track.channel for track in failed_order.tracks]
    (failed,) = desk.state.takes
    assert failed.closed and failed.end_frame == fresh.first_frame
    assert "Input/output error" in failed.failure and desk.take.failure == ""
    assert desk.take.goes_on_after == failed.take_id
    assert fresh.slate.notes == ("goes on from take 1, which could not be written on, without a gap",)
    assert desk.done(WriteTakeSheet)[-1].take.failure
    (fault,) = desk.state.faults
    assert "It goes on without a gap as take 2. When it is seen to: rigd clear-fault" in fault.what
    assert desk.happened().count(Happening.TAKE_FAILED) == 1


def test_a_take_that_could_not_even_be_opened_is_tried_once_more_in_another_folder() -> None:
    desk, take = failing()
    desk.hear(io_error(take, kept=0))
    assert desk.stands(Transport.ROLLING)
    assert desk.take.first_frame == take.first_frame and desk.take.slate.number == 2
    assert desk.state.takes == (), "of the first there is nothing"


def test_a_fresh_folder_that_fails_in_its_first_seconds_halts_the_rig() -> None:
    desk, take = failing()
    desk.hear(io_error(take, kept=RATE_HZ))
    second = desk.take
    desk.hear(io_error(second, kept=29 * RATE_HZ))
    assert desk.stands(Transport.HALTED) and len(orders(desk)) == 2
    assert len([fault for fault in desk.state.faults if fault.key.startswith("take ")]) == 2
    assert "a fresh folder did not help either" in desk.state.faults[-1].what


def test_an_error_that_comes_much_later_is_another_one() -> None:
    desk, take = failing()
    desk.hear(io_error(take, kept=RATE_HZ))
    desk.now_s += 3600
    desk.hear(io_error(desk.take, kept=3000 * RATE_HZ))
    assert desk.stands(Transport.ROLLING) and len(orders(desk)) == 3


def test_a_full_disk_or_one_that_cannot_be_written_halts_as_ever() -> None:
    desk, take = failing()
    desk.hear(io_error(take, kept=RATE_HZ, disk_full=True))
    assert desk.stands(Transport.HALTED)
    desk, take = failing()
    desk.hear(replace(WRITER_IDLE, problem="the library is on a read-only volume"))
    desk.hear(io_error(take, kept=RATE_HZ))
    assert desk.stands(Transport.HALTED) and len(orders(desk)) == 1


@pytest.mark.parametrize(
    ("trouble", "goes_on"),
    [
        (DiskTrouble.FULL, False),
        (DiskTrouble.QUOTA, False),
        (DiskTrouble.READ_ONLY, False),
        (DiskTrouble.TOO_LONG, False),
        (DiskTrouble.STALE, True),
        (DiskTrouble.UNREACHABLE, True),
        (DiskTrouble.ERROR, True),
        (None, True),
    ],
)
def test_each_kind_of_trouble_has_its_own_conduct(trouble: DiskTrouble | None, goes_on: bool) -> None:
    desk, take = failing()
    desk.hear(replace(io_error(take, kept=RATE_HZ, disk_full=trouble in NO_ROOM), trouble=trouble))
    assert desk.stands(Transport.ROLLING if goes_on else Transport.HALTED)
    assert len(orders(desk)) == 1 + goes_on
    (fault,) = (fault for fault in desk.state.faults if fault.key.startswith("take "))
    assert ("Free some space, then" in fault.what) == (trouble is DiskTrouble.FULL)


def test_what_is_missing_of_a_take_that_was_stopped_already_is_a_take_of_its_own() -> None:
    desk, take = failing()
    desk.ok("stop")
    desk.hear(io_error(take, kept=4 * RATE_HZ))
    assert desk.stands(Transport.READY)
    _, rest = desk.state.takes
    assert (rest.first_frame, rest.end_frame) == (take.first_frame + 4 * RATE_HZ, frame(110.0))
    assert orders(desk)[-1].end_frame == frame(110.0)


def test_the_postroll_goes_on_to_its_end() -> None:
    desk = Desk(postroll_s=3.0)
    desk.ok("start")
    desk.now_s += 10
    desk.ok("stop")
    desk.hear(io_error(desk.take, kept=RATE_HZ))
    assert desk.stands(Transport.POSTROLL) and desk.take.end_frame == frame(113.0)


def test_a_take_that_failed_behind_its_last_frame_misses_nothing() -> None:
    desk, take = failing()
    desk.ok("stop")
    desk.hear(io_error(take, kept=12 * RATE_HZ))
    assert len(orders(desk)) == 1 and desk.state.takes[0].failure


def test_a_false_take_does_not_go_on() -> None:
    desk, take = failing()
    desk.ok("discard")
    desk.hear(io_error(take, kept=RATE_HZ))
    assert len(orders(desk)) == 1


def test_below_the_reserve_and_with_channels_disarmed_meanwhile_the_recording_still_goes_on_whole() -> None:
    desk, take = failing()
    desk.rules = replace(desk.rules, least_disk_s=60.0)
    desk.hear(replace(WRITER_IDLE, free_bytes=1_000_000))
    desk.ok("disarm")
    desk.hear(io_error(take, kept=RATE_HZ))
    assert desk.stands(Transport.ROLLING) and len(orders(desk)[-1].tracks) == 4


def test_markers_behind_the_kept_end_go_with_the_rest() -> None:
    desk, take = failing()
    desk.ok("mark one", at=100.5)
    desk.ok("mark two", at=109.0)
    desk.hear(io_error(take, kept=5 * RATE_HZ))
    assert [marker.name for marker in desk.take.markers] == ["two"]
    told = desk.told(Annotate)[-1]
    assert told.take_id == desk.take.take_id and told.note.name == "two"


def test_without_a_tape_to_go_on_from_the_rig_halts_and_says_so() -> None:
    desk, take = failing()
    desk.state = replace(desk.state, session_folder="/nowhere")
    desk.rules = replace(desk.rules, plan_take=_no_plan)
    desk.hear(io_error(take, kept=RATE_HZ))
    assert desk.stands(Transport.HALTED)
    assert any("could not go on as a new take" in fault.what for fault in desk.state.faults)


def _no_plan(**_: object) -> object:
    from rigd.model.errors import LibraryError

    raise LibraryError("no such session")
