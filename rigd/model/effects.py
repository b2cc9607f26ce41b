"""What a step of the state table wants done: carried out by the controller, after the step. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from rigd.model.blackbox import Keep
from rigd.model.library import WhichVolume
from rigd.model.messages import Annotate, EndTake, KeepFirm, OpenTake, Retag, StopWriter
from rigd.model.state import Take
from rigd.model.take import Parameter
from rigd.model.units import TakeId


@dataclass(frozen=True, slots=True, kw_only=True)
class SendToWriter:
    """Say this to the writer, in order; it may be said twice without harm. StopWriter is said to the writer that
    there is, and not to the next one."""

    message: OpenTake | EndTake | Annotate | Retag | StopWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class SendToMirror:
    """Say this to the second volume's writer; it may be said twice without harm."""

    message: OpenTake | EndTake | Annotate | Retag | KeepFirm | StopWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckVolume:
    """Find out whether a volume that was away is fit for takes; answered by VolumeChecked."""

    volume: WhichVolume


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSetting:
    """Ask a preamp for a setting. What came of it arrives as PreampSetting."""

    preamp: str
    socket: int
    parameter: Parameter
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteTakeSheet:
    """Bring take.json of this take up to date."""

    take: Take


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptTake:
    """Read the journal of a take that the state knows too little of; answered by TakeAdopted.

    Where there is no journal nothing is answered: the writer has not begun it yet."""

    take_id: TakeId
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrashTake:
    """Move the take's folder to its session's trash; answered by TakeTrashed or LibraryFailed("discard")."""

    take: Take


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreTake:
    """Bring the take back from the trash; answered by TakeRestored or LibraryFailed("restore")."""

    take_id: TakeId


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """Open a session of today, new or not; answered by SessionOpened or LibraryFailed("open session")."""

    name: str
    newest: bool = False
    """The last one of that name, whatever its day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSong:
    """Note the current song in session.json."""

    session_folder: str
    song: str
    next_take_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TryDisk:
    """Measure the take volume in a short trial; answered by DiskMeasured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepFromBlackBox:
    """Put this take together from the black box; told by TakeAdopted once it is closed, or TakeFailed."""

    keep: Keep


@dataclass(frozen=True, slots=True, kw_only=True)
class DateTakes:
    """Date takes anew that were made by a wrong clock, if it is right now; answered by TakesDated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRig:
    """Every take is closed and nothing is on its way: rigd may end."""


Effect = (
    SendToWriter
    | SendToMirror
    | CheckVolume
    | RequestSetting
    | WriteTakeSheet
    | AdoptTake
    | TrashTake
    | RestoreTake
    | OpenSession
    | SetSong
    | TryDisk
    | KeepFromBlackBox
    | DateTakes
    | EndRig
)
