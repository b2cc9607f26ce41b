"""A take's folder brought up to date, thrown into the trash, brought back. Library thread only.

The journal is the truth about sound. Of the slate, take.json may be ahead until the writer has put it into
journal and files. Where a folder lies is the truth about the trash: what is in it is a false take.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from rigd.library.durable import make_folder, move_folder
from rigd.library.session import TRASH_NAME
from rigd.library.sheet import (
    SheetMirror,
    TakeSheet,
    make_sheet,
    slate_of,
    with_digests,
    with_slate,
    without_digests,
)
from rigd.library.sheet_file import NewerSheet, read_sheet, write_sheet
from rigd.library.walking import is_link, is_plain, library_of
from rigd.model.errors import LibraryError, TakeError
from rigd.model.names import clash_key, safe_name, unique_name
from rigd.model.take import Slate
from rigd.takefile.journal import JOURNAL_NAME, read_journal
from rigd.takefile.ledger import TakeRecord


class FoundTake(Struct, frozen=True, kw_only=True):
    """A take's folder and what its take.json says now."""

    folder: Path
    sheet: TakeSheet
    settled: bool
    """True when journal and files say what the sheet says, so that SHA-256 can be made."""
    newer: bool = False
    """True where take.json is a newer rigd's: it stays as it is, and `sheet` is what the journal says."""

    @property
    def in_trash(self) -> bool:
        return self.folder.parent.name == TRASH_NAME

    @property
    def session_folder(self) -> Path:
        return self.folder.parent.parent

    @property
    def unhashed(self) -> tuple[str, ...]:
        """Files whose SHA-256 is still to be made."""
        if self.newer:
            return ()
        return tuple(
            file.name
            for file in self.sheet.files
            if file.sha256 is None and file.size_bytes is not None and is_plain(file.name)
        )


def bring_up_to_date(folder: Path, *, slate: Slate | None = None) -> FoundTake | None:
    """take.json says what the journal says, and `slate` where one is given; None where this is no take.

    The take.json of a take that still rolls is left alone. Written only where something changed. Raises
    LibraryError where neither take.json nor the journal can be read, or take.json cannot be written.
    """
    journal_bytes = _size(folder / JOURNAL_NAME)
    old: TakeSheet | None = None
    fault: LibraryError | None = None
    try:
        old = read_sheet(folder)
    except LibraryError as error:
        fault = error
    if journal_bytes is None:
        if old is not None:
            return _placed(folder, old, slate)
        if fault is not None:
            raise fault
        return None
    if old is not None and _is_current(old, journal_bytes, slate, in_trash=folder.parent.name == TRASH_NAME):
        return FoundTake(folder=folder, sheet=old, settled=True)
    try:
        record = read_journal(folder / JOURNAL_NAME)
    except TakeError as error:
        if old is not None:
            return _placed(folder, old, slate)
        raise LibraryError(str(fault or error)) from error
    if not record.closed:
        open_sheet = make_sheet(record, journal_bytes=0, rolling=True, sizes={})
        return FoundTake(folder=folder, sheet=open_sheet, settled=False)
    new = make_sheet(record, journal_bytes=journal_bytes, rolling=False, sizes=sizes_of(folder, record))
    if old is not None:
        if slate is None and old.ahead_of_journal:
            slate = slate_of(old)
        new = replace(
            new,
            trashed_from=old.trashed_from,
            trashed_at=old.trashed_at,
            trashed_ordinal=old.trashed_ordinal,
            on_its_way_to=old.on_its_way_to if old.on_its_way_to != folder.parent.parent.name else "",
        )
    if slate is not None:
        new = with_slate(new, slate)
    if folder.parent.name == TRASH_NAME:
        new = replace(new, false_take=True)
    new = replace(new, ahead_of_journal=slate_of(new) != record.slate)
    settled = not record.retag_due and not new.ahead_of_journal
    if old is not None and old.journal_bytes == journal_bytes:
        # Without a word in the journal rigd did not touch the files: what is known of them stays, so that
        # a SHA-256 still shows what somebody else did to them.
        kept = replace(new, files=old.files, mirror=old.mirror)
        new = kept if slate_of(new) == slate_of(old) else without_digests(kept)
    newer = isinstance(fault, NewerSheet)
    if new != old and not newer:
        write_sheet(folder, new)
    return FoundTake(folder=folder, sheet=new, settled=settled, newer=newer)


def hard_link_in(found: FoundTake) -> Path | None:
    """A file of the take that has another name, so that the writer does not close it; None where there is none."""
    for name in (JOURNAL_NAME, *(file.name for file in found.sheet.files if is_plain(file.name))):
        with contextlib.suppress(OSError):
            if (found.folder / name).lstat().st_nlink > 1:
                return found.folder / name
    return None


def file_failed(folder: Path, *, failure: str, frames: int = 0) -> FoundTake:
    """take.json says that the take has failed, of a journal that had no room for it. When the next start of the
    writer closes the journal, the sheet is made from that. `frames`: so many were told to be durable, which the
    journal may have had no room to say either. Raises LibraryError."""
    journal = folder / JOURNAL_NAME
    try:
        record = read_journal(journal)
    except TakeError as error:
        raise LibraryError(str(error)) from error
    sheet = make_sheet(
        replace(record, failure=failure),
        journal_bytes=_size(journal) or 0,
        rolling=False,
        sizes=sizes_of(folder, record),
        frames=max(record.durable_frames, frames),
    )
    write_sheet(folder, sheet)
    return FoundTake(folder=folder, sheet=sheet, settled=False)


def note_digests(folder: Path, digests: Mapping[str, str], *, journal_bytes: int) -> FoundTake | None:
    """The SHA-256 are in take.json; None where the take has changed since, and they are void."""
    found = bring_up_to_date(folder)
    if found is None or found.sheet.rolling or found.sheet.journal_bytes != journal_bytes:
        return None
    sheet = with_digests(found.sheet, digests)
    write_sheet(folder, sheet)
    return replace(found, sheet=sheet)


def note_mirror(
    folder: Path, digests: Mapping[str, str], mirror: SheetMirror, *, journal_bytes: int
) -> FoundTake | None:
    """What came of comparing the two copies is in take.json, and in the other copy's, which has the same sound
    and a journal of its own; None where the take has changed since."""
    found = bring_up_to_date(folder)
    if found is None or found.sheet.rolling or found.newer or found.sheet.journal_bytes != journal_bytes:
        return None
    sheet = replace(with_digests(found.sheet, digests), mirror=mirror)
    write_sheet(folder, sheet)
    there = Path(mirror.folder)
    if mirror.state == "same" and not _is_newer(there):
        own_journal = _size(there / JOURNAL_NAME)
        own_bytes = sheet.journal_bytes if own_journal is None else own_journal
        write_sheet(there, replace(sheet, mirror=None, journal_bytes=own_bytes))
    return replace(found, sheet=sheet)


def _is_newer(folder: Path) -> bool:
    """Its take.json is of a newer rigd."""
    try:
        read_sheet(folder)
    except NewerSheet:
        return True
    except LibraryError:
        return False  # a damaged one is made anew
    return False


def move_to_trash(folder: Path, *, at: str, ordinal: int) -> FoundTake:
    """The take is a false one, in the trash of its session; was it there already, it stays.

    take.json says so before the folder moves: after a power cut in between, catching up moves it.
    """
    found = _closed_take(folder)
    if found.in_trash:
        return found
    session = folder.parent.parent
    trash = session / TRASH_NAME
    if is_link(trash):
        raise LibraryError(f"{trash}: is a link; {folder} stays where it is. Remove the link")
    make_folder(trash, root=library_of(folder))
    sheet = _with_false_take(found.sheet, true=True)
    sheet = replace(
        sheet,
        trashed_from=f"{folder.parent.name}/{folder.name}",
        trashed_at=sheet.trashed_at or at,
        trashed_ordinal=sheet.trashed_ordinal if sheet.trashed_at else ordinal,
    )
    write_sheet(folder, sheet)
    target = _free(trash, safe_name(f"{folder.parent.name} - {folder.name}", fallback="Take"))
    move_folder(folder, target, root=library_of(folder))
    return FoundTake(folder=target, sheet=sheet, settled=False)


def move_to_session(found: FoundTake, session: Path, *, dated: str, target: Callable[[], Path]) -> FoundTake:
    """The closed take has this date and lies at `target`, in the session of its day; one in the trash stays there.

    take.json says so before the folder moves: after a power cut in between, the next start moves it. Journal and
    files say the old date until the writer is told. LibraryError.
    """
    sheet = found.sheet
    if dated and dated != sheet.dated:
        sheet = without_digests(with_slate(sheet, replace(slate_of(sheet), dated=dated)))
        sheet = replace(sheet, ahead_of_journal=True)
    goes = session != found.session_folder
    sheet = replace(sheet, on_its_way_to=session.name if goes else "")
    if sheet != found.sheet:
        write_sheet(found.folder, sheet)
    place = found.folder
    if goes:
        place = target()
        root = library_of(found.folder)
        make_folder(place.parent, root=root)
        move_folder(found.folder, place, root=root)
    return FoundTake(folder=place, sheet=sheet, settled=not sheet.ahead_of_journal)


def free_in_trash(session: Path, name: str) -> Path:
    """A place in the session's trash, which is there. LibraryError."""
    trash = session / TRASH_NAME
    make_folder(trash, root=session.parent)
    return _free(trash, name)


def move_from_trash(found: FoundTake, target: Path) -> FoundTake:
    """The take is at `target` and no false one. The folder moves first: after a power cut in between, it is
    still the false take that it was, and catching up moves it back."""
    if found.in_trash:
        root = library_of(found.folder)
        make_folder(target.parent, root=root)
        move_folder(found.folder, target, root=root)
    else:
        target = found.folder
    sheet = replace(
        _with_false_take(found.sheet, true=False), trashed_from="", trashed_at="", trashed_ordinal=0
    )
    write_sheet(target, sheet)
    return FoundTake(folder=target, sheet=sheet, settled=False)


def place_before_trash(found: FoundTake) -> tuple[str, str]:
    """Song folder and take folder that a false take had; made up from its slate where nobody knows."""
    parts = PurePosixPath(found.sheet.trashed_from).parts
    if len(parts) == 2 and all(part == safe_name(part, fallback="") for part in parts):
        return parts[0], parts[1]
    return safe_name(found.sheet.song, fallback="Song"), f"Take {found.sheet.number:03}"


def sizes_of(folder: Path, record: TakeRecord) -> dict[str, int | None]:
    """Bytes of each file of the take; None for one that is not there."""
    return {file.name: _size(folder / file.name) if is_plain(file.name) else None for file in record.files}


def _is_current(old: TakeSheet, journal_bytes: int, slate: Slate | None, *, in_trash: bool) -> bool:
    return (
        old.journal_bytes == journal_bytes
        and not old.rolling
        and not old.ahead_of_journal
        and (slate is None or slate == slate_of(old))
        and (old.false_take or not in_trash)
    )


def _placed(folder: Path, old: TakeSheet, slate: Slate | None) -> FoundTake:
    """A take without a readable journal: take.json is all there is."""
    new = old if slate is None else with_slate(old, slate)
    if folder.parent.name == TRASH_NAME:
        new = replace(new, false_take=True)
    if new != old:
        write_sheet(folder, new)
    return FoundTake(folder=folder, sheet=new, settled=not new.rolling)


def _with_false_take(sheet: TakeSheet, *, true: bool) -> TakeSheet:
    if sheet.false_take == true:
        return sheet
    changed = with_slate(sheet, replace(slate_of(sheet), false_take=true))
    return replace(without_digests(changed), ahead_of_journal=True)


def _closed_take(folder: Path) -> FoundTake:
    found = bring_up_to_date(folder)
    if found is None:
        raise LibraryError(f"{folder}: is not a take; left alone")
    if found.sheet.rolling:
        raise LibraryError(f"{folder}: the take is still open; left alone. Stop it first")
    return found


def _free(parent: Path, name: str) -> Path:
    try:
        taken = {clash_key(name) for name in os.listdir(parent)}
    except OSError as error:
        raise LibraryError(f"{parent}: cannot be read ({error.strerror}); nothing was moved") from error
    return parent / unique_name(name, taken=taken.__contains__)


def _size(path: Path) -> int | None:
    with contextlib.suppress(OSError):
        status = path.lstat()
        return status.st_size
    return None
