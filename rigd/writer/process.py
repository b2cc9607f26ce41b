"""The process `rigd-writer`: one thread, one loop. Time drives the writing, daemons only ask and listen.

It may be killed between any two instructions. It never waits for a daemon, and nothing a daemon sends,
or a disk answers, ends the loop. Told to stop by StopWriter it closes every take; by a signal, which is a service
manager's word and says nothing of takes, it leaves them open and durable for the writer that comes next.
"""

from __future__ import annotations

import contextlib
import logging
import math
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from msgspec import Struct

from rigd.model.errors import LinkError, RigError, UnreadableMessage
from rigd.model.messages import (
    Annotate,
    EndTake,
    KeepFirm,
    OpenTake,
    Retag,
    StopWriter,
    WriterReport,
    WriterSettings,
)
from rigd.tape.holds import PRIMARY_WRITER
from rigd.wire.codec import Codec
from rigd.wire.held_lock import HeldLock, LockTaken
from rigd.wire.link import Link, ListeningSocket
from rigd.wire.notify import Notifier
from rigd.wire.own_folder import read_own
from rigd.writer.orders import WriterOrders
from rigd.writer.watchdog import WriterWatchdog

CYCLE_SECONDS = 0.4
"""Sound reaches the page cache, which outlives this process, at least this often: all of rigd killed costs no more
than half a second (takes grow in steps of 4,096 frames). In equal parts of the time between two durable points, and
just before each, so that a power cut costs no more than that time, and no write comes just before another."""
REPORT_SECONDS = 1.0
SOONEST_REPORT_SECONDS = 0.2
"""What became durable is told at once, but not more often than this."""
SEARCH_SECONDS = 0.005
"""How long the search for takes left open may run before the loop goes round."""
TOGETHER_SECONDS = 0.02
"""What is due this soon is done now, to spare a wake-up."""
FAREWELL_SECONDS = 1.0
"""How long a daemon may take, at the end, to hear what was not sent yet."""
MOST_UNHEARD = 1000

log = logging.getLogger(__name__)


class WriterProcess:
    """Everything between start and end. Use `run`, once."""

    def __init__(
        self,
        settings: WriterSettings,
        runtime: Path,
        *,
        notifier: Notifier,
        lock: HeldLock,
        name: str = PRIMARY_WRITER,
    ) -> None:
        self._lock = lock
        self._socket_path = runtime / f"{name}.sock"
        self._sync_seconds = max(0.05, settings.sync_interval_ms / 1000)
        self._desk = WriterOrders(settings, runtime, self._tell, name=name)
        self._life = WriterWatchdog(notifier)
        self._codec = Codec((OpenTake, EndTake, Annotate, Retag, KeepFirm, StopWriter), across_builds=True)
        self._links: list[Link] = []
        self._gone: set[Link] = set()
        """Those of them that hear no more; what they said is still heard."""
        self._unheard: deque[Struct] = deque(maxlen=MOST_UNHEARD)
        """Facts that became true while nobody listened; the next daemon hears them."""
        self._logged: dict[str, str] = {}
        """The last failure of each step."""
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._leaving = False

    def run(self) -> None:
        """Returns once it was told to stop and every take is closed, or durable and left to the next writer."""
        with contextlib.ExitStack() as closing:
            closing.callback(self._selector.close)
            wake, waker = socket.socketpair()
            closing.callback(wake.close)
            closing.callback(waker.close)
            waker.setblocking(False)
            wake.setblocking(False)
            signal.set_wakeup_fd(waker.fileno())
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._asked_to_leave)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # whose terminal is gone is nothing to a recording
            self._selector.register(wake, selectors.EVENT_READ, wake)
            # Before a disk is touched: whoever connects to a writer that waits for one waits with it, and does
            # not take it for dead.
            door = ListeningSocket(self._socket_path)
            closing.callback(door.close)
            self._selector.register(door.socket, selectors.EVENT_READ, door.socket)
            self._life.start()
            closing.callback(self._life.stop)
            self._try(self._desk.take_up)
            self._loop(door, wake)
            self._life.stopping()
            self._try(self._desk.stop if self._stopping else self._desk.leave)
            self._say_the_rest(time.monotonic() + FAREWELL_SECONDS)
            for link in list(self._links):
                self._drop(link)
            signal.set_wakeup_fd(-1)

    def _loop(self, door: ListeningSocket, wake: socket.socket) -> None:
        now = time.monotonic()
        # Durable at once what a writer before wrote and did not make so: else one killed again and again within a
        # second of its start would let the tape fill up.
        cycle_at, sync_at, report_at = now, now, now + REPORT_SECONDS
        reported_at = now - SOONEST_REPORT_SECONDS
        searching = True
        while not (self._stopping or self._leaving):
            self._life.went_round(has_takes=self._desk.has_takes)
            due = report_at
            if self._desk.has_takes:
                due = min(due, cycle_at, sync_at)
            wait = 0.0 if searching else max(0.0, due - time.monotonic())
            asked = False
            for key, events in self._selector.select(wait):
                if key.fileobj is door.socket:
                    self._welcome(door)
                elif key.fileobj is wake:
                    wake.recv(4096)
                else:
                    if events & selectors.EVENT_WRITE:
                        self._flush(key.data)
                    if events & selectors.EVENT_READ:
                        asked = self._hear(key.data) or asked
            now = time.monotonic()
            soon = now + TOGETHER_SECONDS
            if self._desk.has_takes and (asked or min(cycle_at, sync_at) <= soon):
                self._try(self._desk.open_some)
                more = self._try(self._desk.write_on) or self._try(self._desk.can_open)
                cycle_at = now if more else next_cycle(now, sync_at=sync_at, sync_seconds=self._sync_seconds)
            if sync_at <= soon:
                gained = self._try(self._make_durable)
                sync_at = max(sync_at + self._sync_seconds, time.monotonic())
                if gained:
                    report_at = max(reported_at + SOONEST_REPORT_SECONDS, time.monotonic())
            if report_at <= max(soon, time.monotonic()):
                self._try(self._desk.look_for_tape)
                self._try(self._desk.map_tape_in)
                self._stay_found(door)
                if self._links:
                    self._try(self._report)
                reported_at = time.monotonic()
                report_at = max(report_at + REPORT_SECONDS, reported_at)
            if searching:
                searching = self._search(time.monotonic() + SEARCH_SECONDS)

    def _stay_found(self, door: ListeningSocket) -> None:
        """What this writer has in the runtime folder is there, also where somebody took the folder away."""
        before = door.socket
        if door.open_again() is not None:
            self._selector.unregister(before)
            self._selector.register(door.socket, selectors.EVENT_READ, door.socket)
        if self._lock.has_vanished():
            log.warning("the runtime folder, or files in it, vanished; this writer makes its own again")
        self._try(self._desk.keep_lists)

    def _make_durable(self) -> bool:
        gained = self._desk.make_durable()
        self._life.durable()
        return gained

    def _search(self, until: float) -> bool:
        while self._try(self._desk.recover_some, failed=True):
            if time.monotonic() >= until:
                return True
        return False

    def _report(self) -> None:
        self._tell(self._desk.report())

    def _try(self, step: Callable[[], bool | None], *, failed: bool = False) -> bool:
        """What the step answers; `failed` where it failed in a way that nobody foresaw. It is done again at its
        time, and the log says once what was wrong."""
        try:
            return bool(step())
        except Exception as error:
            if self._logged.get(step.__name__) != repr(error):
                self._logged[step.__name__] = repr(error)
                log.exception("%s failed; the writer goes on", step.__name__)
            return failed

    # Daemons.

    def _welcome(self, door: ListeningSocket) -> None:
        try:
            stream = door.let_in()
        except OSError as error:
            log.warning("a daemon could not connect: %s", error)
            return
        if stream is None:
            log.warning("somebody who is not this rig's user wanted in; he was told nothing")
            return
        link = Link(stream, self._codec)
        self._links.append(link)
        self._selector.register(link, selectors.EVENT_READ, link)

        def greet() -> None:
            self._send(link, self._desk.report())

        self._try(greet)
        while self._unheard and link in self._links and link not in self._gone:
            self._send(link, self._unheard[0])
            if link not in self._gone:
                self._unheard.popleft()

    def _hear(self, link: Link) -> bool:
        """Every whole message that is there. True when one of them may have given work."""
        heard = False
        while link in self._links:
            try:
                message = link.receive(0.0)
            except UnreadableMessage as error:  # what comes behind it may be the end of a take
                log.error("a message of a daemon was passed by: %s", error)
                continue
            except LinkError as error:
                log.info("a daemon left: %s", error)
                self._drop(link)
                break
            if message is None:
                break
            heard = True
            try:
                self._carry_out(message)
            except Exception:  # whatever a message does, the takes that roll go on
                log.exception("%s could not be carried out; the writer goes on", type(message).__name__)
        return heard

    def _carry_out(self, message: Any) -> None:
        match message:
            case OpenTake():
                self._desk.open(message)
            case EndTake():
                self._desk.end(message)
            case Annotate():
                self._desk.annotate(message)
            case Retag():
                self._desk.retag(message)
            case KeepFirm():
                self._desk.keep_firm(message)
            case StopWriter():
                self._stopping = True

    def _tell(self, fact: Struct) -> None:
        """Every daemon hears it; where none does, the next one."""
        for link in list(self._links):
            self._send(link, fact)
        if self._gone.issuperset(self._links) and not isinstance(fact, WriterReport):
            self._unheard.append(fact)

    def _send(self, link: Link, message: Struct) -> None:
        """Never waits: a daemon that says a lot while it hears little would else wait for us, and we for it."""
        if link in self._gone:
            return
        try:
            link.post(message)
        except LinkError as error:
            self._lost(link, error)
        else:
            self._watch(link)

    def _flush(self, link: Link) -> None:
        try:
            link.flush()
        except LinkError as error:
            self._lost(link, error)
        else:
            self._watch(link)

    def _say_the_rest(self, until: float) -> None:
        while any(link.unsent for link in self._links) and time.monotonic() < until:
            for key, events in self._selector.select(0.05):
                if isinstance(key.data, Link) and events & selectors.EVENT_WRITE:
                    self._flush(key.data)

    def _watch(self, link: Link) -> None:
        writable = selectors.EVENT_WRITE if link.unsent else 0
        self._selector.modify(link, selectors.EVENT_READ | writable, link)

    def _lost(self, link: Link, error: LinkError) -> None:
        """One that is gone is heard to its end first: a killed daemon's last orders count."""
        if link.fileno() < 0:
            log.info("a daemon left: %s", error)
            self._drop(link)
        else:
            self._gone.add(link)
            self._selector.modify(link, selectors.EVENT_READ, link)

    def _drop(self, link: Link) -> None:
        if link in self._links:
            self._links.remove(link)
            self._gone.discard(link)
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(link)
            link.close()

    def _asked_to_leave(self, number: int, frame: FrameType | None) -> None:
        self._leaving = True


def next_cycle(now: float, *, sync_at: float, sync_seconds: float) -> float:
    """When takes are written on after `now`: the time between two durable points is cut into equal parts of at most
    CYCLE_SECONDS."""
    part = sync_seconds / math.ceil(sync_seconds / CYCLE_SECONDS)
    passed = math.floor((now + TOGETHER_SECONDS - sync_at) / part)
    return sync_at + (passed + 1) * part


def hold_lock(runtime: Path, name: str) -> HeldLock:
    """What makes this the only writer of that name in the runtime folder. RigError where one runs."""
    try:
        return HeldLock(runtime / f"{name}.lock")
    except LockTaken as error:
        raise RigError(
            f'a rigd-writer "{name}" (process {error.owner}) already runs for "{runtime}"; this one did nothing.'
            " Stop the other one first"
        ) from error
    except OSError as error:
        raise RigError(f'runtime folder "{runtime}": {error.strerror}; the writer did not start') from error


def read_settings(runtime: Path, name: str) -> WriterSettings:
    """WriterSettings of NAME.json. RigError where it is missing or not of its form."""
    path = runtime / f"{name}.json"
    try:
        line = read_own(path)
    except OSError as error:
        raise RigError(
            f'the settings "{path}" cannot be read ({error.strerror}); the writer did not start'
        ) from error
    settings = Codec((WriterSettings,), across_builds=True).decode(line)
    if not isinstance(settings, WriterSettings) or not Path(settings.library_root).is_absolute():
        raise RigError(f'the settings "{path}" name no absolute library_root; the writer did not start')
    return settings
