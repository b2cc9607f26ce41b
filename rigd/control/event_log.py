"""What the log says of what happens: the one place that turns events into lines. On the controller's thread.

A person who has nothing but the journal learns from it what was recorded, what is safe, what is wrong, and that it is
over: each once. What people do all the time (markers, gains, names) is not said here. The same thing over and over,
as by a loose plug, is said a few times a minute and counted after that. It never waits: the log's handler does not.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from msgspec import Struct, field

from rigd.model.events import Event, Happening
from rigd.model.messages import CapturePhase
from rigd.model.state import INTERFACE_NOT_HEARD_YET, Ending, Fault, RigState, Transport
from rigd.model.units import NS_PER_SECOND, Ns
from rigd.wire.plain_log import FIELDS

LEVELS = {
    Happening.TAKE_STARTED: logging.INFO,
    Happening.TAKE_RESUMED: logging.INFO,
    Happening.TAKE_STOPPED: logging.INFO,
    Happening.TAKE_KEPT: logging.INFO,
    Happening.TAKE_CLOSED: logging.INFO,
    Happening.TAKE_RECOVERED: logging.WARNING,
    Happening.TAKE_DISCARDED: logging.INFO,
    Happening.TAKE_RESTORED: logging.INFO,
    Happening.TRASH_EMPTIED: logging.INFO,
    Happening.TAKE_FAILED: logging.ERROR,
    Happening.TAKE_DATED: logging.INFO,
    Happening.GAP_FOUND: logging.WARNING,
    Happening.XRUN_FOUND: logging.WARNING,
    Happening.SESSION_OPENED: logging.INFO,
    Happening.LOCK_CHANGED: logging.INFO,
    Happening.DISK_CHANGED: logging.INFO,
    Happening.DISK_SPACE: logging.WARNING,
    Happening.DISK_MEASURED: logging.INFO,
    Happening.MIRROR_CHANGED: logging.INFO,
    Happening.SURFACE_CHANGED: logging.INFO,
    Happening.PREAMP_CHANGED: logging.INFO,
    Happening.CLOCK_SET: logging.WARNING,
    Happening.CONFIG_READ: logging.INFO,
    Happening.CONFIG_REFUSED: logging.ERROR,
    Happening.SHUTTING_DOWN: logging.INFO,
}
"""The events that are said, and how loudly. Faults, and where the transport stands, are said by the rules below."""
INTERFACE_FAULTS = ("interface", "mismatch")
MOST_A_MINUTE = 6
"""Of one kind about one thing."""
MINUTE_NS = 60 * NS_PER_SECOND
MOST_REASONS = 32


class Line(Struct, frozen=True, kw_only=True):
    """One line of the log."""

    level: int
    text: str
    about: tuple[str, str]
    """What happened, to what: `MOST_A_MINUTE` goes by it."""
    fields: dict[str, str] = field(default_factory=dict)


class _Minute(Struct):
    began_ns: Ns
    said: int = 0
    left_out: int = 0


class EventLog:
    """Asked once a step. Owns what was said already."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._offline_for: set[str] = set()
        """Why nothing is heard, as far as that was said since something was."""
        self._refused = False
        self._minutes: dict[tuple[str, str], _Minute] = {}

    def say(self, before: RigState, after: RigState, events: Sequence[Event], *, now_ns: Ns) -> None:
        """The log has what came of the step from `before` to `after`."""
        if before is after and not events:
            return
        said: set[str] = set()
        for line in self._lines(before, after, events):
            if line.text not in said and self._may_be_said(line, now_ns):
                said.add(line.text)
                self._log.log(line.level, "%s", line.text, extra={FIELDS: line.fields})

    def _lines(self, before: RigState, after: RigState, events: Sequence[Event]) -> Iterator[Line]:
        for event in events:
            level = LEVELS.get(event.what)
            if level is not None and not _has_only_begun(event, before):
                yield Line(
                    level=level,
                    text=f"{event.text} (by {event.origin})" if event.origin else event.text,
                    about=(event.what, event.subject),
                    fields=_fields_of(event),
                )
        for event in events:
            if event.what is Happening.FAULT_RAISED and not _is_said_otherwise(event, after, events):
                yield _fault_line(event, logging.WARNING, event.text)
            elif event.what is Happening.FAULT_CLEARED and not _was_never_told(event, before, after):
                yield _fault_line(event, logging.INFO, event.text)
        yield from self._where_it_stands(before, after)

    def _where_it_stands(self, before: RigState, after: RigState) -> Iterator[Line]:
        """READY, OFFLINE with its reason, HALTED: as they come. A take that ends says so itself."""
        if after.transport is Transport.HALTED and before.transport is not Transport.HALTED:
            yield _state_line(
                after, logging.ERROR, "HALTED: nothing is recorded until it is seen to: rigd clear-fault"
            )
        if after.transport is Transport.OFFLINE:
            reason, text = _why_nothing_is_heard(after)
            if reason and reason not in self._offline_for and len(self._offline_for) < MOST_REASONS:
                self._offline_for.add(reason)
                yield _state_line(after, logging.WARNING, f"OFFLINE: {text}")
        elif after.interface is not None and after.interface.phase is CapturePhase.LISTENING:
            self._offline_for.clear()
        settled = after.disk is not None and bool(after.session_folder) and after.ending is Ending.NO
        if after.transport is not Transport.READY or not settled:
            return
        refused, was = bool(after.not_ready), self._refused
        self._refused = refused
        if refused and not was:
            yield _state_line(after, logging.WARNING, f"NOT READY: {after.not_ready}")
        elif not refused and (was or not _was_ready(before)):
            yield _state_line(after, logging.INFO, f"READY: {_what_is_heard(after)}")

    def _may_be_said(self, line: Line, now_ns: Ns) -> bool:
        minute = self._minutes.get(line.about)
        if minute is None or now_ns - minute.began_ns > MINUTE_NS:
            if minute is not None and minute.left_out:
                self._say_what_was_left_out(line.about, minute)
            self._forget_old(now_ns)
            minute = self._minutes[line.about] = _Minute(began_ns=now_ns)
        minute.said += 1
        if minute.said > MOST_A_MINUTE:
            minute.left_out += 1
            return False
        return True

    def _forget_old(self, now_ns: Ns) -> None:
        for about, minute in list(self._minutes.items()):
            if now_ns - minute.began_ns > MINUTE_NS:
                if minute.left_out:
                    self._say_what_was_left_out(about, minute)
                del self._minutes[about]

    def _say_what_was_left_out(self, about: tuple[str, str], minute: _Minute) -> None:
        what, subject = about
        self._log.warning(
            '"%s" of %s: %d more of these within a minute', what, subject or "the rig", minute.left_out
        )
        minute.left_out = 0


def _has_only_begun(event: Event, before: RigState) -> bool:
    """A surface that is only now looked for is not connected yet, which is no news."""
    known = any(surface.name == event.subject for surface in before.surfaces)
    return event.what is Happening.SURFACE_CHANGED and not known and "not connected" in event.text


def _fields_of(event: Event) -> dict[str, str]:
    fields = {"RIGD_EVENT": event.what.value, "RIGD_SUBJECT": event.subject, "RIGD_NUMBER": str(event.number)}
    if event.what.value.startswith("take ") or event.what in (Happening.GAP_FOUND, Happening.XRUN_FOUND):
        fields["RIGD_TAKE_ID"] = event.subject
    if event.what in (Happening.FAULT_RAISED, Happening.FAULT_CLEARED):
        fields["RIGD_FAULT"] = event.subject
    if event.at_frame is not None:
        fields["RIGD_FRAME"] = str(event.at_frame)
    if event.origin:
        fields["RIGD_ORIGIN"] = event.origin
    return fields


def _fault_line(event: Event, level: int, text: str) -> Line:
    return Line(level=level, text=text, about=(event.what, event.subject), fields=_fields_of(event))


def _state_line(state: RigState, level: int, text: str) -> Line:
    word = state.transport.value
    return Line(
        level=level, text=text, about=("state", word), fields={"RIGD_EVENT": "state", "RIGD_STATE": word}
    )


def _is_said_otherwise(raised: Event, after: RigState, events: Sequence[Event]) -> bool:
    """The event that brought the fault is said by itself; an interface that is away is the word OFFLINE."""
    if raised.subject in INTERFACE_FAULTS:
        return after.transport is Transport.OFFLINE
    if raised.subject == "disk space":
        return any(event.what is Happening.DISK_SPACE for event in events)
    _, _, of_take = raised.subject.partition(" ")
    return any(event.subject == of_take and event.what in LEVELS for event in events)


def _was_never_told(cleared: Event, before: RigState, after: RigState) -> bool:
    """It stood for "not heard from yet" at the start; or READY says so."""
    known = next((fault for fault in before.faults if fault.key == cleared.subject), None)
    at_start = known is not None and known.since_ns == 0
    return at_start or (cleared.subject in INTERFACE_FAULTS and after.transport is Transport.READY)


def _was_ready(before: RigState) -> bool:
    return (
        before.transport is not Transport.OFFLINE
        and before.transport is not Transport.HALTED
        and bool(before.session_folder and before.disk is not None)
    )


def _interface_fault(state: RigState) -> Fault | None:
    return next((fault for fault in state.faults if fault.key in INTERFACE_FAULTS), None)


def _why_nothing_is_heard(state: RigState) -> tuple[str, str]:
    """What it goes by, and how it reads; empty while it is only being opened."""
    fault, interface = _interface_fault(state), state.interface
    opening = interface is not None and interface.phase is CapturePhase.OPENING
    if fault is None or fault.what == INTERFACE_NOT_HEARD_YET or opening:
        return "", ""
    return (interface.failure if interface is not None else "") or fault.what, fault.what


def _what_is_heard(state: RigState) -> str:
    interface = state.interface
    heard = (
        f"{interface.device or 'the interface'}, {interface.channels} inputs" if interface is not None else ""
    )
    return f"{heard} at {state.sample_rate_hz} Hz; takes go to {state.session_folder}"
