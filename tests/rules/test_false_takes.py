"""False takes: nothing is lost by a discard, and nothing is moved while a take rolls."""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.effects import RestoreTake, TrashTake
from rigd.model.events import Happening
from rigd.model.library import LibraryFailed, TakeRestored, TakeTrashed
from rigd.model.messages import Annotate, EndTake, Retag
from rigd.model.state import Take, Transport
from rigd.model.units import TakeId
from tests.support.desk import OPENED, Desk, frame, orders


def is_trashed(desk: Desk, take: Take) -> None:
    """The library has moved it."""
    desk.hear(TakeTrashed(take_id=take.take_id, folder=f"/takes/trash/{take.take_id}"))


def test_a_rolling_take_that_is_discarded_ends_and_goes_to_the_trash_once_closed() -> None:
    desk = Desk()
    desk.ok("start")
    take = desk.take
    desk.now_s += 5
    desk.ok("discard")
    assert desk.stands(Transport.READY)
    assert desk.told(EndTake)[-1].end_frame == frame(105.0)
    assert not desk.done(TrashTake)
    desk.close(replace(take, end_frame=frame(105.0)))
    (trash,) = desk.done(TrashTake)
    assert trash.take.take_id == take.take_id and trash.take.slate.false_take
    is_trashed(desk, take)
    assert desk.state.trashed == (take.take_id,)
    assert desk.state.takes == () and desk.state.discarding == ()


def test_its_journal_calls_it_false_before_its_end_is_told() -> None:
    desk = Desk()
    desk.ok("start")
    desk.now_s += 5
    desk.ok("discard")
    kinds = [type(effect.message) for effect in desk.effects if hasattr(effect, "message")]
    assert kinds.index(Annotate) < kinds.index(EndTake)
    assert desk.told(Annotate)[0].note.false_take


def test_the_last_take_is_discarded_at_once_where_none_rolls() -> None:
    desk = Desk()
    take = desk.kept_take()
    desk.ok("discard")
    assert [effect.take.take_id for effect in desk.done(TrashTake)] == [take.take_id]


def test_nothing_is_moved_while_a_take_rolls() -> None:
    desk = Desk()
    take = desk.kept_take()
    desk.ok("start")
    desk.ok(f"discard {take.take_id}")
    assert not desk.done(TrashTake)
    assert desk.state.takes == ()
    desk.now_s += 5
    desk.ok("stop")
    assert [effect.take.take_id for effect in desk.done(TrashTake)] == [take.take_id]


def test_again_discards_and_begins_the_next_take_at_the_same_frame() -> None:
    desk = Desk()
    desk.ok("start")
    first = desk.take
    desk.now_s += 5
    desk.ok("again", at=104.4)
    assert desk.told(EndTake)[-1].end_frame == frame(104.4)
    assert orders(desk)[-1].first_frame == frame(104.4)
    assert desk.take.slate.number == 2
    assert desk.state.trashed == (first.take_id,)


def test_again_with_nothing_rolling_throws_nothing_away() -> None:
    desk = Desk()
    desk.kept_take()
    assert "discard" in desk.no("again")
    assert len(desk.state.takes) == 1


def test_undo_before_the_take_was_moved_only_cancels() -> None:
    desk = Desk()
    desk.ok("start")
    desk.now_s += 5
    desk.ok("again")
    desk.ok("undo")
    assert not desk.done(TrashTake) and not desk.done(RestoreTake)
    (take,) = desk.state.takes
    assert not take.slate.false_take
    assert desk.state.trashed == ()
    assert desk.told(Annotate)[-1].note.false_take is False
    desk.close(take)
    assert not desk.done(TrashTake)
    assert desk.told(Retag)[-1].slate.false_take is False  # its files may have been closed with the old word


def test_undo_brings_back_what_was_moved() -> None:
    desk = Desk()
    take = desk.kept_take()
    desk.ok("discard")
    is_trashed(desk, take)
    desk.ok("undo")
    assert [effect.take_id for effect in desk.done(RestoreTake)] == [take.take_id]
    desk.hear(TakeRestored(take=replace(take, slate=replace(take.slate, false_take=True))))
    assert [t.take_id for t in desk.state.takes] == [take.take_id]
    assert not desk.state.takes[0].slate.false_take
    assert Happening.TAKE_RESTORED in desk.happened()


def test_undo_waits_for_the_end_of_the_recording() -> None:
    desk = Desk()
    take = desk.kept_take()
    desk.ok("discard")
    is_trashed(desk, take)
    desk.ok("start")
    assert "when the recording stops" in desk.ok("undo")
    assert not desk.done(RestoreTake)
    desk.now_s += 5
    desk.ok("stop")
    assert len(desk.done(RestoreTake)) == 1


def test_undo_while_the_take_is_on_its_way_to_the_trash_brings_it_back_from_there() -> None:
    desk = Desk()
    take = desk.kept_take()
    desk.ok("discard")
    desk.ok("undo")
    assert [type(effect) for effect in desk.effects if isinstance(effect, TrashTake | RestoreTake)] == [
        TrashTake,
        RestoreTake,
    ]
    is_trashed(desk, take)
    desk.hear(TakeRestored(take=take))
    assert [t.take_id for t in desk.state.takes] == [take.take_id]
    assert desk.state.trashed == () and desk.state.discarding == () and desk.state.coming_back == ()


def test_undo_goes_back_one_discard_at_a_time() -> None:
    desk = Desk()
    first, second = desk.kept_take(), desk.kept_take()
    for take in (second, first):
        desk.ok(f"discard {take.take_id}")
        is_trashed(desk, take)
    desk.ok("undo")
    desk.hear(TakeRestored(take=first))
    desk.ok("undo")
    desk.hear(TakeRestored(take=second))
    assert [take.slate.number for take in desk.state.takes] == [1, 2]
    assert "nothing was discarded" in desk.no("undo")


def test_a_discard_that_fails_on_disk_leaves_the_take_with_the_good_ones() -> None:
    desk = Desk()
    take = desk.kept_take()
    desk.ok("discard")
    desk.hear(LibraryFailed(doing="discard", subject=take.take_id, reason="read-only"))
    assert [t.take_id for t in desk.state.takes] == [take.take_id]
    assert not desk.state.takes[0].slate.false_take
    assert desk.state.trashed == ()
    assert "read-only" in desk.state.faults[0].what


def test_an_undo_that_fails_on_disk_may_be_tried_again() -> None:
    desk = Desk()
    take = desk.kept_take()
    desk.ok("discard")
    is_trashed(desk, take)
    desk.ok("undo")
    desk.hear(LibraryFailed(doing="restore", subject=take.take_id, reason="busy"))
    assert desk.state.trashed == (take.take_id,)
    desk.ok("undo")
    assert len(desk.done(RestoreTake)) == 2


def test_a_false_take_keeps_its_number() -> None:
    desk = Desk()
    desk.kept_take()
    desk.ok("discard")
    assert desk.kept_take().slate.number == 2


def test_what_undo_brings_back_is_named_also_once_it_is_in_the_trash() -> None:
    desk = Desk()
    desk.ok("start")
    take = desk.take
    desk.now_s += 5.0
    desk.ok("discard")
    assert desk.ok("undo") == 'take 1 of "Waltz" is back', "it was not moved yet"
    desk.close(desk.state.takes[-1])
    desk.ok("discard")
    desk.hear(TakeTrashed(take_id=take.take_id, folder="/takes/trash"))
    assert desk.state.discarding == ()
    assert desk.ok("undo") == 'take 1 of "Waltz" comes back'


def test_and_so_is_one_that_was_discarded_before_rigd_began() -> None:
    one, other = TakeId("a" * 32), TakeId("b" * 32)
    desk = Desk()
    names = ((other, 'take 7 "fast" of "Tango"'),)
    desk.hear(replace(OPENED, trashed=(one, other), discarded_names=names))
    assert desk.ok("undo") == 'take 7 "fast" of "Tango" comes back'
    assert desk.ok("undo") == "the take that was discarded last comes back"
