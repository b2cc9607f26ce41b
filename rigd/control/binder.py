"""Turns what surfaces find into commands: the place where controls, gestures and bindings meet.

One thread takes moves from a bounded queue, runs the recognisers with their deadlines, submits commands and
brings the replies back to the surface. It never waits for a surface or for the controller, and an error of
either costs no more than the move that caused it.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future

from msgspec.structs import replace

from rigd.control.bound_controls import (
    Answer,
    BoundControl,
    Gone,
    MadeCommand,
    NamedCommand,
    News,
    Rebound,
    command_of,
)
from rigd.control.inbox import MOST_COMMANDS_WAITING
from rigd.control.refusal_log import RefusalLog
from rigd.hands.bindings import Binding, control_fits, given_now, nudge_command, plain_control
from rigd.hands.gestures import HELD_GESTURES, Recognised
from rigd.hands.surface import ControlInput, Motion, Surface
from rigd.model.commands import Accepted, Command, Reply
from rigd.model.errors import CommandError, RigError
from rigd.model.roles import Role
from rigd.model.state import RigState, SurfaceStatus, channel_of
from rigd.model.units import NS_PER_SECOND, ChannelNumber, ClockNs, Ns, Origin
from rigd.rules.permissions import Principal, surface_principal

_log = logging.getLogger(__name__)

QUEUE_LENGTH = 512
"""A press storm of 100/s takes 2.5 s to fill it while the thread sleeps; beyond it, refused and counted."""
_LATE_EDGES_S = 0.02
"""A deadline is acted on this much later, so that a release that was stamped before it can still arrive."""
_LATE_EDGES_NS = NS_PER_SECOND // 50
_LONGEST_WAIT_S = 0.05
"""While a gesture is pending; the clock is the caller's own and may run faster than the waiting."""
REBOUND_WITHIN_S = 10.0
MOST_UNANSWERED = MOST_COMMANDS_WAITING // 2
"""Commands of one surface that the controller has not come to; half of its queue is left to everybody else."""

TOO_MANY = "too many commands at once; this one was not done"

Submit = Callable[[Command, Principal], "Future[Reply]"]
"""The controller's door (`Controller.submit`): takes the command at once; the reply comes later."""


class Binder:
    """The ControlSink of every surface. `bindings` are those of each [surface.<name>], by its name."""

    def __init__(
        self,
        *,
        bindings: Mapping[str, Sequence[Binding]],
        principals: Mapping[str, Principal],
        submit: Submit,
        state: Callable[[], RigState],
        report: Callable[[SurfaceStatus], None],
        clock: ClockNs,
        refused: Callable[[Command, Principal, str], None] = lambda command, by, why: None,
    ) -> None:
        """`principals` has each surface by its name; one that is not there may do nothing. `report` takes what
        surfaces say of themselves, `refused` what was not handed on; both never wait."""
        self._principals = principals
        self._submit = submit
        self._state = state
        self._report = report
        self._refused = refused
        self._clock = clock
        self._bound = {
            name: tuple(BoundControl(name, binding) for binding in of_surface)
            for name, of_surface in bindings.items()
        }
        self._surfaces: dict[str, Surface] = {}
        self._wake = threading.Condition()
        self._queue: deque[News] = deque()
        self._overflow: dict[tuple[str, str], ControlInput] = {}
        """The newest edge of each control that found the queue full, so that the final state is right."""
        self._overflowed = 0
        self._not_taken: Counter[tuple[str, str]] = Counter()
        """Commands that found the queue full, by the surface and the control that are still to be answered."""
        self._told_overflow_ns: Ns | None = None
        self._refusals = RefusalLog(clock)
        self._unanswered: Counter[str] = Counter()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="rigd-binder", daemon=True)

    def introduce(self, surface: Surface) -> None:
        """From now on replies to this surface's commands reach it. Before it is started."""
        self._surfaces = {**self._surfaces, surface.name: surface}

    def rebind(
        self,
        *,
        bindings: Mapping[str, Sequence[Binding]],
        principals: Mapping[str, Principal],
        anew: Iterable[str],
    ) -> None:
        """All surfaces there are do this from now on. Whose name is not in `anew` keeps what is held on it: its
        bindings are what they were. Waits until what came before is done; raises RigError where that never is."""
        done = threading.Event()
        news = Rebound(bindings=bindings, principals=principals, anew=frozenset(anew), done=done)
        with self._wake:
            self._queue.append(news)
            self._wake.notify()
        if not done.wait(REBOUND_WITHIN_S):
            raise RigError("the binder does not come to it; see the log")

    def start(self) -> None:
        """The thread runs; what came before is not lost."""
        self._thread.start()

    def stop(self) -> None:
        """The thread has ended. A gesture not yet told apart is dropped."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join()

    # ControlSink: any thread, never blocks

    def moved(self, control_input: ControlInput) -> None:
        """A control moved. One that is bound to nothing is ignored here, and takes no place in the queue."""
        if not self._targets(control_input):
            return
        with self._wake:
            key = (control_input.surface, plain_control(control_input.control))
            if control_input.motion is Motion.ABSOLUTE:
                self._forget_older_place(control_input)
            if len(self._queue) < QUEUE_LENGTH and key not in self._overflow:
                self._queue.append(control_input)
                self._wake.notify()
                return
            self._overflowed += 1
            self._overflow[key] = control_input

    def said(self, surface: str, text: str, at_ns: Ns) -> None:
        """The surface names a command itself."""
        self._put(NamedCommand(surface=surface, text=text, at_ns=at_ns))

    def do(self, surface: str, command: Command, *, control: str) -> None:
        """The surface has made a command itself; the answer goes to its control."""
        self._put(MadeCommand(surface=surface, control=control, command=command))

    def gone(self, surface: str) -> None:
        """The port vanished; always heard, also past a full queue."""
        with self._wake:
            self._overflow = {key: late for key, late in self._overflow.items() if key[0] != surface}
            news = Gone(surface=surface)
            if not self._queue or self._queue[-1] != news:
                self._queue.append(news)
            self._wake.notify()

    def surface_status(self, status: SurfaceStatus) -> None:
        """It takes no place in the queue."""
        self._report(status)

    def _put(self, asked: NamedCommand | MadeCommand) -> None:
        with self._wake:
            has_room = len(self._queue) < QUEUE_LENGTH
            if has_room:
                self._queue.append(asked)
            else:
                control = asked.control if isinstance(asked, MadeCommand) else ""
                self._overflowed += 1
                self._not_taken[asked.surface, control] += 1
            self._wake.notify()
        if not has_room:
            self._note_not_taken(asked)

    def _note_not_taken(self, asked: NamedCommand | MadeCommand) -> None:
        """It is in the audit; the surface has its answer from the binder's thread, as always."""
        try:
            control, command = command_of(asked)
        except CommandError:
            return  # it is none
        self._refused(
            replace(command, control=control, bound=False), self._principal(asked.surface), TOO_MANY
        )

    def _forget_older_place(self, newer: ControlInput) -> None:
        """Of a sweep only where it begins and where it is now count, and take a place in the queue: a fader
        picks a gain up by what it has passed."""
        newest: int | None = None
        for place in range(len(self._queue) - 1, -1, -1):
            older = self._queue[place]
            if not isinstance(older, ControlInput) or older.motion is not Motion.ABSOLUTE:
                return
            if older.surface == newer.surface and older.control == newer.control:
                if newest is not None:
                    del self._queue[newest]
                    return
                newest = place

    def _targets(self, moved: ControlInput) -> list[BoundControl]:
        return [
            bound
            for bound in self._bound.get(moved.surface, ())
            if bound.wants(moved.motion) and control_fits(bound.binding.control, moved.control)
        ]

    # The thread

    def _run(self) -> None:
        while True:
            try:
                if not self._turn():
                    return
            except Exception:  # the top of the thread: one bad move must not end the pedal
                _log.exception("a control's move failed; it did nothing, the next one works")

    def _turn(self) -> bool:
        """One piece of news, or one deadline. False once stopped."""
        deadline_ns = self._next_deadline_ns()
        with self._wake:
            if self._stopping:
                return False
            if not self._queue and not self._overflow and not self._not_taken:
                self._wake.wait(self._wait_s(deadline_ns))
            news, not_taken = self._take(), self._not_taken
            self._not_taken = Counter()
            stopping = self._stopping
        if stopping:
            return False
        for surface, control in not_taken.elements():
            self._answer_surface(surface, control, accepted=False, text=TOO_MANY)
        if news is not None:
            self._act(news)
        elif deadline_ns is not None and self._clock() >= deadline_ns:
            self._settle()
        self._tell_overflow()
        return True

    def _take(self) -> News | None:
        if self._queue:
            return self._queue.popleft()
        if self._overflow:
            return self._overflow.pop(next(iter(self._overflow)))
        return None

    def _next_deadline_ns(self) -> Ns | None:
        deadlines = [
            deadline_ns
            for of_surface in self._bound.values()
            for bound in of_surface
            if (deadline_ns := bound.gestures.next_deadline_ns()) is not None
        ]
        return min(deadlines, default=None)

    def _wait_s(self, deadline_ns: Ns | None) -> float | None:
        if deadline_ns is None:
            return 1.0 if self._overflowed else None
        return min(max((deadline_ns - self._clock()) / NS_PER_SECOND, 0.001), _LONGEST_WAIT_S)

    def _settle(self) -> None:
        """A deadline passed. What was stamped before it may be on its way: news goes first once more."""
        now_ns = self._clock()
        with self._wake:
            if not self._queue and not self._stopping:
                self._wake.wait(_LATE_EDGES_S)
            if self._queue or self._stopping:
                return
        self._tick(now_ns)

    def _tick(self, now_ns: int) -> None:
        for of_surface in self._bound.values():
            for bound in of_surface:
                self._make(bound, bound.gestures.tick(Ns(now_ns)))
                self._tell_refused(bound)

    def _act(self, news: News) -> None:
        match news:
            case ControlInput():
                # A fader that never rests must not keep the deadlines of a switch waiting.
                self._tick(news.at_ns - _LATE_EDGES_NS)
                for bound in self._targets(news):
                    bound.control = news.control
                    self._move(bound, news)
            case NamedCommand() | MadeCommand():
                self._give(news)
            case Gone():
                for bound in self._bound.get(news.surface, ()):
                    bound.let_go()
            case Answer():
                self._answer(news)
            case Rebound():
                self._rebind(news)

    def _rebind(self, news: Rebound) -> None:
        """Looked at by other threads without a lock: each is exchanged as a whole."""
        before = self._bound
        self._bound = {
            name: before[name]
            if name in before and name not in news.anew
            else tuple(BoundControl(name, binding) for binding in of_surface)
            for name, of_surface in news.bindings.items()
        }
        self._principals = news.principals
        self._surfaces = {name: each for name, each in self._surfaces.items() if name in news.bindings}
        news.done.set()

    def _move(self, bound: BoundControl, moved: ControlInput) -> None:
        origin = Origin(bound.surface)
        match moved.motion:
            case Motion.PRESS | Motion.TRIGGER:
                self._make(bound, bound.gestures.press(moved.at_ns, is_doubtful=moved.is_doubtful))
            case Motion.RELEASE:
                self._make(bound, bound.gestures.release(moved.at_ns))
            case Motion.HELD:
                bound.gestures.held(moved.at_ns)
                where = f"{bound.surface} {moved.control}"
                _log.info("%s is down and was not seen to go down; it does nothing until released", where)
            case Motion.LET_GO:
                bound.gestures.let_go()
            case Motion.ABSOLUTE:
                channel = channel_of(self._state(), bound.binding.gain or ChannelNumber(0))
                command = bound.fader.command(moved.value, channel, origin=origin, at_ns=moved.at_ns)
                self._send(bound.surface, moved.control, command)
            case Motion.RELATIVE:
                command = nudge_command(bound.binding, moved.value, origin=origin, at_ns=moved.at_ns)
                self._send(bound.surface, moved.control, command)
        self._tell_refused(bound)

    def _make(self, bound: BoundControl, made: tuple[Recognised, ...]) -> None:
        for each in made:
            command = given_now(
                getattr(bound.binding, each.gesture.value),
                held=each.gesture in HELD_GESTURES,
                origin=Origin(bound.surface),
                at_ns=each.at_ns,
            )
            self._send(bound.surface, bound.control, command)

    def _give(self, asked: NamedCommand | MadeCommand) -> None:
        try:
            control, command = command_of(asked)
        except CommandError as error:
            self._refusals.refused(asked.surface, "", "", str(error))
            self._answer_surface(asked.surface, "", accepted=False, text=str(error))
            return
        self._send(asked.surface, control, command, bound=False)

    def _principal(self, surface: str) -> Principal:
        return self._principals.get(surface) or surface_principal(surface, Role.WATCHER, (), ())

    def _send(self, surface: str, control: str, command: Command | None, *, bound: bool = True) -> None:
        """The only way from a surface to the controller, which asks its gate whether the surface may."""
        if command is None:
            return
        given = replace(command, control=control, bound=bound)
        by = self._principal(surface)
        with self._wake:
            has_room = self._unanswered[surface] < MOST_UNANSWERED
            self._unanswered[surface] += has_room
            self._overflowed += not has_room
        if not has_room:
            self._refused(given, by, TOO_MANY)
            self._answer_surface(surface, control, accepted=False, text=TOO_MANY)
            return

        def replied(future: Future[Reply]) -> None:
            answer = Answer(surface=surface, control=control, command=given, reply=future.result())
            with self._wake:
                self._unanswered[surface] -= 1
                self._queue.append(answer)
                self._wake.notify()

        self._submit(given, by).add_done_callback(replied)

    def _answer(self, answer: Answer) -> None:
        accepted = isinstance(answer.reply, Accepted)
        text = answer.reply.message if isinstance(answer.reply, Accepted) else answer.reply.reason
        if not accepted:
            self._refusals.refused(answer.surface, answer.control, answer.command.verb, text)
        self._answer_surface(answer.surface, answer.control, accepted=accepted, text=text)

    def _answer_surface(self, name: str, control: str, *, accepted: bool, text: str) -> None:
        surface = self._surfaces.get(name)
        if surface is None:
            return
        try:
            surface.answered(control, accepted, text)
        except Exception:  # whatever a kind does: the next answer may well be shown again
            _log.exception("surface %s cannot show an answer; what was commanded stands", name)

    def _tell_refused(self, bound: BoundControl) -> None:
        if bound.gestures.next_deadline_ns() is not None or bound.gestures.refused <= bound.refused_told:
            return
        count, bound.refused_told = bound.gestures.refused - bound.refused_told, bound.gestures.refused
        _log.info(
            "%s %s: %d press(es) refused: within debounce_ms %d, or with no release before "
            '(a pedal that tells no release wants mode = "trigger"; see: rigd learn)',
            bound.surface,
            bound.control,
            count,
            bound.binding.debounce_ms,
        )

    def _tell_overflow(self) -> None:
        now_ns = self._clock()
        with self._wake:
            quiet = self._told_overflow_ns is not None and now_ns - self._told_overflow_ns < NS_PER_SECOND
            if not self._overflowed or quiet:
                return
            count, self._overflowed, self._told_overflow_ns = self._overflowed, 0, now_ns
        _log.warning("%d moves came faster than rigd takes them: refused; look for a broken control", count)
