"""Shows the rig's truth on every surface, and hands on how each surface says it stands.

Thread "rigd-feedback" wakes where the state is another one, where a surface has reported, and, while one shows
levels, 25 times a second; it calls `Surface.show`, which returns at once by its promise. Thread
"rigd-feedback-guard" looks at it twice a second while there is something to show: a show that does not return costs
its surface alone. The thread is left behind in it, another one goes on, and what the surface misses is merged for
it. Where no surface and no face has ever been there is no thread.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable

from rigd.control.levels_fan import LEVELS_HZ
from rigd.hands.face import Meter
from rigd.hands.surface import Surface
from rigd.model.errors import RigError
from rigd.model.inputs import Fact
from rigd.model.state import RigState, SurfaceStatus

_log = logging.getLogger(__name__)

STATE_EVERY_S = 0.05
STATES_AT_ONCE = 2
"""What is asked of a preamp and what it says come within milliseconds, after a rest: neither waits for the pace."""
LEVELS_EVERY_S = 1 / LEVELS_HZ
"""A wire that takes fewer keeps what it has not shown (`Surface.show`)."""
REPORTS_EVERY_S = 0.25
"""A port that comes and goes a thousand times a second must not fill the controller's queue."""
LOOK_EVERY_S = 0.5
_LOOKS = 2
"""So often the guard has to find the show of the look before still going on, before it hangs: where something held
the whole interpreter for long, the thread that shows gets its turn between two looks."""
_STOP_WAIT_S = 1.0
_HANDED_ON_WITHIN_S = 10.0
"""Longer than a controller that does not keep up makes a few reports wait."""


class Pace:
    """How often something may be done: `at_once` times after a rest, in the long run once in `every_s`."""

    def __init__(self, *, every_s: float, at_once: int) -> None:
        self._every_s = every_s
        self._ahead_s = (at_once - 1) * every_s
        self._next_s = -math.inf

    @property
    def due_s(self) -> float:
        """From when on it may be done again."""
        return self._next_s - self._ahead_s

    def done(self, now_s: float) -> None:
        """It was done now."""
        self._next_s = max(self._next_s, now_s) + self._every_s


class _Audience:
    """One surface, and what it has not been shown yet."""

    def __init__(self, surface: Surface, take_levels: Callable[[], Meter]) -> None:
        self.surface = surface
        self._take_levels = take_levels
        self._lock = threading.Lock()
        self._state: RigState | None = None
        self._offered: RigState | None = None
        self._meter: Meter | None = None
        """There is one where the surface said that it shows levels, after it was shown something last: what comes
        while it hangs is put by in there."""
        self._failed = False
        self.hangs = False

    def offer(self, state: RigState) -> None:
        """The newest state."""
        with self._lock:
            if state is not self._offered:
                self._state = self._offered = state

    @property
    def shows_levels(self) -> bool:
        return self._meter is not None

    @property
    def is_due(self) -> bool:
        with self._lock:
            return not self.hangs and (self._state is not None or self.shows_levels)

    def show(self) -> None:
        """Brings it up to date. An error is logged once, until a show works again."""
        levels = None if self._meter is None else self._meter.take()
        with self._lock:
            is_news, self._state = self._state is not None or levels is not None, None
            state = self._offered
        if state is None or not is_news:
            return
        try:
            self.surface.show(state, levels)
            self._meter_is_wanted(self.surface.shows_levels)
            self._failed = False
        except Exception:  # whatever a kind does: the next state may well be shown again
            if not self._failed:
                _log.exception("surface %s cannot show the rig's state; rigd goes on", self.surface.name)
            self._failed = True

    def _meter_is_wanted(self, wanted: bool) -> None:
        if wanted and self._meter is None:
            self._meter = self._take_levels()
        elif not wanted and self._meter is not None:
            self._meter.close()
            self._meter = None


class _Shift:
    """One thread's time as the one that shows. Guarded by the feedback's lock."""

    def __init__(self) -> None:
        self.shows = 0
        """Begun so far."""
        self.showing: _Audience | None = None
        self.is_over = False
        """Another thread has taken over."""


class Feedback:
    """Started once, stopped once; surfaces come and go."""

    def __init__(
        self,
        *,
        state: Callable[[], RigState],
        take_levels: Callable[[], Meter],
        post: Callable[[Fact], None],
    ) -> None:
        """`take_levels` makes a meter for a surface that shows levels; `post` takes what surfaces report."""
        self._state = state
        self._take_levels = take_levels
        self._post = post
        self._audiences: list[_Audience] = []
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._handed_on = threading.Condition(self._lock)
        self._wake_guard = threading.Condition(self._lock)
        self._guard_sleeps = False
        self._is_news = True
        self._stopping = False
        self._reports: dict[str, SurfaceStatus] = {}
        self._is_handing_on = False
        self._has_started = False
        self._pace = Pace(every_s=STATE_EVERY_S, at_once=STATES_AT_ONCE)
        self._shown_s = self._posted_s = -math.inf
        self._shift = _Shift()
        self._thread: threading.Thread | None = None
        self._guard_thread = threading.Thread(target=self._guard, name="rigd-feedback-guard", daemon=True)

    def introduce(self, surface: Surface) -> None:
        """From the start on, or from now on, it is shown the state as it is, and then what changes."""
        with self._wake:
            self._audiences = [*self._audiences, _Audience(surface, self._take_levels)]
            self._begin_where_needed()
            self._is_news = True
            self._wake.notify()

    def leave(self, names: Iterable[str]) -> None:
        """These are shown nothing more."""
        gone = set(names)
        with self._wake:
            self._audiences = [each for each in self._audiences if each.surface.name not in gone]

    def forget_reports(self, names: Iterable[str]) -> None:
        """What these have reported, and what is not handed on yet, is dropped: they have ended."""
        with self._wake:
            self._handed_on.wait_for(lambda: not self._is_handing_on, _HANDED_ON_WITHIN_S)
            for name in names:
                self._reports.pop(name, None)

    def start(self) -> None:
        """From now on there is a thread wherever there is something to show, or a report to hand on."""
        with self._wake:
            self._has_started = True
            self._begin_where_needed()

    def _begin_where_needed(self) -> None:
        """Under the lock."""
        if (
            self._has_started
            and not self._stopping
            and self._thread is None
            and (self._audiences or self._reports)
        ):
            self._begin_shift()
            self._guard_thread.start()

    def changed(self) -> None:
        """The state is another one. Any thread; returns at once."""
        with self._wake:
            if not self._is_news:
                self._is_news = True
                self._wake.notify()

    def report(self, status: SurfaceStatus) -> None:
        """A surface says how it stands: the newest word of each is handed on. Any thread; returns at once."""
        with self._wake:
            self._reports[status.name] = status
            self._begin_where_needed()
            self._wake.notify()

    def stop(self) -> None:
        """Nothing more is shown; threads joined, but for one that hangs in a surface."""
        with self._lock:
            self._stopping = True
            self._wake.notify_all()
            self._wake_guard.notify_all()
        if self._thread is None:
            return
        self._guard_thread.join()
        self._thread.join(_STOP_WAIT_S)
        with self._lock:
            hanging = self._shift.showing
        if hanging is not None:
            _log.warning("surface %s hangs in its feedback; rigd ends without it", hanging.surface.name)

    def _begin_shift(self) -> None:
        self._shift = _Shift()
        self._thread = threading.Thread(
            target=self._run, args=(self._shift,), name="rigd-feedback", daemon=True
        )
        self._thread.start()

    # The thread that shows

    def _run(self, shift: _Shift) -> None:
        while not shift.is_over:
            with self._lock:
                while not self._stopping and (wait_s := self._due_s() - time.monotonic()) > 0:
                    self._wake.wait(None if wait_s == math.inf else wait_s)
                if self._stopping:
                    return
                now_s = time.monotonic()
                reports: dict[str, SurfaceStatus] = {}
                if self._reports_due_s() <= now_s:
                    reports, self._reports, self._posted_s = self._reports, {}, now_s
                    self._is_handing_on = bool(reports)
                is_time_to_show = self._show_due_s() <= now_s
                if is_time_to_show:
                    if self._is_news:
                        self._pace.done(now_s)
                    self._is_news, self._shown_s = False, now_s
            try:
                self._hand_on(reports)
                if is_time_to_show:
                    self._show(shift)
            except Exception:  # the top of the thread: the next state is shown again
                _log.exception("showing the rig's state failed; it goes on")

    def _due_s(self) -> float:
        return min(self._reports_due_s(), self._show_due_s())

    def _reports_due_s(self) -> float:
        return self._posted_s + REPORTS_EVERY_S if self._reports else math.inf

    def _show_due_s(self) -> float:
        wanted = any(each.shows_levels and not each.hangs for each in self._audiences)
        levels_due_s = self._shown_s + LEVELS_EVERY_S if wanted else math.inf
        return min(self._pace.due_s, levels_due_s) if self._is_news else levels_due_s

    def _hand_on(self, reports: dict[str, SurfaceStatus]) -> None:
        for name, status in reports.items():
            try:
                self._post(status)
            except RigError as error:
                _log.warning("surface %s: how it stands was not taken (%s); rigd tries again", name, error)
                with self._wake:
                    self._reports.setdefault(name, status)
        with self._lock:
            self._is_handing_on = False
            self._handed_on.notify_all()

    def _show(self, shift: _Shift) -> None:
        state = self._state()
        for each in self._audiences:
            each.offer(state)
        for each in self._audiences:
            if each.is_due and not self._show_on(each, shift):
                return

    def _show_on(self, each: _Audience, shift: _Shift) -> bool:
        """False where this thread came back after another one had taken over."""
        with self._lock:
            shift.shows, shift.showing = shift.shows + 1, each
            if self._guard_sleeps:
                self._guard_sleeps = False
                self._wake_guard.notify()
        each.show()
        with self._lock:
            shift.showing = None
            if not shift.is_over:
                return True
            each.hangs = False
            self._is_news = True
            self._wake.notify()
        _log.info("surface %s shows the rig's state again", each.surface.name)
        return False

    # The thread that guards it

    def _guard(self) -> None:
        seen, looks = 0, 0
        while True:
            with self._lock:
                self._wake_guard.wait(LOOK_EVERY_S)
                shift = self._shift
                if shift.showing is None and shift.shows == seen:
                    self._guard_sleeps = True
                    self._wake_guard.wait_for(lambda: self._stopping or not self._guard_sleeps)
                if self._stopping:
                    return
                looks = looks + 1 if shift.showing is not None and shift.shows == seen else 0
                seen = shift.shows
                if shift.showing is None or looks < _LOOKS:
                    continue
                hanging = shift.showing
                shift.is_over = hanging.hangs = self._is_news = True
                seen, looks = 0, 0
            _log.warning(
                "surface %s hangs in its feedback; rigd goes on without it until it returns",
                hanging.surface.name,
            )
            self._begin_shift()
