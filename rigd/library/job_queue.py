"""What the library's thread is asked for, in order, and how it tells what came of it. A base of `LibraryKeeper`."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from rigd.model.errors import LibraryError, RigError
from rigd.model.inputs import TakeAdopted
from rigd.model.library import LibraryFact, LibraryFailed

log = logging.getLogger(__name__)

LONGEST_QUEUE = 1024
TELL_AGAIN_S = 0.1
T = TypeVar("T")


class Job(Struct, frozen=True):
    """Something to be done; the words are for whoever reads why it failed."""

    doing: str
    subject: str
    run: Callable[[], None]


class JobQueue:
    """`post` gets the facts; where it raises RigError it is asked again."""

    def __init__(self, post: Callable[[LibraryFact | TakeAdopted], None]) -> None:
        self._post = post
        self._jobs: queue.Queue[Job] = queue.Queue(LONGEST_QUEUE)
        self._stopping = threading.Event()

    def _ask(self, doing: str, subject: str, run: Callable[[], None]) -> None:
        try:
            self._jobs.put_nowait(Job(doing, subject, run))
        except queue.Full:
            raise LibraryError(
                "the library's disk has not answered for long; nothing was done. Recording goes on. "
                "See to the disk, then try again"
            ) from None

    def answer(self, question: Callable[[], T], told: Callable[[T | LibraryError], None], doing: str) -> None:
        """`told` gets the answer, or why there is none, in its turn and on the library's thread. Raises LibraryError
        where the library does not keep up."""

        def run() -> None:
            try:
                found: T | LibraryError = question()
            except (LibraryError, OSError) as error:
                found = error if isinstance(error, LibraryError) else LibraryError(str(error))
            told(found)

        self._ask(doing, "", run)

    def _do(self, job: Job) -> None:
        try:
            job.run()
        except RigError as error:
            log.warning("library: %s %s: %s", job.doing, job.subject, error)
            self._tell(LibraryFailed(doing=job.doing, subject=job.subject, reason=str(error)))
        except Exception as error:
            log.exception("library: %s %s failed", job.doing, job.subject)
            reason = f"{error!r}; takes are not touched by this. See the log"
            self._tell(LibraryFailed(doing=job.doing, subject=job.subject, reason=reason))

    def _tell(self, fact: LibraryFact | TakeAdopted) -> None:
        while True:
            try:
                self._post(fact)
                return
            except RigError as error:
                log.warning("library: %s", error)
                if self._stopping.wait(TELL_AGAIN_S):
                    return
