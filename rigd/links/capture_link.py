"""The daemon's end of the link to `rigd-capture`, and the judge of whether it still hears anything.

What counts is the tape's frame counter and nothing else: PortAudio calls a stream active that has
not delivered for minutes (linux-rig 3). No frame for max(0.45 s, 10 periods) means that capture is killed
and started again, inside the same take: a lost device is told within half a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rigd.links.other_build import OtherBuild
from rigd.links.process_link import FIRST_TRIES_PAUSE_S, ProcessLink, Stuck, Upkeep, python_module
from rigd.model.errors import OtherLayoutError, TapeError
from rigd.model.messages import CapturePhase, CaptureReport, StopCapture
from rigd.model.units import NS_PER_SECOND
from rigd.tape.view import TapeView
from rigd.wire.start_progress import StartProgress

LEAST_SILENCE_S = 0.45
PERIODS_OF_SILENCE = 10
FIRST_FRAME_WITHIN_S = 8.0
"""An opening that has made no progress for so long hangs. A cold one on a slow machine gets on and may last."""
TAPE_WITHIN_S = 3.0
"""Capture says that it listens, and its tape cannot be found: whoever has it names it again within a second."""
STOP_WITHIN_S = 3.0
TICK_S = 0.5
"""A look at the counter costs 0.15 ms, nearly all of it for waking up. Silence is seen at its time all the same."""
SHORT_TICK_S = 0.2
"""While the interface is opened, and while what comes leaves no stamp."""
LOOK_AFTER_S = 0.002


class CaptureLink:
    """Starts or finds capture, and kills it when no frames come in."""

    def __init__(
        self,
        *,
        runtime_dir: Path,
        tape: TapeView,
        post: Callable[[Any], None],
        lost: Callable[[str], None],
        other_build: OtherBuild,
        prepare: Callable[[], None] = lambda: None,
        upkeep: Upkeep = Upkeep.OWN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tape = tape
        self._post = post
        self._lost = lost
        self._other_build = other_build
        self._foreign = False
        """The tape is another build's: its counter is not read, so nobody is called stuck by it."""
        self._asked_to_end = 0
        self._clock = clock
        self._next_frame = -1
        self._is_stamped = False
        """The newest frames are on the tape, with the time at which they came."""
        self._moved_at = 0.0
        self._may_be_silent_s = FIRST_FRAME_WITHIN_S
        self._listening = False
        self._measuring = False
        """Its stream is open and kept off the tape, by capture itself, until its rate is right."""
        self._heard_since: float | None = None
        """Since when capture says that it listens."""
        self._report: CaptureReport | None = None
        """What capture said last."""
        self._trouble = self._told = ""
        """Why the tape that it writes cannot be looked at, and what was told of that."""
        self._progress = StartProgress(clock=clock)
        self._failure = ""
        self._stays_until = 0.0
        """Capture could not open the interface, and stays so long with nothing to show for it."""
        self._replace = False
        self._process = ProcessLink(
            name="capture",
            command=python_module("rigd.capture", str(runtime_dir)),
            runtime_dir=runtime_dir,
            follower=self,
            tick_s=self._look_again_s,
            prepare=prepare,
            upkeep=upkeep,
            longest_pause_s=FIRST_TRIES_PAUSE_S,
        )

    def start(self, *, replace: bool) -> None:
        """Capture is found or started. With `replace` one that is found is ended and started anew: its
        settings are not those of the config any more."""
        self._replace = replace
        self._process.start()

    def stop(self) -> None:
        """Capture goes on alone."""
        self._process.stop()

    def stop_process(self) -> None:
        """The stream is closed and capture has ended; the tape stays."""
        self._process.stop_process(StopCapture(), within_s=STOP_WITHIN_S)

    @property
    def pid(self) -> int:
        return self._process.pid

    def connected(self) -> None:
        self._next_frame = -1
        self._moved_at = self._clock()
        self._may_be_silent_s = FIRST_FRAME_WITHIN_S
        self._listening = self._measuring = False
        self._heard_since = self._report = None
        self._trouble = self._told = self._failure = ""
        self._stays_until = 0.0
        if self._replace and not self._process.is_own:
            self._process.send(StopCapture())
        self._replace = False

    def received(self, message: Any) -> None:
        if isinstance(message, CaptureReport):
            self._measuring = message.measuring
            self._report, self._trouble = message, ""
            if message.measuring:
                self._listening = False
                self._heard_since = None
            if message.phase is CapturePhase.LISTENING:
                self._heard_since = self._clock()
                self._attach()
                periods_s = PERIODS_OF_SILENCE * message.period_frames / max(1, message.sample_rate_hz)
                self._may_be_silent_s = max(LEAST_SILENCE_S, periods_s)
            self._failure = message.failure
            if message.phase is CapturePhase.FAILED and not message.measuring:
                self._process.will_end()
                self._stays_until = self._clock() + message.stays_s
        self._post(message)
        self._told = ""
        self._tell_trouble()

    def _attach(self) -> None:
        """The tape that capture writes is looked at. One that cannot be is told, and capture goes on; one whose name
        vanished is looked for again, and where nobody has it, it is made anew by another capture."""
        try:
            self._look_at_tape()
        except TapeError as error:
            if self._tape.is_missing:
                if self._heard_since is not None and self._clock() - self._heard_since > TAPE_WITHIN_S:
                    raise Stuck(str(error)) from error
                return
            self._trouble = "" if self._foreign else str(error)
            return
        self._trouble = ""
        if not self._listening:
            self._listening = True
            self._moved_at = self._clock()

    def _tell_trouble(self) -> None:
        """Once as long as it stands; and when it is over what capture said of the interface is true again."""
        if self._trouble == self._told:
            return
        self._told = self._trouble
        if self._trouble:
            self._lost(self._trouble)
        elif self._report is not None:
            self._post(self._report)

    def _look_at_tape(self) -> None:
        try:
            self._tape.refresh()
        except OtherLayoutError as error:
            self._foreign = True
            self._other_build.found(str(error))
            raise
        except TapeError:
            self._leave_other_build()
            raise
        self._leave_other_build()

    def _leave_other_build(self) -> None:
        self._foreign = False
        self._other_build.over()

    def tick(self) -> None:
        if not self._listening and self._heard_since is not None and not self._foreign:
            self._attach()
            self._tell_trouble()
            return
        if not self._listening:
            try:
                self._look_at_tape()  # of an interface that is away: a take on it can still be stopped
            except OtherLayoutError:
                if not self._process.is_own:
                    self._let_other_build_end()
                    return
            except TapeError:
                pass
            if self._measuring or self._clock() < self._stays_until:
                self._moved_at = self._clock()
                return
            stands_s = self._progress.stands_for_s(self._process.pid)
            if min(stands_s, self._clock() - self._moved_at) > FIRST_FRAME_WITHIN_S:
                raise Stuck(f"the interface did not open: no progress for {FIRST_FRAME_WITHIN_S:.0f} s")
            return
        try:
            next_frame = self._tape.counters().next_frame
        except TapeError:
            return
        if next_frame != self._next_frame:
            self._next_frame = next_frame
            self._moved_at = self._came_at()
        elif self._clock() - self._moved_at > self._may_be_silent_s:
            raise Stuck(f"no frame came in for {self._may_be_silent_s:.1f} s")

    def _came_at(self) -> float:
        """When the newest block came: up to a tick before it is looked at. One that was not stored, as on a tape that
        is full, left no stamp; a driver that plays as fast as it can has stamps of the future."""
        now_s, newest = self._clock(), self._tape.last_block()
        self._is_stamped = newest is not None and newest.first_frame + newest.frames >= self._next_frame
        if newest is None or not self._is_stamped:
            return now_s
        came_s = newest.monotonic_ns / NS_PER_SECOND
        return came_s if 0.0 <= now_s - came_s <= TICK_S else now_s

    def _look_again_s(self) -> float:
        """Sooner than a tick where silence would by then have lasted too long."""
        if not (self._listening and self._is_stamped):
            return SHORT_TICK_S
        left_s = self._moved_at + self._may_be_silent_s - self._clock()
        return min(TICK_S, max(0.0, left_s) + LOOK_AFTER_S)

    def _let_other_build_end(self) -> None:
        pid = self._process.pid
        if pid != self._asked_to_end and self._other_build.is_to_end(pid):
            self._asked_to_end = pid
            self._process.send(StopCapture())

    def lost(self, reason: str) -> None:
        self._lost(self._failure or reason)
