"""The wall clock: whether it is right, that it was set, and takes that are dated anew once it is right. Pure.

Nothing is ordered or measured by it. A machine without a battery clock boots with the time at which it was shut
down, or with 1970, and gets the right one from the network minutes later, often with takes already made.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from rigd.model.durations import told
from rigd.model.effects import DateTakes, SendToWriter, WriteTakeSheet
from rigd.model.events import Happening
from rigd.model.inputs import ClockSeen
from rigd.model.library import TakesDated
from rigd.model.messages import Retag
from rigd.model.state import RigState, is_rolling
from rigd.model.take import ClockState
from rigd.model.units import NS_PER_SECOND
from rigd.rules.slates import session_opened
from rigd.rules.step_work import CLEAR_FAULT, Work, find_take, open_takes

JUMP_S = 60.0
"""A clock that is set by less than this is not said, and dates nothing anew."""
EARLIEST_UNIX_NS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * NS_PER_SECOND
"""This rigd was not built yet."""


class Evidence(Struct, frozen=True, kw_only=True):
    """What is known beside the clock itself."""

    synchronised: bool
    """The kernel says that somebody keeps it right."""
    newest_trace_ns: int
    """Unix time of the newest thing in the library's own folder."""


def state_of(unix_ns: int, evidence: Evidence) -> ClockState:
    """What a clock that says `unix_ns` is worth."""
    if unix_ns < EARLIEST_UNIX_NS:
        return ClockState.WRONG
    if evidence.synchronised:
        return ClockState.SYNCHRONISED
    if unix_ns < evidence.newest_trace_ns - JUMP_S * NS_PER_SECOND:
        return ClockState.WRONG
    return ClockState.UNSYNCHRONISED


def has_come(then: ClockState, now: ClockState) -> bool:
    """A take that was dated by the clock as it was `then` may be dated anew by the one of `now`. A clock that was
    right and was set, whatever for, dates nothing anew; nor does one of which nobody says that it is right."""
    if then is ClockState.WRONG:
        return now is not ClockState.WRONG
    return then is ClockState.UNSYNCHRONISED and now is ClockState.SYNCHRONISED


def clock_seen(work: Work, fact: ClockSeen) -> None:
    """At the start, when it was set by more than a minute, and when it became better or worse."""
    before, now = work.state.clock, fact.reading.state
    work.change(clock=now, dating_due=True)
    says = datetime.fromtimestamp(fact.reading.unix_ns // NS_PER_SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if now is ClockState.WRONG:
        work.raise_fault(
            "clock",
            f"the clock says {says}, and that is past: takes get a wrong date until it is right, and are dated anew "
            "then. Connect the network, or set it: sudo date -s 'YYYY-MM-DD HH:MM'",
        )
    else:
        work.clear_fault("clock")
    if before is not None and has_come(before, now):
        work.clear_fault("clock set")
    if not fact.jumped_s:
        return
    way = "forward" if fact.jumped_s > 0 else "back"
    text = f"the clock was set {way} by {_told(abs(fact.jumped_s))} and says {says} now"
    if before is not None and has_come(before, now):
        work.say(
            Happening.CLOCK_SET, "clock", f"{text}; takes made since the machine was started are dated anew"
        )
        return
    work.say(Happening.CLOCK_SET, "clock", text)
    if now is not ClockState.WRONG:
        untouched = "Takes keep their order, length and date; new ones are dated by it"
        work.raise_fault("clock set", f"{text}. {untouched}. If that is right: {CLEAR_FAULT}")


def date_when_idle(work: Work) -> None:
    """After every step: the library is asked for it as soon as nothing is recorded, closed or moved."""
    state = work.state
    if not state.dating_due or not state.session_folder or _is_busy(state):
        return
    work.change(dating_due=False)
    work.do(DateTakes())


def _told(seconds: float) -> str:
    return told(seconds) if seconds < 2 * 86_400 else f"{seconds / 86_400:,.1f} days"


def _is_busy(state: RigState) -> bool:
    under_way = state.discarding or state.coming_back or state.opening is not None
    return is_rolling(state) or bool(under_way) or bool(open_takes(state))


def takes_dated(work: Work, fact: TakesDated) -> None:
    """These takes have another date, and lie where it says; their journals and files are told."""
    known = {take.take_id: find_take(work.state, take.take_id) for take in fact.takes}
    if fact.opened is not None:
        session_opened(work, fact.opened)
    for take in fact.takes:
        before = known[take.take_id]
        if before is not None and not before.closed:
            continue  # no take that is open is dated anew
        if before is not None:
            # Circled meanwhile? That stays; and its second copy lies where it lay.
            slate = replace(before.slate, dated=take.slate.dated)
            take = replace(take, slate=slate, copy=take.copy or before.copy)
            work.put_take(take)
            work.do(WriteTakeSheet(take=take))
        work.do(SendToWriter(message=Retag(take_id=take.take_id, folder=take.folder, slate=take.slate)))
        text = f"take {take.slate.number} is dated {take.started_at} now, and lies in {take.folder}"
        work.say(Happening.TAKE_DATED, take.take_id, text)
    if fact.left:
        work.change(dating_due=True)
