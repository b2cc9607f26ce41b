"""take.json: what is known of a take, for people and programs that know nothing of rigd. Any thread.

Made from the take's journal, which stays the truth; the format is told in docs/take-format.md.
All positions in it are frames from the start of the take's files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from rigd.library.sheet_levels import SheetClip, level_fields, take_clips
from rigd.model.state import Copy, CopyState, Take
from rigd.model.take import (
    ClosedFile,
    GainChange,
    Gap,
    GapCause,
    Marker,
    SampleForm,
    Slate,
    TakeClock,
    Track,
    frames_since_midnight,
)
from rigd.model.units import ChannelNumber, Frame, InputNumber, TakeId
from rigd.rules.inside_take import gaps_inside
from rigd.rules.ordinals import ordinal_of
from rigd.takefile.ledger import TakeRecord

SHEET_VERSION = 1


class SheetChannel(Struct, frozen=True, kw_only=True):
    """A recorded channel, and where its sound begins. Gain and switches at the start; null: not known."""

    channel: ChannelNumber
    input: InputNumber
    name: str
    source: str
    file: str
    place_in_file: int
    """1-based; always 1 in a mono file."""
    gain_db: float | None
    pad: bool | None
    phantom: bool | None
    polarity: bool | None
    settings: dict[str, bool | float | str] = {}
    """The preamp's other settings, by name: a switch, dB, or a word."""
    peak_dbfs: float | None = None
    """Its largest sample; null: nobody measured it, as in a take of an older rigd."""
    clipped_samples: int | None = None
    """So many samples were at full scale; null as above."""
    clip_count: int | None = None
    """In so many places; samples less than half a second apart are one."""
    clips: tuple[SheetClip, ...] = ()
    """The first hundred places."""
    last_clip_frame: int | None = None
    """Where it clipped last; null: nowhere."""


class SheetGainChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A preamp's setting from this frame on, as it says itself. Switches are 0 or 1."""

    frame: int
    channel: ChannelNumber | None
    """Null: this is about the whole preamp."""
    parameter: str
    """Of a channel, or "answering" of a preamp: 0 where it falls silent, 1 where it is back."""
    value: float | None
    """Null: the preamp never said."""
    confirmed: bool
    """False: it did not do what `asked` says in time."""
    asked: float | None = None
    """What is asked for and not yet so."""
    word: str = ""
    """`value` in words, where it is the place of one among several."""
    preamp: str = ""


class SheetGap(Struct, frozen=True, kw_only=True):
    """Silence of this length in every channel, because there was nothing to record."""

    frame: int
    length_frames: int
    cause: GapCause
    exact: bool


class SheetXrun(Struct, frozen=True, kw_only=True):
    """The driver said that something went wrong here, or (suspect) it seems to have lost about so many
    frames without a word."""

    frame: int
    suspect: bool
    about_frames: int = 0


class SheetMarker(Struct, frozen=True, kw_only=True):
    frame: int
    name: str


class SheetMended(Struct, frozen=True, kw_only=True):
    """A file that a crash left shorter than the others: it has silence from this frame on."""

    file: str
    frame: int


class SheetFile(Struct, frozen=True, kw_only=True):
    """A file of the take. `sha256` is of the whole file, null until it has been made."""

    name: str
    channels: tuple[ChannelNumber, ...]
    frame: int = 0
    """Of the take, at which the file begins: not 0 where its channels' sound goes on from an earlier file."""
    frames: int
    size_bytes: int | None
    """Null: the file was not there."""
    sha256: str | None = None


class SheetMirror(Struct, frozen=True, kw_only=True):
    """The take's other copy, as it was found when the two were compared last."""

    folder: str
    """Absolute."""
    state: Literal["same", "incomplete", "differs"]
    """The same by SHA-256; lacks something that could not be copied; differs, and nobody knows which is right."""
    verified_at: str
    """ISO 8601 local time with offset."""


class TakeSheet(Struct, frozen=True, kw_only=True):
    """take.json, version 1."""

    format: Literal["rigd take"] = "rigd take"
    version: int = SHEET_VERSION
    take_id: TakeId
    session: str
    song: str
    number: int
    name: str
    circled: bool
    rating: int
    """0: not rated."""
    notes: tuple[str, ...]
    false_take: bool
    rolling: bool
    """True: this was written while the take was being recorded; the journal knows more."""
    recovered: bool
    """True: a crash or power cut left the take open, and it was closed afterwards."""
    failed: str = ""
    """Why the take ended before it was stopped; empty: it did not."""
    ordinal: int = 0
    """Its place among all takes of the library, which a wall clock that is set back does not change; 0: an older
    rigd gave none, and `started_at` tells."""
    started_at: str
    """ISO 8601 local time with offset of the first frame."""
    dated: str = ""
    """Not empty: the clock was wrong when the take was made, and this, found out later, is its `started_at`."""
    clock: TakeClock | None = None
    """Its first frame by a clock that nobody can set, and what the wall clock was worth then; null: not known."""
    duration_s: float
    frames: int
    time_reference: int
    """Frames from local midnight to the first frame, as in `bext`."""
    sample_rate_hz: int
    sample: SampleForm
    channels: tuple[SheetChannel, ...]
    gain_changes: tuple[SheetGainChange, ...]
    gaps: tuple[SheetGap, ...]
    xruns: tuple[SheetXrun, ...]
    markers: tuple[SheetMarker, ...]
    mended: tuple[SheetMended, ...]
    files: tuple[SheetFile, ...]
    tape_frame: int
    """Number of the first frame on the tape, to match it with the journal."""
    journal_bytes: int
    """Length of the journal that this was made from: a longer one knows more."""
    journal_faults: tuple[str, ...] = ()
    """Lines of the journal that were damaged and left out."""
    ahead_of_journal: bool = False
    """True: the slate here is newer than the journal's, and the files do not say it yet."""
    trashed_from: str = ""
    """Where in the session a false take was, "Song/Take 003"; empty: it is there."""
    trashed_at: str = ""
    on_its_way_to: str = ""
    """Folder of the session of its day, which a take that was dated anew is being moved to; empty: it is there."""
    trashed_ordinal: int = 0
    """Its place among the takes that were thrown away; 0: an older rigd did it, and `trashed_at` tells."""
    mirror: SheetMirror | None = None
    """Null: there is no mirror, or the copies were not compared since the files were last written to."""
    kept: bool = False
    """True: nobody had pressed record. It was kept from the past afterwards."""
    simulated: bool = False
    """True: nobody played this. Its sound was made up by a simulated interface, for a demonstration or a test."""


def make_sheet(
    record: TakeRecord,
    *,
    journal_bytes: int,
    rolling: bool,
    sizes: Mapping[str, int | None],
    frames: int | None = None,
) -> TakeSheet:
    """The sheet of a journal, without SHA-256. `sizes`: of the files, None where one is missing. Pure.

    What was marked, turned or lost before the first or behind the last frame is not part of the take.
    """
    order, first = record.order, record.order.first_frame
    length = record.frames if frames is None else frames
    gaps = record.gaps if rolling else gaps_inside(record.gaps, end_frame=first + length)

    def inside(frame: int) -> bool:
        return first <= frame and (rolling or frame <= first + length)

    places = {
        channel: (file.name, place)
        for file in order.files
        for place, channel in enumerate(file.channels, start=1)
    }
    levels = {level.channel: level for level in record.levels}
    return TakeSheet(
        take_id=order.take_id,
        session=record.slate.session,
        song=record.slate.song,
        number=record.slate.number,
        name=record.slate.name,
        circled=record.slate.circled,
        rating=record.slate.rating,
        notes=record.slate.notes,
        false_take=record.slate.false_take,
        rolling=rolling,
        recovered=record.recovered,
        failed=record.failure,
        ordinal=order.ordinal,
        started_at=order.started_at,
        dated=record.slate.dated,
        clock=order.clock,
        duration_s=round(length / order.format.sample_rate_hz, 6),
        frames=length,
        time_reference=order.time_reference,
        sample_rate_hz=order.format.sample_rate_hz,
        sample=order.format.sample,
        simulated=order.simulated,
        kept=order.kept,
        channels=tuple(
            replace(
                _channel(track, *places.get(track.channel, ("", 0))),
                **level_fields(levels.get(track.channel), first, length),
            )
            for track in order.tracks
        ),
        gain_changes=tuple(
            SheetGainChange(
                frame=change.at_frame - first,
                channel=change.channel,
                parameter=change.parameter,
                value=change.value,
                confirmed=change.confirmed,
                asked=change.asked,
                word=change.word,
                preamp=change.preamp,
            )
            for change in record.gain_changes
            if inside(change.at_frame)
        ),
        gaps=tuple(
            SheetGap(
                frame=gap.at_frame - first, length_frames=gap.length_frames, cause=gap.cause, exact=gap.exact
            )
            for gap in gaps
        ),
        xruns=tuple(
            SheetXrun(frame=xrun.at_frame - first, suspect=xrun.suspect, about_frames=xrun.about_frames)
            for xrun in record.xruns
            if rolling or xrun.at_frame < first + length
        ),
        markers=tuple(
            SheetMarker(frame=marker.at_frame - first, name=marker.name)
            for marker in record.markers
            if inside(marker.at_frame)
        ),
        mended=tuple(SheetMended(file=mended.name, frame=mended.frames) for mended in record.mended),
        files=tuple(
            SheetFile(
                name=file.name,
                channels=file.channels,
                frame=file.first_frame,
                frames=file.frames,
                size_bytes=sizes.get(file.name),
            )
            for file in record.files_at(length)
        ),
        tape_frame=first,
        journal_bytes=journal_bytes,
        journal_faults=record.faults,
    )


def _channel(track: Track, file: str, place: int) -> SheetChannel:
    return SheetChannel(
        channel=track.channel,
        input=track.input,
        name=track.name,
        source=track.source,
        file=file,
        place_in_file=place,
        gain_db=track.gain_db,
        pad=track.pad,
        phantom=track.phantom,
        polarity=track.polarity,
        settings=track.settings,
    )


def with_slate(sheet: TakeSheet, slate: Slate) -> TakeSheet:
    """The sheet under another slate. The session it lies in stays."""
    if slate.dated:
        since_midnight = frames_since_midnight(slate.dated, sheet.sample_rate_hz)
        sheet = replace(sheet, started_at=slate.dated, time_reference=since_midnight)
    return replace(
        sheet,
        dated=slate.dated,
        song=slate.song,
        number=slate.number,
        name=slate.name,
        circled=slate.circled,
        rating=slate.rating,
        notes=slate.notes,
        false_take=slate.false_take,
    )


def with_digests(sheet: TakeSheet, digests: Mapping[str, str]) -> TakeSheet:
    """The sheet with the SHA-256 of these files, by name."""
    return replace(
        sheet, files=tuple(replace(file, sha256=digests.get(file.name, file.sha256)) for file in sheet.files)
    )


def without_digests(sheet: TakeSheet) -> TakeSheet:
    """The sheet of files that have changed."""
    return replace(sheet, files=tuple(replace(file, sha256=None) for file in sheet.files), mirror=None)


def slate_of(sheet: TakeSheet) -> Slate:
    """The take's identity."""
    return Slate(
        session=sheet.session,
        song=sheet.song,
        number=sheet.number,
        name=sheet.name,
        circled=sheet.circled,
        rating=sheet.rating,
        notes=sheet.notes,
        false_take=sheet.false_take,
        dated=sheet.dated,
    )


def place_of(sheet: TakeSheet) -> int:
    """Its place among the takes."""
    return ordinal_of(sheet.ordinal, sheet.started_at)


def place_in_trash(sheet: TakeSheet) -> int:
    """Its place among the takes that were thrown away."""
    return ordinal_of(sheet.trashed_ordinal, sheet.trashed_at)


def take_of(sheet: TakeSheet, folder: Path) -> Take:
    """The take as the rig's state shows it."""
    first = sheet.tape_frame
    return Take(
        take_id=sheet.take_id,
        folder=str(folder),
        slate=slate_of(sheet),
        first_frame=Frame(first),
        end_frame=None if sheet.rolling else Frame(first + sheet.frames),
        started_at=sheet.started_at,
        sample_rate_hz=sheet.sample_rate_hz,
        ordinal=place_of(sheet),
        channels=tuple(channel.channel for channel in sheet.channels),
        markers=tuple(
            Marker(at_frame=Frame(first + marker.frame), name=marker.name) for marker in sheet.markers
        ),
        gaps=tuple(
            Gap(
                at_frame=Frame(first + gap.frame),
                length_frames=gap.length_frames,
                cause=gap.cause,
                exact=gap.exact,
            )
            for gap in sheet.gaps
        ),
        xruns=len(sheet.xruns),
        clips=tuple(clips for channel in sheet.channels if (clips := take_clips(channel, first)) is not None),
        written_frames=sheet.frames,
        durable_frames=sheet.frames,
        closed=not sheet.rolling,
        recovered=sheet.recovered,
        simulated=sheet.simulated,
        kept=sheet.kept,
        failure=sheet.failed,
        copy=None if sheet.mirror is None else _copy(sheet.mirror),
        files=tuple(
            ClosedFile(
                name=file.name, channels=file.channels, frames=file.frames, size_bytes=file.size_bytes or 0
            )
            for file in sheet.files
        ),
        gain_changes=tuple(
            GainChange(
                at_frame=Frame(first + change.frame),
                channel=change.channel,
                parameter=change.parameter,
                value=change.value,
                confirmed=change.confirmed,
                asked=change.asked,
                word=change.word,
                preamp=change.preamp,
            )
            for change in sheet.gain_changes
        ),
    )


def _copy(mirror: SheetMirror) -> Copy:
    return Copy(folder=mirror.folder, state=CopyState(mirror.state), verified_at=mirror.verified_at)
