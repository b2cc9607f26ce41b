"""The control socket: rigd.sock in the runtime folder, one JSON object a line each way. Mode 0600, or 0660 where the
folder itself is open to the rig's group.

One thread serves every client with non-blocking sockets. A client can slow down nobody but itself: what
comes in is bounded by the line and served a few lines a turn, what goes out by the queue, and whoever does
not read is cut off.
"""

from __future__ import annotations

import contextlib
import logging
import math
import selectors
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from rigd.api.answers import Answers, Records, wait_answer
from rigd.api.connection import SocketClient
from rigd.api.doorkeeper import Doorkeeper
from rigd.api.followed import FollowedStates
from rigd.api.visits import Visit, who_leaves, who_stops_watching
from rigd.control.controller import Controller
from rigd.control.levels_fan import LevelsFan
from rigd.control.listener import Listener
from rigd.links.runtime_folder import control_socket_mode
from rigd.model.brief import brief_state
from rigd.model.disk_words import TapeWatched
from rigd.model.errors import LinkError
from rigd.model.events import Snapshot
from rigd.model.limits import LONGEST_ANSWER_BYTES, MOST_CLIENTS, MOST_WATCHERS
from rigd.model.requests import (
    REQUESTS,
    Ended,
    Failed,
    FollowRequest,
    Subscribed,
    SubscribeRequest,
    Timing,
    WaitRequest,
)
from rigd.model.roles import Role
from rigd.model.units import NS_PER_SECOND, ClockNs, Ns
from rigd.wire.codec import Codec, encode
from rigd.wire.link import ListeningSocket
from rigd.wire.overheard import Overheard
from rigd.wire.peers import peer_of

log = logging.getLogger(__name__)

MOST_WAITS = 8
MOST_LEVELS_HZ = 30.0
LONGEST_WAIT_S = 3600.0
LONGEST_ERROR = 500
LEAVE_WITHIN_NS = 2 * NS_PER_SECOND
STUMBLE_PAUSE_S = 0.1
DOOR_PAUSE_NS = NS_PER_SECOND // 2
"""How long nobody new is let in where the system has no more files to give."""
ADMITTED_A_TURN = 8
"""Fewer than there are places: what a client says with its first breath is heard before others take its place."""
LINES_A_TURN = 16
"""So many requests of one client are served before the others have their turn."""
RESUMES_WITHIN_NS = 600 * NS_PER_SECOND
"""So long after the last one who followed changes are counted on for who comes back; then nobody pays for it."""
TOO_LONG = "the answer is too long to be sent; rigd goes on, and its log says what it was about"


class ControlSocket:
    """Each subscriber takes levels of its own, so that no clip is told to one of them only; all who ask for the
    status take together."""

    def __init__(
        self,
        path: Path,
        *,
        controller: Controller,
        levels: LevelsFan,
        read_timing: Callable[[], Timing | None],
        clock_ns: ClockNs,
        read_safety: Callable[[], TapeWatched | None] = lambda: None,
        group_role: Role = Role.OWNER,
        records: Records,
        read_newest_ns: Callable[[], Ns | None] = lambda: None,
        overheard: Mapping[str, Overheard] = MappingProxyType({}),
    ) -> None:
        self._path = path
        self._controller = controller
        self._levels = levels
        self._clock_ns = clock_ns
        self._answers = Answers(
            controller,
            clock_ns=clock_ns,
            levels=levels.taker(),
            read_timing=read_timing,
            read_safety=read_safety,
            records=records,
            read_newest_ns=read_newest_ns,
            overheard=overheard,
        )
        self._codec = Codec(REQUESTS)
        self._followed = FollowedStates()
        self._selector = selectors.DefaultSelector()
        self._visits: dict[int, Visit] = {}
        self._news, self._news_in = socket.socketpair()
        self._door: ListeningSocket | None = None
        self._door_is_gone = False
        """Its name in the runtime folder vanished: it is to be opened again."""
        self._door_opens_ns = 0
        """When the door is looked at again after a pause; 0: it is looked at."""
        self._doorkeeper = Doorkeeper(path, group_role=group_role)
        self._watch: Listener | None = None
        """Wakes the thread at every event, for those who wait for a take, and, while changes are counted, at every
        state."""
        self._follows_until_ns = 0
        """So long changes are counted after the last one who followed."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rigd-control-socket", daemon=True)

    def start(self) -> None:
        """Clients may connect. The caller holds the lock that makes this the only rigd of its folder."""
        self._door = ListeningSocket(self._path, mode=lambda: control_socket_mode(self._path.parent))
        self._door.socket.setblocking(False)
        for stream in (self._news, self._news_in):
            stream.setblocking(False)
        self._selector.register(self._door.socket, selectors.EVENT_READ)
        self._selector.register(self._news, selectors.EVENT_READ)
        self._thread.start()

    def can_be_found(self) -> bool:
        """Its name in the runtime folder leads here. Any thread."""
        return self._door is not None and self._door.is_there()

    def open_again(self) -> None:
        """Clients find it again in a moment, if the folder is there; those that are connected stay so. Any thread."""
        self._door_is_gone = True
        self._wake()

    def group_role_is(self, role: Role) -> None:
        """Members of the group are here as that, also those who are connected. Any thread; returns at once."""
        self._doorkeeper.group_role = role

    def _replace_door(self) -> None:
        assert self._door is not None
        self._door_is_gone = False
        before = self._door.socket
        fresh = self._door.open_again()
        if fresh is not None:
            fresh.setblocking(False)
            with contextlib.suppress(KeyError, ValueError):  # it may have been shut for a pause
                self._selector.unregister(before)
            self._selector.register(fresh, selectors.EVENT_READ)
            self._door_opens_ns = 0

    def stop(self) -> None:
        """Every client is gone, and so is the socket's file. Answers already given are written first."""
        self._stopping.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join()
        for visit in list(self._visits.values()):
            with contextlib.suppress(OSError):
                visit.client.put(encode(Ended()))
                visit.client.write()
            self._leave(visit)
        if self._watch is not None:
            self._watch.close()
        if self._door is not None:
            self._door.close()
        self._selector.close()
        self._news.close()
        self._news_in.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._turn()
            except Exception:
                log.exception("the control socket stumbled; it goes on")
                self._stopping.wait(STUMBLE_PAUSE_S)

    def _turn(self) -> None:
        for key, mask in self._selector.select(self._wait_s()):
            if self._door is not None and key.fileobj is self._door.socket:
                self._admit_some()
            elif key.fileobj is self._news:
                with contextlib.suppress(BlockingIOError):
                    while len(self._news.recv(4096)) == 4096:
                        pass
            elif mask & selectors.EVENT_READ:
                self._visits[key.fd].client.receive()
        if self._door_is_gone:
            self._replace_door()
        for visit in self._visits.values():
            self._serve_some(visit)
        now_ns = self._clock_ns()
        if 0 < self._door_opens_ns <= now_ns:
            self._open_door()
        self._keep_watch(now_ns)
        self._send_levels(now_ns)
        for visit in list(self._visits.values()):
            self._send_events(visit)
            self._look_at_waits(visit, now_ns)
            has_read = visit.client.write()
            visit.watch_reading(now_ns, has_read=has_read)
            if visit.client.is_over or 0 < visit.leaves_by_ns <= now_ns:
                self._leave(visit)
            else:
                self._selector.modify(visit.client.stream, _wanted(visit))

    def _keep_watch(self, now_ns: int) -> None:
        if any(visit.told_change is not None for visit in self._visits.values()):
            self._follows_until_ns = now_ns + RESUMES_WITHIN_NS
        follows = now_ns < self._follows_until_ns
        if self._watch is not None and self._watch.follows is not follows:
            self._watch.close()
        if self._watch is None or self._watch.is_over:
            self._watch = self._controller.listen(on_ready=self._wake, follows=follows)
        with contextlib.suppress(LinkError):
            while self._watch.next(0.0) is not None:
                pass
        if follows:
            self._followed.take_in(self._controller.state)
        else:
            self._followed.forget()

    def _wait_s(self) -> float | None:
        if any(visit.client.has_line for visit in self._visits.values()):
            return 0.0
        due = [visit.levels_due_ns for visit in self._visits.values() if visit.levels_every_ns]
        due += [visit.leaves_by_ns for visit in self._visits.values() if visit.leaves_by_ns]
        due += [visit.stuck_by_ns for visit in self._visits.values() if visit.stuck_by_ns]
        due += [self._door_opens_ns] if self._door_opens_ns else []
        due += [deadline_ns for visit in self._visits.values() for _, deadline_ns in visit.waits]
        return max(0.0, (min(due) - self._clock_ns()) / NS_PER_SECOND) if due else None

    def _admit_some(self) -> None:
        assert self._door is not None
        for _ in range(ADMITTED_A_TURN):
            try:
                stream, _address = self._door.socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                log.warning("nobody can be let in to the control socket: %s; rigd tries again", error)
                self._selector.unregister(self._door.socket)
                self._door_opens_ns = self._clock_ns() + DOOR_PAUSE_NS
                return
            self._admit(stream)

    def _admit(self, stream: socket.socket) -> None:
        who = self._doorkeeper.let_in(stream)
        if who is None:
            return
        visit = Visit(SocketClient(stream), who, peer=peer_of(stream), came_at_ns=self._clock_ns())
        self._visits[stream.fileno()] = visit
        self._selector.register(stream, selectors.EVENT_READ)
        leaves = who_leaves(visit, self._visits.values(), now_ns=self._clock_ns())
        if leaves is visit:
            self._turn_away(visit, f"there are {MOST_CLIENTS} clients already; close one")
        elif leaves is not None:
            self._turn_away(leaves, "others needed the place; connect again")

    def _open_door(self) -> None:
        assert self._door is not None
        self._selector.register(self._door.socket, selectors.EVENT_READ)
        self._door_opens_ns = 0

    def _serve_some(self, visit: Visit) -> None:
        """The client's next lines, and what is left over in the next turn; nothing of one that is over."""
        client = visit.client
        try:
            for _ in range(LINES_A_TURN):
                if client.is_over or not client.has_room or client.ends_when_told:
                    return
                if (line := client.take_line()) is None:
                    return
                if line.strip():
                    visit.asked_at_ns = self._clock_ns()
                    self._serve(visit, line)
        except LinkError as error:
            self._turn_away(visit, str(error))

    def _turn_away(self, visit: Visit, error: str) -> None:
        if visit.listener is not None:
            visit.listener.close()
        visit.listener = visit.told_change = None
        self._end_levels(visit)
        visit.waits.clear()
        self._tell(visit, Failed(id=None, error=error))
        visit.client.ends_when_told = True
        visit.leaves_by_ns = self._clock_ns() + LEAVE_WITHIN_NS

    def _serve(self, visit: Visit, line: bytes) -> None:
        request_id = None
        try:
            request = self._codec.decode(line)
            request_id = request.id
            match request:
                case SubscribeRequest() | FollowRequest():
                    self._subscribe(visit, request)
                case WaitRequest():
                    self._wait_for(visit, request)
                case _:
                    who = self._doorkeeper.as_of_now(visit.who)
                    self._answers.answer(request, who, lambda answer: self._tell(visit, answer))
        except LinkError as error:
            self._tell(visit, Failed(id=request_id, error=_plain(str(error))))
        except Exception:
            log.exception("a request broke: %r", line[:200])
            self._tell(visit, Failed(id=request_id, error="this broke inside rigd; see its log"))

    def _subscribe(self, visit: Visit, request: SubscribeRequest | FollowRequest) -> None:
        if not (math.isfinite(request.levels_hz) and 0 <= request.levels_hz <= MOST_LEVELS_HZ):
            raise LinkError(f"levels_hz is 0 to {MOST_LEVELS_HZ:g}")
        leaves = who_stops_watching(visit, self._visits.values())
        if leaves is visit:
            raise LinkError(f"{MOST_WATCHERS} clients watch already; close one of them")
        self._tell(visit, Subscribed(id=request.id))
        if visit.listener is not None:
            visit.listener.close()
        elif leaves is not None:
            self._turn_away(leaves, "others needed the place; connect again")
        visit.listener = self._controller.listen(on_ready=self._wake)
        visit.told_change = None
        if isinstance(request, FollowRequest):
            visit.listener.next(0.0)  # the snapshot is that of the changes
            self._followed.take_in(self._controller.state)
            self._begin_changes(visit, request)
        self._end_levels(visit)
        visit.levels_every_ns = round(NS_PER_SECOND / request.levels_hz) if request.levels_hz else 0
        visit.levels_due_ns = self._clock_ns()
        visit.levels = self._levels.taker() if visit.levels_every_ns else None
        self._send_events(visit)  # the snapshot comes before the first levels

    def _begin_changes(self, visit: Visit, request: FollowRequest) -> None:
        known = None if request.since is None else self._followed.since(request.since, run=request.run)
        if known is None:
            self._tell(visit, self._followed.snapshot(), wake=False)
            visit.told_change = self._followed.number
        else:
            visit.told_change = request.since

    def _send_changes(self, visit: Visit) -> None:
        """What it was not told yet. One that does not read is told later, and what is not known any more by then as a
        snapshot: so little waits for it that it is never cut off for the changes."""
        if visit.told_change is None or visit.told_change == self._followed.number:
            return
        lines = self._followed.since(visit.told_change)
        if lines is None:
            if visit.client.has_room:
                self._tell(visit, self._followed.snapshot(), wake=False)
                visit.told_change = self._followed.number
            return
        for line in lines:
            if not visit.client.has_room:
                return
            visit.client.put(line)
            visit.told_change += 1

    def _end_levels(self, visit: Visit) -> None:
        visit.levels_every_ns = 0
        if visit.levels is not None:
            visit.levels.close()
        visit.levels = None

    def _wait_for(self, visit: Visit, request: WaitRequest) -> None:
        if not (math.isfinite(request.timeout_s) and 0 <= request.timeout_s <= LONGEST_WAIT_S):
            raise LinkError(f"timeout_s is 0 to {LONGEST_WAIT_S:g}")
        if len(visit.waits) >= MOST_WAITS:
            raise LinkError(f"this client waits for {MOST_WAITS} takes already")
        visit.waits.append((request, self._clock_ns() + round(request.timeout_s * NS_PER_SECOND)))

    def _look_at_waits(self, visit: Visit, now_ns: int) -> None:
        for waiting in list(visit.waits):
            request, deadline_ns = waiting
            answer = wait_answer(request, self._controller.state)
            if answer is None and now_ns >= deadline_ns:
                answer = Failed(id=request.id, error=f"not closed within {request.timeout_s:g} s")
            if answer is not None:
                visit.waits.remove(waiting)
                self._tell(visit, answer)

    def _send_events(self, visit: Visit) -> None:
        if visit.listener is None:
            return
        try:
            while (news := visit.listener.next(0.0)) is not None:
                if isinstance(news, Snapshot):
                    news = Snapshot(state=brief_state(news.state))
                self._tell(visit, news, wake=False)
                if visit.client.is_over:
                    return
            self._send_changes(visit)
        except LinkError as error:
            visit.listener = None
            self._turn_away(visit, str(error))

    def _send_levels(self, now_ns: int) -> None:
        for visit in self._visits.values():
            if visit.levels is None or now_ns < visit.levels_due_ns:
                continue
            visit.levels_due_ns = max(visit.levels_due_ns + visit.levels_every_ns, now_ns)
            if visit.client.has_waiting:  # it has not read the last ones: it sees late, and no clip less
                visit.levels.look()
            elif (levels := visit.levels.take()) is not None:
                self._tell(visit, levels, wake=False)

    def _tell(self, visit: Visit, answer: Struct, *, wake: bool = True) -> None:
        """Any thread: the controller's replies come on its own."""
        line = encode(answer)
        if len(line) > LONGEST_ANSWER_BYTES:
            log.error("%s would be %s bytes long; it was not sent", type(answer).__name__, f"{len(line):,}")
            line = encode(Failed(id=getattr(answer, "id", None), error=TOO_LONG))
        visit.client.put(line)
        if wake:
            self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it wakes anyway; closed: nobody is there to wake
            self._news_in.send(b"\0")

    def _leave(self, visit: Visit) -> None:
        self._visits.pop(visit.client.fileno(), None)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(visit.client.stream)
        if visit.listener is not None:
            visit.listener.close()
        self._end_levels(visit)
        visit.client.close()


def _wanted(visit: Visit) -> int:
    client = visit.client
    reads = client.has_room and not (client.ends_when_told or client.has_line)
    wanted = selectors.EVENT_READ if reads else 0
    return wanted | (selectors.EVENT_WRITE if visit.client.has_waiting else 0)


def _plain(text: str) -> str:
    """What a client sent may be in it: bounded, and without what no JSON reader likes."""
    return text[:LONGEST_ERROR].encode("ascii", "backslashreplace").decode()
