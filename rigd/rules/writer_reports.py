"""What the writer says: the disk, and how takes fare. Pure.

A dropout never ends a take; a writer that is gone neither. A full disk does, cleanly, and says so.
"""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.disk_trouble import DiskTrouble
from rigd.model.effects import AdoptTake, SendToWriter, WriteTakeSheet
from rigd.model.events import Happening
from rigd.model.inputs import WriterLost
from rigd.model.messages import (
    EndTake,
    GapWritten,
    Retag,
    RetagFailed,
    TakeClosed,
    TakeFailed,
    TakeOpened,
    TakeProgress,
    WriterReport,
    XrunNoted,
)
from rigd.model.state import WRITER_CURE, Disk, RigState, Take, Transport, is_rolling
from rigd.model.take import Gap, GapCause, title_of
from rigd.model.takes import other_takes
from rigd.model.units import Frame, TakeId
from rigd.rules import after_a_failed_take, disk_room
from rigd.rules.inside_take import gaps_inside
from rigd.rules.mirroring import end_copy, look_after_mirror, take_over
from rigd.rules.step_work import (
    CLEAR_FAULT,
    Refusal,
    Work,
    find_take,
    is_current,
    known_takes,
    open_takes,
    session_takes,
)
from rigd.rules.take_orders import bytes_per_second, take_of
from rigd.rules.transport import cut_off, gap_fault, length_text, let_go, roll
from rigd.rules.trash import forget


def writer_report(work: Work, fact: WriterReport) -> None:
    """How far open takes are, and what the disk still takes."""
    before = work.state.disk
    problem = fact.problem
    work.change(
        disk=Disk(
            free_bytes=fact.free_bytes,
            bytes_per_second=bytes_per_second(work),
            behind_frames=fact.behind_frames,
            problem=problem,
            measured=before.measured if before is not None else None,
            heard_at_ns=work.at.now_ns,
        )
    )
    if before is None:
        work.clear_fault("writer")
        work.say(Happening.WRITER_CHANGED, "writer", "the writer is there")
        _ask_after_missing_takes(work, {progress.order.take_id for progress in fact.open_takes})
    for progress in fact.open_takes:
        take = find_take(work.state, progress.order.take_id)
        if take is None:
            _adopt(work, progress)
        elif not take.on_mirror:
            note_progress(work, take, progress)
    look_after_mirror(work)
    if problem:
        work.raise_fault("disk", problem)
    else:
        work.clear_fault("disk")
    if before is not None and before.problem != problem:
        work.say(Happening.DISK_CHANGED, "disk", problem or "the disk is in order again")
    disk_room.note_report(work, fact)


def writer_lost(work: Work, fact: WriterLost) -> None:
    """The tape keeps the sound until the writer is back."""
    there = work.state.disk is not None
    work.change(disk=None)
    cure = "the tape keeps the sound"
    work.raise_fault("writer", f"the writer is gone: {fact.reason}; {WRITER_CURE}; {cure}")
    if there:
        work.say(Happening.WRITER_CHANGED, "writer", "the writer is gone")


def take_opened(work: Work, fact: TakeOpened) -> None:
    take = find_take(work.state, fact.take_id)
    if take is not None and take.first_frame != fact.first_frame:
        _say_what_a_seam_lacks(work, take, fact.first_frame)
        latest = take.end_frame if take.end_frame is not None else fact.first_frame
        work.put_take(replace(take, first_frame=min(fact.first_frame, latest)))


def _say_what_a_seam_lacks(work: Work, take: Take, opened: Frame) -> None:
    """The take was to begin where another ends, and the tape had gone over its beginning."""
    before = next((each for each in known_takes(work.state) if each.end_frame == take.first_frame), None)
    missing = opened - take.first_frame
    if before is not None and missing > 0:
        length = f"{missing:,} frames ({missing / work.state.sample_rate_hz:.3f} s)"
        text = f"{length} are missing between {title_of(before.slate)} and {title_of(take.slate)}"
        work.say(Happening.GAP_FOUND, take.take_id, text)
        work.raise_fault(f"gap {take.take_id}", f"{text}: the tape had gone over them. Seen: {CLEAR_FAULT}")


def gap_written(work: Work, fact: GapWritten) -> None:
    """A gap is a fact with a position; it ends nothing, and somebody has to know of it."""
    take = find_take(work.state, fact.take_id)
    inside = gaps_inside((fact.gap,), end_frame=None if take is None else take.end_frame)
    if take is None or not inside or inside[0] in take.gaps:
        return
    gap = inside[0]
    changed = replace(take, gaps=(*take.gaps, gap))
    work.put_take(changed)
    work.do(WriteTakeSheet(take=changed))
    position_s = (gap.at_frame - take.first_frame) / work.state.sample_rate_hz
    missing = f"{length_text(work.state, (gap,))} missing at {position_s:.2f} s ({gap.cause})"
    work.say(Happening.GAP_FOUND, take.take_id, f"{title_of(take.slate)}: {missing}")
    work.raise_fault(f"gap {take.take_id}", gap_fault(work.state, changed))
    if gap.cause is GapCause.TAPE_FULL:
        disk_room.sound_was_lost(work)


def xrun_noted(work: Work, fact: XrunNoted) -> None:
    """An xrun without loss is counted. One that is suspect may have cost sound, and nobody said so: an alarm."""
    at_frame = fact.xrun.at_frame
    take = find_take(work.state, fact.take_id)
    if take is not None and at_frame < take.first_frame:
        before = (each for each in session_takes(work.state) if each.first_frame <= at_frame)
        take = next((each for each in before if each.end_frame is None or at_frame < each.end_frame), take)
    if take is None or (take.end_frame is not None and at_frame >= take.end_frame):
        return
    work.put_take(replace(take, xruns=take.xruns + 1))
    if fact.xrun.suspect and _is_at_false_rate(work.state, at_frame):
        return  # "mismatch" stands, and says why blocks came late
    position_s = (at_frame - take.first_frame) / work.state.sample_rate_hz
    place = f"at {position_s:.2f} s" if position_s >= 0 else f"{-position_s:.2f} s before its start"
    if not fact.xrun.suspect:
        text = f"{title_of(take.slate)}: an xrun {place}, without loss"
        work.say(Happening.XRUN_FOUND, take.take_id, text)
        return
    frames = fact.xrun.about_frames
    seconds = frames / work.state.sample_rate_hz
    what = f"about {frames:,} frames ({seconds:.3f} s)" if frames else "sound"
    text = f"{title_of(take.slate)}: the interface may have lost {what} {place}; it did not say so"
    work.say(Happening.XRUN_FOUND, take.take_id, text)
    cure = (
        "Nothing was inserted: what follows would be early by that. Listen there; a larger period,"
        f" or fewer other programs, helps. Seen: {CLEAR_FAULT}"
    )
    work.raise_fault(f"suspect {take.take_id}", f"{text}. {cure}")


def _is_at_false_rate(state: RigState, at_frame: Frame) -> bool:
    false_from = state.interface.false_from if state.interface is not None else None
    return false_from is not None and at_frame >= false_from


def take_closed(work: Work, fact: TakeClosed) -> None:
    """Every byte of it is durable. One that closed although it should still roll goes on as a new take."""
    take = find_take(work.state, fact.take_id)
    if take is None:
        work.do(AdoptTake(take_id=fact.take_id, folder=fact.folder))
        return
    if take.closed:
        return
    closed = replace(
        cut_off(work, take, Frame(take.first_frame + fact.frames)),
        folder=fact.folder,
        xruns=take.xruns if fact.xruns is None else fact.xruns,
        written_frames=fact.frames,
        durable_frames=fact.frames,
        files=fact.files,
        clips=fact.clips,
        recovered=fact.recovered,
        closed=True,
    )
    close_take(work, take, closed)


def take_failed(work: Work, fact: TakeFailed) -> None:
    """What was kept is closed and whole; a take of which nothing was is gone from the list. What is missing goes
    on as a take of its own where it can. Else the rig halts where it was the rolling take, and says so."""
    take = find_take(work.state, fact.take_id)
    if take is None:
        work.do(AdoptTake(take_id=fact.take_id, folder=fact.folder))
        _failed_unheard(work, fact)
        return
    if take.closed or take_over(work, take, fact):
        return
    failed = replace(
        cut_off(work, take, Frame(take.first_frame + fact.frames_kept)),
        folder=fact.folder,
        written_frames=fact.frames_kept,
        durable_frames=fact.frames_kept,
        closed=True,
        failure=fact.reason,
    )
    work.put_take(failed)
    was_current = is_current(work.state, take)
    if was_current:
        let_go(work, failed)
    rest = after_a_failed_take.take_up_rest(work, take, failed, fact)
    end_copy(work, take, rest)
    if rest is not None:
        after_a_failed_take.put_rest(work, rest, rolls=was_current)
    elif was_current:
        work.change(transport=Transport.HALTED)
    if fact.frames_kept:
        work.do(WriteTakeSheet(take=failed))
    else:
        forget(work, failed)
    went_on = after_a_failed_take.what_came_of_it(work.state, take, rest, fact)
    full = fact.disk_full and fact.trouble is not DiskTrouble.QUOTA
    cure = "Free some space, then" if full else "When it is seen to"
    kept = f"Kept {fact.frames_kept:,} frames.{went_on}"
    text = f"{title_of(take.slate)}: {fact.reason}. {kept} {cure}: {CLEAR_FAULT}"
    work.say(Happening.TAKE_FAILED, take.take_id, text)
    work.raise_fault(f"take {take.take_id}", text)


def _failed_unheard(work: Work, fact: TakeFailed) -> None:
    """It rolled when an earlier daemon ended, and nobody has ordered what was to follow."""
    if fact.rolled and not is_rolling(work.state):
        work.change(transport=Transport.HALTED)
        cure = f"Nothing is being recorded. {CLEAR_FAULT}, and start; keep has what the tape still has"
        work.raise_fault(f"take {fact.take_id}", f"a take failed while rigd was away: {fact.reason}. {cure}")


def retag_failed(work: Work, fact: RetagFailed) -> None:
    """A false take that moved to the trash meanwhile is no fault; it is tagged when it comes back."""
    take = find_take(work.state, fact.take_id)
    if take is None or take.slate.false_take:
        return
    work.raise_fault(
        f"slate {fact.take_id}",
        f"{title_of(take.slate)}: its new slate is in take.json but not in its files ({fact.reason}). "
        f"Change it once more, or: {CLEAR_FAULT}",
    )


def _adopt(work: Work, progress: TakeProgress) -> None:
    """The writer writes a take that this daemon did not order: an earlier daemon did. It is ours now."""
    take = take_of(progress.order)
    if work.state.sound_is_simulated is None:
        work.change(sound_is_simulated=take.simulated)  # it is of the tape that is there
    work.do(AdoptTake(take_id=take.take_id, folder=take.folder))
    if take.end_frame is None and work.state.take is not None:
        other = work.state.take
        take = replace(take, end_frame=Frame(max(take.first_frame + 1, other.first_frame)))
        work.do(SendToWriter(message=EndTake(take_id=take.take_id, end_frame=take.end_frame)))
    if take.end_frame is None:
        work.change(take=take, transport=Transport.ROLLING)
        work.say(Happening.TAKE_RESUMED, take.take_id, f"{title_of(take.slate)} still rolls")
    else:
        work.change(takes=other_takes(work.state).placed(take))
    note_progress(work, take, progress)


def note_progress(work: Work, take: Take, progress: TakeProgress) -> None:
    """How far it is, by the writer that has it."""
    if not take.closed:
        known = gaps_inside(progress.gaps, end_frame=take.end_frame)
        gaps = max(take.gaps, known, key=_how_much)
        work.put_take(
            replace(
                take,
                written_frames=progress.written_frames,
                durable_frames=progress.durable_frames,
                gaps=gaps,
                xruns=max(take.xruns, progress.xruns),
            )
        )


def _how_much(gaps: tuple[Gap, ...]) -> tuple[int, int]:
    return len(gaps), sum(gap.length_frames for gap in gaps)


def _ask_after_missing_takes(work: Work, reported: set[TakeId]) -> None:
    """A writer is back. A take that it does not list may have been closed unheard."""
    for take in open_takes(work.state):
        if not take.from_blackbox and take.take_id not in reported:
            work.do(AdoptTake(take_id=take.take_id, folder=take.folder))


def close_take(work: Work, before: Take, closed: Take) -> None:
    was_current = is_current(work.state, before)
    still_rolling = was_current and work.state.transport is Transport.ROLLING
    if closed.slate_ahead and not closed.slate.false_take:
        retag = Retag(take_id=closed.take_id, folder=closed.folder, slate=closed.slate)
        work.do(SendToWriter(message=retag))
    end_frame = closed.end_frame
    if end_frame is None:
        end_frame = Frame(closed.first_frame + closed.written_frames)
    closed = replace(closed, slate_ahead=False, end_frame=end_frame)
    work.put_take(closed)
    if was_current:
        let_go(work, closed)
    work.do(WriteTakeSheet(take=closed))
    what = Happening.TAKE_RECOVERED if closed.recovered else Happening.TAKE_CLOSED
    work.say(what, closed.take_id, f"{title_of(closed.slate)}: every byte of it is safe")
    if still_rolling:
        _go_on_after(work, closed, end_frame)


def _go_on_after(work: Work, closed: Take, end_frame: Frame) -> None:
    """The tape still has what came after that end: the recording goes on, without a gap, as the next take. On
    another tape, which began to count anew, it goes on from its oldest frame."""
    oldest, newest = work.at.tape_from, work.at.tape_to
    first_frame = end_frame
    if oldest is not None and newest is not None and not oldest <= end_frame <= newest:
        first_frame = oldest
    try:
        take = roll(work, first_frame=first_frame)
    except Refusal as refusal:
        text = f"the recording could not go on as a new take: {refusal}. Seen: {CLEAR_FAULT}"
        work.raise_fault("recording", text)
        return
    if first_frame != end_frame:
        between = f"between {title_of(closed.slate)} and {title_of(take.slate)}"
        text = f"what was heard {between} is not on the tape any more. Seen: {CLEAR_FAULT}"
        work.raise_fault(f"gap {take.take_id}", text)
