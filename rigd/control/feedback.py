"""Shows the rig's state on every surface: LEDs, displays, meters.

One thread a surface and one that keeps the pace, at most 20 times a second. The controller only says
`changed`, which never waits. A surface that hangs or fails holds up nobody but itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from rigd.hands.surface import Surface
from rigd.model.levels import Levels
from rigd.model.state import RigState

_log = logging.getLogger(__name__)

SHORTEST_INTERVAL_S = 0.05
_STOP_WAIT_S = 1.0


class _Showing:
    """The newest truth for one surface, and the thread that hands it over."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._wake = threading.Condition()
        self._newest: tuple[RigState, Levels | None] | None = None
        self._stopping = False
        self._failed = False
        self._thread = threading.Thread(target=self._run, name=f"rigd-show-{surface.name}", daemon=True)
        self._thread.start()

    def offer(self, newest: tuple[RigState, Levels | None]) -> None:
        with self._wake:
            self._newest = newest
            self._wake.notify()

    def ask_to_stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def join(self) -> None:
        self._thread.join(_STOP_WAIT_S)
        if self._thread.is_alive():
            _log.warning("surface %s hangs in its feedback; rigd goes on without it", self._surface.name)

    def _run(self) -> None:
        while True:
            with self._wake:
                while self._newest is None and not self._stopping:
                    self._wake.wait()
                if self._stopping or self._newest is None:
                    return
                (state, levels), self._newest = self._newest, None
            try:
                self._surface.show(state, levels)
                self._failed = False
            except Exception:  # the top of the thread: the next state may well be shown again
                if not self._failed:
                    _log.exception("surface %s cannot show the rig's state; rigd goes on", self._surface.name)
                self._failed = True


class FeedbackPump:
    """Calls `show` of all surfaces when the state or the levels changed, at most every `interval_s`."""

    def __init__(
        self,
        *,
        surfaces: Iterable[Surface],
        truth: Callable[[], tuple[RigState, Levels | None]],
        interval_s: float = SHORTEST_INTERVAL_S,
    ) -> None:
        self._surfaces = tuple(surfaces)
        self._truth = truth
        self._interval_s = max(interval_s, SHORTEST_INTERVAL_S)
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rigd-feedback", daemon=True)

    def start(self) -> None:
        """Every surface is shown the state as it is now, and then what changes."""
        self._changed.set()
        self._thread.start()

    def changed(self) -> None:
        """There is a newer state, or there are newer levels. Any thread; returns at once."""
        self._changed.set()

    def stop(self) -> None:
        """Nothing more is shown; threads joined, but for one that hangs in a surface."""
        self._stopping.set()
        self._changed.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        showing = [_Showing(surface) for surface in self._surfaces]
        shown: tuple[RigState, Levels | None] | None = None
        while self._changed.wait() and not self._stopping.is_set():
            self._changed.clear()
            newest = self._truth()
            if shown is None or newest[0] is not shown[0] or newest[1] is not shown[1]:
                shown = newest
                for each in showing:
                    each.offer(newest)
            self._stopping.wait(self._interval_s)
        for each in showing:
            each.ask_to_stop()
        for each in showing:
            each.join()
