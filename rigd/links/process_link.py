"""Keeps one of rigd's own processes running and talks to it. One thread a process.

The process lives in a session of its own and outlives the daemon: what already runs is attached to, not
started again. A process that is gone is started again at once, then with a growing pause; under a service manager
(`Upkeep.SUPERVISED`) that is the manager's work, and the link only waits for the next one. This thread never
decides anything about takes; it passes messages on and says when the process is lost.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from rigd.links.out_of_memory import spare
from rigd.links.runtime_folder import make_runtime_dir
from rigd.model.errors import LinkError, RigError, UnreadableMessage
from rigd.model.messages import MESSAGES
from rigd.wire.codec import Codec, Unknown
from rigd.wire.held_lock import holder_of
from rigd.wire.link import Link, connect
from rigd.wire.own_folder import open_own, read_own, remove_own
from rigd.wire.process_handle import ProcessHandle, is_run_by
from rigd.wire.start_progress import STANDS_STILL_S, StartProgress

log = logging.getLogger(__name__)

LONGEST_LOG_BYTES = 1 << 20
STEADY_AFTER_S = 0.5
"""A process that talked for so long did its work, and is started again at once; so is one that somebody killed.
One that ends sooner by itself, because the interface is not there, is tried again with a pause."""
FIRST_PAUSE_S = 0.25
DYING_S = 0.25
FIRST_TRIES_PAUSE_S = 1.5
"""With the half second of a start: an interface that is there again is heard within 3 s."""
FIRST_TRIES_S = 60.0
LONGEST_PAUSE_S = 10.0
"""Of one that has ended by itself, over and over, for more than FIRST_TRIES_S."""
NOT_FOR_CHILDREN = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
LOOK_EVERY_S = 0.05
"""How often a supervised process is looked for that is not there; finding nobody costs 0.2 ms."""


class Upkeep(enum.Enum):
    """Who starts a process that is not there."""

    OWN = enum.auto()  # the link
    SUPERVISED = enum.auto()  # the service manager; the link still kills what is stuck


class Stuck(Exception):
    """The process is there but makes no progress: it has to be killed."""


class Follower(Protocol):
    """What the owner of a ProcessLink does with what it hears. All called on the link's thread."""

    def connected(self) -> None: ...

    def received(self, message: Any) -> None: ...

    def tick(self) -> None:
        """Called at least every `tick_s`. Raises Stuck where the process must be killed."""

    def lost(self, reason: str) -> None: ...


class ProcessLink:
    """`rigd-capture` or `rigd-writer`, as the daemon sees it."""

    def __init__(
        self,
        *,
        name: str,
        command: Sequence[str],
        runtime_dir: Path,
        follower: Follower,
        tick_s: float | Callable[[], float],
        prepare: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        upkeep: Upkeep = Upkeep.OWN,
        longest_pause_s: float = LONGEST_PAUSE_S,
    ) -> None:
        """`tick_s`: how soon the follower wants its next tick; asked each time where it can be asked. `prepare` is
        called before each start of the process: it puts there what the process reads. `longest_pause_s`: of one that
        itself waits with its next try as long as it is worth nothing."""
        self._upkeep = upkeep
        self._name = name
        self._command = tuple(command)
        self._runtime_dir = runtime_dir
        self._socket_path = runtime_dir / f"{name}.sock"
        self._lock_path = runtime_dir / f"{name}.lock"
        self._log_path = runtime_dir / f"{name}.log"
        self._follower = follower
        self._tick_s = tick_s if callable(tick_s) else lambda: tick_s
        self._prepare = prepare
        self._clock = clock
        self._codec = Codec(MESSAGES, across_builds=True)
        self._stopping = threading.Event()
        self._farewell: Struct | None = None
        self._passed_by = ""
        """Why the last message that could not be read was not; the same is logged once."""
        """The process is to end, when it was told so, and no other one to be started."""
        self._saying = threading.Lock()
        """Held by whoever says something: guards the outbox, and which link there is to say it to."""
        self._link: Link | None = None
        self._process: ProcessHandle | None = None
        """Who is at its other end."""
        self._outbox: list[Struct] = []
        self._wake_in, self._wake_out = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._child: subprocess.Popen[bytes] | None = None
        self._unanswered_since: float | None = None
        self._progress = StartProgress(clock=clock)
        self._pause_s = 0.0
        self._longest_pause_s = longest_pause_s
        self._fails_since: float | None = None
        self._will_end = False
        self._why_not = ""
        """Why it could not start, as that was logged; once as long as it is the same."""
        self._answered = False
        self._thread = threading.Thread(target=self._run, name=f"rigd-{name}-link", daemon=True)

    def start(self) -> None:
        """The link's thread runs; the process is attached to or started."""
        self._thread.start()

    def stop(self) -> None:
        """The link's thread has ended; the process itself goes on. Any thread."""
        self._stopping.set()
        self._wake()
        self._thread.join(timeout=5.0)
        if self._child is not None and not self._answered:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout=1.0)

    def stop_process(self, farewell: Struct, *, within_s: float) -> None:
        """The process was asked to end and has ended, or was killed after `within_s`. The link is over."""
        process = self._process
        self._farewell = farewell
        self.send(farewell)
        deadline = self._clock() + within_s
        self._thread.join(timeout=within_s)
        process = self._process or process
        child = self._child
        if child is not None and child.poll() is None and (process is None or child.pid != process.pid):
            with contextlib.suppress(ProcessLookupError):
                process = ProcessHandle.of_number(child.pid)
            child.terminate()  # it was just being started, and nobody has talked to it
        while process is not None and not self._has_ended(process) and self._clock() < deadline:
            time.sleep(0.01)
        if process is not None and not self._has_ended(process):
            log.warning("rigd-%s did not end within %.0f s; killed", self._name, within_s)
            self._kill(process)
        self.stop()

    def send(self, *messages: Struct) -> None:
        """The messages are in the kernel's hands, all of them at once, so that a daemon killed right after has said
        them; a process that is behind gets them as soon as it takes them. What is not out when it is lost is gone
        with it. Never waits. Any thread."""
        with self._saying:
            self._outbox.extend(messages)
            if self._link is not None and not self._link.unsent:
                with contextlib.suppress(LinkError):  # the link's own thread hears of it, too
                    self._say(self._link)
            is_said = not self.unsent
        if not is_said:
            self._wake()

    @property
    def unsent(self) -> bool:
        """Something that was sent has not yet been taken. For the follower, on the link's thread."""
        return bool(self._outbox) or (self._link is not None and self._link.unsent)

    def will_end(self) -> None:
        """The process said that it cannot do its work. However long it stays, it did none. On the link's thread."""
        self._will_end = True

    @property
    def pid(self) -> int:
        """The process at the other end; 0 while there is none."""
        link = self._link
        return link.peer_pid if link is not None else 0

    @property
    def is_own(self) -> bool:
        """The process at the other end was started by this link, and not found running."""
        return self._child is not None and self._child.pid == self.pid

    def _say(self, link: Link) -> None:
        """What waits goes out. Call it with the lock held."""
        said, self._outbox = self._outbox, []
        link.post(*said)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_out, b"!")

    def _run(self) -> None:
        trouble = ""
        while not self._stopping.is_set():
            try:
                link = self._connect_or_start()
                if link is not None:
                    self._follow(link)
                elif self._farewell is not None and not self._is_being_started():
                    return
            except Exception as error:
                if repr(error) != trouble:
                    trouble = repr(error)
                    unforeseen = not isinstance(error, RigError)
                    log.error(
                        "the link to rigd-%s failed; it goes on: %s", self._name, error, exc_info=unforeseen
                    )
                # Where the controller does not keep up it hears of the next one.
                with contextlib.suppress(RigError):
                    self._follower.lost(f"rigd-{self._name} cannot be followed: {error}")
                self._stopping.wait(1.0)

    def _follow(self, link: Link) -> None:
        with self._saying:
            self._outbox.clear()
            self._link = link
            process = self._process = link.listener()
        self._answered = True
        self._unanswered_since = None
        linked_at = self._clock()
        told, killed = False, False
        self._will_end = False
        try:
            self._follower.connected()
            if self._farewell is not None:
                self.send(self._farewell)
            while not self._stopping.is_set():
                self._wait(link)
                while (message := self._received(link)) is not None:
                    if not isinstance(message, Unknown):
                        self._follower.received(message)
                with self._saying:
                    self._say(link)
                self._follower.tick()
        except LinkError as error:
            log.debug("rigd-%s: %s", self._name, error)
            self._let_die(process)
            killed = self._was_killed(process)
        except Stuck as error:
            log.warning("rigd-%s: %s; killed, and started again", self._name, error)
            told = True  # before the kill: giving back the memory of a long tape takes the kernel a while
            self._follower.lost(str(error))
            self._kill(process)
            self._let_die(process)
        finally:
            with self._saying:
                self._link = self._process = None
                link.close()
            did_nothing = self._will_end and not killed
            self._note_life(0.0 if did_nothing else STEADY_AFTER_S if killed else self._clock() - linked_at)
            if not (told or self._stopping.is_set() or self._farewell is not None):
                self._follower.lost(f"rigd-{self._name} ended")

    def _let_die(self, process: ProcessHandle | None) -> None:
        """A killed process takes a moment to be gone, and its socket takes connections until it is."""
        deadline = self._clock() + DYING_S
        while process is not None and not self._has_ended(process) and self._clock() < deadline:
            self._stopping.wait(0.005)

    def _was_killed(self, process: ProcessHandle | None) -> bool:
        child = self._child
        is_own = child is not None and process is not None and child.pid == process.pid
        return child is not None and is_own and child.poll() == -signal.SIGKILL

    def _received(self, link: Link) -> Any:
        """The next message that can be read; None where there is none."""
        while True:
            try:
                return link.receive(0.0)
            except UnreadableMessage as error:
                if str(error) != self._passed_by:
                    self._passed_by = str(error)
                    log.error("a message of rigd-%s was passed by: %s", self._name, error)

    def _wait(self, link: Link) -> None:
        """Until the process says something, takes something, or there is something to say; a tick at most."""
        poller = select.poll()
        poller.register(link.fileno(), select.POLLIN | (select.POLLOUT if link.unsent else 0))
        poller.register(self._wake_in, select.POLLIN)
        if any(ready == self._wake_in for ready, _ in poller.poll(self._tick_s() * 1000)):
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_in, 4096)

    def _note_life(self, seconds: float) -> None:
        if seconds >= STEADY_AFTER_S:
            self._pause_s, self._fails_since, self._why_not = 0.0, None, ""
            return
        now = self._clock()
        self._fails_since = now if self._fails_since is None else self._fails_since
        is_new = now - self._fails_since < FIRST_TRIES_S
        longest_s = min(FIRST_TRIES_PAUSE_S, self._longest_pause_s) if is_new else self._longest_pause_s
        self._pause_s = min(longest_s, max(FIRST_PAUSE_S, 2 * self._pause_s))

    def _cannot_start(self) -> None:
        """Told each time, and logged once for each reason."""
        self._note_life(0.0)
        why_not = self._last_words()
        if why_not != self._why_not:
            self._why_not = why_not
            log.warning("rigd-%s cannot start: %s; it is tried again, later and later", self._name, why_not)
        self._follower.lost(f"rigd-{self._name} cannot start: {why_not}")

    def _connect_or_start(self) -> Link | None:
        with contextlib.suppress(LinkError):
            return connect(self._socket_path, self._codec)
        if self._farewell is not None:
            self._stopping.wait(0.02)
            return None
        self._unanswered_since = self._unanswered_since or self._clock()
        if self._upkeep is Upkeep.SUPERVISED:
            self._await_supervised()
            return None
        child = self._child
        if child is not None and child.poll() is not None and not self._answered:
            self._cannot_start()  # it ended before it could be talked to
            if self._clock() - self._unanswered_since > STANDS_STILL_S:
                self._kill_owner()
        is_starting = child is not None and child.poll() is None
        found = child.pid if child is not None and is_starting else self._found_running()
        if found:
            if self._gets_on(found):
                self._stopping.wait(0.02)
                return None
            log.warning("rigd-%s (pid %d) does not answer and makes no progress; killed", self._name, found)
            with contextlib.suppress(ProcessLookupError):
                process = ProcessHandle.of_number(found)
                if is_starting or is_run_by(found, self._command):
                    self._kill(process)
        if not self._stopping.wait(self._pause_s) and self._farewell is None:
            self._start_process()
        return None

    def _gets_on(self, pid: int) -> bool:
        """A first start on a slow machine takes as long as it takes."""
        return self._progress.stands_for_s(pid) < STANDS_STILL_S

    def _found_running(self) -> int:
        """One that a daemon before has started, or whose socket was deleted: it opens the door again by itself, and
        two of them must never run. 0: there is none."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and is_run_by(int(entry.name), self._command):
                return int(entry.name)
        return 0

    def _is_being_started(self) -> bool:
        """Nobody has talked to it yet. A signal would not do: a writer would leave its takes open."""
        child = self._child
        return child is not None and child.poll() is None and not self._answered and self._gets_on(child.pid)

    def _await_supervised(self) -> None:
        """The service manager starts it. One that is there and does not answer is killed, so that it can."""
        waits_s = self._clock() - (self._unanswered_since or 0.0)
        owner = holder_of(self._lock_path)
        gets_on = owner is not None and self._gets_on(owner.pid)
        if waits_s > STANDS_STILL_S and not gets_on:
            self._follower.lost(
                f"rigd-{self._name} does not run or does not answer; the service manager is to start it:"
                f" systemctl status 'rigd-{self._name}*'"
            )
            self._kill_owner()
            self._unanswered_since = self._clock()
        self._stopping.wait(LOOK_EVERY_S)

    def _last_words(self) -> str:
        try:
            lines = read_own(self._log_path).decode("utf-8", "replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1][:300] if lines else f"it ended without a word; see {self._log_path}"

    def _kill_owner(self) -> None:
        """The process that has the lock and that nobody can reach: it keeps every other one from starting."""
        owner = holder_of(self._lock_path)
        if owner is not None:
            log.warning("rigd-%s (pid %d) holds its lock and does not answer; killed", self._name, owner.pid)
            self._kill(owner)

    def _start_process(self) -> None:
        make_runtime_dir(self._runtime_dir)
        self._prepare()
        with contextlib.suppress(FileNotFoundError):
            if self._log_path.lstat().st_size > LONGEST_LOG_BYTES:
                remove_own(self._log_path)
        with open(open_own(self._log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as log_file:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                start_new_session=True,
                cwd="/",
                # The service manager's own words to the daemon are not for its children.
                env={name: value for name, value in os.environ.items() if name not in NOT_FOR_CHILDREN},
            )
        spare(self._child.pid)
        self._answered = False
        level = (
            logging.INFO if self._fails_since is None else logging.DEBUG
        )  # the first of many tries is news
        log.log(level, "rigd-%s started (pid %d)", self._name, self._child.pid)

    def _has_ended(self, process: ProcessHandle) -> bool:
        if self._child is not None and self._child.pid == process.pid:
            return self._child.poll() is not None
        return process.has_ended()

    def _kill(self, process: ProcessHandle | None) -> None:
        """Of a handle, and never of a number: another process may have that by now."""
        if process is None:
            return
        process.kill()
        if self._child is not None and self._child.pid == process.pid:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout=2.0)


def python_module(module: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a module of rigd under this very interpreter."""
    return (sys.executable, "-m", module, *arguments)
