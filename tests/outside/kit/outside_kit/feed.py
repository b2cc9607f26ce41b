"""A face that serves the rig's changes over a socket in the file system, and takes commands: [feed].

A client gets one JSON object a line: a snapshot, then every event, and whatever differs of the state. It may say
{"do": "arm 3", "id": 1} and {"levels": true}. One thread serves all; who does not read is cut off.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import msgspec
from pydantic import field_validator

from outside_kit.wires import Bell, Gone, Lines
from rigd.config.options import NEEDED, Options, option
from rigd.hands.face import Door, Listening, Meter
from rigd.model.access import Access
from rigd.model.changes import change_between, followed_state
from rigd.model.command_text import parse_command
from rigd.model.commands import Accepted, Reply
from rigd.model.errors import CommandError, LinkError
from rigd.model.events import Event
from rigd.model.found import FoundHere
from rigd.model.state import RigState, SurfaceStatus
from rigd.model.units import Ns, Origin

log = logging.getLogger(__name__)
TRY_AGAIN_S = 0.2


class FeedSettings(Options):
    """A socket at which programs of this machine follow the rig and command it."""

    path: str = option(NEEDED, "Where the socket is, in a folder that is this user's own", longest=100)

    @field_validator("path")
    @classmethod
    def _is_whole(cls, path: str) -> str:
        if not os.path.isabs(path):
            raise ValueError('must be a whole path, such as "/run/user/1000/feed.sock"')
        return path

    def access(self) -> Access:
        """Nothing but a file."""
        return Access()


def found_here() -> FoundHere:
    """Only what to write."""
    return FoundHere(
        title="A feed of changes",
        pieces=('[feed]\npath = "/run/user/1000/feed.sock"\n',),
        facts={"feeds": []},
    )


@dataclass(slots=True)
class _Client:
    lines: Lines
    listening: Listening
    meter: Meter
    seen: RigState | None = None
    answers: deque[dict[str, Any]] = field(default_factory=deque)
    """Put in by the controller's thread."""


class Feed:
    """See rigd.hands.face.Face."""

    settings_model = FeedSettings
    found_here = staticmethod(found_here)

    def __init__(self, settings: FeedSettings, door: Door) -> None:
        self._path, self._door = settings.path, door
        self._bell = Bell()
        self._selector = selectors.DefaultSelector()
        self._clients: dict[int, _Client] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._bell.ring()
        if self._thread.ident is not None:
            self._thread.join()
        self._bell.close()

    def _run(self) -> None:
        server = self._opened()
        if server is None:
            return
        self._selector.register(server, selectors.EVENT_READ)
        self._selector.register(self._bell.ear, selectors.EVENT_READ)
        try:
            while not self._stopping.is_set():
                self._turn(server)
        finally:
            for client in list(self._clients.values()):
                self._part_from(client)
            server.close()
            with contextlib.suppress(OSError):
                os.unlink(self._path)
            self._selector.close()

    def _opened(self) -> socket.socket | None:
        """None once it is to stop. A place that cannot be had is tried again and again."""
        while not self._stopping.is_set():
            server = socket.socket(socket.AF_UNIX)
            try:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._path)
                server.bind(self._path)
                server.listen()
                server.setblocking(False)
            except OSError as error:
                server.close()
                why = f"{self._path} cannot be opened ({error.strerror}); make its folder, rigd tries again"
                self._report(connected=False, detail=why)
                self._stopping.wait(TRY_AGAIN_S)
                continue
            self._report(connected=True, detail="serves changes")
            return server
        return None

    def _report(self, *, connected: bool, detail: str) -> None:
        name = self._door.name
        self._door.report(
            SurfaceStatus(name=name, kind=name, connected=connected, detail=detail, port=self._path)
        )

    def _turn(self, server: socket.socket) -> None:
        for ready, _ in self._selector.select():
            if ready.fileobj is server:
                with contextlib.suppress(OSError):
                    self._welcome(server.accept()[0])
            elif ready.fileobj is self._bell.ear:
                self._bell.heard()
        for client in list(self._clients.values()):
            try:
                self._serve(client)
                writes = selectors.EVENT_WRITE if client.lines.waits else 0
                self._selector.modify(client.lines.stream, selectors.EVENT_READ | writes)
            except (Gone, LinkError) as error:
                log.info("a client of the feed is gone: %s", error)
                self._part_from(client)

    def _welcome(self, stream: socket.socket) -> None:
        listening = self._door.listen(on_ready=self._bell.ring, follows=True)
        client = _Client(lines=Lines(stream), listening=listening, meter=self._door.meter())
        self._clients[stream.fileno()] = client
        self._selector.register(stream, selectors.EVENT_READ)

    def _part_from(self, client: _Client) -> None:
        del self._clients[client.lines.stream.fileno()]
        self._selector.unregister(client.lines.stream)
        client.listening.close()
        client.meter.close()
        client.lines.close()

    def _serve(self, client: _Client) -> None:
        client.lines.flush()
        for said in client.lines.receive():
            self._hear(client, said)
        while client.answers:
            self._send(client, client.answers.popleft())
        while (news := client.listening.next(0.0)) is not None:
            if isinstance(news, Event):
                self._send(client, {"event": news})
            else:
                client.seen = followed_state(news.state)
                self._send(client, {"snapshot": client.seen})
        newest = followed_state(client.listening.state)
        if client.seen is not None and (change := change_between(client.seen, newest)) is not None:
            client.seen = newest
            self._send(client, {"change": change})

    def _send(self, client: _Client, what: dict[str, Any]) -> None:
        client.lines.send(msgspec.json.encode(what))

    def _hear(self, client: _Client, said: dict[str, Any]) -> None:
        if said.get("levels"):
            client.answers.append({"levels": client.meter.take()})
        elif "do" in said:
            asked = said.get("id")

            def answered(reply: Reply) -> None:
                text = reply.message if isinstance(reply, Accepted) else reply.reason
                client.answers.append({"id": asked, "accepted": isinstance(reply, Accepted), "text": text})
                self._bell.ring()

            try:
                origin, at_ns = Origin(self._door.name), Ns(time.monotonic_ns())
                self._door.do(parse_command(str(said["do"]), origin=origin, at_ns=at_ns), answered)
            except CommandError as error:
                client.answers.append({"id": asked, "accepted": False, "text": str(error)})
