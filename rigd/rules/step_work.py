"""What one step of the state table has gathered so far: the state as it becomes, effects, events. Pure.

A Work lives inside one step and is never seen outside: the step hands out frozen results. An entry that
raises Refusal leaves nothing of its work behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from rigd.model.effects import Effect
from rigd.model.errors import RigError
from rigd.model.events import Event, Happening
from rigd.model.inputs import Circumstances, Rules, local_moment
from rigd.model.messages import CapturePhase
from rigd.model.state import FalseTake, Fault, RigState, Take, Transport
from rigd.model.take import title_of
from rigd.model.takes import other_takes
from rigd.model.units import Frame, TakeId

CLEAR_FAULT = "rigd clear-fault"
STANDING_FAULTS = (
    "interface",
    "mismatch",
    "writer",
    "disk",
    "disk slow",
    "not safe",
    "disk space",
    "disk speed",
    "mirror",
    "blackbox",
    "version",
    "clock",
)
"""Faults that clear themselves once the cause is gone, and only then."""

MOST_ELSEWHERE = 16
"""A command comes right behind the fact that its take was read: there are never so many between them."""


class Refusal(RigError):
    """A command cannot be done in this state; the message says why and what to do."""


class Work:
    """The step under way."""

    def __init__(self, state: RigState, circumstances: Circumstances, rules: Rules, origin: str) -> None:
        self.state = state
        self.at = circumstances
        self.rules = rules
        self.effects: list[Effect] = []
        self.events: list[Event] = []
        self.take_id: TakeId | None = None
        """The take that the command is about: the last one that the step began, ended or changed."""
        self.ended: TakeId | None = None
        """The last take whose end the step told."""
        self._origin = origin

    def change(self, **fields: Any) -> None:
        """These fields of the state have a new value."""
        self.state = replace(self.state, **fields)

    def do(self, effect: Effect) -> None:
        """This is to be done after the step, in order."""
        self.effects.append(effect)

    def say(self, what: Happening, subject: str, text: str) -> None:
        """This happened."""
        self.change(number=self.state.number + 1)
        self.events.append(
            Event(
                number=self.state.number,
                at_ns=self.at.at_ns,
                at_frame=self.at.at_frame,
                what=what,
                subject=subject,
                text=text,
                origin=self._origin,
                at_time=local_moment(self.at).isoformat(timespec="milliseconds"),
            )
        )

    def raise_fault(self, key: str, what: str) -> None:
        """The fault stands, with its newest text; told once as long as it stands."""
        known = next((fault for fault in self.state.faults if fault.key == key), None)
        since_ns = known.since_ns if known else self.at.now_ns
        others = tuple(fault for fault in self.state.faults if fault.key != key)
        self.change(faults=(*others, Fault(key=key, what=what, since_ns=since_ns)))
        if known is None:
            self.say(Happening.FAULT_RAISED, key, what)

    def clear_fault(self, key: str, now: str = "in order again") -> None:
        """The fault no longer stands. What was only not heard from yet was never out of order."""
        known = next((fault for fault in self.state.faults if fault.key == key), None)
        if known is not None:
            self.change(faults=tuple(fault for fault in self.state.faults if fault.key != key))
            now = "heard from" if known.since_ns == 0 else now
            self.say(Happening.FAULT_CLEARED, key, self._over_text(key, now))

    def _over_text(self, key: str, now: str) -> str:
        """A fault of one take has that take's id in its key, which tells a person nothing."""
        what, _, of = key.partition(" ")
        found = find_take(self.state, TakeId(of))
        return f"{key}: {now}" if found is None else f"{title_of(found.slate)}: its alarm ({what}) is over"

    def at_frame(self) -> Frame:
        """The frame of the press."""
        if self.at.at_frame is None and self.state.other_build:
            raise Refusal(
                "another build of rigd finishes a take, and its tape cannot be read by this one; stop that take"
                " first: rigd take stop"
            )
        if self.at.at_frame is None:
            raise Refusal("there is no tape to place this on: the audio interface has not been heard yet")
        return self.at.at_frame

    def put_take(self, take: Take) -> None:
        """The take as it now is, wherever the state holds it."""
        others = other_takes(self.state)
        if is_current(self.state, take):
            self.change(take=take)
        elif others.find(take.take_id) is not None:
            self.change(takes=others.put(take))
        elif is_elsewhere(self.state, take.take_id):
            put = (take if each.take_id == take.take_id else each for each in self.state.elsewhere)
            self.change(elsewhere=tuple(put))
        else:
            self.change(
                discarding=tuple(
                    FalseTake(take=take, asked=false.asked) if false.take.take_id == take.take_id else false
                    for false in self.state.discarding
                )
            )


Entry = Callable[[Work, Any], str | None]
"""What is done for one input in one state. For a command the text is the Accepted's message."""


def hears(state: RigState) -> bool:
    """The interface delivers sound, at the rate that was asked for, to a tape that this rigd reads."""
    interface = state.interface
    return (
        interface is not None
        and not state.other_build
        and interface.phase is CapturePhase.LISTENING
        and interface.sample_rate_hz == state.sample_rate_hz
    )


def rest_of(state: RigState) -> Transport:
    """Where the transport stands when no take rolls and nothing is halted."""
    return Transport.READY if hears(state) else Transport.OFFLINE


def current_take(state: RigState) -> Take:
    """The take that rolls or is in its post-roll."""
    if state.take is None:
        raise Refusal("no take rolls")
    return state.take


def is_current(state: RigState, take: Take) -> bool:
    """It is the one that rolls, or that has its post-roll."""
    return state.take is not None and state.take.take_id == take.take_id


def find_take(state: RigState, take_id: TakeId) -> Take | None:
    """The take of that id: the rolling one, one of the session's, one on its way to the trash, or one elsewhere."""
    if state.take is not None and state.take.take_id == take_id:
        return state.take
    discarded = (false.take for false in state.discarding)
    others = (take for take in (*discarded, *state.elsewhere) if take.take_id == take_id)
    return other_takes(state).find(take_id) or next(others, None)


def is_elsewhere(state: RigState, take_id: TakeId) -> bool:
    """It is of another session, or lies in a trash, and a command was about it lately."""
    return any(take.take_id == take_id for take in state.elsewhere)


def without_elsewhere(state: RigState, take_id: TakeId) -> tuple[Take, ...]:
    """Those that are elsewhere but this one."""
    return tuple(take for take in state.elsewhere if take.take_id != take_id)


def put_elsewhere(work: Work, take: Take) -> None:
    """The take is the newest of those that are elsewhere; the oldest of many is forgotten."""
    others = without_elsewhere(work.state, take.take_id)
    work.change(elsewhere=(*others[1 - MOST_ELSEWHERE :], take))


def is_of_open_session(state: RigState, take: Take) -> bool:
    """By the session's folder, which has the same name on a mirror; in it are songs, and the trash."""
    return take.folder.split("/")[-3:-2] == state.session_folder.split("/")[-1:]


def where_of(state: RigState, take: Take) -> str:
    """Behind a take's title: ' of "Naima" (Rehearsal, 2026-11-21)'; empty for one of the open session."""
    if not is_elsewhere(state, take.take_id) or is_of_open_session(state, take):
        return ""
    day = (take.slate.dated or take.started_at)[:10]
    return f' of "{take.slate.song}" ({take.slate.session}, {day})'


def known_takes(state: RigState) -> tuple[Take, ...]:
    """Every take that the state holds. Thousands: what is asked at every step is asked of one of those below."""
    return (*session_takes(state), *(false.take for false in state.discarding))


def session_takes(state: RigState) -> tuple[Take, ...]:
    """The rolling take and the session's others, no false takes. Thousands, too."""
    return (*_rolling(state), *state.takes)


def takes_under_way(state: RigState) -> tuple[Take, ...]:
    """Of the known takes those that are not closed, or whose second copy still rolls; and all false takes."""
    false_takes = (false.take for false in state.discarding)
    return (*_rolling(state), *other_takes(state).under_way, *false_takes)


def open_takes(state: RigState) -> tuple[Take, ...]:
    """Of the known takes those that are not closed."""
    return tuple(take for take in takes_under_way(state) if not take.closed)


def open_session_takes(state: RigState) -> tuple[Take, ...]:
    """Of the session's takes those that are not closed, no false takes."""
    return (*_rolling(state), *other_takes(state).open)


def _rolling(state: RigState) -> tuple[Take, ...]:
    return () if state.take is None else (state.take,)


def chosen_take(state: RigState, take_id: TakeId | None) -> Take:
    """The take that a command means: the one it names, else the rolling one, else the last one."""
    if take_id is not None:
        named = state.take if state.take is not None and state.take.take_id == take_id else None
        named = named or other_takes(state).find(take_id)
        named = named or next((take for take in state.elsewhere if take.take_id == take_id), None)
        if named is None:
            raise Refusal(f'no take "{take_id[:40]}" in the library; the ids are in: rigd takes --all --json')
        if named.slate.false_take:
            back = f"rigd trash restore {take_id[:8]}"
            title = f"{title_of(named.slate)}{where_of(state, named)}"
            raise Refusal(f"{title} is in the trash; bring it back first: {back}")
        return named
    if state.take is not None:
        return state.take
    if not state.takes:
        raise Refusal("there is no take yet in this session")
    last: Take = state.takes[-1]
    return last
