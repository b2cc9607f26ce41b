"""A command that is asked for a second time, with the same key, is not done a second time. Any thread.

A client that lost its connection does not know whether its command was done. Where it gave the command a key of its
own, it asks again with that key: the answer is that of the first time. Remembered for each principal, the last ones.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from rigd.model.errors import CommandError
from rigd.model.limits import LONGEST_RETRY_KEY, MOST_RETRIES
from rigd.model.requests import CommandAnswer, CommandRequest, RequestId, TextRequest

Request = CommandRequest | TextRequest
Tell = Callable[[Struct], None]
MOST_ASKING = 16
"""So many may wait for the answer of one command."""


@dataclass(slots=True)
class _Asked:
    request: Request
    answer: CommandAnswer | None = None
    waiting: list[tuple[RequestId, Tell]] = field(default_factory=list)


class Retries:
    """The commands with a key that were asked for last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, OrderedDict[str, _Asked]] = {}

    def begin(self, who: str, request: Request, tell: Tell) -> bool:
        """True: it is to be done. False: it was asked for before, and `tell` gets that answer, now or once it is
        there. Raises CommandError where its key cannot be one, or stands for another command."""
        if not request.retry:
            return True
        if len(request.retry) > LONGEST_RETRY_KEY:
            raise CommandError(f"retry is a key of at most {LONGEST_RETRY_KEY} characters")
        with self._lock:
            known = self._asked.setdefault(who, OrderedDict())
            before = known.get(request.retry)
            if before is None:
                known[request.retry] = _Asked(request)
                while len(known) > MOST_RETRIES:
                    known.popitem(last=False)
                return True
            if replace(before.request, id=0) != replace(request, id=0):
                raise CommandError(
                    "this retry key was given to another command; make a new key for each command"
                )
            if before.answer is None:
                if len(before.waiting) >= MOST_ASKING:
                    raise CommandError(
                        "this command is under way, and asked for by many; wait for its answer"
                    )
                before.waiting.append((request.id, tell))
                return False
            answer = before.answer
        tell(replace(answer, id=request.id))
        return False

    def end(self, who: str, request: Request, answer: CommandAnswer) -> None:
        """The answer is there."""
        if not request.retry:
            return
        with self._lock:
            asked = self._asked[who].get(request.retry)
            if asked is None:  # so many came after it that it is forgotten
                return
            asked.answer = answer
            waiting, asked.waiting = asked.waiting, []
        for request_id, tell in waiting:
            tell(replace(answer, id=request_id))
