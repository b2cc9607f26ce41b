"""One take on two volumes: which copy has more, what differs, and making the lesser one like the better.

A good file is never written over by a bad one: what is copied was hashed and, where take.json has its SHA-256,
is what it was when it was closed; it goes into a file beside, is made durable, read again from the disk, and
only then renamed. Where nobody can say which copy is right neither is touched. Any thread but those of the rig's
rules; `go_on` is called after each piece and raises to have it over at once.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

from rigd.library.durable import LONGEST_JSON_BYTES, make_folders, sync_folder, write_whole
from rigd.library.sheet import TakeSheet
from rigd.library.sheet_file import read_sheet
from rigd.library.walking import is_folder, is_plain, library_of
from rigd.model.disk_trouble import OF_WRITES, cure_of, trouble_of
from rigd.model.errors import LibraryError, TakeError
from rigd.model.units import TakeId
from rigd.takefile.beneath import new_file, open_plain, remove, rename
from rigd.takefile.journal import JOURNAL_NAME, read_journal
from rigd.takefile.ledger import TakeRecord
from rigd.takefile.riff import HEADER_BYTES, WaveShape

PIECE_BYTES = 1 << 20
LEFT_S = 60
"""A copy leaves room for so much of such a take: one that fills a volume up would stop the next take on it."""
GoOn = Callable[[], None]


class NotYet(Exception):
    """A copy is still being written, or its SHA-256 is still to be made: it is looked at again."""


class CannotTell(LibraryError):
    """The copies differ and nobody can say which is right."""


class Side(Struct, frozen=True, kw_only=True):
    """A take as it lies on one volume."""

    folder: Path
    record: TakeRecord
    sheet: TakeSheet | None
    journal_bytes: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(file.name for file in self.record.files)

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 as take.json has them; none where it is of another state of the files."""
        if self.sheet is None or self.sheet.journal_bytes != self.journal_bytes:
            return {}
        return {file.name: file.sha256 for file in self.sheet.files if file.sha256 is not None}

    @property
    def span(self) -> tuple[int, int]:
        first = self.record.order.first_frame
        return first, first + self.record.frames

    @property
    def sound_frames(self) -> int:
        """Frames that are no silence put in for a gap."""
        return self.record.frames - sum(gap.length_frames for gap in self.record.gaps)


def look(folder: Path) -> Side | None:
    """The take in the folder; None where there is none. Open it counts with what is durable of it. LibraryError."""
    journal = folder / JOURNAL_NAME
    try:
        size = journal.stat().st_size
        record = read_journal(journal)
    except FileNotFoundError:
        return None
    except (OSError, TakeError) as error:
        raise LibraryError(f"{folder}: its journal cannot be read ({error})") from error
    if not all(is_plain(file.name) for file in record.files):
        raise LibraryError(f"{folder}: its journal names files outside it; left alone")
    sheet: TakeSheet | None = None
    with contextlib.suppress(LibraryError):
        sheet = read_sheet(folder)
    return Side(folder=folder, record=record, sheet=sheet, journal_bytes=size)


def take_in(place: Path) -> TakeId | None:
    """The take in a folder; None where there is none that can be read."""
    with contextlib.suppress(LibraryError):
        sheet = read_sheet(place)
        if sheet is not None:
            return sheet.take_id
    with contextlib.suppress(TakeError, OSError):
        return read_journal(place / JOURNAL_NAME).order.take_id
    return None


def has_more(one: Side, other: Side) -> bool:
    """`one` has all that `other` has, and more."""
    covers = one.span[0] <= other.span[0] and one.span[1] >= other.span[1]
    more = one.sound_frames > other.sound_frames or (
        one.record.closed and not other.record.closed and one.sound_frames == other.sound_frames
    )
    return covers and more and not _lacks_sound_of(one, other)


def _lacks_sound_of(one: Side, other: Side) -> bool:
    """Somewhere `one` has silence for a gap and `other` has sound."""
    silent = [(gap.at_frame, gap.at_frame + gap.length_frames) for gap in other.record.gaps]
    for gap in one.record.gaps:
        at = max(gap.at_frame, other.span[0])
        end = min(gap.at_frame + gap.length_frames, other.span[1])
        for begins, ends in silent:
            if begins <= at < ends:
                at = ends
        if at < end:
            return True
    return False


def has_the_same(one: Side, other: Side) -> bool:
    """Both have the same sound, by their journals."""
    gaps = [tuple((gap.at_frame, gap.length_frames) for gap in each.record.gaps) for each in (one, other)]
    return one.span == other.span and gaps[0] == gaps[1] and one.names == other.names


def digest_of(path: Path, go_on: GoOn) -> str | None:
    """SHA-256 of what the disk has, not the page cache; None where there is no such file. OSError."""
    try:
        handle = open_plain(path)
    except FileNotFoundError:
        return None
    try:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        digest, at = hashlib.sha256(), 0
        while piece := os.read(handle, PIECE_BYTES):
            digest.update(piece)
            os.posix_fadvise(handle, at, len(piece), os.POSIX_FADV_DONTNEED)
            at += len(piece)
            go_on()
    finally:
        os.close(handle)
    return digest.hexdigest()


def digests_of(folder: Path, names: Iterable[str], go_on: GoOn) -> dict[str, str | None]:
    """Of each of the files. OSError."""
    return {name: digest_of(folder / name, go_on) for name in names}


def make_alike(library: Side, mirror: Side, go_on: GoOn) -> dict[str, str]:
    """Both copies are the same, file by file; their SHA-256. CannotTell, NotYet, LibraryError, OSError.

    A copy that its writer could not close, because the disk was gone, is made good by the other one."""
    if has_more(library, mirror):
        return _replace(mirror, library, go_on)
    if has_more(mirror, library):
        return _replace(library, mirror, go_on)
    if not (library.record.closed and mirror.record.closed):
        raise NotYet
    if not has_the_same(library, mirror):
        if library.record.parts != mirror.record.parts and library.span == mirror.span:
            raise CannotTell(
                "one volume takes no longer files, so the copies are divided into files otherwise and cannot be "
                "compared file by file"
            )
        raise CannotTell("each copy has sound that the other lacks")
    here = digests_of(library.folder, library.names, go_on)
    there = digests_of(mirror.folder, mirror.names, go_on)
    right = library.digests or mirror.digests
    to_there, to_here = [], []
    neither: list[str] = []
    for name in library.names:
        if name not in right and here[name] != there[name]:
            raise NotYet
        if here[name] is not None and here[name] == right.get(name, there[name]):
            if there[name] != here[name]:
                to_there.append(name)
        elif there[name] is not None and there[name] == right.get(name):
            to_here.append(name)
        else:
            neither.append(name)
    if neither:
        named = ", ".join(channels_of(library.record, name) for name in neither)
        raise CannotTell(f"neither is what it was when it was closed: {named}")
    _copy_files(library, mirror.folder, {name: here[name] or "" for name in to_there}, go_on)
    _copy_files(mirror, library.folder, {name: there[name] or "" for name in to_here}, go_on)
    for side in (library, mirror):
        _clear_away(side.folder, side.names)
    return {name: (there if name in to_here else here)[name] or "" for name in library.names}


def _replace(lesser: Side, better: Side, go_on: GoOn) -> dict[str, str]:
    """The lesser copy is as the better one. Files of parts that only it had are gone: no journal names them now."""
    digests = copy_take(better, lesser.folder, go_on, with_journal=True)
    for name in set(lesser.names) - set(better.names):
        with contextlib.suppress(FileNotFoundError):
            remove(library_of(lesser.folder), lesser.folder / name)
    return digests


def copy_take(source: Side, target: Path, go_on: GoOn, *, with_journal: bool = True) -> dict[str, str]:
    """`target` has every file of the take, and its journal; their SHA-256. As make_alike."""
    digests: dict[str, str] = {}
    if not source.record.closed:
        raise NotYet
    for name, digest in digests_of(source.folder, source.names, go_on).items():
        if digest is None or source.digests.get(name, digest) != digest:
            what = "is gone" if digest is None else "is not what it was when it was closed"
            raise CannotTell(f"{channels_of(source.record, name)} {what}, and the other copy has less")
        digests[name] = digest
    for name, least_bytes in _least_sizes(source).items():
        if (source.folder / name).stat().st_size < least_bytes:
            what = f"{channels_of(source.record, name)} is shorter than its journal says"
            raise CannotTell(f"{what}, and the other copy has less")
    there = digests_of(target, source.names, go_on) if is_folder(target) else {}
    wanted = {name: digest for name, digest in digests.items() if there.get(name) != digest}
    if take_in(target) is None and any(there.get(name) is not None for name in wanted):
        # No copy that was cut short leaves that: its files are whole before they get their names.
        raise CannotTell(f"{target} has other files of these names, and nothing says what they are")
    make_folders(target, root=library_of(target))
    _copy_files(source, target, wanted, go_on)
    if with_journal:
        journal = digest_of(source.folder / JOURNAL_NAME, go_on)
        _copy_files(source, target, {JOURNAL_NAME: journal or ""}, go_on)
    _clear_away(target, source.names)
    return digests


def _least_sizes(side: Side) -> dict[str, int]:
    """Bytes that each file of the take has at least."""
    form = side.record.order.format
    width = WaveShape(channels=1, sample_rate_hz=form.sample_rate_hz, sample=form.sample).sample_bytes
    return {file.name: HEADER_BYTES + file.frames * len(file.channels) * width for file in side.record.files}


def channels_of(record: TakeRecord, name: str) -> str:
    """A file by the channels that it holds: 'channel 3 "Snare" (03 Snare.wav)'."""
    names = {track.channel: track.name for track in record.order.tracks}
    held = next((file.channels for file in record.files if file.name == name), ())
    told = ", ".join(f'{channel} "{names.get(channel, "")}"' for channel in held)
    return f"channel{'s' if len(held) > 1 else ''} {told} ({name})" if held else name


def copy_small(source: Path, target: Path, *, root: Path) -> None:
    """A small file is there, too, below `root`, durably; nothing where it says the same already. OSError."""
    content = _small(source)
    with contextlib.suppress(OSError):
        if _small(target) == content:
            return
    write_whole(target, content, root=root)


def _small(path: Path) -> bytes:
    with open(open_plain(path), "rb") as file:
        content = file.read(LONGEST_JSON_BYTES + 1)
    if len(content) > LONGEST_JSON_BYTES:
        raise OSError(errno.EFBIG, "it is longer than anything of rigd's", str(path))
    return content


def _check_room(source: Side, target: Path, names: Iterable[str]) -> None:
    """Raises LibraryError where the volume would be too full afterwards for the next take."""
    needed = sum((source.folder / name).stat().st_size for name in names)
    form = source.record.order.format
    width = WaveShape(channels=1, sample_rate_hz=form.sample_rate_hz, sample=form.sample).sample_bytes
    needed += LEFT_S * form.sample_rate_hz * width * len(source.record.order.tracks)
    volume = os.statvfs(target)
    free = volume.f_bavail * volume.f_frsize
    if free < needed:
        raise LibraryError(
            f"{target}: a copy, and room for a minute of the next take, need {needed / 1e6:,.0f} MB and "
            f"{free / 1e6:,.0f} MB are free"
        )


def _copy_files(side: Side, target: Path, digests: dict[str, str], go_on: GoOn) -> None:
    """Every one of these is written beside, durable and read again before the first is renamed."""
    source = side.folder
    if any(name != JOURNAL_NAME for name in digests):
        _check_room(side, target, digests)
    try:
        for name, digest in digests.items():
            _copy_file(source / name, _beside(target / name), go_on)
            if digest_of(_beside(target / name), go_on) != digest:
                raise LibraryError(f"{target / name}: the disk gave back something else than was written")
    except BaseException as error:
        for name in digests:
            with contextlib.suppress(OSError):
                remove(library_of(target), _beside(target / name))
        if isinstance(error, OSError) and trouble_of(error.errno) in OF_WRITES:
            cure = cure_of(trouble_of(error.errno)) or "free some space there"
            raise LibraryError(f"{target} cannot be written ({error.strerror}): {cure}") from error
        raise
    for name in digests:
        rename(library_of(target), _beside(target / name), target / name)
    if digests:
        sync_folder(target, root=library_of(target))


def _clear_away(folder: Path, names: Iterable[str]) -> None:
    """What a kill left of files that were being copied there."""
    for name in (*names, JOURNAL_NAME):
        with contextlib.suppress(OSError):
            remove(library_of(folder), _beside(folder / name))


def _copy_file(source: Path, target: Path, go_on: GoOn) -> None:
    reading = open_plain(source)
    try:
        writing = new_file(library_of(target.parent), target)
        try:
            at = 0
            while piece := memoryview(os.read(reading, PIECE_BYTES)):
                os.posix_fadvise(reading, at, len(piece), os.POSIX_FADV_DONTNEED)
                at += len(piece)
                while piece:
                    piece = piece[os.write(writing, piece) :]
                go_on()
            os.fsync(writing)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")
