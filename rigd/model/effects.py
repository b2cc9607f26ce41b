"""What a step of the state table wants done: carried out by the controller, after the step. Pure."""

from __future__ import annotations

from msgspec import Struct

from rigd.model.blackbox import Keep
from rigd.model.inputs import Rules
from rigd.model.library import WhichVolume
from rigd.model.messages import Annotate, EndTake, KeepFirm, OpenTake, Retag, StopWriter
from rigd.model.state import Take
from rigd.model.units import SettingName, TakeId


class SendToWriter(Struct, frozen=True, kw_only=True):
    """Say this to the writer, in order; it may be said twice without harm. StopWriter is said to the writer that
    there is, and not to the next one."""

    message: OpenTake | EndTake | Annotate | Retag | StopWriter


class SendToMirror(Struct, frozen=True, kw_only=True):
    """Say this to the second volume's writer; it may be said twice without harm."""

    message: OpenTake | EndTake | Annotate | Retag | KeepFirm | StopWriter


class CheckVolume(Struct, frozen=True, kw_only=True):
    """Find out whether a volume that was away is fit for takes; answered by VolumeChecked."""

    volume: WhichVolume


class RequestSetting(Struct, frozen=True, kw_only=True):
    """Ask a preamp for a setting. What came of it arrives as PreampSetting."""

    preamp: str
    socket: int
    name: SettingName
    value: float


class WriteTakeSheet(Struct, frozen=True, kw_only=True):
    """Bring take.json of this take up to date."""

    take: Take


class AdoptTake(Struct, frozen=True, kw_only=True):
    """Read the journal of a take that the state knows too little of; answered by TakeAdopted.

    Where there is no journal nothing is answered: the writer has not begun it yet."""

    take_id: TakeId
    folder: str


class TrashTake(Struct, frozen=True, kw_only=True):
    """Move the take's folder to its session's trash; answered by TakeTrashed or LibraryFailed("discard")."""

    take: Take


class RestoreTake(Struct, frozen=True, kw_only=True):
    """Bring the take back from the trash; answered by TakeRestored or LibraryFailed("restore")."""

    take_id: TakeId


class DeleteTrash(Struct, frozen=True, kw_only=True):
    """Delete what was put in the trash before this Unix time, for good; answered by TrashEmptied."""

    before_unix_ns: int
    is_of_any_age: bool
    """Also what nobody knows the time of."""


class OpenSession(Struct, frozen=True, kw_only=True):
    """Open a session of today, new or not; answered by SessionOpened or LibraryFailed("open session")."""

    name: str
    newest: bool = False
    """The last one of that name, whatever its day."""


class SetSong(Struct, frozen=True, kw_only=True):
    """Note the current song in session.json."""

    session_folder: str
    song: str
    next_take_number: int


class TryDisk(Struct, frozen=True, kw_only=True):
    """Measure the take volume in a short trial; answered by DiskMeasured."""


class KeepFromBlackBox(Struct, frozen=True, kw_only=True):
    """Put this take together from the black box; told by TakeAdopted once it is closed, or TakeFailed."""

    keep: Keep


class DateTakes(Struct, frozen=True, kw_only=True):
    """Date takes anew that were made by a wrong clock, if it is right now; answered by TakesDated."""


class ReadConfig(Struct, frozen=True, kw_only=True):
    """Read the config again; answered by ConfigRead, and before that, where it is in order, by ConfigTakenUp."""


class TakeUpConfig(Struct, frozen=True, kw_only=True):
    """The config that was read is in force: from the next step on by these rules."""

    rules: Rules


class EndRig(Struct, frozen=True, kw_only=True):
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
    | DeleteTrash
    | OpenSession
    | SetSong
    | TryDisk
    | KeepFromBlackBox
    | DateTakes
    | ReadConfig
    | TakeUpConfig
    | EndRig
)
