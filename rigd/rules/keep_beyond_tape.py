"""Keep beyond the tape: a take that is put together from the black box. Pure.

Such a take is never the writer's: it is told nothing of it before the take is closed.
"""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.blackbox import BlackBox, Keep, KeepUnderWay
from rigd.model.commands import KeepLast
from rigd.model.durations import told
from rigd.model.effects import KeepFromBlackBox
from rigd.model.events import Happening
from rigd.model.state import RigState, is_rolling
from rigd.model.take import TakeOrder, title_of
from rigd.model.takes import other_takes
from rigd.model.units import Frame, frames_in
from rigd.rules.mirroring import is_in_charge
from rigd.rules.step_work import Refusal, Work, find_take
from rigd.rules.take_orders import take_of

STALE_S = 10.0
"""A black box that told of a tape's end further away than this told of another tape."""
BEHIND_S = 2.0
SLOW_DISK_FAULTS = ("disk", "disk slow", "not safe")
LONGEST_S = 1e7
"""No black box reaches back further."""


def blackbox_told(work: Work, fact: BlackBox) -> None:
    """What the black box has; a fault as long as it does not do its work. Takes are not touched by it."""
    work.change(blackbox=fact)
    if fact.problem:
        work.raise_fault("blackbox", f"the black box: {fact.problem}")
    else:
        work.clear_fault("blackbox")


def takes_are_behind(state: RigState) -> bool:
    """True where the disk has enough to do with the takes that roll: nothing else is to be written to it."""
    if not is_rolling(state):
        return False
    late = state.disk is None or state.disk.behind_frames > frames_in(BEHIND_S, state.sample_rate_hz)
    return late or any(fault.key in SLOW_DISK_FAULTS for fault in state.faults)


def first_frame_beyond(work: Work, *, seconds: float, tape_gives: int, end_frame: int) -> Frame | None:
    """Where a take of the last `seconds` before `end_frame` begins in the black box (may be negative); None where
    the tape, which gives all from `tape_gives` on, has as much, or the black box lacks what came last: the tape
    has that for certain."""
    box, rate = work.state.blackbox, work.state.sample_rate_hz
    if box is None or box.oldest_frame is None or box.newest_frame is None or box.oldest_frame >= tape_gives:
        return None
    stale = frames_in(STALE_S, rate)
    if abs(end_frame - box.tape_to) > stale or box.newest_frame < box.tape_to - stale:
        return None
    wanted = end_frame - max(1, frames_in(min(seconds, LONGEST_S), rate))
    return Frame(max(wanted, box.oldest_frame)) if wanted < tape_gives else None


def why_not_further(work: Work) -> str:
    """For the answer to a keep that went to the tape although there is a black box; empty where there is none."""
    box = work.state.blackbox
    if box is None:
        return ""
    return f"; the black box has nothing to add{f': {box.problem}' if box.problem else ' yet'}"


def check_volume(work: Work) -> None:
    """Raises Refusal while takes go to the mirror alone: one is put together in the library."""
    if is_in_charge(work.state):
        raise Refusal(
            "keep: this reaches beyond the tape, and the black box is put together in the library, whose volume is"
            f" away; up to {told(work.rules.keep_s)} can be kept on the mirror now, the rest once the volume is back"
        )


def check_room(work: Work, bytes_needed: int) -> None:
    """Raises Refusal where the disk has not so much room; the sound is in the black box for some time yet."""
    box, disk = work.state.blackbox, work.state.disk
    if box is not None and disk is not None and disk.free_bytes < bytes_needed:
        raise Refusal(
            f"keep: this needs {bytes_needed / 1e9:.1f} GB and the disk has {disk.free_bytes / 1e9:.1f} GB free;"
            f" free some space. The black box has the sound for up to {told(60 * box.minutes)} from when it was made"
        )


def keep_from_blackbox(work: Work, command: KeepLast, order: TakeOrder) -> str:
    """The order, whose first frame may be negative, is put together."""
    box, end_frame = work.state.blackbox, order.end_frame
    assert box is not None and end_frame is not None
    rate, tape_frame = work.state.sample_rate_hz, order.first_frame
    shift = max(0, -tape_frame)
    order = replace(
        order,
        first_frame=Frame(tape_frame + shift),
        end_frame=Frame(end_frame + shift),
        gain_changes=tuple(
            replace(change, at_frame=Frame(change.at_frame + shift)) for change in order.gain_changes
        ),
    )
    take = replace(take_of(order), from_blackbox=True)
    work.take_id = take.take_id
    work.change(takes=other_takes(work.state).plus(take))
    work.do(KeepFromBlackBox(keep=Keep(order=order, tape_id=box.tape_id, tape_frame=tape_frame)))
    length_s = (end_frame - tape_frame) / rate
    text = f"the last {told(length_s)} are {title_of(take.slate)}; it is put together from the black box"
    if length_s < command.seconds - 0.5 / rate:
        text += f", which reaches back no further ({told(command.seconds)} were asked for)"
    work.say(Happening.TAKE_KEPT, take.take_id, text)
    return text


def keep_under_way(work: Work, fact: KeepUnderWay) -> None:
    """An earlier daemon was asked for it; it is closing, as it was then."""
    if find_take(work.state, fact.order.take_id) is None:
        take = replace(take_of(fact.order), from_blackbox=True)
        work.change(takes=other_takes(work.state).placed(take))
        text = f"{title_of(take.slate)} is still being put together from the black box"
        work.say(Happening.TAKE_KEPT, take.take_id, text)
