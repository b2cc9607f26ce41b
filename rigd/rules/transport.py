"""Takes begin and end here: start, stop, next, keep, the post-roll, the lock, the end of rigd. Pure.

A take is an interval of the tape. Its ends are the frames of the presses, however late they are heard of;
a refused command leaves a take that rolls as it is.
"""

from __future__ import annotations

import math

from msgspec.structs import replace

from rigd.model.commands import (
    ClearFault,
    Command,
    KeepLast,
    Lock,
    NextTake,
    ShutDown,
    StartTake,
    ToggleTake,
    Unlock,
)
from rigd.model.effects import EndRig, SendToWriter
from rigd.model.events import Happening
from rigd.model.inputs import PostRollOver, wall_clock_at
from rigd.model.messages import EndTake, StopWriter
from rigd.model.state import Ending, RigState, Take, Transport, is_rolling
from rigd.model.take import Gap, name_of, title_of
from rigd.model.takes import other_takes
from rigd.model.units import Frame, frames_in
from rigd.rules.inside_take import ended_at
from rigd.rules.keep_beyond_tape import (
    check_room,
    check_volume,
    first_frame_beyond,
    keep_from_blackbox,
    why_not_further,
)
from rigd.rules.step_work import CLEAR_FAULT, STANDING_FAULTS, Refusal, Work, current_take, hears, rest_of
from rigd.rules.take_orders import bytes_per_second, check_writer, order_take, plan_order
from rigd.rules.tape_size import KEEP_SLACK_SECONDS, SLACK_SECONDS

LATEST_START_S = 60.0
"""A start that comes so much later than the tape can reach is refused: nobody waits so long for a red light."""


def start(work: Work, command: Command) -> str:
    """READY: a take rolls from its pre-roll on."""
    check_writer(work)
    pressed_at = work.at_frame()
    first_frame = first_frame_at(work, pressed_at)
    take = roll(work, first_frame=first_frame, pressed_at=pressed_at)
    late_s = (first_frame - pressed_at) / work.state.sample_rate_hz
    late = f", from {late_s:.1f} s after the press on: the tape reaches back no further" if late_s > 0 else ""
    return f"{title_of(take.slate)} rolls{late}"


def resume(work: Work, command: StartTake | ToggleTake) -> str:
    """POSTROLL: the same take goes on, as though it had never been stopped."""
    take, at_frame = current_take(work.state), work.at_frame()
    if take.end_frame is not None and at_frame >= take.end_frame:
        let_go(work, take)
        return start(work, command)
    if work.state.ending is not Ending.NO:
        raise Refusal("rigd is being shut down")
    resumed = replace(take, end_frame=None)
    work.change(take=resumed, transport=Transport.ROLLING)
    work.take_id = take.take_id
    work.do(SendToWriter(message=EndTake(take_id=take.take_id, end_frame=None)))
    work.say(Happening.TAKE_RESUMED, take.take_id, f"{title_of(take.slate)} goes on")
    return f"{title_of(take.slate)} goes on"


def stop(work: Work, command: Command) -> str:
    """ROLLING: the take ends at the press, or after the post-roll. Never earlier than it began."""
    take = current_take(work.state)
    check_lock(work, command, take)
    at_frame = end_frame_at(work, take, command)
    postroll = frames_in(work.rules.postroll_s, work.state.sample_rate_hz)
    goes_on = postroll and hears(work.state) and work.at.at_frame is not None
    if not goes_on or isinstance(command, ShutDown):
        end(work, take, at_frame)
        return f"{title_of(take.slate)} is kept"
    stopped = replace(take, end_frame=Frame(at_frame + postroll))
    work.change(take=stopped, transport=Transport.POSTROLL)
    work.take_id = work.ended = take.take_id
    work.do(SendToWriter(message=EndTake(take_id=take.take_id, end_frame=stopped.end_frame)))
    work.say(Happening.TAKE_STOPPED, take.take_id, f"{title_of(take.slate)} stops after the post-roll")
    return f"{title_of(take.slate)} stops after the post-roll of {work.rules.postroll_s:g} s"


def cut_postroll(work: Work, command: Command) -> str:
    """POSTROLL: stopped once more, the take ends here."""
    take = current_take(work.state)
    check_lock(work, command, take)
    assert take.end_frame is not None
    end(work, take, Frame(min(take.end_frame, end_frame_at(work, take, command))))
    return f"{title_of(take.slate)} is kept"


def postroll_over(work: Work, fact: PostRollOver) -> None:
    """POSTROLL: the tape has passed the end."""
    take = current_take(work.state)
    if take.take_id == fact.take_id:
        let_go(work, take)


def next_take(work: Work, command: NextTake) -> str:
    """ROLLING, POSTROLL: the old take ends exactly where the new one begins."""
    take = current_take(work.state)
    check_lock(work, command, take)
    at_frame = end_frame_at(work, take, command)
    if take.end_frame is not None and at_frame > take.end_frame:
        let_go(work, take)
        return start(work, command)
    end(work, take, at_frame)
    return f"{title_of(take.slate)} is kept, {title_of(roll(work, first_frame=at_frame).slate)} rolls"


def keep(work: Work, command: KeepLast) -> str:
    """READY, ROLLING, POSTROLL, OFFLINE: the last seconds before the press are a take."""
    if not math.isfinite(command.seconds) or command.seconds <= 0:
        raise Refusal(f"keep: {command.seconds:g} seconds is no length of time; the form is: keep 20")
    rate = work.state.sample_rate_hz
    end_frame = work.at_frame() if hears(work.state) else min(work.at_frame(), tape_to(work))
    length_s = min(command.seconds, work.rules.keep_s)
    further = first_frame_beyond(
        work,
        seconds=command.seconds,
        tape_gives=max(end_frame - frames_in(length_s, rate), oldest_to_begin(work)),
        end_frame=end_frame,
    )
    if further is not None:
        check_volume(work)
        seconds = (end_frame - further) / rate + work.rules.least_disk_s
        check_room(work, round(seconds * bytes_per_second(work)))
        order = plan_order(work, first_frame=further, end_frame=Frame(end_frame))
        return keep_from_blackbox(work, command, order)
    _check_whose_tape(work)
    if not is_rolling(work.state):
        check_writer(work)
    if length_s <= 0:
        raise Refusal("keep: [tape] keep_seconds is 0, so that nothing from before a press is kept")
    wanted = end_frame - max(1, frames_in(length_s, rate))
    first_frame = max(wanted, oldest_to_begin(work), heard_by(work, Frame(end_frame - 1)))
    if first_frame >= end_frame:
        ago = "any more" if end_frame < tape_to(work) else "yet"
        raise Refusal(f"keep: the tape holds nothing from before this moment {ago}")
    length_s = (end_frame - first_frame) / rate
    order = plan_order(work, first_frame=Frame(first_frame), end_frame=Frame(end_frame), room_s=length_s)
    take = order_take(work, order)
    work.ended = take.take_id
    work.change(takes=other_takes(work.state).plus(take))
    until = "" if hears(work.state) else f" that were heard, until {_time_at(work, Frame(end_frame))},"
    text = f"the last {length_s:.1f} s{until} are {title_of(take.slate)}"
    if command.seconds > work.rules.keep_s:
        text += f"; [tape] keep_seconds is {work.rules.keep_s:g} s ({command.seconds:g} s were asked for)"
        text += why_not_further(work)
    elif first_frame > wanted:
        text += f"; the tape reaches back no further ({command.seconds:g} s were asked for)"
    work.say(Happening.TAKE_KEPT, take.take_id, text)
    return text


def _check_whose_tape(work: Work) -> None:
    """Raises Refusal where nobody knows whose sound is on the tape: an earlier rig with another config may have left
    it, and nothing of this one has been heard."""
    if work.state.sound_is_simulated is None:
        raise Refusal(
            "keep: nothing was heard since rigd began, and what is on the tape may be an earlier rig's; "
            f"nothing was kept: {why_offline(work.state)}"
        )


def _time_at(work: Work, frame: Frame) -> str:
    """The wall clock at that frame; with its date where that is another one."""
    at_frame, rate = work.at_frame(), work.state.sample_rate_hz
    now, _ = wall_clock_at(at_frame, work.at, at_frame=at_frame, sample_rate_hz=rate)
    then, _ = wall_clock_at(frame, work.at, at_frame=at_frame, sample_rate_hz=rate)
    return then[11:19] if now[:10] == then[:10] else then[:19].replace("T", " ")


def lock(work: Work, command: Lock) -> str:
    if not work.state.locked:
        work.change(locked=True)
        work.say(Happening.LOCK_CHANGED, "lock", "locked: a take only stops by a held control")
    return "locked: a take only stops by a held control"


def unlock(work: Work, command: Unlock) -> str:
    if work.state.locked:
        work.change(locked=False)
        work.say(Happening.LOCK_CHANGED, "lock", "unlocked")
    return "unlocked"


def clear_faults(work: Work, command: ClearFault) -> str:
    """Every fault that does not clear itself is gone; HALTED is left."""
    seen_to = [fault for fault in work.state.faults if fault.key not in STANDING_FAULTS]
    for fault in seen_to:
        work.clear_fault(fault.key)
    if work.state.transport is Transport.HALTED:
        work.change(transport=rest_of(work.state))
    left = "; ".join(fault.what for fault in work.state.faults)
    cleared = f"{len(seen_to)} fault{'' if len(seen_to) == 1 else 's'} cleared"
    return f"{cleared}; this clears by itself once it is mended: {left}" if left else cleared


def shut_down(work: Work, command: ShutDown) -> str:
    """Takes are ended; EndRig follows once they are closed. Given again, rigd ends without waiting."""
    if command.power_off and not work.rules.power_off:
        raise Refusal(
            "this rig may not switch the machine off: [control] power_off = true lets it. Without it: shut-down"
        )
    work.change(power_off=work.state.power_off or command.power_off)
    if work.state.ending is not Ending.NO:
        work.change(ending=Ending.DONE)
        work.do(EndRig())
        return "rigd ends at once; the writer closes its takes by itself"
    if work.state.transport is Transport.ROLLING:
        stop(work, command)
    elif work.state.transport is Transport.POSTROLL:
        cut_postroll(work, command)
    work.change(ending=Ending.CLOSING)
    open_takes = len(other_takes(work.state).open)
    text = (
        f"rigd closes {open_takes} take{'' if open_takes == 1 else 's'} and ends"
        if open_takes
        else "rigd ends"
    )
    text += "; then the machine is switched off" if work.state.power_off else ""
    work.say(Happening.SHUTTING_DOWN, "rigd", text)
    return text


# What the entries above and the other rooms of the table are made of.


def check_lock(work: Work, command: Command, take: Take) -> None:
    """While locked, nothing lets go of a take but a held control."""
    if work.state.locked and not command.held:
        raise Refusal(
            f"locked: hold the control to stop {title_of(take.slate)} (in a terminal: --hold), or unlock first"
        )


def first_frame_at(work: Work, at_frame: Frame) -> Frame:
    """Where a take begins that is started at `at_frame`: a pre-roll earlier, as far as the tape reaches and with
    sound. Raises Refusal where that is so long ago that nobody means it any more."""
    rate = work.state.sample_rate_hz
    oldest = oldest_to_begin(work)
    if at_frame < oldest - frames_in(LATEST_START_S, rate):
        ago_s, reaches_s = (tape_to(work) - at_frame) / rate, (tape_to(work) - oldest) / rate
        raise Refusal(
            f"this was pressed {ago_s:,.0f} s ago and the tape reaches back {reaches_s:.0f} s; nothing was started."
            " To start now: rigd take start"
        )
    begin = max(at_frame - frames_in(work.rules.preroll_s, rate), oldest)
    return Frame(max(begin, heard_by(work, at_frame)))


def heard_by(work: Work, at_frame: Frame) -> Frame:
    """What would begin with a gap begins behind it: before a press nobody missed what was not heard."""
    heard = work.at.heard_from
    return Frame(0) if heard is None else Frame(min(heard, at_frame))


def oldest_to_begin(work: Work) -> Frame:
    """The oldest frame at which a take may begin. What is older and still on the tape is about to be overwritten: to
    hold it there would cost the frames that come in meanwhile."""
    rules = work.rules
    reach_s = max(rules.keep_s, rules.preroll_s + SLACK_SECONDS / 2, rules.tape_s - KEEP_SLACK_SECONDS)
    oldest = work.at.tape_from or 0
    if work.at.tape_to is not None:
        oldest = max(oldest, work.at.tape_to - frames_in(reach_s, work.state.sample_rate_hz))
    return Frame(max(oldest, 0))


def end_frame_at(work: Work, take: Take, command: Command) -> Frame:
    """Where the take ends by a press now; never past the tape's end while nothing comes in. Without a tape to
    place the press on it ends where the sound does, as far as that is known: a stop needs no tape.

    Raises Refusal where the press came before the take's first frame; the end of rigd is never refused so.
    """
    at_frame = work.at.at_frame
    if at_frame is not None and at_frame <= take.first_frame and not isinstance(command, ShutDown):
        raise Refusal(f"this was pressed before {title_of(take.slate)} began; it rolls on")
    sound_to = Frame(max(work.at.tape_to or 0, take.first_frame + take.written_frames))
    if at_frame is None:
        at_frame = sound_to
    elif not hears(work.state):
        at_frame = min(at_frame, sound_to)
    return Frame(max(take.first_frame + 1, at_frame))


def tape_to(work: Work) -> Frame:
    """One past the newest frame that there is."""
    return work.at.tape_to if work.at.tape_to is not None else work.at_frame()


def end(work: Work, take: Take, end_frame: Frame) -> Take:
    """The current take ends before `end_frame` and is one of the session's takes, to be closed."""
    ended = cut_off(work, take, end_frame)
    work.take_id = work.ended = take.take_id
    # Another build's tape cannot be read, so nobody here knows its frame of now: its writer does.
    by_writer = work.state.other_build and work.at.at_frame is None
    message = StopWriter() if by_writer else EndTake(take_id=take.take_id, end_frame=end_frame)
    work.do(SendToWriter(message=message))
    if work.state.transport is not Transport.POSTROLL:
        work.say(Happening.TAKE_STOPPED, take.take_id, f"{title_of(take.slate)} stopped")
    let_go(work, ended)
    return ended


def cut_off(work: Work, take: Take, end_frame: Frame) -> Take:
    """The take as it ends there. The fault of its gaps counts only those inside it, and is over where none is."""
    ended = ended_at(take, end_frame)
    key, before = f"gap {take.take_id}", gap_fault(work.state, take)
    if ended.gaps != take.gaps and any((each.key, each.what) == (key, before) for each in work.state.faults):
        if ended.gaps:
            work.raise_fault(key, gap_fault(work.state, ended))
        else:
            work.clear_fault(key)
    return ended


def gap_fault(state: RigState, take: Take) -> str:
    """What a person has to know of the gaps of a take."""
    gaps = f"{len(take.gaps)} gap{'' if len(take.gaps) == 1 else 's'}"
    return (
        f"{title_of(take.slate)} has {gaps}, {length_text(state, take.gaps)} of silence. Seen: {CLEAR_FAULT}"
    )


def length_text(state: RigState, gaps: tuple[Gap, ...]) -> str:
    """How much is missing: 480 frames (0.010 s)."""
    frames = sum(gap.length_frames for gap in gaps)
    return f"{frames:,} frames ({frames / state.sample_rate_hz:.3f} s)"


def let_go(work: Work, take: Take) -> None:
    """No take is the current one; this one, whose end is told, is the last of the session's takes."""
    work.change(take=None, takes=other_takes(work.state).plus(take), transport=rest_of(work.state))


def roll(work: Work, *, first_frame: Frame, pressed_at: Frame | None = None) -> Take:
    """A new take rolls from `first_frame`; what lies before `pressed_at` is its pre-roll."""
    preroll = 0 if pressed_at is None else max(0, pressed_at - first_frame)
    order = plan_order(work, first_frame=first_frame, end_frame=None, preroll_frames=preroll)
    take = order_take(work, order)
    work.change(take=take, transport=Transport.ROLLING)
    work.say(Happening.TAKE_STARTED, take.take_id, f"{name_of(take.slate)} rolls")
    return take


def why_offline(state: RigState) -> str:
    """The reason and the cure for the state OFFLINE."""
    if state.other_build:
        return f"another build of rigd still has the tape, and ends once its takes are closed: {state.other_build}"
    if state.interface is None:
        return "no audio interface is heard yet; see: rigd status, rigd devices"
    if state.interface.failure:
        return f"no audio interface: {state.interface.failure}"
    if state.interface.sample_rate_hz and state.interface.sample_rate_hz != state.sample_rate_hz:
        return (
            f"the interface runs at {state.interface.sample_rate_hz} Hz and the config says "
            f"{state.sample_rate_hz} Hz; set one of them right"
        )
    return "the audio interface is being opened; see: rigd status"


def why_halted(state: RigState) -> str:
    """The reason and the cure for the state HALTED."""
    faults = "; ".join(fault.what for fault in state.faults) or "a fault"
    return f"recording is halted: {faults}. When it is seen to: rigd clear-fault"
