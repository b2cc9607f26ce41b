"""What a client of the control socket may ask, and what it is answered. Pure.

One JSON object a line each way; the field "type" is the class name. Each answer carries the `id` of its
request, so that a client may ask several things at once.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from rigd.model.audit import AuditEntry
from rigd.model.brief import Counted
from rigd.model.changes import Change
from rigd.model.events import Event, Snapshot
from rigd.model.health import Health
from rigd.model.levels import Levels
from rigd.model.library import LibraryPage, SessionsPage, SessionsWanted, TakesWanted
from rigd.model.state import RigState, Take
from rigd.model.units import Frame, Ns, TakeId

RequestId = int | str
Argument = str | int | float | bool | list[Any] | None
"""Channels are a number, a list of numbers, or their text ("1-4,7")."""


class CommandRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Do this command, by its verb and its fields. Answered by CommandAnswer."""

    id: RequestId
    verb: str
    arguments: dict[str, Argument] = field(default_factory=dict)
    at_ns: Ns | None = None
    """When it was meant (CLOCK_MONOTONIC of this machine); None: now."""
    held: bool = False
    """True where the person insists, as by a held control: the lock asks for it."""
    origin: str = "cli"
    retry: str = ""
    """A key of the client's own, unique. With the same key again it is not done again, and has the same answer."""


class TextRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Do this command, in its text form ("keep 20"). Answered by CommandAnswer."""

    id: RequestId
    text: str
    at_ns: Ns | None = None
    held: bool = False
    origin: str = "cli"
    retry: str = ""
    """As of a CommandRequest."""


class StatusRequest(Struct, frozen=True, kw_only=True):
    """Answered by StatusAnswer."""

    id: RequestId
    levels: bool = False


class HealthRequest(Struct, frozen=True, kw_only=True):
    """Answered by HealthAnswer, by way of the controller's own queue: an answer shows that it works."""

    id: RequestId


class SubscribeRequest(Struct, frozen=True, kw_only=True):
    """Answered by Subscribed, then a Snapshot, then every Event, with Levels `levels_hz` times a second."""

    id: RequestId
    levels_hz: float = 0.0


class FollowRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As SubscribeRequest; the Snapshot is of the state as it is followed (`model/changes.py`), and with the events
    comes a Change of it whenever something differs. What an event or a change costs does not grow with the takes.

    One who comes back says what it has: it gets the changes after that one, and no Snapshot; where they are not known
    any more, or were another daemon's, a Snapshot as ever."""

    id: RequestId
    levels_hz: float = 0.0
    since: int | None = None
    """The number of the last change (or of the Snapshot) that it has."""
    run: str = ""
    """The run that counted it."""


class TakesRequest(Struct, frozen=True, kw_only=True):
    """The session's takes, from the oldest on or from behind that one on. Answered by TakesAnswer, or by Failed where
    `after` is none of them any more."""

    id: RequestId
    after: TakeId | None = None


class LibraryRequest(Struct, frozen=True, kw_only=True):
    """The takes of all sessions, in pages. Answered by LibraryAnswer, or by Failed where the index cannot be read."""

    id: RequestId
    wanted: TakesWanted = TakesWanted()


class SessionsRequest(Struct, frozen=True, kw_only=True):
    """The sessions of the library, in pages. Answered by SessionsAnswer, or by Failed as a LibraryRequest."""

    id: RequestId
    wanted: SessionsWanted = SessionsWanted()


class TakeRequest(Struct, frozen=True, kw_only=True):
    """One take with all that is known of it: by its id, or the last one. Answered by TakeAnswer."""

    id: RequestId
    take_id: TakeId | None = None
    have: Counted = field(default_factory=Counted)
    """So many of its entries are known already; the answer has the next ones."""


class AuditRequest(Struct, frozen=True, kw_only=True):
    """The last commands and what came of them, of those before that number. Answered by AuditAnswer, or by Failed."""

    id: RequestId
    last: int = 50
    before: int | None = None


class WaitRequest(Struct, frozen=True, kw_only=True):
    """Answered by TakeAnswer once the take (None: every take) is closed, or by Failed at the time-out."""

    id: RequestId
    take_id: TakeId | None = None
    timeout_s: float = 30.0


class OverhearRequest(Struct, frozen=True, kw_only=True):
    """What came over a surface's port after its first `after` pieces. Answered by OverheardAnswer; ask again within
    three seconds, as nothing is kept while nobody asks."""

    id: RequestId
    surface: str
    after: int = 0


REQUESTS: tuple[type, ...] = (
    CommandRequest,
    TextRequest,
    StatusRequest,
    HealthRequest,
    SubscribeRequest,
    FollowRequest,
    TakesRequest,
    LibraryRequest,
    SessionsRequest,
    TakeRequest,
    WaitRequest,
    AuditRequest,
    OverhearRequest,
)


class CommandAnswer(Struct, frozen=True, kw_only=True):
    """The controller's reply; `text` is the message or the reason."""

    id: RequestId
    accepted: bool
    text: str
    take_id: TakeId | None = None
    """The take that the command began, ended, changed or brought back: what a client may wait for."""
    ended: TakeId | None = None
    """The take whose end the command told: every byte of it is safe once it is closed."""


class Timing(Struct, frozen=True, kw_only=True):
    """The interface's clock against CLOCK_MONOTONIC."""

    measured_rate_hz: float
    """The nominal rate until some seconds have been heard."""
    drift_ppm: float
    """How much faster than nominal it runs."""
    measured_over_s: float
    next_frame: Frame
    """One past the newest frame on the tape."""
    lost_frames: int
    """Since the tape was made."""
    xruns: int


class StatusAnswer(Struct, frozen=True, kw_only=True):
    """The state with its takes in brief (see `brief_state`)."""

    id: RequestId
    state: RigState
    levels: Levels | None = None
    timing: Timing | None = None
    """None where nothing has been heard."""
    who: str = ""
    """Who asks, by the word of the system."""
    role: str = ""
    """What that one is there for (`model/roles.py`); empty: of a rig of an older build."""


class Subscribed(Struct, frozen=True, kw_only=True):
    """Snapshot and events follow."""

    id: RequestId


class TakesAnswer(Struct, frozen=True, kw_only=True):
    """Oldest first, the rolling one last; in brief."""

    id: RequestId
    takes: tuple[Take, ...]
    more: bool = False
    """There are more behind the last of these; ask for them."""


class LibraryAnswer(Struct, frozen=True, kw_only=True):
    id: RequestId
    page: LibraryPage


class SessionsAnswer(Struct, frozen=True, kw_only=True):
    id: RequestId
    page: SessionsPage


class TakeAnswer(Struct, frozen=True, kw_only=True):
    """One take; None where `wait` waited for all and there is none. One that is too long for an answer comes in
    parts: as long as there are more of its entries than the parts have together, ask for the next."""

    id: RequestId
    take: Take | None
    of: Counted | None = None
    """How many of each there are."""


class AuditAnswer(Struct, frozen=True, kw_only=True):
    """Oldest first; fewer than were asked for where an answer has no room for more: ask for those before."""

    id: RequestId
    entries: tuple[AuditEntry, ...]


class HealthAnswer(Struct, frozen=True, kw_only=True):
    """Whether the rig records, or could now."""

    id: RequestId
    health: Health


class OverheardPiece(Struct, frozen=True, kw_only=True):
    """Some bytes of a port: a message where it knows messages."""

    at_ns: Ns
    sent: str
    """Hexadecimal."""


class OverheardAnswer(Struct, frozen=True, kw_only=True):
    """`next`: what to ask with the next time."""

    id: RequestId
    pieces: tuple[OverheardPiece, ...]
    next: int


class Failed(Struct, frozen=True, kw_only=True):
    """The request could not be understood or done. `id` is None where the line was no request at all."""

    id: RequestId | None
    error: str


class Ended(Struct, frozen=True, kw_only=True):
    """Told to every client, unasked, as the last word: rigd ends."""


ANSWERS: tuple[type, ...] = (
    CommandAnswer,
    StatusAnswer,
    HealthAnswer,
    Subscribed,
    TakesAnswer,
    LibraryAnswer,
    SessionsAnswer,
    TakeAnswer,
    AuditAnswer,
    OverheardAnswer,
    Failed,
    Ended,
    Snapshot,
    Event,
    Change,
    Levels,
)
