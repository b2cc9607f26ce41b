"""Runs its owner's commands ([hooks]) when a take is closed, the disk runs low, a fault comes or goes.

Thread "rigd-hooks" takes events as they come and hands them to two threads that run one command each ("rigd-hook-1",
"rigd-hook-2"), so that nobody of the rig ever waits for a command: what is more than the queue takes is left out and
counted. A command is a list of words and no shell reads it; what users typed comes by variables and standard input
only. It runs as the rig's user, in a session of its own, below the rest in processor time; where it takes too long it
is killed with all that it started.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from rigd.hands.face import Listening
from rigd.machine.occasions import Occasion, occasion_of
from rigd.model.errors import LinkError
from rigd.model.events import Event

log = logging.getLogger(__name__)

AT_ONCE = 2
MOST_WAITING = 64
NICER = 10
"""Than rigd itself."""
TERM_TO_KILL_S = 2.0
SHEET_WITHIN_S = 10.0
"""take.json is written right after a take is closed; a hook that copies the folder wants it in there."""
LOOK_EVERY_S = 0.05
STOP_WITHIN_S = 5.0
LONGEST_COMPLAINT = 300
NOT_FOR_HOOKS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID")


class HookPlan(Struct, frozen=True, kw_only=True):
    """What the config says: the command of each occasion, as words, and how long one may take."""

    commands: Mapping[str, tuple[str, ...]]
    timeout_s: float
    runtime_dir: str = ""
    """For a command that asks the rig something: `rigd` finds it by RIGD_RUNTIME_DIR."""


class Hooks:
    """Started and stopped once. With no command in the plan it does nothing, and has no thread."""

    def __init__(self, plan: HookPlan, listen: Callable[[], Listening]) -> None:
        self._plan = plan
        self._listen = listen
        self._has_started = False
        self._news: Listening | None = None
        self._stopping = threading.Event()
        self._waiting: queue.Queue[tuple[Occasion, HookPlan] | None] = queue.Queue(MOST_WAITING)
        self._left_out = 0
        self._threads = [threading.Thread(target=self._run, name="rigd-hooks", daemon=True)]
        self._threads += [
            threading.Thread(target=self._work, name=f"rigd-hook-{number + 1}", daemon=True)
            for number in range(AT_ONCE)
        ]

    def start(self) -> None:
        """Events count from now on."""
        self._has_started = True
        self._begin_where_needed()

    def use(self, plan: HookPlan) -> None:
        """What happens from now on has these commands; one that runs or waits goes on. One thread at a time."""
        self._plan = plan
        self._begin_where_needed()

    def _begin_where_needed(self) -> None:
        if self._has_started and self._news is None and any(self._plan.commands.values()):
            self._news = self._listen()
            for thread in self._threads:
                thread.start()

    def stop(self) -> None:
        """What has happened so far has its command, and each had a little while to end; what goes on is let go."""
        if self._news is None:
            return
        self._stopping.set()
        until = time.monotonic() + STOP_WITHIN_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        left = [thread.name for thread in self._threads if thread.is_alive()]
        if left:
            log.warning("hooks: %d still run and are let go of; rigd ends without them", len(left))

    def _run(self) -> None:
        assert self._news is not None
        while True:
            try:
                news = self._news.next(LOOK_EVERY_S if self._stopping.is_set() else 1.0)
            except LinkError as error:  # it was too far behind; or the rig ends
                if self._stopping.is_set():
                    break
                log.warning("hooks: events were missed (%s)", error)
                self._news = self._listen()
                continue
            if news is None and self._stopping.is_set():
                break
            if isinstance(news, Event):
                self._take(news)
        self._news.close()
        for _ in range(AT_ONCE):
            self._waiting.put(None)

    def _take(self, event: Event) -> None:
        assert self._news is not None
        plan = self._plan
        occasion = occasion_of(event, self._news.state, runtime_dir=plan.runtime_dir)
        if occasion is None or not plan.commands.get(occasion.name):
            return
        try:
            self._waiting.put_nowait((occasion, plan))
        except queue.Full:
            self._left_out += 1
            if self._left_out & (self._left_out - 1) == 0:  # the 1st, 2nd, 4th, 8th ...
                log.warning("hooks: %s was left out, %d so far: too many wait", occasion.name, self._left_out)

    def _work(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            occasion, plan = waiting
            try:
                self._do(occasion, plan)
            except Exception:
                log.exception("hook %s failed", occasion.name)

    def _do(self, occasion: Occasion, plan: HookPlan) -> None:
        command = plan.commands[occasion.name]
        if occasion.folder:
            _await_sheet(Path(occasion.folder))
        began = time.monotonic()
        ended, complaint = run_hook(command, occasion, timeout_s=plan.timeout_s)
        took_s = time.monotonic() - began
        if ended == 0:
            log.info("hook %s: done in %.1f s", occasion.name, took_s)
        else:
            log.warning("hook %s (%s): %s%s", occasion.name, command[0], _why(ended, took_s), complaint)


def run_hook(command: Sequence[str], occasion: Occasion, *, timeout_s: float) -> tuple[int | str, str]:
    """The command has ended: its exit code (negative: the signal that ended it), or why it could not be run or was
    given up; and the end of what it wrote to stderr."""
    environment = {key: value for key, value in os.environ.items() if key not in NOT_FOR_HOOKS}
    with tempfile.TemporaryFile() as given:
        given.write(occasion.json())
        given.seek(0)
        try:
            process = subprocess.Popen(
                [os.path.expanduser(command[0]), *command[1:]],
                stdin=given,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**environment, **occasion.variables()},
                cwd="/",
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return f"could not be run: {getattr(error, 'strerror', None) or error}", ""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PGRP, process.pid, min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICER))
    assert process.stderr is not None
    with process.stderr as complaints:
        text = _until_it_ends(process, complaints.fileno(), timeout_s).decode("utf-8", "replace").strip()
    ended: int | str | None = process.poll()
    if ended is None:
        _end(process)
        ended = f"took longer than {timeout_s:g} s and was ended, with all that it had started"
    return ended, f': "{text}"' if text else ""


def _until_it_ends(process: subprocess.Popen[bytes], complaints: int, timeout_s: float) -> bytes:
    """The end of what it wrote to stderr, once it has ended or its time is over. All that it writes is read, and no
    more than that is kept."""
    until, tail = time.monotonic() + timeout_s, b""
    os.set_blocking(complaints, False)
    ends = os.pidfd_open(process.pid)
    try:
        poller = select.poll()
        poller.register(ends, select.POLLIN)
        poller.register(complaints, select.POLLIN)
        while (left_s := until - time.monotonic()) > 0:
            ready = {number for number, _ in poller.poll(1000 * left_s)}
            if complaints in ready and not (more := _read(complaints)):
                poller.unregister(complaints)  # it has closed it
            elif complaints in ready:
                tail = (tail + more)[-LONGEST_COMPLAINT:]
            elif ends in ready:
                break
    finally:
        os.close(ends)
    return tail


def _read(complaints: int) -> bytes:
    try:
        return os.read(complaints, 1 << 16)
    except BlockingIOError:
        return b"\n"


def why_it_cannot_be_run(command: Sequence[str]) -> str:
    """Empty, or what `rigd check` says of a command that is not there."""
    first = os.path.expanduser(command[0])
    if shutil.which(first) is not None:
        return ""
    return f"{command[0]}: {'may not be run' if os.path.exists(first) else 'is not there'}"


def _why(ended: int | str, took_s: float) -> str:
    if isinstance(ended, str):
        return ended
    how = f"ended with {ended}" if ended > 0 else f"was ended by {signal.Signals(-ended).name}"
    return f"{how} after {took_s:.1f} s"


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole session of it. A command that a frozen disk holds is not waited for."""
    for number, within_s in ((signal.SIGTERM, TERM_TO_KILL_S), (signal.SIGKILL, TERM_TO_KILL_S)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(within_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _await_sheet(folder: Path) -> None:
    """take.json says that the take is closed; where it never does, the hook is run all the same."""
    until = time.monotonic() + SHEET_WITHIN_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError, ValueError):
            sheet = json.loads((folder / "take.json").read_text("utf-8"))
            if isinstance(sheet, dict) and not sheet.get("rolling", True):
                return
        time.sleep(LOOK_EVERY_S)
