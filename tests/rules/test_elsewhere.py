"""Takes of other sessions: named by their ids, read from their folders, and changed as those of the open one."""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.effects import DeleteTrash, RestoreTake, TrashTake, WriteTakeSheet
from rigd.model.events import Happening
from rigd.model.library import TakeRead, TakeRestored, TakeTrashed, TrashEmptied
from rigd.model.messages import Retag
from rigd.model.state import MirrorPhase, Take
from rigd.model.take import Slate
from rigd.model.units import Frame, TakeId
from rigd.rules.step_work import MOST_ELSEWHERE
from tests.support.desk import OPENED, Desk

HERS = "/takes/2023-11-13 Rehearsal"


def a_take(number: int = 4, *, false_take: bool = False) -> Take:
    slate = Slate(session="Rehearsal", song="Naima", number=number, false_take=false_take)
    where = ".trash/Naima - " if false_take else "Naima/"
    return Take(
        take_id=TakeId(f"{number:032x}"),
        folder=f"{HERS}/{where}Take {number:03}",
        slate=slate,
        first_frame=Frame(0),
        end_frame=Frame(480),
        started_at="2023-11-13T21:00:00.000+01:00",
        channels=(),
        closed=True,
    )


def desk_with(*takes: Take) -> Desk:
    desk = Desk()
    for take in takes:
        desk.hear(TakeRead(take=take))
    return desk


def test_yesterday_s_take_is_circled_noted_rated_and_renamed_while_another_rolls() -> None:
    take = a_take()
    desk = desk_with(take)
    desk.ok("start")
    rolling = desk.take
    assert desk.ok(f"circle {take.take_id}") == 'take 4 of "Naima" (Rehearsal, 2023-11-13) is circled'
    desk.ok(f"rate 5 {take.take_id}")
    (retag, rated) = desk.told(Retag)
    assert retag.folder == take.folder and retag.slate.circled
    assert rated.slate.circled and rated.slate.rating == 5
    assert desk.done(WriteTakeSheet)[-1].take.slate.rating == 5
    assert desk.take == rolling and desk.state.takes == ()


def test_what_was_changed_stays_where_it_is_read_again_or_its_session_is_opened() -> None:
    take = a_take()
    desk = desk_with(take)
    desk.ok(f"circle {take.take_id}")
    desk.hear(TakeRead(take=take))  # read before the change was written
    assert desk.state.elsewhere[-1].slate.circled
    desk.hear(replace(OPENED, folder=HERS, date="2023-11-13", takes=(take,)))
    assert desk.state.takes[0].slate.circled
    assert desk.state.elsewhere == ()


def test_only_the_last_few_stay_in_mind() -> None:
    desk = desk_with(*(a_take(number) for number in range(1, 2 * MOST_ELSEWHERE)))
    assert len(desk.state.elsewhere) == MOST_ELSEWHERE
    assert desk.state.elsewhere[-1].slate.number == 2 * MOST_ELSEWHERE - 1


def test_a_take_that_nobody_knows_is_refused() -> None:
    assert "no take" in Desk().no("circle 00ff")


def test_it_is_discarded_and_undo_says_which_one_comes_back() -> None:
    take = a_take()
    desk = desk_with(take)
    assert "Rehearsal, 2023-11-13" in desk.ok(f"discard {take.take_id}")
    assert [effect.take.take_id for effect in desk.done(TrashTake)] == [take.take_id]
    in_trash = f"{HERS}/.trash/Naima - Take 004"
    desk.hear(TakeTrashed(take_id=take.take_id, folder=in_trash))
    assert "is in the trash" in desk.no(f"circle {take.take_id}")
    assert desk.ok("undo") == 'take 4 of "Naima" (Rehearsal, 2023-11-13) comes back'
    assert desk.done(RestoreTake)[-1].take_id == take.take_id
    desk.hear(TakeRestored(take=take))
    assert desk.state.takes == () and desk.state.trashed == ()
    desk.ok(f"circle {take.take_id}")


def test_a_take_of_any_trash_is_restored_by_its_id_and_only_once() -> None:
    take = a_take(false_take=True)
    desk = desk_with(take)
    assert "comes back" in desk.ok(f"restore {take.take_id}")
    assert "on its way" in desk.no(f"restore {take.take_id}")
    desk.hear(TakeRestored(take=a_take()))
    assert "in the trash" in desk.no(f"restore {take.take_id}")
    assert "in the trash" in desk.no("restore 00ff")


def test_a_discarded_take_of_the_open_session_comes_back_into_it_by_its_id() -> None:
    desk = Desk()
    first = desk.kept_take()
    desk.kept_take()
    for take in desk.state.takes:
        desk.ok(f"discard {take.take_id}")
        place = f"{desk.state.session_folder}/.trash/{take.slate.number}"
        desk.hear(TakeTrashed(take_id=take.take_id, folder=place))
    desk.ok(f"restore {first.take_id}")
    desk.hear(TakeRestored(take=first))
    assert [take.take_id for take in desk.state.takes] == [first.take_id]
    assert len(desk.state.trashed) == 1


def test_the_trash_is_never_emptied_while_a_take_rolls_or_the_mirror_is_away() -> None:
    desk = Desk()
    desk.ok("start")
    assert "is being recorded" in desk.no("empty-trash")
    two = Desk(mirror=True)
    assert two.state.mirror is not None
    two.state = replace(two.state, mirror=replace(two.state.mirror, phase=MirrorPhase.AWAY))
    assert "mirror" in two.no("empty-trash")


def test_what_was_discarded_after_the_question_stays() -> None:
    desk = Desk()
    desk.ok("empty-trash 1d", at=desk.now_s - 10)
    desk.ok("empty-trash")
    old, every = desk.done(DeleteTrash)
    assert every.before_unix_ns - old.before_unix_ns == (86_400 + 10) * 1_000_000_000
    assert every.is_of_any_age and not old.is_of_any_age


def test_what_is_deleted_cannot_be_undone_and_is_told() -> None:
    desk = Desk()
    take = desk.kept_take()
    desk.ok("discard")
    desk.hear(TakeTrashed(take_id=take.take_id, folder=f"{desk.state.session_folder}/.trash/1"))
    desk.hear(TrashEmptied(takes=(take.take_id,), size_bytes=5_000_000))
    assert "nothing was discarded" in desk.no("undo")
    assert Happening.TRASH_EMPTIED in desk.happened()
