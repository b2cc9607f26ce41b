"""A take.json that is read back is asked what rigd's own would be: nobody knows who wrote one that lies in a library.
Pure.

Texts are cleaned as those of a journal are (model/read_back.py). Frames, sizes and durations that no take has make
the sheet one that cannot be used: then it is made anew from the journal. A file whose name leads out of the take's
folder is passed by wherever files are opened (`is_plain`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from msgspec.structs import replace

from rigd.library.sheet import TakeSheet
from rigd.model.limits import LONGEST_NOTE
from rigd.model.read_back import as_typed, clock_as_typed, notes_as_typed, rating_as_typed, settings_as_typed
from rigd.takefile.folders import MOST_FILES, MOST_FRAMES, MOST_HZ, is_take_id
from rigd.takefile.parts import SECONDS_PER_DAY


def why_not(sheet: TakeSheet) -> str:
    """Empty, or what in it rigd never wrote."""
    if not is_take_id(sheet.take_id):
        return "take_id: not 32 hexadecimal digits"
    if len(sheet.channels) > MOST_FILES:
        return "channels: too many"
    if not (math.isfinite(sheet.duration_s) and 0 <= sheet.duration_s <= MOST_FRAMES):
        return "duration_s: no duration"
    if not 1 <= sheet.sample_rate_hz <= MOST_HZ:
        return "sample_rate_hz: no sample rate"
    if not 0 <= sheet.time_reference <= (SECONDS_PER_DAY + 1) * MOST_HZ:
        return "time_reference: more than a day"
    for name, number in _numbers(sheet):
        if not -MOST_FRAMES < number < MOST_FRAMES:
            return f"{name}: a number beyond all time"
    if sheet.frames < 0 or any(file.frames < 0 or (file.size_bytes or 0) < 0 for file in sheet.files):
        return "frames: less than none"
    return ""


def _numbers(sheet: TakeSheet) -> Iterator[tuple[str, int]]:
    yield "frames", sheet.frames
    yield "tape_frame", sheet.tape_frame
    yield "journal_bytes", sheet.journal_bytes
    for channel in sheet.channels:
        yield "channels", channel.clipped_samples or 0
        yield "channels", channel.clip_count or 0
        yield "channels", channel.last_clip_frame or 0
        for clip in channel.clips:
            yield "clips", clip.frame
            yield "clips", clip.length_frames
            yield "clips", clip.samples
    for gap in sheet.gaps:
        yield "gaps", gap.frame
        yield "gaps", gap.length_frames
    for xrun in sheet.xruns:
        yield "xruns", xrun.frame
        yield "xruns", xrun.about_frames
    for marker in sheet.markers:
        yield "markers", marker.frame
    for change in sheet.gain_changes:
        yield "gain_changes", change.frame
    for mended in sheet.mended:
        yield "mended", mended.frame
    for file in sheet.files:
        yield "files", file.frame
        yield "files", file.frames
        yield "files", file.size_bytes or 0


def as_typed_sheet(sheet: TakeSheet) -> TakeSheet:
    """With texts that could have been typed."""
    return replace(
        sheet,
        session=as_typed(sheet.session),
        song=as_typed(sheet.song),
        name=as_typed(sheet.name),
        notes=notes_as_typed(sheet.notes),
        failed=as_typed(sheet.failed, LONGEST_NOTE),
        started_at=as_typed(sheet.started_at),
        dated=as_typed(sheet.dated),
        channels=tuple(
            replace(
                channel,
                name=as_typed(channel.name),
                source=as_typed(channel.source),
                settings=settings_as_typed(channel.settings),
            )
            for channel in sheet.channels
        ),
        gain_changes=tuple(
            replace(
                change,
                parameter=as_typed(change.parameter),
                word=as_typed(change.word),
                preamp=as_typed(change.preamp),
            )
            for change in sheet.gain_changes
        ),
        markers=tuple(replace(marker, name=as_typed(marker.name)) for marker in sheet.markers),
        clock=clock_as_typed(sheet.clock),
        rating=rating_as_typed(sheet.rating),
    )
