"""The second volume: what is said to its writer, when it takes over, and how far it is. Pure.

Nothing that the mirror does or fails to do has any effect on the library's copy of a take. The other way
round it takes over: a take that the library's volume fails goes on, as the same take, on the mirror alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from rigd.model.effects import AdoptTake, CheckVolume, Effect, SendToMirror, SendToWriter
from rigd.model.events import Happening
from rigd.model.inputs import TwoVolumes
from rigd.model.library import WhichVolume
from rigd.model.messages import Annotate, EndTake, KeepFirm, OpenTake, Retag, StopWriter, TakeFailed
from rigd.model.state import Copy, CopyState, Mirror, MirrorPhase, RigState, Take, is_rolling
from rigd.model.take import title_of
from rigd.model.units import NS_PER_SECOND, Frame
from rigd.rules.step_work import Entry, Work, find_take, open_takes, takes_under_way

FAULT = "mirror"
SILENT_S = 2.5
"""A mirror whose writer says nothing for so long while a take rolls waits for its disk."""
RETURN_S = 60.0
"""The library's volume is not used again before it takes so much of a take."""


def on_mirror(volumes: TwoVolumes, folder: str) -> str:
    """The same folder on the mirror."""
    return volumes.mirror + folder.removeprefix(volumes.library)


def is_of_mirror(volumes: TwoVolumes | None, folder: str) -> bool:
    """True for a folder on the mirror."""
    return volumes is not None and folder.startswith(f"{volumes.mirror}/")


def change_mirror(work: Work, **fields: Any) -> None:
    """These fields of the mirror have a new value."""
    if work.state.mirror is not None:
        work.change(mirror=replace(work.state.mirror, **fields))


def of_library(entry: Entry) -> Entry:
    """The entry for a fact of the library's writer: of a take that went on on the mirror it says nothing new."""

    def heard(work: Work, fact: Any) -> str | None:
        take = find_take(work.state, fact.take_id)
        return None if take is not None and take.on_mirror else entry(work, fact)

    return heard


# What the mirror is told.


def route(work: Work) -> None:
    """After every step: the mirror is told what the library's writer is, and alone what is for it alone."""
    if work.rules.volumes is None or work.state.mirror is None:
        return
    effects, work.effects = work.effects, []
    for effect in effects:
        if isinstance(effect, SendToWriter):
            work.effects += _routed(work, effect, work.rules.volumes, work.state.mirror)
        else:
            work.do(effect)


def _routed(work: Work, effect: SendToWriter, volumes: TwoVolumes, mirror: Mirror) -> Iterator[Effect]:
    message = effect.message
    if isinstance(message, OpenTake):
        yield from _opened(work, effect, message, volumes, mirror)
        return
    if isinstance(message, StopWriter):
        yield effect
        yield SendToMirror(message=message)
        return
    take = find_take(work.state, message.take_id)
    if take is None or not take.on_mirror:
        yield effect
    if take is None or take.on_mirror:
        yield SendToMirror(message=_moved(message, volumes, take))
    elif take.copy is not None and take.copy.state in _TOLD[type(message)]:
        yield SendToMirror(message=_moved(message, volumes, take))
        if isinstance(message, Retag):
            work.put_take(replace(take, copy=replace(take.copy, state=CopyState.WHOLE)))


_TOLD: dict[type, tuple[CopyState, ...]] = {
    EndTake: (CopyState.ROLLING, CopyState.INCOMPLETE),
    Annotate: (CopyState.ROLLING, CopyState.INCOMPLETE),
    Retag: (CopyState.ROLLING, CopyState.WHOLE, CopyState.SAME),
}
"""To which copies of a take a message goes: a new slate to those that have it otherwise."""


def _moved(
    message: EndTake | Annotate | Retag, volumes: TwoVolumes, take: Take | None
) -> EndTake | Annotate | Retag:
    if not isinstance(message, Retag):
        return message
    if take is not None and take.copy is not None and not take.on_mirror:
        return replace(message, folder=take.copy.folder)
    return replace(message, folder=on_mirror(volumes, message.folder))


def _opened(
    work: Work, effect: SendToWriter, message: OpenTake, volumes: TwoVolumes, mirror: Mirror
) -> Iterator[Effect]:
    order = message.order
    moved = OpenTake(order=replace(order, folder=on_mirror(volumes, order.folder)))
    take = find_take(work.state, order.take_id)
    if mirror.phase is MirrorPhase.IN_CHARGE:
        if take is not None:
            copy = Copy(folder=order.folder, state=CopyState.INCOMPLETE)
            work.put_take(replace(take, folder=moved.order.folder, on_mirror=True, copy=copy))
        yield SendToMirror(message=moved)
        yield SendToMirror(message=KeepFirm(take_id=order.take_id))
        return
    yield effect
    there = mirror.phase is not MirrorPhase.AWAY
    if take is not None:
        state = CopyState.ROLLING if there else CopyState.INCOMPLETE
        work.put_take(replace(take, copy=Copy(folder=moved.order.folder, state=state)))
    if there:
        yield SendToMirror(message=moved)


# The library's volume fails.


def take_over(work: Work, take: Take, fact: TakeFailed) -> bool:
    """True: the take that the library's volume failed goes on on the mirror, as the same take.

    False where the mirror has it not, or not whole; see `end_copy`."""
    mirror, copy = work.state.mirror, take.copy
    if mirror is None or copy is None or take.on_mirror:
        return False
    if mirror.phase is MirrorPhase.AWAY or copy.state not in (CopyState.ROLLING, CopyState.WHOLE):
        return False
    library_copy = Copy(folder=fact.folder, state=CopyState.INCOMPLETE)
    work.put_take(replace(take, folder=copy.folder, on_mirror=True, copy=library_copy))
    work.do(SendToMirror(message=KeepFirm(take_id=take.take_id)))
    if copy.state is CopyState.WHOLE:
        work.do(AdoptTake(take_id=take.take_id, folder=copy.folder))
    text = f"{title_of(take.slate)} goes on on the mirror ({copy.folder}): {fact.reason}"
    take_charge(work, f"{text}. Nothing of it is lost")
    return True


def end_copy(work: Work, take: Take, rest: Take | None) -> None:
    """What the mirror has of a take that was failed by the library's volume rolls no longer: it ends where the rest
    begins, or where the tape does."""
    if take.copy is None or take.on_mirror:
        return
    end_frame = rest.first_frame if rest is not None else work.at.tape_to
    if end_frame is not None and (rest is not None or take.end_frame is None):
        end_frame = Frame(max(take.first_frame + 1, end_frame))
        work.do(SendToMirror(message=EndTake(take_id=take.take_id, end_frame=end_frame)))


def take_charge(work: Work, why: str) -> None:
    """From now on takes go to the mirror alone, until the library's volume was checked."""
    change_mirror(work, phase=MirrorPhase.IN_CHARGE)
    work.say(Happening.MIRROR_CHANGED, "mirror", why)
    cure = "See to that disk; it is checked before it is used again, and then caught up"
    work.raise_fault(FAULT, f"{why}. New takes go to the mirror alone. {cure}")


def is_in_charge(state: RigState) -> bool:
    """Takes go to the mirror alone."""
    return state.mirror is not None and state.mirror.phase is MirrorPhase.IN_CHARGE


def stands_in(work: Work, why_not: str, *, least_bytes: int) -> bool:
    """True: a take may be begun although the library's volume is not fit, because the mirror is."""
    mirror = work.state.mirror
    if mirror is None or mirror.phase is MirrorPhase.AWAY or mirror.heard_at_ns is None:
        return False
    if mirror.problem or mirror.free_bytes < least_bytes:
        return False
    if mirror.phase is not MirrorPhase.IN_CHARGE:
        take_charge(work, f"the library's volume is not fit for a take: {why_not}")
    return True


# The library's writer has reported: the clock of the rules.


def look_after_mirror(work: Work) -> None:
    """A mirror that waits for its disk says nothing; one that is in charge may be one no longer."""
    mirror, disk = work.state.mirror, work.state.disk
    if mirror is None or disk is None:
        return
    if mirror.phase is MirrorPhase.IN_CHARGE:
        fit = not disk.problem and disk.free_bytes >= RETURN_S * disk.bytes_per_second
        if fit and not is_busy(work.state):
            work.do(CheckVolume(volume=WhichVolume.LIBRARY))
    elif mirror.phase in (MirrorPhase.IN_STEP, MirrorPhase.CATCHING_UP) and mirror.heard_at_ns is not None:
        silent_s = (work.at.now_ns - mirror.heard_at_ns) / NS_PER_SECOND
        if silent_s > SILENT_S and is_rolling(work.state):
            falls_behind(work, f"it has said nothing for {silent_s:.0f} s")


def falls_behind(work: Work, how: str) -> None:
    """It does not keep up with a take that rolls."""
    change_mirror(work, phase=MirrorPhase.BEHIND)
    work.raise_fault(
        FAULT,
        f"the mirror does not keep up: {how}. The library's copy is not touched by this; what the mirror "
        "misses is copied after the take. A faster disk helps",
    )


def is_busy(state: RigState) -> bool:
    """Something is being recorded or closed, on either volume."""
    if is_rolling(state) or open_takes(state):
        return True
    mirror = state.mirror
    if mirror is None or mirror.phase is MirrorPhase.AWAY:
        return False
    copies = any(
        take.copy is not None and take.copy.state is CopyState.ROLLING for take in takes_under_way(state)
    )
    return copies or mirror.open_takes > 0


def may_copy(state: RigState) -> bool:
    """Both volumes are fit, and nothing else wants them: closed takes may be compared and copied."""
    mirror = state.mirror
    if mirror is None or mirror.phase in (MirrorPhase.AWAY, MirrorPhase.IN_CHARGE):
        return False
    return state.disk is not None and not state.disk.problem and not is_busy(state)
