"""An interface that is there and is not as the rig needs it: other inputs, another rate, another card. Pure.

Nothing is ever recorded under the wrong label: where inputs are missing the others go on, and silence stands for the
missing ones, between two markers of the take. Where nothing of it may be recorded the take stays open and has a gap.
"""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.effects import SendToWriter, WriteTakeSheet
from rigd.model.events import Happening
from rigd.model.messages import Annotate, CapturePhase, CaptureReport
from rigd.model.state import Channel, RigState, Take
from rigd.model.take import Marker, title_of
from rigd.model.units import NS_PER_SECOND, Frame
from rigd.rules.step_work import Work, open_session_takes

FAULT = "mismatch"
FALSE_FROM_HERE = "at another rate from here on: "
SILENT_FROM_HERE = "no sound from here on: "
HEARD_AGAIN = "heard again: "
RATE_KNOWN_WITHIN_NS = 6 * NS_PER_SECOND
"""So long after the rate has changed it is reported, at the latest, on a machine that keeps its time."""


def watch_match(work: Work, fact: CaptureReport) -> None:
    """The fault stands as long as the interface that is there does not match; open takes say what they lack."""
    if fact.phase is CapturePhase.OPENING:
        return
    if not fact.mismatch:
        work.clear_fault(FAULT)
    elif fact.phase is CapturePhase.FAILED:
        work.clear_fault("interface")
        work.raise_fault(FAULT, fact.mismatch)
    else:
        silent = "; ".join(_named(channel) for channel in _silent(work.state, fact) if channel.armed)
        work.raise_fault(FAULT, f"{fact.mismatch}. Silent: {silent or 'no armed channel'}")
    if fact.false_from is not None:
        _note_false_rate(work, fact, fact.false_from)
    if fact.phase is CapturePhase.LISTENING and fact.heard_from is not None:
        for take in open_session_takes(work.state):
            if take.end_frame is None or take.end_frame > fact.heard_from:
                _say_what_is_silent(work, take, fact, fact.heard_from)


def _note_false_rate(work: Work, fact: CaptureReport, false_from: Frame) -> None:
    """What was recorded before the rate was known to be wrong has a marker. Loss suspected in it was the rate."""
    for take in open_session_takes(work.state):
        if take.end_frame is not None and take.end_frame <= false_from:
            continue
        suspect = next((each for each in work.state.faults if each.key == f"suspect {take.take_id}"), None)
        if suspect is not None and work.at.now_ns - suspect.since_ns <= RATE_KNOWN_WITHIN_NS:
            work.clear_fault(suspect.key)
        at_frame = Frame(max(false_from, take.first_frame))
        if any(each.at_frame == at_frame and each.name.startswith(FALSE_FROM_HERE) for each in take.markers):
            continue
        said = f"{FALSE_FROM_HERE}{fact.measured_rate_hz:,.0f} Hz, not {work.state.sample_rate_hz:,} Hz"
        _mark(work, take, Marker(at_frame=at_frame, name=said))


def _silent(state: RigState, fact: CaptureReport) -> tuple[Channel, ...]:
    return tuple(channel for channel in state.channels if fact.mismatch and channel.input > fact.channels)


def _say_what_is_silent(work: Work, take: Take, fact: CaptureReport, heard_from: Frame) -> None:
    """A marker where it begins, and one where all is heard again. Said once, also to a daemon that was restarted."""
    lacks = [channel for channel in _silent(work.state, fact) if channel.number in take.channels]
    said = [each for each in take.markers if each.name.startswith((SILENT_FROM_HERE, HEARD_AGAIN))]
    before = said[-1].name if said and said[-1].name.startswith(SILENT_FROM_HERE) else ""
    names = "; ".join(_named(channel) for channel in lacks)
    now = f"{SILENT_FROM_HERE}{names}" if lacks else ""
    if now == before:
        return
    name = now or HEARD_AGAIN + before.removeprefix(SILENT_FROM_HERE)
    _mark(work, take, Marker(at_frame=Frame(max(heard_from, take.first_frame)), name=name))


def _mark(work: Work, take: Take, marker: Marker) -> None:
    marked = replace(take, markers=(*take.markers, marker))
    work.put_take(marked)
    work.do(SendToWriter(message=Annotate(take_id=take.take_id, note=marker)))
    work.do(WriteTakeSheet(take=marked))
    position_s = (marker.at_frame - take.first_frame) / work.state.sample_rate_hz
    text = f"{title_of(take.slate)}: {marker.name} at {position_s:.2f} s"
    work.say(Happening.INTERFACE_CHANGED, take.take_id, text)


def _named(channel: Channel) -> str:
    return f'channel {channel.number} "{channel.name}" (input {channel.input})'
