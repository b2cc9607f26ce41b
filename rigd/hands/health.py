"""Whether the rig records, or could now: judged from the state and from what was measured that moment. Pure.

The order is that of certainty: what is known to keep it from recording comes first, then what nobody knows.
"""

from __future__ import annotations

from msgspec import Struct

from rigd.hands.showing import seconds_left, time_left_text, time_text
from rigd.model.disk_words import TapeWatched
from rigd.model.health import Health, Verdict
from rigd.model.state import (
    INTERFACE_NOT_HEARD_YET,
    WRITER_NOT_HEARD_YET,
    Ending,
    MirrorPhase,
    RigState,
    Transport,
    is_rolling,
)
from rigd.model.take import name_of
from rigd.model.units import NS_PER_SECOND, Ns

SOUND_WITHIN_S = 2.0
"""The newest sound on the tape is never older, with the longest period there is."""
WRITER_WITHIN_S = 5.0
"""It reports once a second."""
FULL_TAPE = 0.995
SOUND_FAULTS = ("interface", "mismatch")
LATE_FAULTS = ("not safe", "disk slow")
LIBRARY_FAULTS = ("writer", "disk")


class Measured(Struct, frozen=True, kw_only=True):
    """What was looked at for this answer."""

    now_ns: Ns
    newest_sound_ns: Ns | None
    tape: TapeWatched | None


def health_of(state: RigState, measured: Measured) -> Health:
    """The answer; the caller knows that `state` is of now."""
    sound_ago_s = _ago_s(measured.newest_sound_ns, measured.now_ns)
    writer_ago_s = _ago_s(state.disk.heard_at_ns if state.disk is not None else None, measured.now_ns)
    verdict, why = _judged(state, measured.tape, sound_ago_s=sound_ago_s, writer_ago_s=writer_ago_s)
    return Health(
        verdict=verdict,
        why=why,
        state=state.transport.value,
        take=name_of(state.take.slate) if state.take is not None else "",
        sound_ago_s=sound_ago_s,
        writer_ago_s=writer_ago_s,
        unsafe_s=measured.tape.unsafe_s if measured.tape is not None else state.unsafe_s,
        seconds_left=seconds_left(state),
        faults=tuple(fault.what for fault in state.faults),
    )


def _ago_s(at_ns: Ns | None, now_ns: Ns) -> float | None:
    return None if at_ns is None else max(0.0, (now_ns - at_ns) / NS_PER_SECOND)


def _judged(
    state: RigState, tape: TapeWatched | None, *, sound_ago_s: float | None, writer_ago_s: float | None
) -> tuple[Verdict, str]:
    if state.ending is not Ending.NO:
        return Verdict.DOES_NOT, "rigd is being shut down"
    if state.transport is Transport.HALTED:
        return Verdict.DOES_NOT, f"recording is halted: {_faults(state) or 'a fault'}"
    if state.other_build:
        return Verdict.NOT_SURE, f"another build of rigd finishes a take: {state.other_build}"
    if _of(state, INTERFACE_NOT_HEARD_YET) or _of(state, WRITER_NOT_HEARD_YET):
        return Verdict.NOT_SURE, "rigd has only just started; ask again in a moment"
    if state.transport is Transport.OFFLINE:
        return Verdict.DOES_NOT, _first(state, SOUND_FAULTS) or "no audio interface is heard"
    no_sound = _why_no_sound(state, sound_ago_s)
    if is_rolling(state):
        return _of_a_take(state, tape, no_sound)
    if state.not_ready or no_sound:
        return Verdict.DOES_NOT, state.not_ready or no_sound
    if (writer_ago_s is None or writer_ago_s > WRITER_WITHIN_S) and not _mirror_stands_in(state):
        silent = "is not there" if writer_ago_s is None else f"has not reported for {writer_ago_s:.0f} s"
        return Verdict.NOT_SURE, f"the writer {silent}; see: rigd status"
    left = time_left_text(state)
    room = f", room for {left}" if left else ""
    song = f"{state.song} " if state.song else ""
    return Verdict.COULD, f"ready for {song}take {state.next_take_number}{room}{_besides(state)}"


def _of_a_take(state: RigState, tape: TapeWatched | None, no_sound: str) -> tuple[Verdict, str]:
    assert state.take is not None
    named = f"{name_of(state.take.slate)} rolls"
    if no_sound:
        return Verdict.DOES_NOT, f"{named}, and not all of it is heard: {no_sound}"
    late = _first(state, LATE_FAULTS if _mirror_stands_in(state) else (*LATE_FAULTS, *LIBRARY_FAULTS))
    if tape is not None and (tape.losing_s > 0 or tape.tape_fill >= FULL_TAPE):
        return Verdict.DOES_NOT, f"{named}, and sound is being lost: {late or 'the tape is full'}"
    if late:
        return Verdict.NOT_SURE, f"{named} onto the tape; {late}"
    on_disk = time_text(state.take.written_frames, state.sample_rate_hz)
    left = time_left_text(state)
    room = f", room for {left} more" if left else ""
    return Verdict.RECORDS, f"{named}, {on_disk} on the disk{room}{_besides(state)}"


def _mirror_stands_in(state: RigState) -> bool:
    """Takes are on the mirror alone, and it is fit: what is wrong with the library's volume costs them nothing."""
    mirror = state.mirror
    return mirror is not None and mirror.phase is MirrorPhase.IN_CHARGE and not mirror.problem


def _why_no_sound(state: RigState, sound_ago_s: float | None) -> str:
    if fault := _first(state, SOUND_FAULTS):
        return fault
    if sound_ago_s is None or sound_ago_s > SOUND_WITHIN_S:
        ago = (
            "no sound has come in yet" if sound_ago_s is None else f"no sound came in for {sound_ago_s:.1f} s"
        )
        return f"{ago}; rigd looks for the interface"
    return ""


def _of(state: RigState, text: str) -> bool:
    return any(fault.what == text for fault in state.faults)


def _first(state: RigState, keys: tuple[str, ...]) -> str:
    return next((fault.what for key in keys for fault in state.faults if fault.key == key), "")


def _faults(state: RigState) -> str:
    return "; ".join(fault.what for fault in state.faults)


def _besides(state: RigState) -> str:
    """What else is wrong does not keep it from recording."""
    return f". But: {_faults(state)}" if state.faults else ""
