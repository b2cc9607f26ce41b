"""A closed take as a row of the index holds it: what the rig's state has of it, so that take.json need not be read.
A checksum, and JSON, compressed where it is long. Quick: a session may have ten thousand.

Pure. Nobody knows who wrote an index that lies in a library: what is unpacked is asked what a take.json is asked
(`sheet_check.py`), and what rigd would not have written is not believed; then the folder is read.
"""

from __future__ import annotations

import re
import zlib

import msgspec
from msgspec.structs import replace

from rigd.model.limits import HIGHEST_RATING, LONGEST_NOTE
from rigd.model.read_back import as_typed, change_as_typed, notes_as_typed
from rigd.model.state import Take
from rigd.rules.ordinals import BEYOND
from rigd.takefile.folders import MOST_FILES, MOST_FRAMES

LONGEST_PACKED_BYTES = 8 << 20
"""Unpacked: a take of 256 channels with 9,999 markers of the longest names has 6 MB."""
PLAIN_BYTES = 2000
"""A longer one is compressed: 64 files say nearly the same 64 times."""
_LEVEL = 1
_CHECKSUM_BYTES = 4
_TAKE_ID = re.compile("[0-9a-f]{32}")
_encoder, _decoder = msgspec.json.Encoder(), msgspec.json.Decoder(Take)


def packed(take: Take) -> bytes:
    """The closed take without its folder, which the row has; empty for one that is open, or too long."""
    if not take.closed:
        return b""
    try:
        plain = _encoder.encode(replace(take, folder=""))
    except UnicodeEncodeError:  # a name that is no text: the folder is read
        return b""
    if len(plain) > LONGEST_PACKED_BYTES:
        return b""
    body = plain if len(plain) <= PLAIN_BYTES else zlib.compress(plain, _LEVEL)
    return _checksum(body) + body


def unpacked(row: bytes, folder: str) -> Take | None:
    """The take in that folder; None where the row has none that rigd would have written."""
    body = row[_CHECKSUM_BYTES:]
    if row[:_CHECKSUM_BYTES] != _checksum(body):
        return None
    try:
        if not body.startswith(b"{"):
            opener = zlib.decompressobj()
            body = opener.decompress(body, LONGEST_PACKED_BYTES)
            if not opener.eof:
                return None
        take = _decoder.decode(body)
    except (zlib.error, msgspec.MsgspecError, ValueError):
        return None
    return replace(take, folder=folder) if _is_believed(body, take) else None


def _checksum(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "big")


def _is_believed(body: bytes, take: Take) -> bool:
    slate, numbers = take.slate, _numbers(take)
    return (
        take.closed
        and _TAKE_ID.fullmatch(take.take_id) is not None
        and 0 <= take.ordinal < BEYOND
        and 0 <= slate.rating <= HIGHEST_RATING
        and len(take.channels) <= MOST_FILES
        and len(take.files) <= MOST_FILES
        and len(take.clips) <= MOST_FILES
        and min(numbers) > -MOST_FRAMES
        and max(numbers) < MOST_FRAMES
        and all(file.frames >= 0 and file.size_bytes >= 0 for file in take.files)
        and (_is_plain(body) or _is_typed(take))
    )


def _is_plain(body: bytes) -> bool:
    """Short, and ASCII without an escape: as nearly all are, every text in it could have been typed."""
    return len(body) <= PLAIN_BYTES and body.isascii() and b"\\" not in body and b"\x7f" not in body


def _is_typed(take: Take) -> bool:
    slate = take.slate
    texts = (slate.session, slate.song, slate.name, slate.dated, take.started_at)
    return (
        all(as_typed(text) == text for text in texts)
        and all(as_typed(marker.name) == marker.name for marker in take.markers)
        and all(change_as_typed(change) is change for change in take.gain_changes)
        and as_typed(take.failure, LONGEST_NOTE) == take.failure
        and notes_as_typed(slate.notes) == slate.notes
    )


def _numbers(take: Take) -> list[int]:
    numbers = [take.first_frame, take.end_frame or 0, take.written_frames, take.durable_frames, take.xruns]
    numbers.append(take.slate.number)
    for gap in take.gaps:
        numbers += (gap.at_frame, gap.length_frames)
    for marker in take.markers:
        numbers.append(marker.at_frame)
    for change in take.gain_changes:
        numbers.append(change.at_frame)
    for clips in take.clips:
        numbers += (clips.samples, clips.clip_count, clips.last_frame)
    for file in take.files:
        numbers += (file.frames, file.size_bytes)
    return numbers
