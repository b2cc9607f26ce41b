"""The few typed messages between rigd's three processes (docs/architecture.md, "Who says what").

The daemon connects to `capture.sock` and to a socket a writer (`writer.sock`, `mirror.sock`, ...) in the runtime
folder. Each sends a report to every new connection at once, so that a restarted daemon knows all that it must
know.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import force_setattr

from rigd.model.clips import TakeClips
from rigd.model.disk_trouble import DiskTrouble
from rigd.model.take import ClosedFile, GainChange, Gap, Marker, Slate, TakeNote, TakeOrder, Xrun
from rigd.model.units import Frame, TakeId


class TapeGeometry(Struct, frozen=True, kw_only=True):
    """The shape of a tape. `capacity_frames` is a power of two."""

    channels: int
    sample_rate_hz: int
    capacity_frames: int


class CaptureSettings(Struct, frozen=True, kw_only=True):
    """What `rigd-capture` is started with: `capture.json` in the runtime folder."""

    driver: str
    """Name of an entry point of the group "rigd.audio_drivers": "portaudio", "simulated", ..."""
    device: str
    """The interface's stable name; empty where the driver has only one."""
    period_frames: int
    tape: TapeGeometry
    options: dict[str, str | int | float | bool] = field(default_factory=dict)
    """The driver's own options, from [audio.<driver>] of the config, already checked."""


class CapturePhase(StrEnum):
    OPENING = "opening"
    LISTENING = "listening"
    FAILED = "failed"


class CaptureReport(Struct, frozen=True, kw_only=True):
    """capture -> daemon: what is true of the interface now."""

    phase: CapturePhase
    device: str
    host_api: str = ""
    sample_rate_hz: int = 0
    channels: int = 0
    period_frames: int = 0
    realtime: bool = False
    """True when the callback's thread runs SCHED_FIFO or SCHED_RR."""
    memory_locked: bool = False
    warnings: tuple[str, ...] = ()
    """Each with its cure."""
    failure: str = ""
    """Why it failed and what to do; empty unless `phase` is FAILED."""
    mismatch: str = ""
    """What of the interface is not as the rig needs it, and what to do. LISTENING, it is heard with `channels`
    inputs and all others are silence; FAILED, nothing is."""
    heard_from: Frame | None = None
    """The first frame that this capture process heard; None unless `phase` is LISTENING."""
    measured_rate_hz: float = 0.0
    """At which it really runs, where that is not `sample_rate_hz`; 0 where it is, or nobody knows better."""
    measuring: bool = False
    """FAILED with a mismatch, and the stream is open: nothing of it is recorded until its rate is right, which this
    process finds out by itself."""
    false_from: Frame | None = None
    """From about here on what is on the tape was heard at another rate than the tape's; None where nothing was."""
    simulated: bool = False
    """What the interface brings is made up: its takes say so."""
    stays_s: float = 0.0
    """FAILED: so long until this process ends and another one tries; sooner where what it waits for changes."""


class StopCapture(Struct, frozen=True, kw_only=True):
    """daemon -> capture: close the stream and exit. The tape stays."""


class WriterSettings(Struct, frozen=True, kw_only=True):
    """What `rigd-writer` is started with: NAME.json in the runtime folder."""

    library_root: str
    sync_interval_ms: int = 800
    """How often data is made durable and headers are brought up to date."""
    spare: bool = False
    """True for a mirror or a black box: before capture lost a block to it, it would be cut loose."""
    beside: str = ""
    """The library on the other volume, where the same take is written, too: files are divided so that both volumes
    take them, and are the same byte by byte. Empty: there is none."""


class OpenTake(Struct, frozen=True, kw_only=True):
    """daemon -> writer: write this take. Answered by TakeOpened or TakeFailed."""

    order: TakeOrder


class EndTake(Struct, frozen=True, kw_only=True):
    """daemon -> writer: the take ends before `end_frame` (may be ahead); None takes an end back."""

    take_id: TakeId
    end_frame: Frame | None


if TYPE_CHECKING:
    _Note = TakeNote
else:
    _Note = Any  # a note has no tag on the wire, so what it is is told by what it has


def _note_of(plain: Any) -> TakeNote:
    if not isinstance(plain, dict):
        raise TypeError("note: a JSON object was expected")
    if "parameter" in plain:
        return msgspec.convert(plain, GainChange)
    if "session" in plain:
        return msgspec.convert(plain, Slate)
    return msgspec.convert(plain, Marker)


class Annotate(Struct, frozen=True, kw_only=True):
    """daemon -> writer: add to an open take's journal. A new Slate replaces the one before."""

    take_id: TakeId
    note: _Note

    def __post_init__(self) -> None:
        if not isinstance(self.note, TakeNote):  # from the wire
            force_setattr(self, "note", _note_of(self.note))


class Retag(Struct, frozen=True, kw_only=True):
    """daemon -> writer: a closed take has a new slate; bring its journal and iXML up to date."""

    take_id: TakeId
    folder: str
    slate: Slate


class KeepFirm(Struct, frozen=True, kw_only=True):
    """daemon -> mirror: this copy is the only one now. From here on it is held to as the primary's would be."""

    take_id: TakeId


class StopWriter(Struct, frozen=True, kw_only=True):
    """daemon -> writer: end every open take where the tape ends now, close all, exit."""


class TakeProgress(Struct, frozen=True, kw_only=True):
    """How far an open take is. Frames on disk = written_frames, safe from a power cut = durable_frames."""

    order: TakeOrder
    written_frames: int
    durable_frames: int
    gaps: tuple[Gap, ...] = ()
    """The last thousand."""
    xruns: int = 0
    whole: bool = True
    """False: this copy lacks frames that the tape had."""


class WriterReport(Struct, frozen=True, kw_only=True):
    """writer -> daemon: at connection, each second, and right after each durable point."""

    open_takes: tuple[TakeProgress, ...]
    free_bytes: int
    """What a plain user may still write to the take volume (statvfs f_bavail), and what is
    kept ready for open takes."""
    bytes_per_second: int
    """What all open takes need together."""
    behind_frames: int
    """How far the slowest open take is behind the tape's end."""
    problem: str = ""
    """Empty, or what is wrong with the volume and what to do."""


class TakeOpened(Struct, frozen=True, kw_only=True):
    """writer -> daemon: files and journal exist. `first_frame` may be later than asked for where
    the tape no longer held the beginning."""

    take_id: TakeId
    first_frame: Frame


class GapWritten(Struct, frozen=True, kw_only=True):
    """writer -> daemon: a gap is in the take's files, journal and markers."""

    take_id: TakeId
    gap: Gap


class XrunNoted(Struct, frozen=True, kw_only=True):
    """writer -> daemon: an xrun that lost nothing, or a suspect one, is in the journal. A suspect one is told
    by the first take whose writing came to it, also where it began before that take."""

    take_id: TakeId
    xrun: Xrun


class TakeClosed(Struct, frozen=True, kw_only=True):
    """writer -> daemon: every byte of the take is durable: data, headers, journal, directory."""

    take_id: TakeId
    folder: str
    frames: int
    files: tuple[ClosedFile, ...]
    xruns: int | None = None
    """How many there are inside it; None where the writer is of a build that does not say."""
    clips: tuple[TakeClips, ...] = ()
    """Channels that clipped inside it."""
    recovered: bool = False
    """True when the take was left open by a crash and closed afterwards."""


class TakeFailed(Struct, frozen=True, kw_only=True):
    """writer -> daemon: the take could not go on; what was kept is closed and whole."""

    take_id: TakeId
    folder: str
    frames_kept: int
    reason: str
    disk_full: bool
    trouble: DiskTrouble | None = None
    """What kind of trouble of the disk it was; None: it was none, or is not known any more."""
    rolled: bool = False
    """It was open and nobody had asked for its end: what follows is recorded nowhere, unless somebody sees to it."""


class RetagFailed(Struct, frozen=True, kw_only=True):
    """writer -> daemon: the new slate did not reach the files; the journal of the daemon still has it."""

    take_id: TakeId
    reason: str


MESSAGES: tuple[type, ...] = (
    CaptureReport,
    StopCapture,
    OpenTake,
    EndTake,
    Annotate,
    Retag,
    KeepFirm,
    StopWriter,
    WriterReport,
    TakeOpened,
    GapWritten,
    XrunNoted,
    TakeClosed,
    TakeFailed,
    RetagFailed,
)
