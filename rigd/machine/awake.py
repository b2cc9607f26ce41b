"""Keeps the machine from suspending while a take rolls or is being closed.

Thread "rigd-awake": woken where a take begins or the last one is safe, it waits for logind, and nobody waits for it.
Where nothing can be held it says so once, and tries again at the next take.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from rigd.machine.logind import Inhibitor, NotHeld
from rigd.model.state import RigState, is_rolling
from rigd.model.takes import closing_takes

log = logging.getLogger(__name__)

WHY = "a take is being recorded"
STOP_WITHIN_S = 2.0
LOOK_EVERY_S = 30.0
"""Whether it is still held: somebody may have ended the tool."""


class StaysAwake:
    """Started once, stopped once."""

    def __init__(self, state: Callable[[], RigState], watch: Callable[[Callable[[], None]], None]) -> None:
        self._state = state
        self._watch = watch
        self._changed = threading.Event()
        self._is_over = False
        self._is_wanted = False
        """As the thread was told last; the watcher's own."""
        self._inhibitor: Inhibitor | None = None
        self._tried = False
        """For the take that rolls."""
        self._told = ""
        self._thread = threading.Thread(target=self._run, name="rigd-awake", daemon=True)

    def start(self) -> None:
        """From now on it is held whenever it is wanted."""
        self._watch(self._note)
        self._thread.start()
        self._changed.set()

    def stop(self) -> None:
        """Nothing is held."""
        self._is_over = True
        self._changed.set()
        self._thread.join(
            STOP_WITHIN_S
        )  # longer only where logind does not answer; what it gives then ends with rigd
        self._let_go()

    def _note(self) -> None:
        """On the controller's thread, at every new state: that is twice a second, and hardly ever news."""
        is_wanted = _has_open_take(self._state())
        if is_wanted is not self._is_wanted:
            self._is_wanted = is_wanted
            self._changed.set()

    def _run(self) -> None:
        while not self._is_over:
            self._changed.wait(LOOK_EVERY_S)
            self._changed.clear()
            try:
                self._look()
            except Exception:
                log.exception("keeping the machine awake failed; it goes on")

    def _look(self) -> None:
        state = self._state()
        if not _has_open_take(state):
            self._tried = False
            self._let_go()
            return
        if self._inhibitor is not None and self._inhibitor.is_held:
            return
        if self._inhibitor is not None:
            self._let_go()
            self._tried = False
        if self._tried:
            return
        self._tried = True
        try:
            self._inhibitor = Inhibitor(WHY)
        except NotHeld as error:
            if str(error) != self._told:
                self._told = str(error)
                log.warning("nothing keeps this machine from suspending while a take rolls: %s", error)

    def _let_go(self) -> None:
        inhibitor, self._inhibitor = self._inhibitor, None
        if inhibitor is not None:
            inhibitor.close()


def _has_open_take(state: RigState) -> bool:
    return is_rolling(state) or bool(closing_takes(state))
