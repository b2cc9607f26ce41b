"""Where commands and facts wait for the controller: bounded, first come first served.

Made before everybody who posts to it, so that nobody has to know a controller. Any thread puts in; only the
controller's takes out. Commands are refused long before facts: a storm of presses must not crowd out what the
writer reports.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from msgspec import Struct

from rigd.model.commands import Command, Rejected, Reply
from rigd.model.errors import RigError
from rigd.model.inputs import Fact
from rigd.rules.permissions import RIG_ITSELF, Principal

log = logging.getLogger(__name__)

MOST_COMMANDS_WAITING = 256
MOST_INPUTS_WAITING = 8192
POST_WAIT_S = 2.0


class WaitingInput(Struct, frozen=True):
    """A command, with who waits for its reply, or a fact."""

    what: Command | Fact
    by: Principal = RIG_ITSELF
    """Who gives the command."""
    future: Future[Reply] | None = None


class QueueProbe(Struct, frozen=True):
    """Somebody wants to know when all that came before is done."""

    reached: Callable[[], None]


class Inbox:
    """Open from the start; after `close` nothing more comes in, and what is in it is still taken out."""

    def __init__(self) -> None:
        self._queue: deque[WaitingInput | QueueProbe] = deque()
        self._changed = threading.Condition()
        self._commands_waiting = 0
        self._closed = False
        self._note_refused: Callable[[Command, Principal, str], None] = lambda command, by, reason: None

    def when_refused(self, note: Callable[[Command, Principal, str], None]) -> None:
        """`note` is called with each command that is refused before it is in the queue, here or on its way to here.
        Before anybody submits."""
        self._note_refused = note

    def refused(self, command: Command, by: Principal, reason: str) -> None:
        """A command was refused on its way here, by the word of who refused it. Any thread; never waits."""
        self._note_refused(command, by, reason)

    def submit(self, command: Command, by: Principal) -> Future[Reply]:
        """The command is in the queue; the future tells what came of it. Never waits. `by` is who gives it, by the
        word of whoever opened the way in that it came by.

        Callbacks of the future run on the controller's thread and have to be short.
        """
        future: Future[Reply] = Future()
        future.set_running_or_notify_cancel()  # a caller that goes away must not break the step
        with self._changed:
            if self._closed:
                refused = "rigd is ending; nothing was done"
            elif self._commands_waiting >= MOST_COMMANDS_WAITING:
                refused = "too many commands at once; this one was not done"
            else:
                refused = ""
                self._commands_waiting += 1
                self._queue.append(WaitingInput(command, by, future))
                self._changed.notify_all()
        if refused:
            log.warning("%s from %s refused: %s", command.verb, by.name, refused)
            self.refused(command, by, refused)
            future.set_result(Rejected(reason=refused))
        return future

    def post(self, fact: Fact) -> None:
        """The fact is in the queue. Waits only where thousands are, and then not for long.

        Raises RigError where there is no room: what reports it must not go on as though it was heard.
        """
        with self._changed:
            has_room = self._changed.wait_for(
                lambda: len(self._queue) < MOST_INPUTS_WAITING or self._closed, POST_WAIT_S
            )
            if not has_room:
                raise RigError(f"the controller does not keep up; {type(fact).__name__} was not heard")
            if not self._closed:
                self._queue.append(WaitingInput(fact))
                self._changed.notify_all()

    def probe(self, reached: Callable[[], None]) -> None:
        """`reached` is called, on the controller's thread, once all that was in the queue before is done. Never
        waits; it is what shows that the controller still works."""
        with self._changed:
            if not self._closed:
                self._queue.append(QueueProbe(reached))
                self._changed.notify_all()

    def close(self) -> None:
        """Commands are refused and facts are dropped from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        return self._closed

    # The controller's thread

    def put_first(self, facts: Sequence[Fact]) -> None:
        """These come before all that waits, in this order."""
        with self._changed:
            self._queue.extendleft(WaitingInput(fact) for fact in reversed(facts))

    def next(self, within_s: float | None) -> WaitingInput | QueueProbe | bool | None:
        """What to work on; False where nothing came in that time; None once it is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed, within_s)
            if not self._queue:
                return None if self._closed else False
            waiting = self._queue.popleft()
            if isinstance(waiting, WaitingInput) and waiting.future is not None:
                self._commands_waiting -= 1
            self._changed.notify_all()
            return waiting
