"""Watches the rate at which the interface really runs, and keeps what comes at another one off the tape.

Capture's main thread calls `look`, four times a second; the audio is the C callback's alone. Past 0.1 % for 2 s
nothing is stored any more: the stream stays open and is only measured. Once the rate has been right for 2 s it is
stored again, placed by the clock as it was before the rate went wrong. RUNTIME_DIR/interface.rate holds what is
known, so that the next capture process, too, measures before it records anything.
"""

from __future__ import annotations

import contextlib
import json
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from rigd.capture.rate import Rate, measure, window_ns
from rigd.model.errors import TapeError
from rigd.model.messages import CapturePhase, CaptureReport
from rigd.model.structs import loaded
from rigd.model.take import GapCause
from rigd.model.units import NS_PER_SECOND, Frame, Ns
from rigd.wire.own_folder import read_own, remove_own, replace_own

if TYPE_CHECKING:
    from rigd.tape.capture_core import CaptureCore
    from rigd.tape.tape import Tape
    from rigd.tape.timeline import Timeline

RATE_NAME = "interface.rate"
LOOK_EVERY_NS = NS_PER_SECOND // 4
STORED_AGAIN_WITHIN_NS = NS_PER_SECOND // 100
SETTLING_NS = NS_PER_SECOND // 4
"""A stream that has just begun may bring its first blocks early, or late and all at once."""
UNSEEN_NS = 3 * NS_PER_SECOND // 4
"""A window may look right for so long after the rate has changed."""
LEAST_SILENCE_NS = NS_PER_SECOND
OTHER_FIGURE = 5e-4
"""A rate that differs by more from what was reported is reported anew."""
USUAL_RATES_HZ = (8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000)


class RateDoubt(Struct, frozen=True, kw_only=True):
    """An interface that was found to run at another rate than it says."""

    why: str
    """For a person: both rates and the cure."""
    measured_rate_hz: float
    nominal_rate_hz: int
    tape_id: int
    timeline: Timeline | None
    """The clock of that tape from before the rate went wrong; None where that tape is gone."""
    false_from: Frame | None


def write_doubt(runtime: Path, doubt: RateDoubt) -> None:
    """The next capture process measures first."""
    replace_own(runtime / RATE_NAME, json.dumps(to_builtins(doubt)).encode("utf-8"))


def read_doubt(runtime: Path, *, nominal_rate_hz: int) -> RateDoubt | None:
    """What a capture process before this one found; None where the rig is set to another rate by now."""
    from rigd.tape.timeline import Timeline

    try:
        plain = loaded(read_own(runtime / RATE_NAME))
        timeline = Timeline(**plain["timeline"]) if plain["timeline"] is not None else None
        doubt = RateDoubt(**{**plain, "timeline": timeline})
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return doubt if doubt.nominal_rate_hz == nominal_rate_hz else None


def forget_doubt(runtime: Path) -> None:
    """Its rate is right."""
    remove_own(runtime / RATE_NAME)


class RateWatch:
    """The rate of one stream, from its first block to its end. One thread."""

    def __init__(
        self,
        *,
        report: CaptureReport,
        core: CaptureCore,
        tape: Tape,
        runtime: Path,
        doubt: RateDoubt | None,
        first_block: int,
        began_ns: int,
    ) -> None:
        """`report`: LISTENING, as it is while the rate is right. With a `doubt` the core only measures already.
        `first_block`: index of the first block that this stream stored, or would have."""
        self.report = report if doubt is None else _measuring(report, doubt)
        self.due_ns = began_ns
        self._listening = report
        self._core = core
        self._tape = tape
        self._runtime = runtime
        self._doubt = doubt
        self._nominal_hz = tape.geometry.sample_rate_hz
        self._over_ns = window_ns(report.period_frames, self._nominal_hz)
        self._first_block = first_block
        self._began_ns = began_ns
        self._right_ns = 0
        self._stored_from: int | None = None
        """Blocks are stored again, and this is the index of the first; None where that is not awaited."""

    def look(self, now_ns: int) -> CaptureReport:
        """What is true now; looks at most as often as it is worth it."""
        if now_ns >= self.due_ns:
            self.due_ns = now_ns + LOOK_EVERY_NS
            if self._stored_from is not None:
                self._await_stored(now_ns)
            elif self._doubt is not None:
                self._measure_again(self._doubt, now_ns)
            else:
                self._watch(now_ns)
        return self.report

    def _watch(self, now_ns: int) -> None:
        found = measure(self._wakes(now_ns), nominal_rate_hz=self._nominal_hz, over_ns=self._over_ns)
        if found.rate is Rate.RIGHT:
            self._right_ns = now_ns
        elif found.rate is Rate.WRONG:
            timeline, false_from = self._before_it_went_wrong()
            self._core.measure_only(True)
            self._note(found.rate_hz, timeline, false_from)

    def _wakes(self, now_ns: int) -> list[tuple[int, int]]:
        since_ns = max(self._began_ns + SETTLING_NS, now_ns - self._over_ns - LOOK_EVERY_NS)
        return self._core.wakes(since_ns=since_ns)

    def _before_it_went_wrong(self) -> tuple[Timeline, Frame]:
        """The clock by what was stored while the rate was right, and the first frame that was not."""
        cut_ns = self._right_ns - UNSEEN_NS
        stream = [each for each in self._tape.blocks() if each.index >= self._first_block]
        right = (
            len(list(takewhile(lambda each: each.monotonic_ns <= cut_ns, stream))) if self._right_ns else 0
        )
        first = stream[0] if stream else next(self._tape.blocks(self._tape.counters().blocks - 1))
        try:
            timeline = self._tape.timeline(before_block=first.index + right)
        except TapeError:  # nothing else was ever heard
            from rigd.tape.timeline import fit

            end_frame = first.first_frame + first.frames
            timeline = fit([(first.monotonic_ns, end_frame)], nominal_rate_hz=self._nominal_hz)
        false_from = first.first_frame
        for block in stream[: max(right, 1)] if right else ():
            false_from = Frame(block.first_frame + block.frames)
        for block in stream[right:] if right else ():
            end_frame = block.first_frame + block.frames
            if abs(timeline.frame_at(block.monotonic_ns) - end_frame) <= block.frames / 4:
                false_from = Frame(end_frame)
        return timeline, false_from

    def _note(self, rate_hz: float, timeline: Timeline | None, false_from: Frame | None) -> None:
        self._doubt = RateDoubt(
            why=_why(self._listening.device, rate_hz, self._nominal_hz),
            measured_rate_hz=rate_hz,
            nominal_rate_hz=self._nominal_hz,
            tape_id=self._tape.tape_id,
            timeline=timeline,
            false_from=false_from,
        )
        with contextlib.suppress(OSError):
            write_doubt(self._runtime, self._doubt)
        self.report = _measuring(self._listening, self._doubt)

    def _measure_again(self, doubt: RateDoubt, now_ns: int) -> None:
        wakes = self._wakes(now_ns)
        if self._is_dead(wakes, now_ns):
            self.report = replace(self.report, measuring=False)
            return
        found = measure(wakes, nominal_rate_hz=self._nominal_hz, over_ns=self._over_ns)
        if found.rate is Rate.WRONG:
            if abs(found.rate_hz - doubt.measured_rate_hz) > OTHER_FIGURE * self._nominal_hz:
                self._note(found.rate_hz, doubt.timeline, doubt.false_from)
        elif found.rate is Rate.RIGHT:
            self._store_again(doubt.timeline, now_ns)

    def _is_dead(self, wakes: list[tuple[int, int]], now_ns: int) -> bool:
        """The stream brings nothing any more; the next capture process opens the interface anew."""
        silence_ns = max(LEAST_SILENCE_NS, self._over_ns // 2)
        return now_ns - self._began_ns > silence_ns + SETTLING_NS and (
            not wakes or now_ns - wakes[-1][0] > silence_ns
        )

    def _store_again(self, timeline: Timeline | None, now_ns: int) -> None:
        """What ran too fast has taken frame numbers that time had not come to yet: those are waited for."""
        if timeline is not None:
            if timeline.frame_at(Ns(now_ns)) < self._tape.next_frame:
                return
            at_once = self._tape.wake_frames()
            self._core.resume(timeline, cause=GapCause.INTERFACE_LOST, wake_frames=at_once)
        self._stored_from = self._tape.counters().blocks
        self._core.measure_only(False)
        self.due_ns = now_ns

    def _await_stored(self, now_ns: int) -> None:
        block = next(self._tape.blocks(self._stored_from or 0), None)
        if block is None:
            self.due_ns = now_ns + STORED_AGAIN_WITHIN_NS
            if self._is_dead(self._wakes(now_ns), now_ns):
                self.report = replace(self.report, measuring=False)
            return
        forget_doubt(self._runtime)
        self._doubt, self._stored_from = None, None
        self._first_block, self._right_ns = block.index, now_ns
        self.report = replace(self._listening, heard_from=block.first_frame)


def _measuring(listening: CaptureReport, doubt: RateDoubt) -> CaptureReport:
    return replace(
        listening,
        phase=CapturePhase.FAILED,
        failure=doubt.why,
        mismatch=doubt.why,
        measured_rate_hz=doubt.measured_rate_hz,
        measuring=True,
        false_from=doubt.false_from,
        heard_from=None,
    )


def _why(device: str, measured_hz: float, nominal_hz: int) -> str:
    percent = abs(nominal_hz / measured_hz - 1.0) * 100.0
    wrong = f"{percent:.1f} % too {'fast' if measured_hz < nominal_hz else 'slow'}"
    near = next((rate for rate in USUAL_RATES_HZ if abs(measured_hz / rate - 1.0) < 2e-3), None)
    other = f", or audio.sample_rate_hz = {near} and start rigd again" if near else ""
    return (
        f'interface "{device}" runs at {measured_hz:,.0f} Hz (measured), the rig is set to {nominal_hz:,} Hz. '
        f"Nothing of it is recorded: it would play {wrong}. Set its clock to {nominal_hz} Hz (a card: its clock "
        f"source; PipeWire: pw-metadata -n settings 0 clock.force-rate {nominal_hz}), then rigd goes on by itself"
        f"{other}"
    )
