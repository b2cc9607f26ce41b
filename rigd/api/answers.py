"""What the control socket answers to a request, from the controller's state. On the server's thread.

Whatever a client sends, the answer is a line; nothing that it sends can raise past `answer_to`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from rigd.api.retries import Retries
from rigd.control.controller import Controller
from rigd.control.levels_fan import LevelsTaker
from rigd.hands.health import Measured, health_of
from rigd.model.audit import AuditEntry
from rigd.model.brief import Counted, brief_state, counted, page_of, part_of
from rigd.model.command_text import arguments_given, arguments_of, not_a_command, parse_command, usage_of
from rigd.model.commands import COMMANDS, Accepted, Command, Reply
from rigd.model.disk_words import TapeWatched
from rigd.model.errors import CommandError, LibraryError, RigError
from rigd.model.health import Health
from rigd.model.library import LibraryPage, SessionsPage, SessionsWanted, TakeRead, TakesWanted
from rigd.model.limits import LONGEST_ORIGIN, MOST_AUDIT_ENTRIES
from rigd.model.plain_text import plain_line
from rigd.model.requests import (
    AuditAnswer,
    AuditRequest,
    CommandAnswer,
    CommandRequest,
    Failed,
    HealthAnswer,
    HealthRequest,
    LibraryAnswer,
    LibraryRequest,
    OverheardAnswer,
    OverheardPiece,
    OverhearRequest,
    RequestId,
    SessionsAnswer,
    SessionsRequest,
    StatusAnswer,
    StatusRequest,
    TakeAnswer,
    TakeRequest,
    TakesAnswer,
    TakesRequest,
    TextRequest,
    Timing,
    WaitRequest,
)
from rigd.model.state import RigState, Take
from rigd.model.structs import structured
from rigd.model.takes import other_takes
from rigd.model.units import ClockNs, Ns, Origin, TakeId
from rigd.rules.permissions import Principal
from rigd.rules.step_work import find_take
from rigd.wire.codec import where_and_why
from rigd.wire.overheard import Overheard

log = logging.getLogger(__name__)

T = TypeVar("T")
Told = Callable[[T | LibraryError], None]


class Records(Struct, frozen=True, kw_only=True):
    """What is read from a disk for a client: each answers on a thread of its own, and raises LibraryError where too
    many ask."""

    audit: Callable[[int, int | None, Told[Sequence[AuditEntry]]], None]
    """The last so many commands, of those before a number."""
    takes: Callable[[TakesWanted, Told[LibraryPage]], None]
    """A page of the library's takes."""
    sessions: Callable[[SessionsWanted, Told[SessionsPage]], None]
    """A page of its sessions."""
    take: Callable[[TakeId, Told[Take]], None]
    """The take of that id, of whichever session."""


MOST_PIECES = 128
"""Of a port, in one answer; a piece has at most a kilobyte."""
Tell = Callable[[Struct], None]
"""Gives the answer to the client; any thread."""


class Answers:
    """Answers one request at a time."""

    def __init__(
        self,
        controller: Controller,
        *,
        clock_ns: ClockNs,
        levels: LevelsTaker,
        read_timing: Callable[[], Timing | None],
        read_safety: Callable[[], TapeWatched | None] = lambda: None,
        records: Records,
        read_newest_ns: Callable[[], Ns | None] = lambda: None,
        overheard: Mapping[str, Overheard] = MappingProxyType({}),
    ) -> None:
        """`overheard`: of the surfaces that have such a port, by their names."""
        self._records = records
        self._controller = controller
        self._read_newest_ns = read_newest_ns
        self._overheard = overheard
        self._read_timing = read_timing
        self._read_safety = read_safety
        self._clock_ns = clock_ns
        self._levels = levels
        self._retries = Retries()

    def answer(self, request: Any, who: Principal, tell: Tell) -> None:
        """`who` asks; `tell` gets the answer, now or, for a command, when the controller has replied."""
        state = self._controller.state
        match request:
            case CommandRequest() | TextRequest():
                self._do(request, who, tell)
            case StatusRequest():
                levels = None
                if request.levels:
                    levels = self._levels.take() or self._levels.newest
                timing = self._read_timing()
                safety = self._read_safety()
                if safety is not None:
                    state = replace(state, unsafe_s=safety.unsafe_s, tape_fill=safety.tape_fill)
                tell(
                    StatusAnswer(
                        id=request.id,
                        state=brief_state(state),
                        levels=levels,
                        timing=timing,
                        who=who.name,
                        role=who.role,
                    )
                )
            case HealthRequest():
                self._controller.probe(lambda: tell(HealthAnswer(id=request.id, health=self._health())))
            case TakesRequest():
                tell(_takes_answer(request, state))
            case TakeRequest():
                tell(_take_answer(request, state))
            case AuditRequest():
                last = max(1, min(request.last, MOST_AUDIT_ENTRIES))
                _tell_read(
                    request.id,
                    partial(self._records.audit, last, request.before),
                    lambda entries: AuditAnswer(id=request.id, entries=tuple(entries)),
                    tell,
                )
            case LibraryRequest():
                _tell_read(
                    request.id,
                    partial(self._records.takes, request.wanted),
                    lambda page: LibraryAnswer(id=request.id, page=page),
                    tell,
                )
            case SessionsRequest():
                _tell_read(
                    request.id,
                    partial(self._records.sessions, request.wanted),
                    lambda page: SessionsAnswer(id=request.id, page=page),
                    tell,
                )
            case OverhearRequest():
                tell(self._overhear(request))

    def _overhear(self, request: OverhearRequest) -> OverheardAnswer | Failed:
        port = self._overheard.get(request.surface)
        if port is None:
            named = plain_line(request.surface[:40])
            return Failed(id=request.id, error=f'no surface "{named}" has a port that can be listened to')
        brought, next_ = port.since(request.after, self._clock_ns())
        pieces = tuple(
            OverheardPiece(at_ns=each.at_ns, sent=each.sent.hex()) for each in brought[:MOST_PIECES]
        )
        return OverheardAnswer(id=request.id, pieces=pieces, next=next_ - len(brought) + len(pieces))

    def _health(self) -> Health:
        """On the controller's thread: its state is of now."""
        measured = Measured(
            now_ns=self._clock_ns(), newest_sound_ns=self._read_newest_ns(), tape=self._read_safety()
        )
        return health_of(self._controller.state, measured)

    def _do(self, request: CommandRequest | TextRequest, who: Principal, tell: Tell) -> None:
        at_ns = request.at_ns if request.at_ns is not None else self._clock_ns()
        origin = Origin(plain_line(request.origin[:LONGEST_ORIGIN])[:LONGEST_ORIGIN])
        try:
            if isinstance(request, TextRequest):
                command = parse_command(request.text, origin=origin, at_ns=at_ns, held=request.held)
            else:
                command = command_of(request, origin=origin, at_ns=at_ns)
        except CommandError as error:
            tell(Failed(id=request.id, error=str(error)))
            return

        try:
            is_first = self._retries.begin(who.name, request, tell)
        except CommandError as error:
            tell(Failed(id=request.id, error=str(error)))
            return
        if not is_first:
            return

        def replied(reply: Reply) -> None:
            answer = command_answer(request.id, reply)
            self._retries.end(who.name, request, answer)
            tell(answer)

        self._with_its_take(command, lambda: self._controller.submit_then(command, who, replied))

    def _with_its_take(self, command: Command, submit: Callable[[], None]) -> None:
        """A command may be about a take of another session, or of the trash: its folder is read first. Where there is
        none the rules refuse it."""
        take_id: TakeId | None = getattr(command, "take_id", None)
        if take_id is None or find_take(self._controller.state, take_id) is not None:
            submit()
            return

        def told(found: Take | LibraryError) -> None:
            if isinstance(found, LibraryError):
                log.info("%s of take %s: %s", command.verb, plain_line(take_id[:40]), found)
            else:
                with contextlib.suppress(RigError):  # it has no room: the command is refused, and not lost
                    self._controller.post(TakeRead(take=found))
            submit()

        try:
            self._records.take(take_id, told)
        except LibraryError as error:
            told(error)


def _tell_read(
    request_id: RequestId, read: Callable[[Told[T]], None], answer: Callable[[T], Struct], tell: Tell
) -> None:
    """What is read from a disk is answered once it is."""

    def told(found: T | LibraryError) -> None:
        if isinstance(found, LibraryError):
            tell(Failed(id=request_id, error=str(found)))
        else:
            tell(answer(found))

    try:
        read(told)
    except LibraryError as error:
        told(error)


def command_of(request: CommandRequest, *, origin: Origin, at_ns: Ns) -> Command:
    """The command that verb and fields name. Raises CommandError with the right form."""
    kind = COMMANDS.get(request.verb)
    if kind is None:
        raise not_a_command(request.verb)
    unknown = set(request.arguments) - {field.encode_name for field in arguments_of(kind)}
    if unknown:
        raise CommandError(f'{kind.verb} has no "{min(unknown)[:40]}"; the form is: {usage_of(kind)}')
    carried = {"origin": origin, "at_ns": at_ns, "held": request.held}
    try:
        return structured({**arguments_given(kind, request.arguments), **carried}, kind)
    except CommandError as error:
        raise CommandError(f"{kind.verb}: {error}; the form is: {usage_of(kind)}") from error
    except msgspec.ValidationError as error:
        raise CommandError(f"{kind.verb}: {where_and_why(error)}; the form is: {usage_of(kind)}") from error


def command_answer(request_id: RequestId, reply: Reply) -> CommandAnswer:
    if isinstance(reply, Accepted):
        return CommandAnswer(
            id=request_id, accepted=True, text=reply.message, take_id=reply.take_id, ended=reply.ended
        )
    return CommandAnswer(id=request_id, accepted=False, text=reply.reason)


def wait_answer(request: WaitRequest, state: RigState) -> TakeAnswer | Failed | None:
    """The answer once what was waited for is there; None while it is not."""
    if request.take_id is None:
        if state.take is not None or other_takes(state).open:
            return None
        if not state.takes:
            return TakeAnswer(id=request.id, take=None)
        return _part(request.id, state.takes[-1])
    take = find_take(state, request.take_id)
    if take is None:
        return _no_such_take(request.id, request.take_id)
    return _part(request.id, take) if take.closed else None


def _part(request_id: RequestId, take: Take, have: Counted | None = None) -> TakeAnswer:
    return TakeAnswer(id=request_id, take=part_of(take, have or Counted()), of=counted(take))


def _takes_answer(request: TakesRequest, state: RigState) -> TakesAnswer | Failed:
    takes = other_takes(state)
    begin = 0
    if request.after is not None:
        found = takes.place_of(request.after)
        if found is None and state.take is not None and state.take.take_id == request.after:
            found = len(takes)
        if found is None:
            return _no_such_take(request.id, request.after)
        begin = found + 1
    left = (*takes[begin:], *((state.take,) if state.take is not None and begin <= len(takes) else ()))
    page = page_of(left)
    return TakesAnswer(id=request.id, takes=page, more=len(page) < len(left))


def _take_answer(request: TakeRequest, state: RigState) -> TakeAnswer | Failed:
    take: Take | None
    if request.take_id is not None:
        take = find_take(state, request.take_id)
        if take is None:
            return _no_such_take(request.id, request.take_id)
        return _part(request.id, take, request.have)
    if state.take is None and not state.takes:
        return Failed(id=request.id, error="there is no take yet in this session")
    return _part(request.id, state.take or state.takes[-1], request.have)


def _no_such_take(request_id: RequestId, take_id: TakeId) -> Failed:
    return Failed(id=request_id, error=f'no take "{take_id[:40]}" in this session; see: rigd takes list')
