"""Which takes are dated anew, and to when: those of this run of the machine that a wrong clock dated. Pure.

A take knows its first frame by CLOCK_BOOTTIME, which nobody sets. So, once the wall clock is right, its date is known
to the millisecond, however often the clock was set in between and rigd was restarted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from rigd.library.sessions import GOES_ON_WITHIN_S, instant_of
from rigd.library.sheet import TakeSheet
from rigd.library.takes import FoundTake
from rigd.model.clock import JUMP_S, has_come
from rigd.model.inputs import ClockReading
from rigd.model.units import NS_PER_SECOND

LocalTime = Callable[[float], datetime]
"""Unix time to local time with its offset."""


def local_time(unix: float) -> datetime:
    return datetime.fromtimestamp(unix).astimezone()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDate:
    """What becomes of one take."""

    found: FoundTake
    dated: str
    """ISO 8601; empty: it stays, and only the move is to be finished."""
    day: str
    """YYYY-MM-DD of the session that it goes to; empty: the one whose folder it is on its way to."""


def right_start(sheet: TakeSheet, now: ClockReading) -> float | None:
    """When the take began, in Unix time, where its date is wrong by more than a minute and can be put right."""
    clock = sheet.clock
    if clock is None or clock.boot_id != now.boot_id or not has_come(clock.state, now.state):
        return None
    start = (now.unix_ns - (now.boottime_ns - clock.boottime_ns)) / NS_PER_SECOND
    return start if abs(start - instant_of(sheet.started_at)) > JUMP_S else None


def new_dates(
    takes: Iterable[FoundTake], now: ClockReading, *, local: LocalTime = local_time
) -> Iterator[NewDate]:
    """Of closed takes, in their order. An evening goes on past midnight here, too."""
    before: tuple[str, str, float] | None = None
    """Session, day and end of the take before."""
    for found in takes:
        sheet = found.sheet
        start = right_start(sheet, now)
        if start is None:
            if sheet.on_its_way_to or (sheet.dated and sheet.ahead_of_journal):
                yield NewDate(found=found, dated="", day="")
            continue
        began = local(start)
        day = began.date().isoformat()
        if before is not None and before[0] == sheet.session and 0 <= start - before[2] < GOES_ON_WITHIN_S:
            day = before[1]
        before = (sheet.session, day, start + sheet.duration_s)
        yield NewDate(found=found, dated=began.isoformat(timespec="milliseconds"), day=day)
