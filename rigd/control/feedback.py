"""Shows the rig's truth on every surface, and hands on how each surface says it stands.

Thread "rigd-feedback" keeps the pace: it wakes where the state is another one, where a surface has reported, and,
while one shows levels, ten times a second. Thread "rigd-show" calls `Surface.show`. A show returns at once, by its
promise; one that does not costs its surface alone: that thread is left behind in it, and another one goes on. What
a surface was not shown meanwhile is merged for it. Without surfaces there is no thread.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from rigd.hands.showing import louder_of
from rigd.hands.surface import Surface
from rigd.model.errors import RigError
from rigd.model.inputs import Fact
from rigd.model.levels import Levels
from rigd.model.state import RigState, SurfaceStatus

_log = logging.getLogger(__name__)

SHORTEST_INTERVAL_S = 0.05
LEVELS_EVERY_S = 0.1
"""As often as a box on a serial line takes meters."""
REPORTS_EVERY_S = 0.25
"""A port that comes and goes a thousand times a second must not fill the controller's queue."""
HANGS_AFTER_S = 1.0
_LOOKS = 4
"""At a show that lasts, before it is taken for one that hangs: where something held the whole interpreter for long,
the thread that shows gets its turn between two of them."""


class _Audience:
    """One surface, and what it has not been shown yet."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self._lock = threading.Lock()
        self._state: RigState | None = None
        self._levels: Levels | None = None
        self._offered: RigState | None = None
        self._failed = False
        self.shows_levels = False
        """As the surface said after it was shown something last."""
        self.hangs = False

    def offer(self, state: RigState, levels: Levels | None) -> None:
        """The newest state; levels are added to those that it has not seen yet."""
        with self._lock:
            if state is not self._offered:
                self._state = self._offered = state
            if levels is not None and self.shows_levels:
                self._levels = louder_of(self._levels, levels)

    @property
    def is_due(self) -> bool:
        with self._lock:
            return not self.hangs and (self._state is not None or self._levels is not None)

    def show(self) -> None:
        """Brings it up to date. An error is logged once, until a show works again."""
        with self._lock:
            state, levels = self._state or self._offered, self._levels
            self._state = self._levels = None
        if state is None:
            return
        try:
            self.surface.show(state, levels)
            self.shows_levels = self.surface.shows_levels
            self._failed = False
        except Exception:  # whatever a kind does: the next state may well be shown again
            if not self._failed:
                _log.exception("surface %s cannot show the rig's state; rigd goes on", self.surface.name)
            self._failed = True


class _ShowThread:
    """Shows to one surface after the other, until it is let go or left behind."""

    def __init__(self, came_back: Callable[[], None]) -> None:
        self._came_back = came_back
        self._rounds: SimpleQueue[Sequence[_Audience]] = SimpleQueue()
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._showing: _Audience | None = None
        self._is_left = False
        self._thread = threading.Thread(target=self._run, name="rigd-show", daemon=True)
        self._thread.start()

    def show(self, due: Sequence[_Audience]) -> _Audience | None:
        """All of `due` are shown; or else the one that hangs, and this thread is left behind in it."""
        self._done.clear()
        self._rounds.put(due)
        at: _Audience | None = None
        looks = 0
        while not self._done.wait(HANGS_AFTER_S / _LOOKS):
            with self._lock:
                looks = looks + 1 if self._showing is at else 1
                at = self._showing
                if at is not None and looks >= _LOOKS:
                    self._is_left = at.hangs = True
                    return at
        return None

    def let_go(self) -> None:
        """The thread has ended."""
        self._rounds.put(())
        self._thread.join(HANGS_AFTER_S)

    def _run(self) -> None:
        while due := self._rounds.get():
            for each in due:
                with self._lock:
                    self._showing = each
                each.show()
                with self._lock:
                    self._showing = None
                    if self._is_left:
                        each.hangs = False
                        break
            if self._is_left:
                _log.info("surface %s shows the rig's state again", each.surface.name)
                self._came_back()
                return
            self._done.set()


class Feedback:
    """Started once, stopped once; surfaces are introduced before."""

    def __init__(
        self,
        *,
        state: Callable[[], RigState],
        meter: Callable[[], Levels | None],
        post: Callable[[Fact], None],
    ) -> None:
        """`meter` gives the levels since it was asked last, `post` takes what surfaces report."""
        self._state = state
        self._meter = meter
        self._post = post
        self._audiences: list[_Audience] = []
        self._wake = threading.Condition()
        self._is_news = True
        self._stopping = False
        self._reports: dict[str, SurfaceStatus] = {}
        self._shown_s = self._posted_s = -math.inf
        self._levels: Levels | None = None
        self._show_thread: _ShowThread | None = None
        self._thread = threading.Thread(target=self._run, name="rigd-feedback", daemon=True)

    def introduce(self, surface: Surface) -> None:
        """From the start on it is shown the state as it is, and then what changes. Before `start`."""
        self._audiences.append(_Audience(surface))

    def start(self) -> None:
        if self._audiences:
            self._thread.start()

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
            self._wake.notify()

    def stop(self) -> None:
        """Nothing more is shown; threads joined, but for one that hangs in a surface."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join()
        if self._show_thread is not None:
            self._show_thread.let_go()

    # The thread that keeps the pace

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._stopping and (wait_s := self._due_s() - time.monotonic()) > 0:
                    self._wake.wait(None if wait_s == math.inf else wait_s)
                if self._stopping:
                    return
                now_s = time.monotonic()
                reports: dict[str, SurfaceStatus] = {}
                if self._reports_due_s() <= now_s:
                    reports, self._reports, self._posted_s = self._reports, {}, now_s
                is_time_to_show = self._show_due_s() <= now_s
                if is_time_to_show:
                    self._is_news, self._shown_s = False, now_s
            try:
                self._hand_on(reports)
                if is_time_to_show:
                    self._show()
            except Exception:  # the top of the thread: the next state is shown again
                _log.exception("showing the rig's state failed; it goes on")

    def _due_s(self) -> float:
        return min(self._reports_due_s(), self._show_due_s())

    def _reports_due_s(self) -> float:
        return self._posted_s + REPORTS_EVERY_S if self._reports else math.inf

    def _show_due_s(self) -> float:
        if self._is_news:
            return self._shown_s + SHORTEST_INTERVAL_S
        wanted = any(each.shows_levels and not each.hangs for each in self._audiences)
        return self._shown_s + LEVELS_EVERY_S if wanted else math.inf

    def _hand_on(self, reports: dict[str, SurfaceStatus]) -> None:
        for name, status in reports.items():
            try:
                self._post(status)
            except RigError as error:
                _log.warning("surface %s: how it stands was not taken (%s); rigd tries again", name, error)
                with self._wake:
                    self._reports.setdefault(name, status)

    def _show(self) -> None:
        state, levels = self._state(), None
        if any(each.shows_levels for each in self._audiences):
            read = self._meter()
            levels, self._levels = (read if read is not self._levels else None), read
        for each in self._audiences:
            each.offer(state, levels)
        due = [each for each in self._audiences if each.is_due]
        while due:
            if self._show_thread is None:
                self._show_thread = _ShowThread(came_back=self.changed)
            hanging = self._show_thread.show(due)
            if hanging is None:
                return
            self._show_thread = None
            _log.warning(
                "surface %s hangs in its feedback; rigd goes on without it until it returns",
                hanging.surface.name,
            )
            due = due[due.index(hanging) + 1 :]
