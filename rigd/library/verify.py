"""Every file of a take hashed again, on both volumes: what is not as it was, by channel. Writes nothing. Any thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rigd.library.copies import channels_of, digest_of
from rigd.library.session import folders_in, take_folders
from rigd.library.sheet import TakeSheet, read_sheet
from rigd.library.takes import is_plain
from rigd.model.errors import LibraryError, TakeError
from rigd.writer.journal import JOURNAL_NAME, read_journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
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


def verify_take(folder: Path, mirror: Path | None) -> Verified:
    """The take in `folder` against its SHA-256 in take.json and against the copy in `mirror`, if there is to be one.

    Raises LibraryError where there is no closed take."""
    sheet = read_sheet(folder)
    try:
        record = read_journal(folder / JOURNAL_NAME)
    except TakeError as error:
        raise LibraryError(f"{folder}: {error}") from error
    if sheet is None or sheet.rolling or not record.closed:
        raise LibraryError(f"{folder}: the take is not closed yet; nothing was compared")
    differs: list[str] = []
    unproved = 0
    for file in sheet.files:
        if not is_plain(file.name):
            continue
        unproved += file.sha256 is None
        here = _digest(folder / file.name)
        there = None if mirror is None else _digest(mirror / file.name)
        wrong = _what_differs(here, there, file.sha256, mirrored=mirror is not None)
        if wrong:
            differs.append(f"{channels_of(record, file.name)}: {wrong}")
    return Verified(
        take_id=sheet.take_id,
        title=_title(sheet),
        folder=str(folder),
        mirror="" if mirror is None else str(mirror),
        files=len(sheet.files),
        differs=tuple(differs),
        unproved=unproved,
    )


def find_takes(library: Path) -> Iterator[Path]:
    """Folders of closed takes, session by session."""
    for session in folders_in(library):
        for place in take_folders(session):
            if (place / JOURNAL_NAME).is_file():
                yield place


def copy_place(folder: Path, library: Path, mirror: Path) -> Path:
    """Where a take's other copy is to be: as take.json says, else at the same place on the mirror."""
    sheet = read_sheet(folder)
    if sheet is not None and sheet.mirror is not None:
        return Path(sheet.mirror.folder)
    return mirror / folder.relative_to(library)


def _digest(path: Path) -> str:
    """Its SHA-256, or why there is none."""
    try:
        return digest_of(path, lambda: None) or "is not there"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _what_differs(here: str, there: str | None, right: str | None, *, mirrored: bool) -> str:
    """Empty: nothing."""
    bad = [
        f"the {name} copy {_why(found, right)}" for name, found in _named(here, there) if _why(found, right)
    ]
    if bad:
        return ", ".join(bad)
    return "the copies differ, and take.json has no SHA-256 yet" if mirrored and here != there else ""


def _named(here: str, there: str | None) -> list[tuple[str, str]]:
    return [("library", here), *([] if there is None else [("mirror", there)])]


def _why(found: str, right: str | None) -> str:
    if " " in found:
        return found
    return "is not what it was" if right is not None and found != right else ""


def _title(sheet: TakeSheet) -> str:
    name = f' "{sheet.name}"' if sheet.name else ""
    return f"{sheet.song} · Take {sheet.number:03}{name}"
