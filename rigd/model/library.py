"""What the library tells the controller: facts about sessions and takes on disk. Pure."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from rigd.model.state import Take
from rigd.model.take import TakeFile
from rigd.model.units import TakeId


class TakePlan(Struct, frozen=True, kw_only=True):
    """Where a take goes: a folder that does not exist yet, and its files."""

    folder: str
    """Absolute path."""
    files: tuple[TakeFile, ...]
    ordinal: int = 0
    """Its place among the library's takes."""


class SessionOpened(Struct, frozen=True, kw_only=True):
    """The session's folder and session.json are durable; takes may be planned in it."""

    session: str
    date: str
    """YYYY-MM-DD."""
    folder: str
    """Absolute path."""
    song: str
    """The song that was current when the session was used last; empty for a new session."""
    next_take_number: int
    """For that song."""
    takes: tuple[Take, ...]
    """Its closed takes, oldest first, no false takes."""
    trashed: tuple[TakeId, ...]
    """Its false takes, discarded last at the end."""
    discarded_names: tuple[tuple[TakeId, str], ...] = ()
    """What the last of them are called."""


class SheetWritten(Struct, frozen=True, kw_only=True):
    """take.json of a closed take is durable and the take is in the index."""

    take: Take


class TakeOtherwise(Struct, frozen=True, kw_only=True):
    """The session was opened by what the index said of a closed take, and its folder, looked at since, says this."""

    take: Take
    believed: Take


class TakeTrashed(Struct, frozen=True, kw_only=True):
    """The take's folder is in its session's trash, durably."""

    take_id: TakeId
    folder: str
    """Where it is now."""


class TakeRestored(Struct, frozen=True, kw_only=True):
    """The take is back from the trash, durably."""

    take: Take


class TrashEmptied(Struct, frozen=True, kw_only=True):
    """These takes are gone from the trash, for good."""

    takes: tuple[TakeId, ...]
    size_bytes: int
    problem: str = ""
    """Why some are left that were to go."""


class TakeRead(Struct, frozen=True, kw_only=True):
    """A take that a command is about, as its folder has it: of any session, also one in the trash."""

    take: Take


class LibraryFailed(Struct, frozen=True, kw_only=True):
    """The library could not do what it was asked. Takes are not touched by this."""

    doing: str
    """"open session", "write session", "write take sheet", "discard", "restore", "index", "look through"."""
    subject: str
    """A take id, or a session's name."""
    reason: str


class LibraryMended(Struct, frozen=True, kw_only=True):
    """What had failed was tried again by itself and is done."""

    doing: str
    """As in LibraryFailed."""


class TakesWanted(Struct, frozen=True, kw_only=True):
    """Which takes of the library, and from where on."""

    session: str = ""
    """Of the sessions of that name, whatever their day; empty: of all."""
    after: str = ""
    """The `next` of the page before; empty: from the oldest on."""
    text: str = ""
    """Those alone with this in their name, song, notes or markers, whatever its capitals; empty: all."""
    in_trash: bool = False
    """Those of the trash, and no others."""


class SessionsWanted(Struct, frozen=True, kw_only=True):
    """The sessions of the library, from where on."""

    after: str = ""
    """The `next` of the page before; empty: from the oldest on."""


class ListedSession(Struct, frozen=True, kw_only=True):
    """A session of the library, in short, by its index."""

    folder: str
    """Below the library's folder."""
    session: str
    date: str
    """YYYY-MM-DD."""
    takes: int
    """No false ones."""
    length_s: float
    """Of all its takes."""
    size_bytes: int


class SessionsPage(Struct, frozen=True, kw_only=True):
    """Sessions, oldest first; as many as there is room for."""

    library: str
    sessions: tuple[ListedSession, ...]
    next: str
    """What to ask for the next ones with; empty: these were the last."""
    complete: bool
    """As of a LibraryPage."""


class ListedTake(Struct, frozen=True, kw_only=True):
    """A take of the library, in short, by its index."""

    take_id: TakeId
    folder: str
    """Below the library's folder."""
    session_folder: str
    session: str
    song: str
    number: int
    name: str
    circled: bool
    rating: int
    rolling: bool
    recovered: bool
    started_at: str
    ordinal: int
    frames: int
    sample_rate_hz: int
    channels: int
    gaps: int
    xruns: int
    markers: int
    size_bytes: int
    kept: bool = False
    """Nobody had pressed record: it was kept from the past."""
    simulated: bool = False
    failure: str = ""
    """Why it could not go on."""
    discarded_at: str = ""
    """When it was put in the trash: ISO 8601 local time; empty where it is not there, or nobody knows."""
    found: tuple[str, ...] = ()
    """The notes and markers that have the text that was asked for."""


class LibraryPage(Struct, frozen=True, kw_only=True):
    """Takes of all sessions, oldest first, no false takes but in the trash; as many as there is room for, and none
    where a search goes on."""

    library: str
    """The folder that they lie below."""
    takes: tuple[ListedTake, ...]
    next: str
    """What to ask for the next ones with; empty: these were the last."""
    complete: bool
    """False: the library is still being looked through, and some may be missing."""


class WhichVolume(StrEnum):
    """Which of the two."""

    LIBRARY = "library"
    MIRROR = "mirror"


class VolumeChecked(Struct, frozen=True, kw_only=True):
    """A volume that was away was looked at: its folder, its right to write, a written and read probe."""

    volume: WhichVolume
    problem: str = ""
    """Empty: takes may go to it again."""


class TakeCompared(Struct, frozen=True, kw_only=True):
    """A closed take on both volumes, file by file, after what could be copied was copied."""

    take: Take
    """In the library where that copy is whole, else on the mirror; `copy` is the other one."""
    reason: str = ""
    """What differs or is missing, by file; empty where the copies are the same."""


class CopiesLeft(Struct, frozen=True, kw_only=True):
    """So many takes are still to be compared or copied."""

    count: int
    problem: str = ""
    """Why it does not go on; empty where it does."""


class TakesDated(Struct, frozen=True, kw_only=True):
    """The clock has come: these takes have another date in take.json and lie in the session of their day, durably."""

    takes: tuple[Take, ...]
    opened: SessionOpened | None = None
    """The session that they lie in now, where takes of the open one were moved."""
    left: bool = False
    """Somebody began to record: not all of them are dated anew yet."""


LibraryFact = (
    SessionOpened
    | SheetWritten
    | TakeOtherwise
    | TakeTrashed
    | TakeRestored
    | TakeRead
    | TrashEmptied
    | LibraryFailed
    | LibraryMended
    | VolumeChecked
    | TakeCompared
    | CopiesLeft
    | TakesDated
)
