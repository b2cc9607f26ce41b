"""What ends `rigd run` and what does not: signals, the terminal's end, a hand on Ctrl-C. Main thread.

A terminal is a window onto the rig and never its life: when it hangs up, the view is detached and all goes on. Only
SIGTERM, `rigd shut-down`, and a Ctrl-C that is meant end the rig.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import time
from collections.abc import Callable
from enum import Enum, auto

from rigd.model.disk_trouble import full_disk_ended
from rigd.model.plain_text import plain_line
from rigd.model.state import RigState, Take, is_rolling
from rigd.model.take import title_of
from rigd.model.units import TakeId
from rigd.rules.step_work import session_takes

AGAIN_WITHIN_S = 3.0
"""Ctrl-C while a take rolls counts when it comes twice in this time."""
STANDARD_STREAMS = (0, 1, 2)
NO_KEYS = {signal.SIGTSTP: "Ctrl-Z", signal.SIGQUIT: "Ctrl-\\"}
"""Keys that a terminal has for a program that hangs: pressed by mistake they would stop or kill the daemon."""
STAY_IGNORED = (signal.SIGHUP, signal.SIGINT)


class Answer(Enum):
    """What becomes of a signal."""

    GO_ON = auto()
    DETACH = auto()
    """The terminal is gone; whatever is drawn or written there ends. A rig that never had one reads its config again:
    nobody but a person, or a service manager, sends it this."""
    END = auto()


class Signals:
    """The signals that came, in order. Make one in the main thread, before the rig is started."""

    def __init__(self) -> None:
        self._came: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGTSTP, signal.SIGQUIT):
            # nohup has SIGHUP ignored, a shell's "&" SIGINT: who started rigd said so, and it stays so.
            if number not in STAY_IGNORED or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda number, frame: self._came.put(number))
        for number in (
            signal.SIGTTOU,
            signal.SIGTTIN,
        ):  # a rig in the background is not to be stopped by a word
            signal.signal(number, signal.SIG_IGN)

    def next(self, within_s: float) -> int | None:
        """The next one that came; None where none does in time."""
        try:
            return self._came.get(timeout=within_s)
        except queue.Empty:
            return None


class Conduct:
    """Decides by the rig's state; `say` shows a line to the person at the terminal."""

    def __init__(
        self,
        *,
        state: Callable[[], RigState],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._say = say
        self._clock = clock
        self._again_until: float | None = None

    def answer(self, number: int) -> Answer:
        """What this signal means now."""
        if number == signal.SIGHUP:
            return Answer.DETACH
        if number in NO_KEYS:
            self._say(
                f"{NO_KEYS[signal.Signals(number)]} does not stop a rig. To leave it running, close this terminal; to"
                " see it: rigd watch"
            )
            return Answer.GO_ON
        if number != signal.SIGINT:
            return Answer.END
        return self._interrupted()

    def _interrupted(self) -> Answer:
        state, now = self._state(), self._clock()
        take = state.take
        if not is_rolling(state) or take is None:
            return Answer.END
        name = title_of(take.slate)
        if state.locked:
            self._say(
                f"{name} is rolling and the rig is locked: Ctrl-C does nothing. To end: rigd unlock in another"
                " terminal, then Ctrl-C twice; or: rigd shut-down --hold"
            )
            return Answer.GO_ON
        if self._again_until is not None and now <= self._again_until:
            return Answer.END
        self._again_until = now + AGAIN_WITHIN_S
        self._say(
            f"a take is rolling ({name}); Ctrl-C again within {AGAIN_WITHIN_S:g} s closes it and ends. To leave the"
            " rig running, close this terminal"
        )
        return Answer.GO_ON


def open_takes(state: RigState) -> set[TakeId]:
    """Takes that roll or are being closed."""
    return {take.take_id for take in session_takes(state) if not take.closed}


def last_words(state: RigState, were_open: set[TakeId], *, leaves_running: bool) -> str:
    """Where the takes are that were open when the rig was ended, and whether they are safe."""
    lines = [
        _word_of(take, leaves_running=leaves_running)
        for take in session_takes(state)
        if take.take_id in were_open
    ]
    if lines:
        return "\n".join(map(plain_line, lines))
    where = f"; takes are in {state.session_folder}" if state.takes else ""
    return plain_line(f"rigd has ended; no take was open{where}")


def _word_of(take: Take, *, leaves_running: bool) -> str:
    name = title_of(take.slate)
    if full := full_disk_ended(take.failure):
        return (
            f"{name} ended where there was no more room ({full}); it is whole up to there, in {take.folder}"
        )
    if take.failure:
        return f"{name} failed: {take.failure}. What is kept of it is in {take.folder}"
    if take.closed:
        return f"{name} is safe: every byte is on the disk, in {take.folder}"
    if leaves_running:
        return f"{name} goes on without the daemon, in {take.folder}; rigd run with the same config attaches to it"
    return (
        f"{name} is not yet safe: the disk has not taken all of it. What is written is in {take.folder}; the next"
        " rigd run, or rigd recover, closes it"
    )


def terminal_streams() -> tuple[int, ...]:
    """Which of standard input, output and error are a terminal now."""
    return tuple(fd for fd in STANDARD_STREAMS if os.isatty(fd))


def let_go_of(streams: tuple[int, ...]) -> None:
    """These descriptors lead nowhere from now on: a terminal that is gone gives EIO to whoever still writes."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_RDWR)
        for fd in streams:
            os.dup2(nowhere, fd)
        if nowhere not in STANDARD_STREAMS:
            os.close(nowhere)
