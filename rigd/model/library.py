"""What the library tells the controller: facts about sessions and takes on disk. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rigd.model.state import Take
from rigd.model.take import TakeFile
from rigd.model.units import TakeId


@dataclass(frozen=True, slots=True, kw_only=True)
class TakePlan:
    """Where a take goes: a folder that does not exist yet, and its files."""

    folder: str
    """Absolute path."""
    files: tuple[TakeFile, ...]
    ordinal: int = 0
    """Its place among the library's takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetWritten:
    """take.json of a closed take is durable and the take is in the index."""

    take: Take


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeTrashed:
    """The take's folder is in its session's trash, durably."""

    take_id: TakeId
    folder: str
    """Where it is now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeRestored:
    """The take is back from the trash, durably."""

    take: Take


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryFailed:
    """The library could not do what it was asked. Takes are not touched by this."""

    doing: str
    """"open session", "write session", "write take sheet", "discard", "restore", "index", "look through"."""
    subject: str
    """A take id, or a session's name."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryMended:
    """What had failed was tried again by itself and is done."""

    doing: str
    """As in LibraryFailed."""


class WhichVolume(StrEnum):
    """Which of the two."""

    LIBRARY = "library"
    MIRROR = "mirror"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeChecked:
    """A volume that was away was looked at: its folder, its right to write, a written and read probe."""

    volume: WhichVolume
    problem: str = ""
    """Empty: takes may go to it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeCompared:
    """A closed take on both volumes, file by file, after what could be copied was copied."""

    take: Take
    """In the library where that copy is whole, else on the mirror; `copy` is the other one."""
    reason: str = ""
    """What differs or is missing, by file; empty where the copies are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiesLeft:
    """So many takes are still to be compared or copied."""

    count: int
    problem: str = ""
    """Why it does not go on; empty where it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakesDated:
    """The clock has come: these takes have another date in take.json and lie in the session of their day, durably."""

    takes: tuple[Take, ...]
    opened: SessionOpened | None = None
    """The session that they lie in now, where takes of the open one were moved."""
    left: bool = False
    """Somebody began to record: not all of them are dated anew yet."""


LibraryFact = (
    SessionOpened
    | SheetWritten
    | TakeTrashed
    | TakeRestored
    | LibraryFailed
    | LibraryMended
    | VolumeChecked
    | TakeCompared
    | CopiesLeft
    | TakesDated
)
