"""A take that failed in a disk that can still be written goes on as the next one, in a fresh folder. Pure.

What was not durable when the error came is still on the tape: the next take begins at exactly the frame at which
the failed one ends, and nothing is lost. Tried once: where the fresh take fails, too, before it has come to
anything, the disk is no good and nothing more is written to it. The rest goes to the mirror where the library's
volume cannot have it and the mirror has not all of the take, so that it could not go on there as the same one.
"""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.disk_trouble import NO_FRESH_FOLDER, DiskTrouble
from rigd.model.effects import SendToWriter
from rigd.model.errors import RigError
from rigd.model.events import Happening
from rigd.model.messages import Annotate, TakeFailed
from rigd.model.state import RigState, Take, Transport
from rigd.model.take import TakeNote, title_of
from rigd.model.takes import other_takes
from rigd.model.units import Frame
from rigd.rules.mirroring import stands_in
from rigd.rules.step_work import Work
from rigd.rules.take_orders import bytes_per_second, order_take, plan_order

FIRST_SECONDS = 30.0
"""A fresh take that fails earlier than this does not go on once more."""


def may_go_on(state: RigState, take: Take, fact: TakeFailed) -> str:
    """Empty, or why the rest of the take cannot be written anywhere."""
    if fact.trouble in NO_FRESH_FOLDER:
        return NO_FRESH_FOLDER[fact.trouble]
    if fact.disk_full:
        return NO_FRESH_FOLDER[DiskTrouble.FULL]
    if state.disk is not None and state.disk.problem:
        return state.disk.problem
    if take.goes_on_after is not None and fact.frames_kept < FIRST_SECONDS * state.sample_rate_hz:
        return "a fresh folder did not help either"
    return ""


def take_up_rest(work: Work, take: Take, failed: Take, fact: TakeFailed) -> Take | None:
    """The take as which the rest of `take` goes on; None where there is no rest, or nothing may go on.

    `failed` is no longer the current take. The rest rolls, or has the end that was told, as `take` had.
    """
    first_frame = Frame(take.first_frame + fact.frames_kept)
    is_whole = take.end_frame is not None and first_frame >= take.end_frame
    if is_whole or take.slate.false_take:
        return None
    if may_go_on(work.state, take, fact) and not _on_the_mirror(work, take, fact):
        return None
    told = f"goes on from {title_of(take.slate)}, which could not be written on, without a gap"
    try:
        order = plan_order(work, first_frame=first_frame, end_frame=take.end_frame, after=take, notes=(told,))
        rest = order_take(work, order)
    except RigError as refusal:
        work.raise_fault("recording", f"the recording could not go on as a new take: {refusal}")
        return None
    markers = tuple(each for each in take.markers if each.at_frame >= first_frame)
    changes = tuple(
        each for each in take.gain_changes if each.at_frame >= first_frame and each not in order.gain_changes
    )
    notes: tuple[TakeNote, ...] = (*markers, *changes)
    for said in notes:
        work.do(SendToWriter(message=Annotate(take_id=rest.take_id, note=said)))
    return replace(
        rest, goes_on_after=failed.take_id, markers=markers, gain_changes=(*order.gain_changes, *changes)
    )


def _on_the_mirror(work: Work, take: Take, fact: TakeFailed) -> bool:
    """True: the library's volume cannot have the rest, and the mirror, whose own copy lacks something, can."""
    if take.on_mirror:
        return False
    least_bytes = round(work.rules.least_disk_s * bytes_per_second(work))
    return stands_in(work, fact.reason, least_bytes=least_bytes)


def what_came_of_it(state: RigState, take: Take, rest: Take | None, fact: TakeFailed) -> str:
    """A sentence for the fault of the failed take, or nothing."""
    if rest is not None:
        return f" It goes on without a gap as {title_of(rest.slate)}."
    why = may_go_on(state, take, fact) if take.goes_on_after is not None else ""
    return f" It does not go on: {why}." if why else ""


def put_rest(work: Work, rest: Take, *, rolls: bool) -> None:
    """The rest is the current take, with or without an end to come; or one of those that are being closed."""
    if rolls:
        transport = Transport.ROLLING if rest.end_frame is None else Transport.POSTROLL
        work.change(take=rest, transport=transport)
    else:
        work.change(takes=other_takes(work.state).placed(rest))
    work.say(Happening.TAKE_STARTED, rest.take_id, f"{title_of(rest.slate)} goes on without a gap")
