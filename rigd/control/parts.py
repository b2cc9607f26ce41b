"""The rig as a list of parts: started in their order, stopped in reverse.

On the thread that starts and stops the rig. A part is started once and stopped once. One whose start fails has left
nothing of itself behind; one whose stop fails keeps nobody else from stopping.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

from rigd.model.errors import PartError, RigError

log = logging.getLogger(__name__)


class RigPart(Protocol):
    """Something that runs."""

    @property
    def name(self) -> str:
        """As a message calls it."""

    def start(self) -> None:
        """It runs, or the error says why it does not."""

    def stop(self, *, leave_running: bool) -> None:
        """It has ended. With `leave_running` processes of its own go on."""


class _Startable(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...


class _ProcessLink(Protocol):
    def start(self, *, replace: bool) -> None: ...

    def stop(self) -> None: ...

    def stop_process(self) -> None: ...


class DaemonPart:
    """Lives within the daemon and ends with it."""

    def __init__(self, name: str, what: _Startable) -> None:
        self.name = name
        self._what = what

    def start(self) -> None:
        self._what.start()

    def stop(self, *, leave_running: bool) -> None:
        self._what.stop()


class ProcessPart:
    """A link to a process that may outlive the daemon. With `replace` one that is found is started anew."""

    def __init__(self, name: str, link: _ProcessLink, *, replace: bool) -> None:
        self.name = name
        self._link, self._replace = link, replace

    def start(self) -> None:
        self._link.start(replace=self._replace)

    def stop(self, *, leave_running: bool) -> None:
        if leave_running:
            self._link.stop()
        else:
            self._link.stop_process()


class Running:
    """The parts that run, in the order in which they were started."""

    def __init__(self) -> None:
        self._parts: list[RigPart] = []

    def start(self, parts: Iterable[RigPart], *, leave_running: bool = False) -> None:
        """All of them run. A part is taken from `parts` only when those before it run, so that it may be made then.

        Where one cannot be made or started, those that run are stopped again and the error goes on; PartError names
        the part. `leave_running` is for that case: a take that rolls does not end because a part cannot start.
        """
        try:
            for part in parts:
                self._start(part)
        except BaseException:
            self.stop(leave_running=leave_running)
            raise

    def _start(self, part: RigPart) -> None:
        try:
            part.start()
        except Exception as error:
            if not isinstance(error, RigError):
                log.exception("%s broke as it was started", part.name)
            why = str(error) or repr(error)
            raise PartError(f"{part.name} cannot be started: {why}. What ran already was stopped") from error
        self._parts.append(part)

    def stop(self, *, leave_running: bool) -> None:
        """None of them runs any more."""
        while self._parts:
            part = self._parts.pop()
            try:
                part.stop(leave_running=leave_running)
            except Exception:
                log.exception("%s broke as it was stopped; the others are stopped all the same", part.name)
