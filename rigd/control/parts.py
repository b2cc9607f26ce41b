"""The rig as a list of parts: started in their order, stopped in reverse.

On the thread that starts and stops the rig. A part is started once and stopped once. One whose start fails has left
nothing of itself behind; one whose stop fails keeps nobody else from stopping.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
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


class Exchange(Protocol):
    """Parts that were made of a config that was read again, and do not run yet. These three are called once each, in
    this order; until the first one nothing is changed."""

    def end_old(self) -> None:
        """What is not as it was has ended. The thread that reads the config."""

    def take_up(self) -> None:
        """From here on the rig is that of the new config. The controller's thread; returns at once."""

    def begin_new(self) -> list[str]:
        """What is new runs; a line for each part that could not be started. The thread that reads the config."""


class OnlyTold:
    """An Exchange of what has no thread and no port, and is only told."""

    def __init__(self, take_up: Callable[[], None], *, then: Callable[[], None]) -> None:
        """`then` comes in place of `begin_new`."""
        self._take_up, self._then = take_up, then

    def end_old(self) -> None:
        """Nothing of it ends."""

    def take_up(self) -> None:
        self._take_up()

    def begin_new(self) -> list[str]:
        self._then()
        return []


class NamedParts:
    """Parts of one sort, by their names in the config, in its order. One thread at a time: whoever starts and stops
    the rig, or the one that exchanges some of them in between."""

    def __init__(self, name: str, parts: Mapping[str, _Startable], *, called: str) -> None:
        """`called`: what one of them is called, with {} for its name."""
        self.name, self._called = name, called
        self._parts = dict(parts)
        self._running: list[str] = []

    def start(self) -> None:
        """All run; or PartError names the one that does not, and none does."""
        for name in self._parts:
            try:
                self._start(name)
            except PartError:
                self.stop(leave_running=False)
                raise

    def stop(self, *, leave_running: bool) -> None:
        for name in reversed(list(self._running)):
            self._stop(name)

    def end(self, names: Iterable[str]) -> None:
        """These have ended and are none of the parts any more."""
        for name in names:
            self._stop(name)
            self._parts.pop(name, None)

    def begin(self, parts: Mapping[str, _Startable]) -> list[str]:
        """These run as well; a line for each that does not."""
        failures = []
        for name, part in parts.items():
            self._parts[name] = part
            try:
                self._start(name)
            except PartError as error:
                failures.append(str(error))
        return failures

    def _start(self, name: str) -> None:
        called = self._called.format(name)
        try:
            self._parts[name].start()
        except Exception as error:
            if not isinstance(error, RigError):
                log.exception("%s broke as it was started", called)
            raise PartError(f"{called} cannot be started: {error or repr(error)}") from error
        self._running.append(name)

    def _stop(self, name: str) -> None:
        if name not in self._running:
            return
        self._running.remove(name)
        try:
            self._parts[name].stop()
        except Exception:
            log.exception("%s broke as it was stopped; it goes on without it", self._called.format(name))


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
            named = why if isinstance(error, PartError) else f"{part.name} cannot be started: {why}"
            raise PartError(f"{named}. What ran already was stopped") from error
        self._parts.append(part)

    def stop(self, *, leave_running: bool) -> None:
        """None of them runs any more."""
        while self._parts:
            part = self._parts.pop()
            try:
                part.stop(leave_running=leave_running)
            except Exception:
                log.exception("%s broke as it was stopped; the others are stopped all the same", part.name)
