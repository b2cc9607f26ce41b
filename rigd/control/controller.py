"""The one owner of the rig's state: takes commands and facts from any thread and steps the table.

Its thread waits for nothing but its queue. It must never end because a part failed: an effect that
cannot be carried out becomes a fault, a step that breaks is logged and the state stays as it was.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from msgspec import Struct

from rigd.control.event_log import EventLog
from rigd.control.inbox import Inbox, QueueProbe, WaitingInput
from rigd.control.listener import Listener
from rigd.control.ports import Ports, TapeTime
from rigd.control.published import Published
from rigd.model import effects as e
from rigd.model.commands import Command, Rejected, Reply
from rigd.model.disk_words import DiskMeasured, Measurement
from rigd.model.errors import RigError
from rigd.model.events import Event, Snapshot
from rigd.model.gain import PreampSetting
from rigd.model.inputs import (
    Circumstances,
    ClockReading,
    ConfigRead,
    Fact,
    Input,
    PortFailed,
    PostRollOver,
    Rules,
)
from rigd.model.library import LibraryFailed, TrashEmptied
from rigd.model.state import RigState, Transport
from rigd.model.units import NS_PER_SECOND, ClockNs, Frame, TakeId
from rigd.rules.permissions import Gate, Principal
from rigd.rules.table import step
from rigd.rules.tape_size import reach_back

log = logging.getLogger(__name__)
T = TypeVar("T")

POSTROLL_WATCH_S = 0.02
LISTENER_EVENTS = 2000
LATEST_NS = 1 << 62
"""Times outside 0 to this are no CLOCK_MONOTONIC time."""


class Chance(Struct, frozen=True, kw_only=True):
    """What a step may not make up itself."""

    clock_ns: ClockNs
    """CLOCK_MONOTONIC."""
    wall_ns: Callable[[], int]
    """Unix time."""
    utc_offset_s: Callable[[int], int]
    """Local time's offset at a Unix time in ns."""
    new_take_id: Callable[[], TakeId]
    read_clock: Callable[[], ClockReading | None] = lambda: None
    """The wall clock and what it is worth; asks no disk."""


class Controller:
    """Started once, stopped once. Everything public may be called by any thread."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        published: Published,
        rules: Rules,
        tape_time: TapeTime,
        ports: Ports,
        chance: Chance,
    ) -> None:
        """`inbox` and `published` are made first, with the state to begin with; nobody else takes out of the one or
        sets the other."""
        self._inbox = inbox
        self._published = published
        self._rules = rules
        self._tape_time = tape_time
        self._ports = ports
        self._chance = chance
        self._gate = Gate()
        self._event_log = EventLog(logging.getLogger("rigd"))
        inbox.when_refused(self._refused_before)
        self._listeners: list[Listener] = []
        self._watchers: tuple[Callable[[], None], ...] = ()
        self._publishing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="rigd-controller", daemon=True)

    def start(self) -> None:
        """Inputs are worked on from now on; those that came before come first."""
        self._thread.start()

    def stop(self) -> None:
        """What was in the queue is done, the thread has ended, listeners are closed."""
        self._inbox.close()
        if self._thread.is_alive():
            self._thread.join()
        with self._publishing:
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.close()

    @property
    def state(self) -> RigState:
        """The newest state. Frozen: it may be kept and read at leisure."""
        return self._published.newest()

    def submit(self, command: Command, by: Principal) -> Future[Reply]:
        """As `Inbox.submit`."""
        return self._inbox.submit(command, by)

    def submit_then(self, command: Command, by: Principal, answered: Callable[[Reply], None]) -> None:
        """As `submit`; `answered` is called with the reply, on the controller's thread or at once."""
        self.submit(command, by).add_done_callback(lambda future: answered(future.result()))

    def post(self, fact: Fact) -> None:
        """As `Inbox.post`."""
        self._inbox.post(fact)

    def probe(self, reached: Callable[[], None]) -> None:
        """As `Inbox.probe`."""
        self._inbox.probe(reached)

    def listen(
        self,
        *,
        longest: int = LISTENER_EVENTS,
        on_ready: Callable[[], None] | None = None,
        follows: bool = False,
    ) -> Listener:
        """A listener that gets a Snapshot and then every event after it.

        `on_ready` is called, on the controller's thread, whenever something was put in; with `follows` also where
        the state changed without an event.
        """
        with self._publishing:
            snapshot = Snapshot(state=self.state)
            listener = Listener(snapshot, longest=longest, on_ready=on_ready, follows=follows)
            if self._inbox.is_closed:
                listener.close()
            else:
                self._listeners.append(listener)
        return listener

    def watch(self, changed: Callable[[], None]) -> None:
        """From now on `changed` is called, on the controller's thread, whenever the state is another one. It must
        return at once."""
        with self._publishing:
            self._watchers = (*self._watchers, changed)

    def _refused_before(self, command: Command, by: Principal, reason: str) -> None:
        """What was refused on its way here is in the audit as what was refused here. Any thread."""
        self._ports.audit(command, by, Rejected(reason=reason))

    def _run(self) -> None:
        while True:
            # Now and then it is time to look at the post-roll.
            is_postroll = self.state.transport is Transport.POSTROLL
            waiting = self._inbox.next(POSTROLL_WATCH_S if is_postroll else None)
            if waiting is None:
                return
            try:
                if isinstance(waiting, WaitingInput):
                    self._step(waiting)
                elif isinstance(waiting, QueueProbe):
                    waiting.reached()
                self._watch_postroll()
            except Exception:
                log.exception("a step of the controller broke; the state stays as it was")
                if (
                    isinstance(waiting, WaitingInput)
                    and waiting.future is not None
                    and not waiting.future.done()
                ):
                    self._reply(
                        waiting, waiting.future, Rejected(reason="this broke inside rigd; see its log")
                    )

    def _step(self, waiting: WaitingInput) -> None:
        what = waiting.what
        given = Input(what=what, circumstances=self._circumstances(what))
        may_not = ""
        if isinstance(what, Command):
            may_not = self._gate.refusal(what, waiting.by, self.state.transport)
        result = step(self.state, given, self._rules, not_allowed=may_not)
        failures = self._order(result.effects)
        failures += [failure for effect in result.effects if (failure := self._carry_out(effect))]
        self._publish(result.state, result.events)
        self._inbox.put_first(failures)
        if waiting.future is not None and result.reply is not None:
            self._reply(waiting, waiting.future, result.reply)

    def _reply(self, waiting: WaitingInput, future: Future[Reply], reply: Reply) -> None:
        """Written down first: who has the answer finds it in the audit."""
        if isinstance(waiting.what, Command):
            self._ports.audit(waiting.what, waiting.by, reply)
        future.set_result(reply)

    def _publish(self, state: RigState, events: tuple[Event, ...]) -> None:
        with self._publishing:
            watchers = self._watchers if state is not self.state else ()
            before = self.state
            self._published.replace(state)
            self._event_log.say(before, state, events, now_ns=self._chance.clock_ns())
            for listener in self._listeners:
                listener.put(state, events)
            self._listeners = [listener for listener in self._listeners if not listener.is_over]
        for changed in watchers:
            changed()

    def _watch_postroll(self) -> None:
        take = self.state.take
        if self.state.transport is not Transport.POSTROLL or take is None or take.end_frame is None:
            return
        extent = self._ask_tape(self._tape_time.extent)
        if extent is not None and extent[1] >= take.end_frame:
            self._step(WaitingInput(PostRollOver(take_id=take.take_id)))

    def _circumstances(self, what: Command | Fact) -> Circumstances:
        now_ns, wall_ns = self._chance.clock_ns(), self._chance.wall_ns()
        at_ns = what.at_ns if isinstance(what, Command | PreampSetting) else now_ns
        extent = self._ask_tape(self._tape_time.extent)
        is_a_time = 0 <= at_ns <= LATEST_NS
        may_be_old_ns = 0 if isinstance(what, Command | PreampSetting) else NS_PER_SECOND
        at_frame = heard_from = None
        if is_a_time:
            at_frame = self._ask_tape(lambda: self._tape_time.frame_at(at_ns, fitted_within_ns=may_be_old_ns))
        if isinstance(what, Command) and at_frame is not None:
            until = at_frame if extent is None else min(at_frame, extent[1])
            begin = Frame(max(0, until - reach_back(what, self._rules, self.state.sample_rate_hz)))
            heard_from = self._ask_tape(lambda: self._tape_time.heard_from(begin))
        return Circumstances(
            now_ns=now_ns,
            at_ns=at_ns if is_a_time else now_ns,
            at_frame=at_frame,
            tape_from=extent[0] if extent else None,
            tape_to=extent[1] if extent else None,
            wall_ns=wall_ns,
            utc_offset_s=self._chance.utc_offset_s(wall_ns),
            new_take_id=self._chance.new_take_id(),
            clock=self._chance.read_clock(),
            heard_from=heard_from,
        )

    def _ask_tape(self, question: Callable[[], T | None]) -> T | None:
        try:
            return question()
        except RigError as error:
            log.debug("the tape does not answer: %s", error)
            return None

    def _order(self, effects: Sequence[e.Effect]) -> list[Fact]:
        """What a step says to a writer it says in one breath: no kill of the daemon falls between the end of a take
        and the beginning of the next."""
        to_writer = [effect.message for effect in effects if isinstance(effect, e.SendToWriter)]
        to_mirror = [effect.message for effect in effects if isinstance(effect, e.SendToMirror)]
        failures: list[Fact] = []
        for name, port, messages in (
            ("writer", self._ports.writer, to_writer),
            ("mirror", self._ports.mirror, to_mirror),
        ):
            if port is None or not messages:
                continue
            try:
                port.send(*messages)
            except Exception as error:
                doing = "take " + ", ".join(type(message).__name__ for message in messages)
                log.exception("%s could not %s", name, doing)
                failures.append(PortFailed(port=name, doing=doing, reason=str(error) or repr(error)))
        return failures

    def _carry_out(self, effect: e.Effect) -> Fact | None:
        """None when it is done, else what went wrong: a part that fails is a fault, never an end."""
        ports = self._ports
        port, doing = "rigd", type(effect).__name__
        try:
            match effect:
                case e.CheckVolume(volume=volume):
                    port, doing = "mirror", f"check the {volume}"
                    if ports.volumes is not None:
                        ports.volumes.check(volume)
                case e.RequestSetting():
                    port, doing = f'preamp "{effect.preamp}"', f"be asked for {effect.name}"
                    ports.preamps.request(effect.preamp, effect.socket, effect.name, effect.value)
                case e.WriteTakeSheet(take=take):
                    port, doing = "library", "write a take sheet"
                    ports.library.write_sheet(take)
                case e.AdoptTake(take_id=take_id, folder=folder):
                    port, doing = "library", "read a take"
                    ports.library.adopt(take_id, folder)
                case e.TrashTake(take=take):
                    port, doing = "library", "discard a take"
                    ports.library.trash(take)
                case e.RestoreTake(take_id=take_id):
                    port, doing = "library", "restore a take"
                    ports.library.restore(take_id)
                case e.DeleteTrash(before_unix_ns=before_unix_ns, is_of_any_age=is_of_any_age):
                    port, doing = "library", "empty the trash"
                    ports.library.empty_trash(before_unix_ns, is_of_any_age=is_of_any_age)
                case e.OpenSession(name=name, newest=newest):
                    port, doing = "library", "open a session"
                    ports.library.open_session(name, newest=newest)
                case e.SetSong():
                    port, doing = "library", "note the song"
                    ports.library.set_song(
                        session_folder=effect.session_folder,
                        song=effect.song,
                        next_take_number=effect.next_take_number,
                    )
                case e.TryDisk():
                    port, doing = "library", "measure the disk"
                    ports.disk.measure()
                case e.KeepFromBlackBox(keep=keep):
                    port, doing = "library", "keep a take"
                    ports.library.keep(keep)
                case e.DateTakes():
                    port, doing = "library", "date takes anew"
                    ports.library.date_takes()
                case e.ReadConfig():
                    port, doing = "config", "be read again"
                    ports.config.read()
                case e.TakeUpConfig(rules=rules):
                    port, doing = "config", "be taken up"
                    self._rules = rules
                    ports.config.take_up()
                case e.EndRig():
                    ports.end_rig()
        except Exception as error:
            log.exception("%s could not %s", port, doing)
            return _failure(effect, PortFailed(port=port, doing=doing, reason=str(error) or repr(error)))
        return None


def _failure(effect: e.Effect, failed: PortFailed) -> Fact:
    """The fact that undoes what the step took for granted."""
    match effect:
        case e.TrashTake(take=take):
            return LibraryFailed(doing="discard", subject=take.take_id, reason=failed.reason)
        case e.RestoreTake(take_id=take_id):
            return LibraryFailed(doing="restore", subject=take_id, reason=failed.reason)
        case e.DeleteTrash():
            return TrashEmptied(takes=(), size_bytes=0, problem=failed.reason)
        case e.OpenSession(name=name):
            return LibraryFailed(doing="open session", subject=name, reason=failed.reason)
        case e.ReadConfig():
            return ConfigRead(faults=(failed.reason,))
        case e.TryDisk():
            return DiskMeasured(
                measurement=Measurement(
                    bytes_per_second=0, longest_stall_s=0.0, bytes_written=0, failure=failed.reason
                )
            )
    return failed
