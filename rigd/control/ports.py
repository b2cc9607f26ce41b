"""What the controller needs of the rest of the rig: one Protocol a part.

Called on the controller's thread: no method may wait for a device or a disk.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from rigd.model.blackbox import Keep
from rigd.model.commands import Command, Reply
from rigd.model.errors import ConfigError
from rigd.model.library import WhichVolume
from rigd.model.messages import Annotate, EndTake, KeepFirm, OpenTake, Retag, StopWriter
from rigd.model.state import Take
from rigd.model.units import Frame, Ns, SettingName, TakeId
from rigd.rules.permissions import Principal


class TapeTime(Protocol):
    """Maps time to frames. None where there is no tape, or it has not heard anything yet."""

    def frame_at(self, at_ns: Ns, *, fitted_within_ns: int = 0) -> Frame | None:
        """The frame that was, or will be, captured at that time, by a timeline that may be so old."""

    def extent(self) -> tuple[Frame, Frame] | None:
        """The oldest frame that can still be had for a new take, and one past the newest."""

    def heard_from(self, frame: Frame) -> Frame | None:
        """That frame, or where the sound goes on behind it. None where nothing of it was heard."""


class WriterPort(Protocol):
    """The writer, as far as the controller talks to it."""

    def send(self, *messages: OpenTake | EndTake | Annotate | Retag | KeepFirm | StopWriter) -> None:
        """The writer has them, or gets them in order as soon as there is a writer; all of them or none."""


class PreampsPort(Protocol):
    """All preamps of the config."""

    def request(self, preamp: str, socket: int, name: SettingName, value: float) -> None:
        """Asks for a setting; what came of it is posted as PreampSetting. Raises PreampError."""


class LibraryPort(Protocol):
    """The library's thread: each of these is put in its queue, in order, and answered by facts."""

    def write_sheet(self, take: Take) -> None:
        """take.json says what this take says; SheetWritten once it is closed. The newest of a take wins."""

    def adopt(self, take_id: TakeId, folder: str) -> None:
        """TakeAdopted with what the journal in `folder` says; nothing where there is none."""

    def trash(self, take: Take) -> None:
        """TakeTrashed, or LibraryFailed(doing="discard", subject=take id)."""

    def restore(self, take_id: TakeId) -> None:
        """TakeRestored, or LibraryFailed(doing="restore", subject=take id)."""

    def empty_trash(self, before_unix_ns: int, *, is_of_any_age: bool) -> None:
        """TrashEmptied, in its own time."""

    def open_session(self, name: str, *, newest: bool) -> None:
        """SessionOpened, for today or (`newest`) the last one of that name, or LibraryFailed(doing="open session",
        subject=name)."""

    def date_takes(self) -> None:
        """TakesDated, where any take is dated anew."""

    def keep(self, keep: Keep) -> None:
        """TakeAdopted once the take is put together from the black box, or TakeFailed."""

    def set_song(self, *, session_folder: str, song: str, next_take_number: int) -> None:
        """session.json says so, in its own time."""


class VolumesPort(Protocol):
    """Who looks after library and mirror together."""

    def check(self, volume: WhichVolume) -> None:
        """VolumeChecked, in its own time. Asked again before that, it is checked once."""


class DiskPort(Protocol):
    """Tries out the take volume."""

    def measure(self) -> None:
        """DiskMeasured in its own time; a disk that stands still is waited for by nobody else."""


class AuditPort(Protocol):
    """Who writes down what was commanded. Any thread."""

    def __call__(self, command: Command, by: Principal, reply: Reply) -> None:
        """What came of it is written in its own time, or counted as lost; returns at once."""


def no_audit(command: Command, by: Principal, reply: Reply) -> None:
    """Nothing is written down."""


class EndPort(Protocol):
    """Who ends rigd."""

    def __call__(self) -> None:
        """rigd ends soon. Called on the controller's thread: it must not join it."""


class ConfigPort(Protocol):
    """Who reads the config again."""

    def read(self) -> None:
        """ConfigRead in its own time."""

    def take_up(self) -> None:
        """The step that took the config up is done: parts go by it from now on."""


class NoConfig:
    """There is no config to be read again."""

    def read(self) -> None:
        raise ConfigError("this rig was started without a file; it has no config to read")

    def take_up(self) -> None:
        """Nothing was read."""


class Ports(Struct, frozen=True, kw_only=True):
    """Where effects go."""

    writer: WriterPort
    preamps: PreampsPort
    library: LibraryPort
    disk: DiskPort
    end_rig: EndPort
    mirror: WriterPort | None = None
    """The second volume's writer; None, as `volumes`, where there is no mirror."""
    volumes: VolumesPort | None = None
    audit: AuditPort = no_audit
    config: ConfigPort = NoConfig()
