"""What capture says: the interface is heard, or it is not. Pure. A take that rolls goes on either way."""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.effects import SendToWriter
from rigd.model.events import Happening
from rigd.model.inputs import CaptureLost
from rigd.model.messages import CapturePhase, CaptureReport, EndTake
from rigd.model.state import Transport, is_rolling
from rigd.model.units import Frame
from rigd.rules.mismatch import watch_match
from rigd.rules.step_work import Work, hears, open_session_takes, rest_of
from rigd.rules.transport import cut_off, let_go, why_offline


def capture_report(work: Work, fact: CaptureReport) -> None:
    """What is true of the interface now."""
    heard_before, before = hears(work.state), work.state.interface
    work.change(interface=fact)
    if hears(work.state):
        first = work.state.sound_is_simulated is None
        work.clear_fault("interface", "heard from" if first else "in order again")
        work.change(sound_is_simulated=fact.simulated)
    elif work.state.other_build and fact.phase is CapturePhase.LISTENING:
        work.clear_fault("interface")  # it is heard, by the capture of another build
    elif fact.phase is not CapturePhase.OPENING or heard_before:
        _interface_is_silent(work, why_offline(work.state))
    watch_match(work, fact)
    _stand_at_rest(work)
    if before is None or (before.phase, before.device) != (fact.phase, fact.device):
        _tell_interface(work, fact.device, fact.phase.value)


def capture_lost(work: Work, fact: CaptureLost) -> None:
    """No sound comes in. A take that rolls goes on: what is missed becomes a gap in it."""
    interface, was_heard = work.state.interface, hears(work.state)
    if interface is not None:
        # A process that could not use the interface has ended: why it could not still holds.
        mismatch = interface.mismatch if interface.phase is CapturePhase.FAILED else ""
        failed = replace(interface, phase=CapturePhase.FAILED, failure=fact.reason, mismatch=mismatch)
        work.change(interface=failed)
    what = "no audio interface" if work.state.sound_is_simulated is None else "the audio interface is lost"
    _interface_is_silent(work, f"{what}: {fact.reason}; rigd looks for it")
    _stand_at_rest(work)
    if interface is not None and interface.phase is not CapturePhase.FAILED:
        _tell_interface(work, interface.device, "lost" if was_heard else "not opened")


def _tell_interface(work: Work, device: str, word: str) -> None:
    work.say(Happening.INTERFACE_CHANGED, device, f"interface {device or 'unnamed'}: {word}")


def _interface_is_silent(work: Work, what: str) -> None:
    """A fault; and takes whose end was told end where the tape ends, because nothing more will come. Of an
    interface that is there and does not match the fault is "mismatch": see mismatch.py."""
    if work.state.interface is None or not work.state.interface.mismatch:
        work.raise_fault("interface", what)
    tape_to = work.at.tape_to
    if tape_to is None:
        return
    for take in open_session_takes(work.state):
        if take.from_blackbox:
            continue
        if take.end_frame is not None and take.end_frame > tape_to:
            end_frame = Frame(max(tape_to, take.first_frame + 1))
            work.put_take(cut_off(work, take, end_frame))
            work.do(SendToWriter(message=EndTake(take_id=take.take_id, end_frame=end_frame)))


def _stand_at_rest(work: Work) -> None:
    """READY or OFFLINE by what the interface does; a rolling take is left alone, a post-roll is over."""
    state = work.state
    if state.transport is Transport.POSTROLL and state.take is not None and not hears(state):
        let_go(work, state.take)
    elif not is_rolling(state) and state.transport is not Transport.HALTED:
        work.change(transport=rest_of(state))
