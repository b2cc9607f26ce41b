"""Which takes are dated anew, and to when: those of this run of the machine that a wrong clock dated. Pure.

A take knows its first frame by CLOCK_BOOTTIME, which nobody sets. So, once the wall clock is right, its date is known
to the millisecond, however often the clock was set in between and rigd was restarted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from rigd.library.sessions import GOES_ON_WITHIN_S, end_of, instant_of
from rigd.library.sheet import TakeSheet
from rigd.library.takes import FoundTake
from rigd.model.inputs import ClockReading
from rigd.model.units import NS_PER_SECOND
from rigd.rules.wall_clock import JUMP_S, has_come

LocalTime = Callable[[float], datetime]
"""Unix time to local time with its offset."""


def local_time(unix: float) -> datetime:
    return datetime.fromtimestamp(unix).astimezone()


class NewDate(Struct, frozen=True, kw_only=True):
    """What becomes of one take."""

    found: FoundTake
    dated: str
    """ISO 8601; empty: it stays, and only the move is to be finished."""
    day: str
    """YYYY-MM-DD of the session that it goes to; empty: the one whose folder it is on its way to, or lies in."""


def right_start(sheet: TakeSheet, now: ClockReading) -> float | None:
    """When the take began, in Unix time, where its date is wrong by more than a minute and can be put right."""
    clock = sheet.clock
    if clock is None or clock.boot_id != now.boot_id or not has_come(clock.state, now.state):
        return None
    start = (now.unix_ns - (now.boottime_ns - clock.boottime_ns)) / NS_PER_SECOND
    return start if abs(start - instant_of(sheet.started_at)) > JUMP_S else None


class _Before(Struct, frozen=True, kw_only=True):
    """The take before: where it lay, by what day it is filed (empty: it stays there), and when it ended."""

    session: str
    folder: Path
    was_dated: bool
    day: str
    end: float

    def goes_on_in(self, found: FoundTake, start: float) -> bool:
        """A take of the same session that begins within the evening. One that was dated at an earlier try, which was
        cut short, may have left the session's folder already."""
        same = self.session == found.sheet.session and (self.was_dated or self.folder == found.session_folder)
        return same and 0 <= start - self.end < GOES_ON_WITHIN_S


def new_dates(
    takes: Iterable[FoundTake],
    now: ClockReading,
    *,
    day_of: Callable[[FoundTake], str] = lambda found: found.sheet.started_at[:10],
    stays: Callable[[FoundTake, float], bool] = lambda found, start: False,
    local: LocalTime = local_time,
) -> Iterator[NewDate]:
    """Of closed takes, in their order. An evening goes on past midnight here, too.

    `day_of`: the day of the session that it lies in, or is on its way to. `stays`: a take that began at this Unix
    time belongs where it lies, whatever its day is.
    """
    before: _Before | None = None
    for found in takes:
        sheet, lies_in = found.sheet, found.session_folder
        start = right_start(sheet, now)
        if start is None:
            if sheet.on_its_way_to or (sheet.dated and sheet.ahead_of_journal):
                yield NewDate(found=found, dated="", day="")
            day, end, was_dated = day_of(found), end_of(sheet), bool(sheet.dated)
        else:
            began = local(start)
            wanted = began.date().isoformat()
            if before is not None and before.goes_on_in(found, start):
                wanted = before.day
            elif stays(found, start):
                wanted = ""
            yield NewDate(found=found, dated=began.isoformat(timespec="milliseconds"), day=wanted)
            day, end, was_dated = wanted, start + sheet.duration_s, False
        before = _Before(session=sheet.session, folder=lies_in, was_dated=was_dated, day=day, end=end)
