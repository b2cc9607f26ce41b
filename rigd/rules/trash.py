"""False takes: discard, discard and start again, undo, and what the library says of them. Pure.

Nothing is moved while a take rolls: discarded takes wait in `discarding`, those that come back in
`coming_back`, and `settle` lets them go, after every step, as soon as they may.
"""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.commands import BringBack, Command, DiscardAndRestart, DiscardTake, EmptyTrash, Undo
from rigd.model.disk_words import bytes_text
from rigd.model.effects import DeleteTrash, EndRig, RestoreTake, SendToWriter, TrashTake
from rigd.model.events import Happening
from rigd.model.library import TakeRestored, TakeTrashed, TrashEmptied
from rigd.model.limits import MOST_DISCARDED_NAMES
from rigd.model.messages import Annotate
from rigd.model.state import (
    ComingBack,
    Ending,
    FalseTake,
    MirrorPhase,
    RigState,
    Take,
    Transport,
    is_rolling,
)
from rigd.model.take import name_of, title_of
from rigd.model.takes import other_takes
from rigd.model.units import NS_PER_SECOND, Frame, TakeId
from rigd.rules.slates import set_slate
from rigd.rules.step_work import (
    Refusal,
    Work,
    chosen_take,
    current_take,
    find_take,
    is_current,
    is_of_open_session,
    open_takes,
    put_elsewhere,
    where_of,
    without_elsewhere,
)
from rigd.rules.transport import check_lock, cut_postroll, end, end_frame_at, roll, stop


def discard(work: Work, command: DiscardTake) -> str:
    """Any state: the rolling take (which ends here), the last one, or the one named is a false take."""
    take = chosen_take(work.state, command.take_id)
    if work.state.take is not None and take.take_id == work.state.take.take_id:
        if work.state.locked:
            return _stop_and_keep(work, command)
        at_frame = work.at.at_frame
        if at_frame is not None and at_frame <= take.first_frame:
            end_frame = Frame(take.first_frame + 1)
        else:
            end_frame = end_frame_at(work, take, command)
        if take.end_frame is not None:
            end_frame = Frame(min(end_frame, take.end_frame))
        take = end(work, _called_false(work, take), end_frame)
    else:
        take = _called_false(work, take)
    where = where_of(work.state, take)
    throw_away(work, take)
    return f"{title_of(take.slate)}{where} is discarded; undo brings it back"


def again(work: Work, command: DiscardAndRestart) -> str:
    """ROLLING, POSTROLL: the take is a false one, and the next begins at the frame of the press."""
    take = current_take(work.state)
    if work.state.locked:
        return _stop_and_keep(work, command)
    at_frame = end_frame_at(work, take, command)
    end_frame = at_frame if take.end_frame is None else Frame(min(at_frame, take.end_frame))
    throw_away(work, end(work, _called_false(work, take), end_frame))
    new = roll(work, first_frame=at_frame)
    return f"{title_of(take.slate)} is discarded, {title_of(new.slate)} rolls"


def undo(work: Work, command: Undo) -> str:
    """The take that was discarded last comes back: at once where it was not moved yet."""
    if not work.state.trashed:
        raise Refusal(
            "nothing was discarded in this session, so there is nothing to bring back; see: rigd trash"
        )
    return _bring_back(work, work.state.trashed[-1])


def restore(work: Work, command: BringBack) -> str:
    """Any state: that one comes back, of whichever session."""
    take_id, take = command.take_id, find_take(work.state, command.take_id)
    if any(back.take_id == take_id for back in work.state.coming_back):
        raise Refusal("this take is on its way back already")
    if take_id not in work.state.trashed and (take is None or not take.slate.false_take):
        raise Refusal(f'no take "{take_id[:40]}" is in the trash; see: rigd trash')
    return _bring_back(work, take_id)


def _bring_back(work: Work, take_id: TakeId) -> str:
    state = work.state
    work.change(trashed=tuple(known for known in state.trashed if known != take_id))
    work.take_id = take_id
    waiting = next((false for false in work.state.discarding if false.take.take_id == take_id), None)
    if waiting is not None and not waiting.asked:
        _drop_discarding(work, take_id)
        _put_back(work, waiting.take)
        return f"{name_of(waiting.take.slate)} is back"
    work.change(coming_back=(*work.state.coming_back, ComingBack(take_id=take_id)))
    name = _name_of_discarded(state, take_id)
    return f"{name} comes back when the recording stops" if is_rolling(work.state) else f"{name} comes back"


def _name_of_discarded(state: RigState, take_id: TakeId) -> str:
    take, known = find_take(state, take_id), dict(state.discarded_names).get(take_id, "")
    return known or (_whole_name(state, take) if take is not None else "the take that was discarded last")


def _whole_name(state: RigState, take: Take) -> str:
    where = where_of(state, take)
    return f"{title_of(take.slate)}{where}" if where else name_of(take.slate)


def trashed(work: Work, fact: TakeTrashed) -> None:
    """The take has left the session's folder. It stays in mind: who brings it back is told which one that is."""
    take = find_take(work.state, fact.take_id)
    _drop_discarding(work, fact.take_id)
    if take is not None and take.slate.false_take:
        put_elsewhere(work, replace(take, folder=fact.folder))


def empty(work: Work, command: EmptyTrash) -> str:
    """Never while anything is recorded, and not while the mirror has other takes: a copy there would come back."""
    state, mirror = work.state, work.state.mirror
    if is_rolling(state) or open_takes(state):
        raise Refusal("a take is being recorded or closed; the trash is emptied when nothing is: stop first")
    if state.coming_back or any(false.asked for false in state.discarding):
        raise Refusal("a take is on its way to or from the trash; try again")
    if mirror is not None and (mirror.phase is not MirrorPhase.IN_STEP or mirror.to_copy):
        raise Refusal(
            "the mirror is not in step with the library: what is deleted here only would come back from there. "
            "Empty the trash once it is; see: rigd status"
        )
    if command.seconds < 0:
        raise Refusal("empty-trash: a length of time is not below zero")
    at = work.at
    asked_unix_ns = at.wall_ns - (at.now_ns - at.at_ns)
    older_ns = round(command.seconds * NS_PER_SECOND)
    work.do(DeleteTrash(before_unix_ns=asked_unix_ns - older_ns, is_of_any_age=not older_ns))
    return "the trash is being emptied"


def emptied(work: Work, fact: TrashEmptied) -> None:
    """These takes are gone for good."""
    gone = set(fact.takes)
    state = work.state
    work.change(
        trashed=tuple(known for known in state.trashed if known not in gone),
        elsewhere=tuple(take for take in state.elsewhere if take.take_id not in gone),
    )
    several = "1 take" if len(gone) == 1 else f"{len(gone)} takes"
    text = f"{several} of the trash deleted for good, {bytes_text(fact.size_bytes)}"
    if fact.problem:
        text += f"; not all of them: {fact.problem}"
    work.say(Happening.TRASH_EMPTIED, "trash", text)


def restored(work: Work, fact: TakeRestored) -> None:
    """The take is in the session's folder again."""
    _drop_coming_back(work, fact.take.take_id)
    _drop_discarding(work, fact.take.take_id)
    trashed_ids = tuple(known for known in work.state.trashed if known != fact.take.take_id)
    work.change(trashed=trashed_ids, elsewhere=without_elsewhere(work.state, fact.take.take_id))
    if find_take(work.state, fact.take.take_id) is None:
        _put_back(work, fact.take)


def discard_failed(work: Work, take_id: TakeId) -> None:
    """The take stays where it was, a good one again."""
    waiting = next((false for false in work.state.discarding if false.take.take_id == take_id), None)
    if waiting is None:
        return
    _drop_discarding(work, take_id)
    _drop_coming_back(work, take_id)
    work.change(trashed=tuple(known for known in work.state.trashed if known != take_id))
    _put_back(work, waiting.take)


def restore_failed(work: Work, take_id: TakeId) -> None:
    """The take is still in the trash, and undo may be tried again."""
    if any(back.take_id == take_id for back in work.state.coming_back):
        _drop_coming_back(work, take_id)
        work.change(trashed=(*work.state.trashed, take_id))


def forget(work: Work, take: Take) -> None:
    """There is nothing of this take: it is in no list, and its number is the next one again if it was the last. Not
    beside a second volume, where a copy of it may lie in a folder of that number."""
    state = work.state
    work.change(
        takes=other_takes(state).without(take.take_id),
        trashed=tuple(known for known in state.trashed if known != take.take_id),
    )
    _drop_discarding(work, take.take_id)
    of_this_song = (take.slate.session, take.slate.song) == (state.session, state.song)
    if of_this_song and take.copy is None and state.next_take_number == take.slate.number + 1:
        work.change(next_take_number=take.slate.number)


def settle(work: Work) -> None:
    """After every step: what waited for the end of a recording is done, and rigd ends when all is done."""
    if not is_rolling(work.state):
        _move_what_waited(work)
    state = work.state
    if state.ending is Ending.CLOSING and not _is_under_way(state):
        work.change(ending=Ending.DONE)
        work.do(EndRig())


def _is_under_way(state: RigState) -> bool:
    # One from the black box is not waited for: the next start puts it together.
    closing = any(not take.from_blackbox for take in open_takes(state) if not is_current(state, take))
    writer_is_there = state.disk is not None
    return bool((closing and writer_is_there) or state.coming_back or any(f.asked for f in state.discarding))


def _move_what_waited(work: Work) -> None:
    false_takes = []
    for false in work.state.discarding:
        if false.take.closed and not false.asked:
            work.do(TrashTake(take=false.take))
            false = replace(false, asked=True)
        false_takes.append(false)
    coming_back = []
    for back in work.state.coming_back:
        if not back.asked:
            work.do(RestoreTake(take_id=back.take_id))
        coming_back.append(replace(back, asked=True))
    work.change(discarding=tuple(false_takes), coming_back=tuple(coming_back))


def _stop_and_keep(work: Work, command: Command) -> str:
    """While locked nothing is thrown away: a held control stops and keeps."""
    check_lock(work, command, current_take(work.state))
    entry = stop if work.state.transport is Transport.ROLLING else cut_postroll
    return f"locked, so nothing is discarded: {entry(work, command)}"


def _called_false(work: Work, take: Take) -> Take:
    """Its journal says so before its end is told, so that a crash in between brings no false take back."""
    false_take = replace(take, slate=replace(take.slate, false_take=True))
    if not take.closed:
        work.do(SendToWriter(message=Annotate(take_id=take.take_id, note=false_take.slate)))
    return false_take


def throw_away(work: Work, false_take: Take) -> None:
    """It is among the false takes, and goes to the trash once it is closed and nothing rolls."""
    take_id = work.take_id = false_take.take_id
    where = where_of(work.state, false_take)
    work.change(
        takes=other_takes(work.state).without(take_id),
        elsewhere=without_elsewhere(work.state, take_id),
        discarding=(*work.state.discarding, FalseTake(take=false_take)),
        trashed=(*work.state.trashed, take_id),
        discarded_names=(*work.state.discarded_names, (take_id, _whole_name(work.state, false_take)))[
            -MOST_DISCARDED_NAMES:
        ],
    )
    work.say(Happening.TAKE_DISCARDED, take_id, f"{title_of(false_take.slate)}{where} is a false take")


def _put_back(work: Work, take: Take) -> None:
    if take.closed and not is_of_open_session(work.state, take):
        put_elsewhere(work, take)
    else:
        work.change(takes=other_takes(work.state).placed(take))
    set_slate(work, take, replace(take.slate, false_take=False), Happening.TAKE_RESTORED, "is back")


def _drop_discarding(work: Work, take_id: TakeId) -> None:
    work.change(discarding=tuple(f for f in work.state.discarding if f.take.take_id != take_id))


def _drop_coming_back(work: Work, take_id: TakeId) -> None:
    work.change(coming_back=tuple(back for back in work.state.coming_back if back.take_id != take_id))
