"""The black box: keeps the last minutes of all channels on disk, by a writer of its own.

Its thread orders segments one ahead of the tape, removes what is too old, and tells the controller how far back
it reaches. Its writer follows the tape by spare holds only. Nothing here may touch a take or wait for one, and a
disk that stands still stops this thread alone; the link's thread then says so.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from rigd.blackbox.kept_segments import Pins
from rigd.blackbox.plan import BlackBoxPlan
from rigd.blackbox.segments import Axis, Placed, Segment, Shelf, placed_on
from rigd.links.other_build import OtherBuild
from rigd.links.process_link import ProcessLink, Upkeep, python_module
from rigd.model.blackbox import BlackBox
from rigd.model.errors import RigError, TapeError
from rigd.model.messages import (
    GapWritten,
    OpenTake,
    StopWriter,
    TakeClosed,
    TakeFailed,
    WriterReport,
)
from rigd.model.take import GapCause, TakeOrder
from rigd.model.units import NS_PER_SECOND, Frame, Ns
from rigd.tape.view import TapeView

NAME = "blackbox"
TURN_S = 0.5
SILENT_S = 5.0
"""A writer that has not reported for so long, or a turn that takes so long, has a disk that stands still."""
BEHIND_S = 10.0
UNSEEN_REPORTS = 3
RETRY_S = 10.0
"""After a segment failed, nothing is ordered for so long."""
STOP_WITHIN_S = 10.0
DAY_S = 86_400

log = logging.getLogger(__name__)


class _Moment(Struct, frozen=True, kw_only=True):
    """The tape as it is now."""

    axis: Axis
    oldest: int
    end: int


@dataclass(slots=True)
class _Ordered:
    """A segment that is to be written."""

    tape_id: str
    order: TakeOrder
    unseen: int = 0
    """Reports in a row that did not list it."""


class BlackBoxKeeper:
    """Started once, stopped once."""

    def __init__(
        self,
        plan: BlackBoxPlan,
        *,
        runtime_dir: Path,
        tape: TapeView,
        pins: Pins,
        post: Callable[[BlackBox], None],
        prepare: Callable[[], None],
        clock_ns: Callable[[], Ns],
        wall_ns: Callable[[], int],
        utc_offset_s: Callable[[int], int],
        other_build: OtherBuild,
        upkeep: Upkeep = Upkeep.OWN,
    ) -> None:
        self._plan, self._tape, self._pins, self._post = plan, tape, pins, post
        self._clock_ns, self._wall_ns, self._utc_offset_s = clock_ns, wall_ns, utc_offset_s
        self._inputs = plan.inputs
        self._other_build, self._asked_to_end = other_build, 0
        self._replace = False
        """The writer that was found was started with other settings: it ends, and what it says is of no use."""
        self._news: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._turned_ns = self._heard_ns = clock_ns()
        self._told: BlackBox | None = None
        self._trouble = ""
        """Why there is nobody to order from. Set by the link's thread."""
        self._link = ProcessLink(
            name=NAME,
            command=python_module("rigd.writer", str(runtime_dir), NAME),
            runtime_dir=runtime_dir,
            follower=self,
            tick_s=TURN_S,
            prepare=prepare,
            upkeep=upkeep,
        )
        self._thread = threading.Thread(target=self._run, name="rigd-blackbox", daemon=True)
        # From here on its thread's own.
        self._shelf = Shelf(plan.folder)
        self._report: WriterReport | None = None
        """Of the writer that runs now."""
        self._ordered: dict[int, _Ordered] = {}
        """Segments that are not closed yet, as far as is known, by number."""
        self._doomed: set[int] = set()
        """Told as gone; removed at the next turn where nobody asked for them meanwhile."""
        self._failure = ""
        self._failed_number = 0
        """The segment that failed: the next one that is closed says that all is well again."""
        self._retry_ns = 0
        self._begin_anew = False
        """What was missed because of a failure is not caught up: the disk had no room for it, or is broken."""
        self._behind_frames = 0
        self._seen: _Moment | None = None
        """The tape at the turn before."""

    def start(self, *, replace: bool = False) -> None:
        """With `replace` a writer that is found closes its segments and ends, to be started anew: its settings are
        not those of the config any more."""
        self._replace = replace
        self._thread.start()
        self._link.start()

    def stop(self) -> None:
        """The black box is left as it is; its writer goes on with what was ordered."""
        self._link.stop()
        self._end()

    def stop_process(self) -> None:
        """Its segments are closed and its writer has ended; a disk that stands still is not waited for."""
        self._end()
        self._link.stop_process(StopWriter(), within_s=STOP_WITHIN_S)

    def _end(self) -> None:
        self._stopping.set()
        self._news.put(None)
        self._thread.join(SILENT_S)

    # The link's thread.

    def connected(self) -> None:
        self._heard_ns = self._clock_ns()
        self._trouble = ""
        self._replace = self._replace and not self._link.is_own
        if self._replace:
            self._link.send(StopWriter())

    def received(self, message: Any) -> None:
        self._heard_ns = self._clock_ns()
        if not self._replace:
            self._news.put(message)

    def lost(self, reason: str) -> None:
        if self._replace:
            self._replace = False
            return
        self._trouble = f"its writer is gone: {reason}; it is started again"
        self._news.put(None)

    def tick(self) -> None:
        """Says so where its disk stands still, because its own thread may be waiting for that disk. A writer of
        another build ends with the others of that build; its segments are no reason to wait."""
        pid = self._link.pid
        if pid != self._asked_to_end and self._other_build.is_to_end(pid):
            self._asked_to_end = pid
            self._link.send(StopWriter())
        if self._told is not None and (problem := self._stall()):
            self._tell(replace(self._told, problem=problem))

    def _stall(self) -> str:
        """Why the disk is taken to stand still; empty where it does not. The link's thread and this one's own say it
        alike, or the fault would come and go with each of them."""
        if self._clock_ns() - min(self._heard_ns, self._turned_ns) <= SILENT_S * NS_PER_SECOND:
            return ""
        return f'the disk of "{self._plan.folder}" stands still; takes are not touched by that. See to it'

    # Its own thread.

    def _run(self) -> None:
        self._put_aside_odd()
        while not self._stopping.is_set():
            until_ns = self._turned_ns + round(TURN_S * NS_PER_SECOND)
            with contextlib.suppress(queue.Empty):
                while not self._stopping.is_set():
                    left_s = (until_ns - self._clock_ns()) / NS_PER_SECOND
                    self._hear(self._news.get(timeout=left_s) if left_s > 0 else self._news.get_nowait())
            if self._stopping.is_set():
                return
            try:
                self._turn()
            except Exception as error:
                log.exception("a turn of the black box failed; it is tried again")
                if self._told is not None:
                    self._tell(replace(self._told, problem=f"{error}; it is tried again"))
            self._turned_ns = self._clock_ns()

    def _put_aside_odd(self) -> None:
        stamp = f"bad-{time.strftime('%Y%m%d-%H%M%S', time.localtime(self._wall_ns() / NS_PER_SECOND))}"
        with contextlib.suppress(OSError):  # then it fails below, and that is told
            if count := self._shelf.put_aside_odd(stamp):
                what = "%s: has a segment with a number that rigd never gives; all %d are now called .%s and not used"
                log.warning(what, self._plan.folder, count, stamp)

    def _hear(self, message: Any) -> None:
        match message:
            case WriterReport():
                self._take_in(message)
            case TakeClosed() | TakeFailed():
                number = _number_of(message.folder)
                self._ordered.pop(number, None)
                if isinstance(message, TakeFailed):
                    why = message.reason.replace(f'take "{message.folder}"', f'"{self._plan.folder}"')
                    self._fail(f"{why}. Takes are not touched by that; it is tried again", number)
                elif number > self._failed_number:
                    self._failure = ""
            case GapWritten(gap=gap) if gap.cause is GapCause.OVERWRITTEN:
                numbers = [n for n, each in self._ordered.items() if each.order.take_id == message.take_id]
                seconds = gap.length_frames / self._plan.format.sample_rate_hz
                self._failure = (
                    f"its disk was too slow: {seconds:.1f} s are missing from it; takes are not touched"
                )
                self._failed_number = max(numbers, default=0)
            case None if self._trouble:
                self._report = None

    def _take_in(self, report: WriterReport) -> None:
        """What an earlier daemon ordered is known; what did not reach the writer is said again."""
        self._report = report
        listed = set()
        for progress in report.open_takes:
            number = _number_of(progress.order.folder)
            listed.add(number)
            if number not in self._ordered:
                # One that waits has no journal yet: it is of the tape that is there now.
                known = [each.tape_id for each in self._shelf.look() if each.number == number]
                self._ordered[number] = _Ordered((known or [self._tape_id()])[0], progress.order)
        for number, ordered in list(self._ordered.items()):
            ordered.unseen = 0 if number in listed else ordered.unseen + 1
            if ordered.unseen >= UNSEEN_REPORTS:
                ordered.unseen = 0
                if ordered.tape_id == self._tape_id():
                    self._link.send(OpenTake(order=ordered.order))
                else:  # its tape is gone; on another one it would be other sound
                    del self._ordered[number]

    def _fail(self, why: str, number: int) -> None:
        if self._failure != why:
            log.warning("the black box: %s", why)
        self._failure, self._failed_number, self._begin_anew = why, number, True
        self._retry_ns = self._clock_ns() + round(RETRY_S * NS_PER_SECOND)

    def _turn(self) -> None:
        moment = self._moment()
        segments = self._shelf.look()
        problem = self._trouble or self._stall() or self._failure
        if self._report is not None and not self._trouble:
            self._remove(segments)
            short = self._short_of_room(self._report)
            problem = problem or self._report.problem or short or self._lag(self._report)
            if (
                moment is not None
                and self._moves(moment)
                and not short
                and self._clock_ns() >= self._retry_ns
            ):
                self._order_ahead(moment, segments)
            self._doom(segments, one_more=bool(short))
        if moment is not None:
            self._tell(self._status(moment, segments, problem))
        elif self._told is not None:
            self._tell(replace(self._told, problem=problem))

    def _tell(self, told: BlackBox) -> None:
        self._told = told
        try:
            self._post(told)
        except RigError as error:
            log.warning("black box: %s", error)

    def _tape_id(self) -> str:
        try:
            return self._tape.tape_id()
        except TapeError:
            return ""

    def _moment(self) -> _Moment | None:
        """None while there is no tape, or nothing has been heard on it."""
        now_ns, wall_ns, tape_id = self._clock_ns(), self._wall_ns(), self._tape_id()
        frame, extent = self._tape.frame_at(now_ns), self._tape.extent()
        if frame is None or extent is None or tape_id != self._tape_id():
            return None
        return _Moment(
            axis=Axis(tape_id=tape_id, frame=frame, unix_ns=wall_ns), oldest=extent[0], end=extent[1]
        )

    # Ordering.

    def _moves(self, moment: _Moment) -> bool:
        """False on a tape onto which nothing came since the turn before: it may be one that an earlier rig with
        another config left, and what is ordered by its frames would be other sound on the tape that follows."""
        seen, self._seen = self._seen, moment
        return seen is not None and seen.axis.tape_id == moment.axis.tape_id and seen.end < moment.end

    def _order_ahead(self, moment: _Moment, segments: tuple[Segment, ...]) -> None:
        """What is heard in the next `segment_s` is ordered. Where the last order ended long ago, because nobody was
        there to give one or nothing was heard, one long segment catches up."""
        length = round(self._plan.segment_s * self._plan.format.sample_rate_hz)
        end = self._chain_end(moment.axis.tape_id, segments, until=moment.end + 4 * length)
        if end is None or end < moment.oldest:
            # In the middle of the tape: at its old end capture would be upon the segment before it is opened.
            end = moment.end - (moment.end - moment.oldest) // 2
        if self._begin_anew:
            end, self._begin_anew = max(end, moment.end), False
        while end < moment.end + length:
            first, end = end, max(end + length, moment.end)
            self._order(moment, first, end)

    def _chain_end(self, tape_id: str, segments: tuple[Segment, ...], *, until: int) -> int | None:
        """Where the next segment of this tape begins; None where it has none. One beyond `until` was ordered by the
        frames of another tape: it is no end of this chain, or at every turn a new chain would begin."""
        ends = [
            each.order.end_frame
            for each in self._ordered.values()
            if each.tape_id == tape_id and each.order.end_frame is not None
        ]
        ends += [
            Frame(segment.end_frame)
            for segment in segments
            if segment.tape_id == tape_id and segment.number not in self._ordered and segment.frames
        ]
        return max((end for end in ends if end <= until), default=None)

    def _order(self, moment: _Moment, first: int, end: int) -> None:
        number = self._shelf.next_number(self._ordered)
        order = self._plan.order(
            number, axis=moment.axis, first=first, end=end, utc_offset_s=self._utc_offset_s
        )
        self._ordered[number] = _Ordered(moment.axis.tape_id, order)
        self._link.send(OpenTake(order=order))

    def _lag(self, report: WriterReport) -> str:
        before, self._behind_frames = self._behind_frames, report.behind_frames
        behind_s = report.behind_frames / self._plan.format.sample_rate_hz
        if behind_s < BEHIND_S or report.behind_frames < before:
            return ""
        return f"its disk does not keep up: it is {behind_s:.0f} s behind; takes are not touched by that"

    def _short_of_room(self, report: WriterReport) -> str:
        """Why nothing more may be written: takes come first. Empty where there is room."""
        beside_takes = False
        with contextlib.suppress(OSError):
            beside_takes = self._plan.folder.stat().st_dev == self._plan.library.stat().st_dev
        return "" if report.problem else self._plan.why_no_room(report.free_bytes, beside_takes=beside_takes)

    # Removal.

    def _remove(self, segments: tuple[Segment, ...]) -> None:
        """What was doomed at the turn before and is still not asked for is gone, and so is what is no segment."""
        known = {segment.number for segment in segments}
        left = {number for number in self._shelf.numbers() if number not in known} - self._ordered.keys()
        left |= {one.number for one in segments if one.closed and not one.frames} - self._ordered.keys()
        for number in sorted(self._doomed | left):
            if self._pins.allow_removal_of(number):
                try:
                    self._shelf.remove(number)
                except OSError as error:  # one folder that cannot be removed holds up nothing
                    log.debug("segment %d is not removed: %s", number, error)
        self._doomed.clear()
        self._shelf.sweep()

    def _doom(self, segments: tuple[Segment, ...], *, one_more: bool) -> None:
        """Old ones behind which there are the minutes that were asked for; one more where the disk is short of room.
        By what was heard and not by the clock: nothing goes that nothing has taken the place of."""
        limit = self._plan.minutes * 60 * self._plan.format.sample_rate_hz
        held = 0
        for segment in reversed(segments):
            if held >= limit and (segment.closed or segment.number not in self._ordered):
                self._doomed.add(segment.number)
            held += segment.sound_frames
        left = [one.number for one in segments if one.closed and one.number not in self._doomed]
        if one_more and left:
            self._doomed.add(left[0])

    # What is told.

    def _status(self, moment: _Moment, segments: tuple[Segment, ...], problem: str) -> BlackBox:
        good = [
            segment
            for segment in segments
            if segment.number not in self._doomed
            and segment.frames
            and segment.serves(self._plan.format, self._inputs)
        ]
        placed: tuple[Placed, ...] = placed_on(moment.axis, good)
        rate = self._plan.format.sample_rate_hz
        held_s = sum(segment.sound_frames for segment in good) / rate
        return BlackBox(
            minutes=self._plan.minutes,
            tape_id=moment.axis.tape_id,
            oldest_frame=min((each.at_frame for each in placed), default=None),
            newest_frame=max((each.end_frame for each in placed), default=None),
            tape_to=Frame(moment.end),
            held_s=round(held_s, 1),
            held_bytes=round(held_s * self._plan.bytes_per_second),
            bytes_per_day=DAY_S * self._plan.bytes_per_second,
            problem=problem,
        )


def _number_of(folder: str) -> int:
    name = Path(folder).name
    return int(name) if name.isdecimal() else 0
