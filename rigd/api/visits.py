"""A client of the control socket as its server knows it, and who gives up a place where there are no more.

Places are for those who talk: who connected and said nothing goes first, the longest there of them, then who has been
quiet. Where all talk, the process that has the most places gives up one of them, be it the one that comes: so a
program that opens dozens takes them from itself, and a command from a terminal always finds one. One thread.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rigd.api.connection import SocketClient
from rigd.control.levels_fan import LevelsTaker
from rigd.control.listener import Listener
from rigd.model.limits import MOST_CLIENTS, MOST_GUESTS, MOST_WATCHERS
from rigd.model.requests import WaitRequest
from rigd.model.units import NS_PER_SECOND
from rigd.rules.permissions import Principal
from rigd.wire.peers import Peer

QUIET_NS = 5 * NS_PER_SECOND
"""Where all places are taken, a client that has asked nothing for so long makes room for a new one."""
FIRST_WORD_NS = NS_PER_SECOND
FEW_PLACES = 4
"""A terminal has one or two; one that connects twice before it speaks must not push itself out."""
STUCK_NS = 2 * NS_PER_SECOND
"""A client for which so much waits that it is not served, and that reads nothing of it for so long, is cut off."""

NOBODY = Peer(pid=0, uid=0, gid=0)


@dataclass(eq=False, slots=True)
class Visit:
    """A client and what it has asked for that is not answered once and for all."""

    client: SocketClient
    who: Principal
    peer: Peer = NOBODY
    listener: Listener | None = None
    told_change: int | None = None
    """The last change that it was told, where it follows the state."""
    levels_every_ns: int = 0
    levels_due_ns: int = 0
    levels: LevelsTaker | None = None
    waits: list[tuple[WaitRequest, int]] = field(default_factory=list)
    """Each with the time at which it is given up."""
    came_at_ns: int = 0
    asked_at_ns: int = 0
    """When its last whole line came in; 0: none yet."""
    leaves_by_ns: int = 0
    """When a client that was turned away is closed, whether it has read why or not; 0: it may stay."""
    stuck_by_ns: int = 0
    """When it is cut off unless it reads; 0: it reads."""

    @property
    def stays(self) -> bool:
        """It watches, or waits for a take."""
        return self.listener is not None or bool(self.waits)

    @property
    def is_guest(self) -> bool:
        """Of another user than the rig's own and root."""
        return self.peer.uid not in (0, os.geteuid())

    def is_idle(self, now_ns: int, *, places: int) -> bool:
        """It has asked nothing for long, or nothing yet; who has just come, and has few `places`, is about to."""
        if self.stays or now_ns - self.asked_at_ns < QUIET_NS:
            return False
        return self.asked_at_ns > 0 or places > FEW_PLACES or now_ns - self.came_at_ns >= FIRST_WORD_NS

    def watch_reading(self, now_ns: int, *, has_read: bool) -> None:
        """It is over once it has let much wait for too long."""
        if self.client.has_room or has_read:
            self.stuck_by_ns = 0
        elif not self.stuck_by_ns:
            self.stuck_by_ns = now_ns + STUCK_NS
        elif now_ns >= self.stuck_by_ns:
            self.client.is_over = True


def who_leaves(late: Visit, visits: Iterable[Visit], *, now_ns: int) -> Visit | None:
    """Who has to go, now that `late` has come; None where there is place for all. No watcher where each
    process has one place: as fewer may watch than there are places, whoever comes finds one."""
    here = [visit for visit in visits if not visit.client.ends_when_told]
    guests = [visit for visit in here if visit.is_guest]
    if late.is_guest and len(guests) > MOST_GUESTS:
        here = guests
    elif len(here) <= MOST_CLIENTS:
        return None
    others = [visit for visit in here if visit is not late]
    places = Counter(visit.peer for visit in here)
    idle = [visit for visit in others if visit.is_idle(now_ns, places=places[visit.peer])]
    if idle:
        return min(idle, key=lambda visit: visit.asked_at_ns)
    greedy = _of_the_greediest(late, here)
    if greedy is None:  # a process each: who was served last longest ago, who waits only where all do
        greedy = [visit for visit in others if visit.listener is None]
    return min(greedy, key=lambda visit: (visit.stays, visit.asked_at_ns), default=late)


def who_stops_watching(late: Visit, visits: Iterable[Visit]) -> Visit | None:
    """Who has to go so that `late` may watch, too; itself where it may not; None where there is place."""
    watchers = [visit for visit in visits if visit.listener is not None and not visit.client.ends_when_told]
    if late in watchers or len(watchers) < MOST_WATCHERS:
        return None
    return min(_of_the_greediest(late, [*watchers, late]) or [late], key=lambda visit: visit.asked_at_ns)


def _of_the_greediest(late: Visit, here: list[Visit]) -> list[Visit] | None:
    """All of the process that has the most of these places, `late` alone where it is of that one; None where each
    process has one."""
    places = Counter(visit.peer for visit in here)
    most = max(places.values())
    if most == 1:
        return None
    if places[late.peer] == most:
        return [late]
    return [visit for visit in here if places[visit.peer] == most]
