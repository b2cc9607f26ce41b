"""Tells the controller when a surface comes or goes, and the feedback pump when there is something new. Thread
"rigd-watch"; it draws nothing itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from rigd.control.controller import Controller
from rigd.control.feedback import FeedbackPump
from rigd.hands.surface import Surface
from rigd.model.errors import LinkError
from rigd.model.inputs import Fact
from rigd.model.state import SurfaceStatus

WATCH_INTERVAL_S = 0.25

log = logging.getLogger(__name__)


class SurfaceWatch:
    """Started once, stopped once."""

    def __init__(
        self,
        *,
        surfaces: list[Surface],
        post: Callable[[Fact], None],
        pump: FeedbackPump,
        controller: Controller,
    ) -> None:
        self._surfaces = surfaces
        self._post = post
        self._pump = pump
        self._controller = controller
        self._listener = controller.listen(on_ready=pump.changed)
        self._stopping = threading.Event()
        self._known: dict[str, SurfaceStatus] = {}
        self._thread = threading.Thread(target=self._run, name="rigd-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while not self._stopping.wait(WATCH_INTERVAL_S):
            try:
                self._keep_listening()
                for surface in self._surfaces:
                    status = surface.status()
                    if self._known.get(surface.name) != status:
                        self._post(status)
                        self._known[surface.name] = status
            except Exception:
                log.exception("watching the surfaces failed; it goes on")
            if self._surfaces:
                self._pump.changed()

    def _keep_listening(self) -> None:
        """The events themselves are of no use here; a listener that does not take them is cut off."""
        with suppress(LinkError):
            while self._listener.next(0.0) is not None:
                pass
        if self._listener.is_over:
            self._listener = self._controller.listen(on_ready=self._pump.changed)
