"""The other end of the control socket: what the CLI uses to talk to a running rigd. One thread each."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from msgspec.structs import astuple, replace

from rigd.api.peer_process import PeerProcess
from rigd.model.audit import AuditEntry
from rigd.model.brief import Counted, counted, joined
from rigd.model.changes import Change, Followed
from rigd.model.errors import CommandError, LinkError, NobodyThere, NotRunning, RigEnded, StrangerError
from rigd.model.events import Event, Snapshot
from rigd.model.health import Health
from rigd.model.levels import Levels
from rigd.model.library import LibraryPage, SessionsPage, SessionsWanted, TakesWanted
from rigd.model.requests import (
    ANSWERS,
    Argument,
    AuditAnswer,
    AuditRequest,
    CommandAnswer,
    CommandRequest,
    Ended,
    Failed,
    FollowRequest,
    HealthAnswer,
    HealthRequest,
    LibraryAnswer,
    LibraryRequest,
    OverheardAnswer,
    OverhearRequest,
    SessionsAnswer,
    SessionsRequest,
    StatusAnswer,
    StatusRequest,
    Subscribed,
    SubscribeRequest,
    TakeAnswer,
    TakeRequest,
    TakesAnswer,
    TakesRequest,
    TextRequest,
    WaitRequest,
)
from rigd.model.state import RigState, Take
from rigd.model.units import Ns, TakeId
from rigd.wire.codec import Codec
from rigd.wire.link import connect

SOCKET_NAME = "rigd.sock"
ANSWER_WITHIN_S = 5.0
ENDS_WITHIN_S = 1.0
"""A process that has closed its connections is gone soon after, or is not ending at all."""
MOST_TRIES = 3
"""To read what comes in parts, where it changes meanwhile."""
A = TypeVar("A")


class ControlClient:
    """A connection to rigd. Raises NotRunning where none can be found, RigEnded where one ends meanwhile,
    StrangerError where somebody else plays it, and another LinkError where it cannot be talked to, and may well be
    recording."""

    def __init__(self, path: Path, *, origin: str = "cli", answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self._origin = origin
        self._answer_within_s = answer_within_s
        self._numbers = itertools.count(1)
        self._is_closed = False
        try:
            self._link = connect(path, Codec(ANSWERS, across_builds=True))
        except StrangerError:
            raise
        except NobodyThere as error:
            raise NotRunning(f"rigd is not running here ({error}): start it with: rigd run") from error
        except LinkError as error:
            raise LinkError(
                f"rigd lets nobody in now ({error}); it may well be recording: ask again"
            ) from error
        self._process = PeerProcess(self._link.peer_pid)

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """The connection is over; so is an `events` that another thread waits in."""
        self._is_closed = True
        self._link.close()
        self._process.close()

    @property
    def peer_pid(self) -> int:
        """The rigd that answers; 0 once the connection is over."""
        return self._link.peer_pid

    def command(
        self,
        verb: str,
        *,
        at_ns: Ns | None = None,
        held: bool = False,
        retry: str = "",
        **arguments: Argument,
    ) -> CommandAnswer:
        """The command is done, or the answer says why not. Raises CommandError where it has not its form. With the
        same `retry` key again, which is the caller's own, it is not done again, and has the same answer."""
        request = CommandRequest(
            id=next(self._numbers),
            verb=verb,
            arguments=arguments,
            at_ns=at_ns,
            held=held,
            origin=self._origin,
            retry=retry,
        )
        return self._asked(request, CommandAnswer)

    def say(
        self, text: str, *, at_ns: Ns | None = None, held: bool = False, retry: str = ""
    ) -> CommandAnswer:
        """As `command`, by the text form ("keep 20")."""
        request = TextRequest(
            id=next(self._numbers), text=text, at_ns=at_ns, held=held, origin=self._origin, retry=retry
        )
        return self._asked(request, CommandAnswer)

    def status(self, *, levels: bool = False) -> StatusAnswer:
        """The state, its takes in brief, and the levels since they were asked for last."""
        return self._asked(StatusRequest(id=next(self._numbers), levels=levels), StatusAnswer)

    def health(self) -> Health:
        """Whether the rig records, or could now."""
        return self._asked(HealthRequest(id=next(self._numbers)), HealthAnswer).health

    def takes(self) -> tuple[Take, ...]:
        """The session's takes in brief, oldest first, the rolling one last."""
        for _ in range(MOST_TRIES):
            takes: list[Take] = []
            while True:
                after = takes[-1].take_id if takes else None
                try:
                    answer = self._asked(TakesRequest(id=next(self._numbers), after=after), TakesAnswer)
                except CommandError:
                    if after is None:
                        raise
                    break  # that take was thrown away meanwhile
                takes += answer.takes
                if not answer.more or not answer.takes:
                    return tuple(takes)
        raise CommandError("the takes change faster than they can be told; ask again")

    def library(self, session: str = "", *, text: str = "", in_trash: bool = False) -> Iterator[LibraryPage]:
        """The takes of all sessions, or of those of that name, oldest first, page by page; those with that text in
        their names, songs, notes or markers alone, those of the trash alone."""
        after = ""
        while True:
            wanted = TakesWanted(session=session, after=after, text=text, in_trash=in_trash)
            page = self._asked(LibraryRequest(id=next(self._numbers), wanted=wanted), LibraryAnswer).page
            yield page
            if not page.next:
                return
            after = page.next

    def sessions(self) -> Iterator[SessionsPage]:
        """The sessions of the library, oldest first, page by page."""
        after = ""
        while True:
            request = SessionsRequest(id=next(self._numbers), wanted=SessionsWanted(after=after))
            page = self._asked(request, SessionsAnswer).page
            yield page
            if not page.next:
                return
            after = page.next

    def take(self, take_id: TakeId | None = None) -> Take:
        """One take, whole: that one, or the rolling or last one. Raises CommandError where there is none."""
        answer = self._asked(TakeRequest(id=next(self._numbers), take_id=take_id), TakeAnswer)
        assert answer.take is not None
        return self._whole(answer, answer.take)

    def _whole(self, first: TakeAnswer, take: Take) -> Take:
        """The parts of a take put together. It may grow meanwhile; where it shrinks, all is asked for again."""
        answer, tries = first, 0
        while answer.of is not None and (have := counted(take)) != answer.of:
            nothing_new = answer.take is not None and not any(astuple(counted(answer.take)))
            if nothing_new or any(
                here > there for here, there in zip(astuple(have), astuple(answer.of), strict=True)
            ):
                tries += 1
                if tries >= MOST_TRIES:
                    raise CommandError("the take changes faster than it can be told; ask again")
                have = Counted()
            request = TakeRequest(id=next(self._numbers), take_id=take.take_id, have=have)
            answer = self._asked(request, TakeAnswer)
            assert answer.take is not None
            take = joined(take, answer.take) if have != Counted() else answer.take
        return take

    def audit(self, last: int) -> tuple[AuditEntry, ...]:
        """The last so many commands, oldest first, with what came of each."""
        found: list[AuditEntry] = []
        while len(found) < last:
            before = found[0].number if found else None
            request = AuditRequest(id=next(self._numbers), last=last - len(found), before=before)
            answer = self._asked(request, AuditAnswer)
            if not answer.entries:
                break
            found[:0] = answer.entries
        return tuple(found)

    def overhear(self, surface: str, *, after: int = 0) -> OverheardAnswer:
        """What came over the surface's port since then. Raises CommandError where it has none to be listened to."""
        return self._asked(
            OverhearRequest(id=next(self._numbers), surface=surface, after=after), OverheardAnswer
        )

    def wait_closed(self, take_id: TakeId | None = None, *, timeout_s: float = 30.0) -> Take | None:
        """That take, or every take, is closed and safe on disk. Raises CommandError at the time-out."""
        request = WaitRequest(id=next(self._numbers), take_id=take_id, timeout_s=timeout_s)
        answer = self._asked(request, TakeAnswer, within_s=timeout_s + self._answer_within_s)
        return None if answer.take is None else self._whole(answer, answer.take)

    def events(self, *, levels_hz: float = 0.0) -> Iterator[Snapshot | Event | Levels]:
        """A Snapshot, then what happens, until rigd ends (RigEnded) or cuts this client off (another LinkError).
        Nothing else may be asked meanwhile."""
        self._asked(SubscribeRequest(id=next(self._numbers), levels_hz=levels_hz), Subscribed)
        while True:
            news = self._received(None)
            if isinstance(news, Failed):
                raise LinkError(news.error)
            if isinstance(news, Snapshot | Event | Levels):
                yield news

    def follow(
        self, *, levels_hz: float = 0.0, known: Followed | None = None
    ) -> Iterator[RigState | Event | Levels]:
        """The state at once and whenever it changed, and what happens; ends as `events` does. Of the session's takes
        it has the last ones and the last that are open (`model/changes.py`). Nothing else may be asked meanwhile.

        `known` is brought up to date; with the one of an earlier connection only what changed meanwhile is asked
        for."""
        known = known or Followed()
        if known.state is not None:
            yield known.state
        for news in self.changes(levels_hz=levels_hz, known=known):
            if isinstance(news, Event | Levels):
                yield news
            elif known.state is not None:
                yield known.state

    def changes(
        self, *, levels_hz: float = 0.0, known: Followed | None = None
    ) -> Iterator[Snapshot | Change | Event | Levels]:
        """As `follow`, as it comes."""
        known = known or Followed()
        request = FollowRequest(id=next(self._numbers), levels_hz=levels_hz)
        if known.state is not None and known.run:
            request = replace(request, since=known.change, run=known.run)
        self._asked(request, Subscribed)
        while True:
            news = self._received(None)
            if isinstance(news, Failed):
                raise LinkError(news.error)
            if isinstance(news, Snapshot | Change):
                known.take_in(news)
            if isinstance(news, Snapshot | Change | Event | Levels):
                yield news

    def _asked(self, request: Any, kind: type[A], *, within_s: float | None = None) -> A:
        with contextlib.suppress(LinkError):  # what it said before it went is heard below
            self._link.send(request)
        deadline = time.monotonic() + (self._answer_within_s if within_s is None else within_s)
        while (left_s := deadline - time.monotonic()) > 0:
            answer = self._received(left_s)
            if isinstance(answer, Failed) and answer.id in (request.id, None):
                raise CommandError(answer.error)
            if isinstance(answer, kind) and getattr(answer, "id", None) == request.id:
                return answer
        raise LinkError(
            f"rigd runs and did not answer within {self._answer_within_s:g} s; ask again, or look at its log"
        )

    def _received(self, timeout_s: float | None) -> Any:
        try:
            message = self._link.receive(timeout_s)
        except LinkError as error:
            if self._is_closed:
                raise
            if self._process.has_ended(within_s=ENDS_WITHIN_S):
                raise RigEnded("rigd has ended") from error
            raise LinkError(
                f"the connection to rigd broke ({error}); it may well be recording: ask again"
            ) from error
        if isinstance(message, Ended):
            raise RigEnded("rigd has ended")
        return message
