"""Keeps the machine from suspending while a take rolls or is being closed.

Thread "rigd-awake": woken where a take begins or the last one is safe, it waits for logind, and nobody waits for it.
Where nothing can be held, or it is lost, it says so once, and tries again at each look while a take rolls.
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
"""Whether it is still held: somebody may have ended the tool, and a logind that was away may be there now."""
LOST = "systemd-inhibit was ended by somebody while it was needed; rigd starts it again"


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
        self._told = ""
        """The last trouble. It is the same at every look, and told once."""
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
        if not _has_open_take(self._state()):
            self._let_go()
            return
        if self._inhibitor is not None:
            if self._inhibitor.is_held:
                return
            self._let_go()
            self._tell(LOST)
        try:
            self._inhibitor = Inhibitor(WHY)
        except NotHeld as error:
            self._tell(f"nothing keeps this machine from suspending while a take rolls: {error}")

    def _tell(self, trouble: str) -> None:
        if trouble != self._told:
            self._told = trouble
            log.warning("%s", trouble)

    def _let_go(self) -> None:
        inhibitor, self._inhibitor = self._inhibitor, None
        if inhibitor is not None:
            inhibitor.close()


def _has_open_take(state: RigState) -> bool:
    return is_rolling(state) or bool(closing_takes(state))
