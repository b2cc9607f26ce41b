"""The other end of the control socket: what the CLI uses to talk to a running rigd. One thread each."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from rigd.model.errors import CommandError, LinkError, StrangerError
from rigd.model.events import Event, Snapshot
from rigd.model.levels import Levels
from rigd.model.requests import (
    ANSWERS,
    Argument,
    CommandAnswer,
    CommandRequest,
    Failed,
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
from rigd.model.state import Take
from rigd.model.units import Ns, TakeId
from rigd.wire.codec import Codec
from rigd.wire.link import connect

SOCKET_NAME = "rigd.sock"
ANSWER_WITHIN_S = 5.0
A = TypeVar("A")


class ControlClient:
    """A connection to rigd. Raises LinkError where none runs, or where it goes away; StrangerError where somebody
    else plays it."""

    def __init__(self, path: Path, *, origin: str = "cli", answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self._origin = origin
        self._answer_within_s = answer_within_s
        self._numbers = itertools.count(1)
        try:
            self._link = connect(path, Codec(ANSWERS))
        except StrangerError:
            raise
        except LinkError as error:
            raise LinkError(f"rigd is not running here ({error}): start it with: rigd run") from error

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """The connection is over; so is an `events` that another thread waits in."""
        self._link.close()

    @property
    def peer_pid(self) -> int:
        """The rigd that answers; 0 once the connection is over."""
        return self._link.peer_pid

    def command(
        self, verb: str, *, at_ns: Ns | None = None, held: bool = False, **arguments: Argument
    ) -> CommandAnswer:
        """The command is done, or the answer says why not. Raises CommandError where it has not its form."""
        request = CommandRequest(
            id=next(self._numbers),
            verb=verb,
            arguments=arguments,
            at_ns=at_ns,
            held=held,
            origin=self._origin,
        )
        return self._asked(request, CommandAnswer)

    def say(self, text: str, *, at_ns: Ns | None = None, held: bool = False) -> CommandAnswer:
        """As `command`, by the text form ("keep 20")."""
        request = TextRequest(id=next(self._numbers), text=text, at_ns=at_ns, held=held, origin=self._origin)
        return self._asked(request, CommandAnswer)

    def status(self, *, levels: bool = False) -> StatusAnswer:
        """The state, its takes in brief, and the levels since they were asked for last."""
        return self._asked(StatusRequest(id=next(self._numbers), levels=levels), StatusAnswer)

    def takes(self) -> tuple[Take, ...]:
        """The session's takes in brief, oldest first, the rolling one last."""
        return self._asked(TakesRequest(id=next(self._numbers)), TakesAnswer).takes

    def take(self, take_id: TakeId | None = None) -> Take:
        """One take, whole: that one, or the rolling or last one. Raises CommandError where there is none."""
        answer = self._asked(TakeRequest(id=next(self._numbers), take_id=take_id), TakeAnswer)
        assert answer.take is not None
        return answer.take

    def wait_closed(self, take_id: TakeId | None = None, *, timeout_s: float = 30.0) -> Take | None:
        """That take, or every take, is closed and safe on disk. Raises CommandError at the time-out."""
        request = WaitRequest(id=next(self._numbers), take_id=take_id, timeout_s=timeout_s)
        return self._asked(request, TakeAnswer, within_s=timeout_s + self._answer_within_s).take

    def events(self, *, levels_hz: float = 0.0) -> Iterator[Snapshot | Event | Levels]:
        """A Snapshot, then what happens, until rigd ends (LinkError). Nothing else may be asked meanwhile."""
        self._asked(SubscribeRequest(id=next(self._numbers), levels_hz=levels_hz), Subscribed)
        while True:
            news = self._link.receive()
            if isinstance(news, Failed):
                raise LinkError(news.error)
            if isinstance(news, Snapshot | Event | Levels):
                yield news

    def _asked(self, request: Any, kind: type[A], *, within_s: float | None = None) -> A:
        self._link.send(request)
        deadline = time.monotonic() + (self._answer_within_s if within_s is None else within_s)
        while (left_s := deadline - time.monotonic()) > 0:
            answer = self._link.receive(left_s)
            if isinstance(answer, Failed) and answer.id in (request.id, None):
                raise CommandError(answer.error)
            if isinstance(answer, kind) and getattr(answer, "id", None) == request.id:
                return answer
        raise LinkError("rigd does not answer; look at its log, or start it again")
