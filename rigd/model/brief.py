"""What an answer has room for: the state and takes in brief, and a whole take in parts. Pure.

A session may have thousands of takes, and each of them megabytes of markers. An answer about the rig tells the newest
and how many more there are; one take is told whole, in parts, each of which has an end (`model/limits.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from rigd.model.limits import BRIEF_BYTES, LISTS_OF_TAKE_BYTES, PART_BYTES
from rigd.model.state import Fault, LeftOut, RigState, Take

MOST_IDS = 1000
MOST_SONGS = 100
MOST_FAULTS = 50
NEWEST_BYTES = 1000
"""What a change says of the markers, gaps and notes of a take: some six of them."""
LONGEST_TEXT = 1000
"""Of what may be as long as somebody else's error message."""
ENTRY_BYTES = 160
"""Of a marker, a gap, a gain change without their texts."""
CLIPS_BYTES = 100
"""Of a channel that clipped in a take."""
TAKE_BYTES = 800
"""Of a take without its lists and texts."""

E = TypeVar("E")


class Counted(Struct, frozen=True, kw_only=True):
    """How many of each of a take's lists."""

    files: int = 0
    gain_changes: int = 0
    gaps: int = 0
    markers: int = 0
    notes: int = 0


class _Room:
    def __init__(self, size: int) -> None:
        self.left = size

    def takes(self, size: int) -> bool:
        """There was room for so much, and it is taken."""
        if size > self.left:
            return False
        self.left -= size
        return True


def brief_take(take: Take) -> Take:
    """The take without its files and gain changes, and with the newest of its markers, gaps and notes."""
    return _with_newest(take, _Room(LISTS_OF_TAKE_BYTES))


def short_take(take: Take) -> Take:
    """As `brief_take`, with the very newest of them: for those who are told at each change."""
    return _with_newest(take, _Room(NEWEST_BYTES))


def brief_state(state: RigState) -> RigState:
    """The state with its newest takes, each in brief."""
    bare = _Room(BRIEF_BYTES // 2)
    if state.take is not None:
        bare.takes(_take_bytes(state.take))
    kept: list[Take] = []
    for take in reversed(state.takes):
        if not bare.takes(_take_bytes(take)):
            break
        kept.append(take)
    lists = _Room(BRIEF_BYTES // 2)
    rolling = None if state.take is None else _with_newest(state.take, lists)
    takes = tuple(reversed([_with_newest(take, lists) for take in kept]))
    discarding = [replace(false, take=_with_newest(false.take, lists)) for false in state.discarding[-20:]]
    return replace(
        state,
        take=rolling,
        takes=takes,
        earlier_takes=len(state.takes) - len(takes),
        trashed=state.trashed[-MOST_IDS:],
        coming_back=state.coming_back[-MOST_IDS:],
        discarding=tuple(discarding),
        song_numbers=state.song_numbers[-MOST_SONGS:],
        faults=tuple(short_fault(fault) for fault in state.faults[-MOST_FAULTS:]),
        preamp_history=None,
        discarded_names=(),
        elsewhere=(),
    )


def page_of(takes: Sequence[Take]) -> tuple[Take, ...]:
    """As many of the takes, from the first on, as a part of an answer has room for; one at least."""
    room = _Room(PART_BYTES)
    page: list[Take] = []
    for take in takes:
        brief = brief_take(take)
        if not room.takes(_take_bytes(brief) + _lists_bytes(brief)) and page:
            break
        page.append(brief)
    return tuple(page)


def part_of(take: Take, have: Counted) -> Take:
    """The take with the next of each of its lists for who has so many of them already; one entry at least."""
    room = _Room(PART_BYTES)
    return replace(
        take,
        files=_next(
            take.files, have.files, [_file_bytes(file.name, file.channels) for file in take.files], room
        ),
        gain_changes=_next(
            take.gain_changes,
            have.gain_changes,
            [ENTRY_BYTES + _text_bytes(change.preamp + change.word) for change in take.gain_changes],
            room,
        ),
        gaps=_next(take.gaps, have.gaps, [ENTRY_BYTES] * len(take.gaps), room),
        markers=_next(
            take.markers,
            have.markers,
            [ENTRY_BYTES + _text_bytes(marker.name) for marker in take.markers],
            room,
        ),
        slate=replace(
            take.slate,
            notes=_next(take.slate.notes, have.notes, [_text_bytes(note) for note in take.slate.notes], room),
        ),
    )


def counted(take: Take) -> Counted:
    return Counted(
        files=len(take.files),
        gain_changes=len(take.gain_changes),
        gaps=len(take.gaps),
        markers=len(take.markers),
        notes=len(take.slate.notes),
    )


def joined(take: Take, part: Take) -> Take:
    """The newer part's facts, with the lists of both."""
    return replace(
        part,
        files=take.files + part.files,
        gain_changes=take.gain_changes + part.gain_changes,
        gaps=take.gaps + part.gaps,
        markers=take.markers + part.markers,
        slate=replace(part.slate, notes=take.slate.notes + part.slate.notes),
    )


def _text_bytes(text: str) -> int:
    """The most that it takes in JSON: an escape has six bytes, a quote or a backslash two."""
    if text.isascii() and text.isprintable():
        return len(text) + text.count('"') + text.count("\\") + 3
    return 6 * len(text) + 3


def _file_bytes(name: str, channels: Sequence[int]) -> int:
    return ENTRY_BYTES + _text_bytes(name) + 4 * len(channels)


def _take_bytes(take: Take) -> int:
    """Without its lists."""
    slate = take.slate
    texts = (take.folder, slate.session, slate.song, slate.name, take.failure, take.started_at)
    copy = 0 if take.copy is None else _text_bytes(take.copy.folder)
    return (
        TAKE_BYTES
        + sum(map(_text_bytes, texts))
        + 4 * len(take.channels)
        + CLIPS_BYTES * len(take.clips)
        + copy
    )


def _lists_bytes(take: Take) -> int:
    entries = len(take.markers) + len(take.gaps)
    texts = sum(_text_bytes(marker.name) for marker in take.markers) + sum(map(_text_bytes, take.slate.notes))
    return entries * ENTRY_BYTES + texts


def _with_newest(take: Take, room: _Room) -> Take:
    """Gaps first: they are what somebody has to know."""
    own = _Room(min(room.left, LISTS_OF_TAKE_BYTES))
    before = own.left
    gaps = _newest(take.gaps, (ENTRY_BYTES for _ in take.gaps), own)
    markers = _newest(
        take.markers, (ENTRY_BYTES + _text_bytes(marker.name) for marker in reversed(take.markers)), own
    )
    notes = _newest(take.slate.notes, (_text_bytes(note) for note in reversed(take.slate.notes)), own)
    room.left -= before - own.left
    left_out = LeftOut(
        markers=len(take.markers) - len(markers),
        gaps=len(take.gaps) - len(gaps),
        notes=len(take.slate.notes) - len(notes),
    )
    return replace(
        take,
        files=(),
        gain_changes=(),
        markers=markers,
        gaps=gaps,
        slate=take.slate if notes == take.slate.notes else replace(take.slate, notes=notes),
        left_out=None if left_out == LeftOut() else left_out,
    )


def _newest(entries: tuple[E, ...], sizes_from_the_newest: Iterable[int], room: _Room) -> tuple[E, ...]:
    kept = 0
    for size in sizes_from_the_newest:
        if not room.takes(size):
            break
        kept += 1
    return entries[len(entries) - kept :]


def _next(entries: tuple[E, ...], have: int, sizes: Sequence[int], room: _Room) -> tuple[E, ...]:
    have = max(0, have)
    until = have
    while until < len(entries) and (room.takes(sizes[until]) or room.left == PART_BYTES):
        until += 1
        room.left = min(room.left, PART_BYTES - 1)
    return entries[have:until]


def short_fault(fault: Fault) -> Fault:
    """The fault, with no more of its text than an answer has room for."""
    if len(fault.what) <= LONGEST_TEXT:
        return fault
    return replace(fault, what=f"{fault.what[:LONGEST_TEXT]} ...")
