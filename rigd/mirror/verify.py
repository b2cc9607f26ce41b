"""Every file of a take hashed again, on both volumes: what is not as it was, by channel. Writes nothing.

Any thread or process, beside a running rig or without one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from rigd.library.session import take_folders
from rigd.library.sheet import TakeSheet
from rigd.library.sheet_file import read_sheet
from rigd.library.walking import folders_in, is_file, is_plain
from rigd.mirror.copies import channels_of, digest_of
from rigd.model.errors import LibraryError, TakeError
from rigd.takefile.journal import JOURNAL_NAME, read_journal


class Verified(Struct, frozen=True, kw_only=True):
    """What came of one take."""

    take_id: str
    title: str
    folder: str
    mirror: str
    """Where the other copy was looked for; empty: nowhere."""
    files: int
    differs: tuple[str, ...]
    """A line a file that is not as it was, or not the same on both volumes; empty: all is well."""
    unproved: int = 0
    """Files without a SHA-256 in take.json: they are compared with their other copy only."""


def verify_take(library: Path, mirror: Path | None) -> Verified:
    """The take in the folder `library` against its SHA-256 in take.json and against its copy in `mirror`, if there
    is to be one. A take of which nothing can be told is one that differs."""
    found: list[str] = []
    for folder in (library, mirror):
        if folder is None:
            continue
        try:
            return _verified(folder, library, mirror)
        except LibraryError as error:
            found.append(str(error))
    return Verified(
        take_id="",
        title=library.name,
        folder=str(library),
        mirror="" if mirror is None else str(mirror),
        files=0,
        differs=tuple(found),
    )


def _verified(lead: Path, library: Path, mirror: Path | None) -> Verified:
    """By what journal and take.json in `lead` say."""
    sheet = read_sheet(lead)
    try:
        record = read_journal(lead / JOURNAL_NAME)
    except TakeError as error:
        raise LibraryError(str(error)) from error
    if sheet is None or sheet.rolling or not record.closed:
        raise LibraryError(f"{lead}: the take is not closed yet; nothing was compared")
    files = [file for file in sheet.files if is_plain(file.name)]
    unproved = sum(file.sha256 is None for file in files)
    places = [("library", library), *([] if mirror is None else [("mirror", mirror)])]
    copies = {whose: {file.name: _digest(place / file.name) for file in files} for whose, place in places}
    differs: list[str] = []
    for whose in [whose for whose in copies if len(set(copies[whose].values())) == 1 < len(files)]:
        (found,) = set(copies[whose].values())
        if " " in found:  # a disk that is gone, told once and not file by file
            differs.append(f"the {whose}'s copy {found}, not one file of it")
            del copies[whose]
    for file in files:
        found_here = {whose: digests[file.name] for whose, digests in copies.items()}
        wrong = _what_differs(found_here, file.sha256)
        if wrong:
            differs.append(f"{channels_of(record, file.name)}: {wrong}")
    return Verified(
        take_id=sheet.take_id,
        title=_title(sheet),
        folder=str(library),
        mirror="" if mirror is None else str(mirror),
        files=len(sheet.files),
        differs=tuple(differs),
        unproved=unproved,
    )


def find_takes(library: Path, mirror: Path | None) -> Iterator[tuple[Path, Path | None]]:
    """Where each take lies, session by session, or is to lie: in the library and on the mirror."""
    seen: set[Path] = set()
    for place in _takes_in(library):
        there = None if mirror is None else _copy_place(place, library, mirror)
        if there is not None:
            seen.add(there)
        yield place, there
    for place in _takes_in(mirror) if mirror is not None else ():
        if place not in seen and mirror is not None:
            yield library / place.relative_to(mirror), place


def _takes_in(library: Path) -> Iterator[Path]:
    for session in folders_in(library):
        for place in take_folders(session):
            if is_file(place / JOURNAL_NAME):
                yield place


def _copy_place(folder: Path, library: Path, mirror: Path) -> Path:
    """Where a take's other copy is to be: as take.json says, else at the same place on the mirror."""
    with contextlib.suppress(LibraryError):
        sheet = read_sheet(folder)
        there = Path(sheet.mirror.folder) if sheet is not None and sheet.mirror is not None else mirror
        if there != mirror and there.is_relative_to(mirror) and ".." not in there.relative_to(mirror).parts:
            return there
    return mirror / folder.relative_to(library)


def _digest(path: Path) -> str:
    """Its SHA-256, or why there is none."""
    try:
        return digest_of(path, lambda: None) or "is not there"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _what_differs(found: dict[str, str], right: str | None) -> str:
    """Of one file, by whose copy it is. Empty: nothing."""
    bad = [f"the {whose}'s copy {why}" for whose, digest in found.items() if (why := _why(digest, right))]
    if bad:
        return ", ".join(bad)
    return "the copies differ, and take.json has no SHA-256 yet" if len(set(found.values())) > 1 else ""


def _why(found: str, right: str | None) -> str:
    if " " in found:
        return found
    return "is not what it was" if right is not None and found != right else ""


def _title(sheet: TakeSheet) -> str:
    name = f' "{sheet.name}"' if sheet.name else ""
    return f"{sheet.song} · Take {sheet.number:03}{name}"
