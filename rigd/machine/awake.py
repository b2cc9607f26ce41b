"""Keeps the machine from suspending while a take rolls or is being closed.

Thread "rigd-awake": woken by every new state, it waits for logind, and nobody waits for it. Where nothing can be held
it says so once, and tries again at the next take.
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
        self._inhibitor: Inhibitor | None = None
        self._tried = False
        """For the take that rolls."""
        self._told = ""
        self._thread = threading.Thread(target=self._run, name="rigd-awake", daemon=True)

    def start(self) -> None:
        """From now on it is held whenever it is wanted."""
        self._watch(self._changed.set)
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
        if not is_rolling(state) and not closing_takes(state):
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
