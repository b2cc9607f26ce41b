"""The daemon's end of the link to a `rigd-writer`, one a volume. Its thread passes facts on; any thread may send.

Nothing said to the writer is lost with a writer: a message is kept until three of its reports have come
after it, and is said again to the next writer. (The writer reads in each round of its loop before it reports; in the
round in which it welcomes somebody it reports twice and has read nothing.) Every message may be said twice without
harm.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import Struct

from rigd.links.other_build import OtherBuild
from rigd.links.process_link import ProcessLink, Upkeep, python_module
from rigd.model.errors import LinkError
from rigd.model.messages import MESSAGES, StopWriter, WriterReport
from rigd.wire.codec import Codec
from rigd.wire.link import connect
from rigd.wire.own_folder import remove_own

REPORTS_TO_BE_SURE = 3
TICK_S = 2.0
"""There is one after each report, too."""
CLOSE_WITHIN_S = 60.0
"""How long a writer may take to close every take when the rig is shut down: a slow disk is no reason to kill it."""


def dismiss_writer(runtime_dir: Path, name: str) -> None:
    """A writer of that name, which an earlier start of rigd left running and the config has no more, is told to close
    its takes and end, and nobody waits for it. Without its settings a service manager's next one only waits."""
    remove_own(runtime_dir / f"{name}.json")
    with contextlib.suppress(LinkError):
        link = connect(runtime_dir / f"{name}.sock", Codec(MESSAGES, across_builds=True))
        try:
            link.send(StopWriter())
        finally:
            link.close()


@dataclass(slots=True)
class _Sent:
    message: Struct
    reports_since: int = 0


class WriterLink:
    """Starts or finds the writer, and keeps its messages until they are sure to have arrived."""

    def __init__(
        self,
        *,
        runtime_dir: Path,
        post: Callable[[Any], None],
        lost: Callable[[str], None],
        other_build: OtherBuild,
        prepare: Callable[[], None] = lambda: None,
        name: str = "writer",
        upkeep: Upkeep = Upkeep.OWN,
    ) -> None:
        """`name` is the writer's: "writer" for the library, "mirror" for the second volume."""
        self._post = post
        self._lost = lost
        self._other_build = other_build
        self._name = name
        self._asked_to_end = 0
        self._lock = threading.Lock()
        self._said: list[_Sent] = []
        self._linked = False
        self._replace = False
        self._process = ProcessLink(
            name=name,
            command=python_module("rigd.writer", str(runtime_dir), name),
            runtime_dir=runtime_dir,
            follower=self,
            tick_s=TICK_S,
            prepare=prepare,
            upkeep=upkeep,
        )

    def start(self, *, replace: bool = False) -> None:
        """The writer is found or started. With `replace` one that is found ends once it has no take open, to be
        started anew: its settings are not those of the config any more."""
        self._replace = replace
        self._process.start()

    def stop(self) -> None:
        """The writer goes on alone."""
        self._process.stop()

    def stop_process(self) -> None:
        """Every take is closed and the writer has ended."""
        self._process.stop_process(StopWriter(), within_s=CLOSE_WITHIN_S)

    def send(self, *messages: Struct) -> None:
        """The writer has the messages, all of them, or will have them as soon as there is one that takes them. Never
        waits. StopWriter is for the one there is: the next one would end too."""
        with self._lock:
            self._said += [_Sent(message) for message in messages if not isinstance(message, StopWriter)]
            if self._linked:
                self._process.send(*messages)

    def connected(self) -> None:
        with self._lock:
            self._linked = True
            for said in self._said:
                said.reports_since = 0
            self._process.send(*(said.message for said in self._said))

    def received(self, message: Any) -> None:
        # A report is a proof only of what the writer had been given before.
        if isinstance(message, WriterReport) and not self._process.unsent:
            with self._lock:
                for said in self._said:
                    said.reports_since += 1
                self._said = [said for said in self._said if said.reports_since < REPORTS_TO_BE_SURE]
        if isinstance(message, WriterReport):
            self._other_build.writer_told(self._name, open_takes=len(message.open_takes))
            self._replace = self._replace and not self._process.is_own
            if self._replace and not message.open_takes:
                self._replace = False
                self._process.send(StopWriter())
        self._post(message)

    def tick(self) -> None:
        """A writer that waits for a frozen disk is not stuck: it is never killed for being slow."""
        pid = self._process.pid
        if pid != self._asked_to_end and self._other_build.is_to_end(pid):
            self._asked_to_end = pid
            self._process.send(StopWriter())

    def lost(self, reason: str) -> None:
        with self._lock:
            self._linked = False
        self._other_build.writer_told(self._name, open_takes=None)
        self._lost(reason)
