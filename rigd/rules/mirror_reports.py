"""What the second volume's writer says, and what came of comparing the two volumes. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.effects import AdoptTake, CheckVolume, SendToMirror
from rigd.model.events import Happening
from rigd.model.inputs import MirrorLost, MirrorSaid
from rigd.model.library import CopiesLeft, TakeCompared, VolumeChecked, WhichVolume
from rigd.model.messages import (
    EndTake,
    GapWritten,
    RetagFailed,
    TakeClosed,
    TakeFailed,
    TakeOpened,
    TakeProgress,
    WriterReport,
    XrunNoted,
)
from rigd.model.state import Copy, CopyState, Mirror, MirrorPhase, RigState, Take, Transport
from rigd.model.take import GapCause, title_of
from rigd.model.takes import other_takes
from rigd.model.units import Frame
from rigd.rules.inside_take import gaps_inside
from rigd.rules.mirroring import FAULT, change_mirror, falls_behind, is_busy, on_mirror, take_charge
from rigd.rules.step_work import CLEAR_FAULT, Work, find_take, known_takes
from rigd.rules.take_orders import take_of
from rigd.rules.writer_reports import (
    gap_written,
    note_progress,
    retag_failed,
    take_closed,
    take_failed,
    take_opened,
    xrun_noted,
)

LATE_S = 1.0
"""Further behind the tape's end, and not catching up, is a mirror that does not keep up."""


def mirror_said(work: Work, said: MirrorSaid) -> None:
    """Of a take that is on the mirror alone it counts as the library's writer's word does."""
    fact = said.fact
    if work.state.mirror is None:
        return
    if isinstance(fact, WriterReport):
        _report(work, work.state.mirror, fact)
        return
    take = find_take(work.state, fact.take_id)
    if take is not None and take.on_mirror:
        _of_the_only_copy(work, fact)
    elif take is not None and take.copy is not None:
        _of_the_second_copy(work, take, fact)


def _of_the_only_copy(
    work: Work, fact: TakeOpened | GapWritten | XrunNoted | TakeClosed | TakeFailed | RetagFailed
) -> None:
    match fact:
        case TakeOpened():
            take_opened(work, fact)
        case GapWritten():
            gap_written(work, fact)
        case XrunNoted():
            xrun_noted(work, fact)
        case TakeClosed():
            take_closed(work, fact)
        case TakeFailed():
            take_failed(work, fact)
        case RetagFailed():
            retag_failed(work, fact)


def _of_the_second_copy(
    work: Work, take: Take, fact: TakeOpened | GapWritten | XrunNoted | TakeClosed | TakeFailed | RetagFailed
) -> None:
    assert take.copy is not None
    match fact:
        case TakeOpened() if fact.first_frame > take.first_frame:
            _cut_loose(work, take, "it began too late for the beginning of")
        case GapWritten() if fact.gap.cause is GapCause.OVERWRITTEN and fact.gap not in take.gaps:
            for gap in gaps_inside((fact.gap,), end_frame=take.end_frame):
                _cut_loose(work, take, f"the tape went over {gap.length_frames:,} frames that it lacks of")
        case TakeFailed():
            _cut_loose(work, take, f"{fact.reason}; it lacks the rest of")
        case TakeClosed() if take.copy.state is CopyState.ROLLING:
            state = CopyState.INCOMPLETE if fact.recovered else CopyState.WHOLE
            work.put_take(replace(take, copy=replace(take.copy, state=state)))


def _cut_loose(work: Work, take: Take, why: str) -> None:
    """It lacks something of a take, which goes on without it. Told once an episode."""
    mirror = work.state.mirror
    if take.copy is not None:
        work.put_take(replace(take, copy=replace(take.copy, state=CopyState.INCOMPLETE)))
    if mirror is None or mirror.phase is MirrorPhase.IN_CHARGE:
        return
    if mirror.phase is not MirrorPhase.AWAY:
        change_mirror(work, phase=MirrorPhase.CUT_LOOSE)
    text = f"the mirror was cut loose: {why} {title_of(take.slate)}"
    work.raise_fault(FAULT, f"{text}. The library's copy is whole; the other one is made good after the take")


def _report(work: Work, mirror: Mirror, fact: WriterReport) -> None:
    change_mirror(
        work,
        free_bytes=fact.free_bytes,
        behind_frames=fact.behind_frames,
        open_takes=len(fact.open_takes),
        problem=fact.problem,
        heard_at_ns=work.at.now_ns,
    )
    for progress in fact.open_takes:
        _note_copy(work, progress)
    if work.state.mirror is None or work.state.mirror.phase is MirrorPhase.IN_CHARGE:
        return
    late = LATE_S * work.state.sample_rate_hz
    if fact.problem:
        change_mirror(work, phase=MirrorPhase.AWAY)
        work.raise_fault(FAULT, f"the mirror is away: {fact.problem}. Takes are in the library alone")
    elif mirror.phase is MirrorPhase.AWAY:
        if fact.open_takes:
            _comes_back(work)  # a daemon or a writer was started again; this volume was in use all the time
        else:
            work.do(CheckVolume(volume=WhichVolume.MIRROR))
    elif fact.behind_frames > late and fact.behind_frames >= mirror.behind_frames > late / 2:
        if mirror.phase is not MirrorPhase.CUT_LOOSE:
            falls_behind(work, f"it is {fact.behind_frames / work.state.sample_rate_hz:.0f} s behind")
    elif mirror.phase is MirrorPhase.BEHIND and not fact.open_takes:
        _comes_back(work)


def _note_copy(work: Work, progress: TakeProgress) -> None:
    take_id = progress.order.take_id
    take = find_take(work.state, take_id)
    if take is None:
        _adopt(work, progress)
        return
    if take.copy is None and not take.on_mirror and not take.closed:  # an earlier daemon ordered it
        take = replace(take, copy=Copy(folder=progress.order.folder, state=CopyState.ROLLING))
        work.put_take(take)
    if take.on_mirror:
        note_progress(work, take, progress)
    elif take.copy is not None:
        if not progress.whole and take.copy.state is CopyState.ROLLING:
            _cut_loose(work, take, "the tape went over sound that it lacks of")
        if take.end_frame is not None and progress.order.end_frame != take.end_frame:
            work.do(SendToMirror(message=EndTake(take_id=take_id, end_frame=take.end_frame)))


def _adopt(work: Work, progress: TakeProgress) -> None:
    """The mirror's writer has a take that nobody knows. Where the library's writer has been heard and does not
    have it either, an earlier daemon let it go on there alone, and it still does, where it lacks nothing."""
    takes_are_known = work.state.session_folder != "" and work.state.disk is not None
    if progress.order.end_frame is not None or not takes_are_known:
        return
    if not progress.whole or work.state.take is not None:
        # Nobody would ever end it: the daemon that was to do so has ended itself before it could.
        _end_stray(work, progress)
        return
    take = replace(take_of(progress.order), on_mirror=True)
    work.do(AdoptTake(take_id=take.take_id, folder=take.folder))
    work.change(take=take, transport=Transport.ROLLING)
    take_charge(work, f"{title_of(take.slate)} still rolls, on the mirror alone ({take.folder})")
    note_progress(work, take, progress)


def _end_stray(work: Work, progress: TakeProgress) -> None:
    """It ends where the take that rolls begins, or where the tape does."""
    order, other = progress.order, work.state.take
    end_frame = other.first_frame if other is not None else work.at.tape_to
    if end_frame is None:
        end_frame = Frame(order.first_frame + progress.written_frames)
    end_frame = Frame(max(order.first_frame + 1, end_frame))
    work.do(SendToMirror(message=EndTake(take_id=order.take_id, end_frame=end_frame)))


def mirror_lost(work: Work, fact: MirrorLost) -> None:
    """Its copies go on when it is back, as long as the tape has the sound."""
    mirror = work.state.mirror
    if mirror is None:
        return
    change_mirror(work, heard_at_ns=None, open_takes=0)
    if mirror.phase is not MirrorPhase.IN_CHARGE:
        change_mirror(work, phase=MirrorPhase.AWAY)
    where = "mirror.log in the runtime folder"
    work.raise_fault(FAULT, f"the mirror's writer is gone: {fact.reason}; rigd starts it again; see {where}")


def volume_checked(work: Work, fact: VolumeChecked) -> None:
    """A volume that was away is fit for takes again, or why not."""
    mirror = work.state.mirror
    if mirror is None:
        return
    if fact.volume is WhichVolume.MIRROR:
        if fact.problem:
            change_mirror(work, problem=fact.problem)
            work.raise_fault(FAULT, f"the mirror is away: {fact.problem}. Takes are in the library alone")
        elif mirror.phase is MirrorPhase.AWAY and mirror.heard_at_ns is not None and not mirror.problem:
            _comes_back(work)
    elif mirror.phase is MirrorPhase.IN_CHARGE:
        if fact.problem:
            text = f"the library's volume is not fit for takes: {fact.problem}. They go to the mirror alone"
            work.raise_fault(FAULT, text)
        elif not is_busy(work.state):
            _comes_back(work)
            text = "the library's volume was checked and is used again; it is being caught up"
            work.say(Happening.MIRROR_CHANGED, "mirror", text)


def take_compared(work: Work, fact: TakeCompared) -> None:
    """What is true of both copies of a closed take."""
    found, known = fact.take, find_take(work.state, fact.take.take_id)
    if known is not None and known.closed:
        work.put_take(replace(found, slate=known.slate))
    elif known is None and _is_of_session(work, found):
        work.change(takes=other_takes(work.state).placed(found))
    if found.copy is not None and found.copy.state is CopyState.DIFFERS:
        text = f"{title_of(found.slate)}: its two copies differ and neither was touched: {fact.reason}"
        work.raise_fault(f"copies {found.take_id}", f"{text}. See: rigd takes verify. Seen: {CLEAR_FAULT}")


def _is_of_session(work: Work, take: Take) -> bool:
    """A good take of the open session that an earlier daemon left on the mirror alone."""
    volumes, session = work.rules.volumes, work.state.session_folder
    if volumes is None or not session or take.slate.false_take or take.take_id in work.state.trashed:
        return False
    here = on_mirror(volumes, session) if take.on_mirror else session
    return take.folder.startswith(f"{here}/")


def copies_left(work: Work, fact: CopiesLeft) -> None:
    """How much is still to be done; a mirror that was cut loose is in step again when nothing is."""
    mirror = work.state.mirror
    if mirror is None:
        return
    change_mirror(work, to_copy=fact.count)
    if mirror.phase in (MirrorPhase.IN_STEP, MirrorPhase.CATCHING_UP):
        change_mirror(work, phase=MirrorPhase.CATCHING_UP if fact.count else MirrorPhase.IN_STEP)
    elif mirror.phase is MirrorPhase.CUT_LOOSE and not fact.count and not _lacks_something(work.state):
        _comes_back(work)
    if fact.problem and fact.count:
        count = f"{fact.count} take{'' if fact.count == 1 else 's'}"
        work.raise_fault(FAULT, f"{count} cannot be copied to the other volume: {fact.problem}")
    elif not fact.count and work.state.mirror is not None and work.state.mirror.phase is MirrorPhase.IN_STEP:
        work.clear_fault(FAULT)


def _lacks_something(state: RigState) -> bool:
    lacking = (CopyState.ROLLING, CopyState.INCOMPLETE)
    return is_busy(state) or any(
        take.copy is not None and take.copy.state in lacking for take in known_takes(state)
    )


def _comes_back(work: Work) -> None:
    assert work.state.mirror is not None
    to_copy = work.state.mirror.to_copy
    change_mirror(work, phase=MirrorPhase.CATCHING_UP if to_copy else MirrorPhase.IN_STEP)
    work.clear_fault(FAULT)
