"""Takes that a crash left open are closed: equal length, true headers, metadata from the journal.

Done twice it gives the same bytes, because what is closed is left alone. Nothing that was made durable is
ever cut off. Runs on the thread of whoever calls; a take that a living writer has open is not touched.
"""

from __future__ import annotations

import bisect
import itertools
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from rigd.model.errors import TakeError
from rigd.model.messages import TakeClosed, TakeFailed
from rigd.model.take import ClosedFile, TakeNote, dated
from rigd.model.units import TakeId
from rigd.takefile.beneath import open_folder, open_inner
from rigd.takefile.failures import unforeseen
from rigd.takefile.journal import JOURNAL_NAME, Journal, has_begun, last_line_closes, read_ledger
from rigd.takefile.ledger import Closed, Closing, Durable, Entry, Ledger, Mended, Retagged
from rigd.takefile.parts import files_of_part
from rigd.takefile.steps import Steps, to_end
from rigd.takefile.take_files import TakeFiles
from rigd.takefile.take_parts import TakeParts
from rigd.takefile.volume import OWN_FOLDER
from rigd.tape.kernel import sync_file_system

PAGE_BYTES = 4096
PAGES_A_STEP = 4096
"""16 MiB. In a library that came on a stick a file may be of any length, and the writer has to see to the take that
rolls: one that computes for 15 s is killed by its watchdog, and would be again at this very take."""
DEEPEST_FOLDER = 5
"""library / session / song / take, and one more for the trash inside a session."""

log = logging.getLogger(__name__)


def recover_take(folder: str, *, root: Path, cache_survived: bool) -> TakeClosed | None:
    """The take in this folder is closed, and how; None where it was closed already or had not begun.

    `cache_survived`: only processes died, so files are as long as they were written. Without it (power
    cut, copied disk) a file system may have made files longer than what reached the disk: then past the
    durable frames only pages with sound in them are believed, and what is all zero there ends the take.
    TakeError or OSError; the take is then as it was, and can be recovered later.
    """
    return to_end(_recovering(folder, root=root, cache_survived=cache_survived))


def _recovering(folder: str, *, root: Path, cache_survived: bool) -> Steps[TakeClosed | None]:
    if not has_begun(Path(folder)):
        return None
    folder_fd = open_folder(root, Path(folder))
    try:
        journal, ledger = yield from Journal.reopening(folder=folder, folder_fd=folder_fd)
        try:
            if ledger.closed is None:
                return (yield from _close(folder, folder_fd, journal, ledger, cache_survived=cache_survived))
            if ledger.retag_due:
                _retag(folder, folder_fd, journal, ledger)
            return None
        finally:
            journal.close()
    finally:
        os.close(folder_fd)


def closed_before(folder: str, take_id: TakeId) -> TakeClosed | TakeFailed | None:
    """How the take in this folder ended; None where it is still to. TakeError where the folder holds another take,
    or its journal cannot be read; OSError."""
    ledger = read_ledger(Path(folder) / JOURNAL_NAME)
    closed = ledger.closed
    if ledger.begun.order.take_id != take_id:
        raise TakeError(f'take "{folder}": the folder holds a take already; nothing was written')
    if closed is None:
        return None
    if closed.failure:
        return TakeFailed(
            take_id=take_id,
            folder=folder,
            frames_kept=closed.frames,
            reason=closed.failure,
            disk_full=False,
            rolled=ledger.end_frame is None,
        )
    files = tuple(
        ClosedFile(
            name=file.name,
            channels=file.channels,
            frames=file.frames,
            size_bytes=(Path(folder) / file.name).lstat().st_size,
        )
        for file in ledger.record().files
    )
    return TakeClosed(
        take_id=take_id,
        folder=folder,
        frames=closed.frames,
        files=files,
        xruns=ledger.xrun_count,
        recovered=closed.recovered,
    )


def _close(
    folder: str, folder_fd: int, journal: Journal, ledger: Ledger, *, cache_survived: bool
) -> Steps[TakeClosed]:
    order = ledger.begun.order
    parts = _parts_on_disk(ledger, folder_fd)
    files = TakeParts.reopen(order, ledger.slate, parts, folder_fd=folder_fd, missing_ok=True)
    try:
        there = files.frames_there()
        # A header is only written after what it says is durable. What no file has, nobody can have made durable.
        said, most = max(ledger.durable_frames, *files.frames_told()), files.most_frames_there()
        if said > most:
            log.warning('take "%s": its journal tells of %d frames, its files have %d', folder, said, most)
        durable = min(said, most)
        if cache_survived:
            frames = max(durable, min(there))
        else:
            frames = max(durable, (yield from _frames_with_sound(files, ledger, durable)))
        limit = frames
        if ledger.closing is not None:
            limit = ledger.closing.frames
        elif ledger.end_frame is not None:
            limit = max(0, ledger.end_frame - order.first_frame)
        frames = min(
            frames, limit, *ledger.parts[len(parts) :]
        )  # behind that it stands in files that are not there
        complete = ledger.closing is not None and frames == limit
        entries: list[Entry] = [
            Mended(name=files.name_at(index, had), frames=had)
            for index, had in enumerate(there)
            if had < frames
        ]
        entries += [Durable(frames=frames), Closing(frames=frames)]
        for entry in entries:
            ledger.note(entry)
        # As in TakeWriter.finish: lengths and `Closing` first, then what comes behind the samples.
        files.end_at(frames)
        journal.append(*entries)
        sync_file_system(folder_fd)
        ledger.closed = Closed(frames=frames, recovered=not complete)
        missing = files.finish(ledger.record())
        sync_file_system(folder_fd)
        journal.append(ledger.closed)
        journal.make_durable()
        for text in missing:
            log.warning('take "%s": no room for the metadata of %s; its samples are whole', folder, text)
        return TakeClosed(
            take_id=order.take_id,
            folder=folder,
            frames=frames,
            files=files.closed_files(frames),
            xruns=ledger.xrun_count,
            recovered=not complete,
        )
    finally:
        files.close()


def _parts_on_disk(ledger: Ledger, folder_fd: int) -> tuple[int, ...]:
    """Where its parts begin, without those at the end that have no file: those are not made for a journal's word."""
    parts, there = list(ledger.parts), set(os.listdir(folder_fd))
    while len(parts) > 1:
        files = files_of_part(ledger.begun.order.files, len(parts))
        if not there.isdisjoint(file.name for file in files):
            break
        parts.pop()
    return tuple(parts)


def _frames_with_sound(parts: TakeParts, ledger: Ledger, durable: int) -> Steps[int]:
    """Frames up to the first page past the durable ones that is all zero in any file and no known gap."""
    first = ledger.begun.order.first_frame
    gaps = [(gap.at_frame - first, gap.at_frame - first + gap.length_frames) for gap in ledger.gaps()]
    common = min(parts.frames_there())
    for part in parts:
        begins, there = part.begins, min(part.files.frames_there())
        sure, most = max(0, durable - begins), min(there, common - begins)
        if most <= sure:
            continue
        known = [(a - begins, b - begins) for a, b in gaps if b > begins]
        found = yield from _frames_of_part(part.files, known, durable=sure, common=most)
        if found < most:
            return max(durable, begins + found)
    return max(durable, common)


def _frames_of_part(
    files: TakeFiles, gaps: list[tuple[int, int]], *, durable: int, common: int
) -> Steps[int]:
    """The same of one part, of which `common` frames are there. `gaps` begin one after the other; a journal may tell
    of any number of them, so they are not gone through for each page."""
    starts = [begins for begins, _ in gaps]
    reach = list(itertools.accumulate((ends for _, ends in gaps), max, initial=0))
    looked_at = 0
    for index, width in enumerate(files.widths):
        # The header is a page, so pages of the file are pages of the samples.
        at = durable * width // PAGE_BYTES * PAGE_BYTES
        while at < common * width:
            page = files.read(index, at, PAGE_BYTES)
            begins = max(at // width, durable)
            ends = min((at + len(page)) // width, common)
            known = reach[bisect.bisect_right(starts, begins)]
            if known and known >= ends:  # all the pages of a long gap are passed by at once
                at = max(at, min(known, common) * width // PAGE_BYTES * PAGE_BYTES - PAGE_BYTES)
            elif page[max(0, durable * width - at) :].strip(b"\0") == b"":
                common = begins
                break
            at += PAGE_BYTES
            looked_at += 1
            if looked_at % PAGES_A_STEP == 0:
                yield
    return max(durable, common)


class NotRecovered(Struct, frozen=True):
    """A take that could not be closed; `reason` says why and that it was left as it was."""

    folder: str
    reason: str


def recover_library(
    library_root: Path, *, skip: Callable[[str], bool]
) -> Iterator[TakeClosed | NotRecovered | None]:
    """Goes through the library one folder a step (None: nothing there), or a part of one that is long, so that the
    caller can do other things in between. A folder for which `skip` is true is left out: it is open here."""
    try:
        root_fd = open_folder(library_root, library_root)
    except OSError:
        return
    try:
        yield from _search(root_fd, library_root, library_root, skip, depth=0)
    finally:
        os.close(root_fd)


def _search(
    folder_fd: int, folder: Path, root: Path, skip: Callable[[str], bool], *, depth: int
) -> Iterator[TakeClosed | NotRecovered | None]:
    """The same of one folder, which is open."""
    try:
        with os.scandir(folder_fd) as scan:
            entries = list(scan)
            # What is rigd's own is no take, such as the black box and what is made of it.
            inside = [each.name for each in entries if each.name != OWN_FOLDER and _is_folder(each)]
    except OSError:
        return
    if any(entry.name == JOURNAL_NAME for entry in entries):
        if skip(str(folder)):
            yield None
        else:
            yield (yield from _recover_one(str(folder), root))
        return
    yield None
    for name in inside if depth < DEEPEST_FOLDER else ():
        try:
            inner_fd = open_inner(folder_fd, folder / name)
        except OSError:
            continue
        try:
            yield from _search(inner_fd, folder / name, root, skip, depth=depth + 1)
        finally:
            os.close(inner_fd)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """No link; what may not be looked at costs itself only."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _recover_one(folder: str, root: Path) -> Steps[TakeClosed | NotRecovered | None]:
    try:
        if last_line_closes(Path(folder)):
            return None
        return (yield from _recovering(folder, root=root, cache_survived=False))
    except Exception as error:
        return not_recovered(folder, error)


def not_recovered(folder: str, error: Exception) -> NotRecovered:
    """The search goes on with the next one, whatever it was."""
    log.error('take "%s" is not recovered: %s', folder, error, exc_info=unforeseen(error))
    return NotRecovered(folder=folder, reason=str(error))


def retag_take(folder: str, take_id: TakeId, note: TakeNote, *, root: Path) -> None:
    """A closed take's journal has this note, once, and its files say so. TakeError, OSError."""
    folder_fd = open_folder(root, Path(folder))
    try:
        journal, ledger = Journal.reopen(folder=folder, folder_fd=folder_fd)
        try:
            if ledger.begun.order.take_id != take_id:
                raise TakeError(f'take "{folder}": that folder holds another take; it was left alone')
            if ledger.closed is None:
                raise TakeError(f'take "{folder}": it is not closed yet; its files were left alone')
            if not ledger.has_note(note):
                journal.append(note)
                journal.make_durable()
                ledger.note(note)
            elif not ledger.retag_due:
                return
            _retag(folder, folder_fd, journal, ledger)
        finally:
            journal.close()
    finally:
        os.close(folder_fd)


def _retag(folder: str, folder_fd: int, journal: Journal, ledger: Ledger) -> None:
    """Tails and headers anew. Cut short by a crash, the next start does it again: `Retagged` is missing."""
    record = ledger.record()
    try:
        order = dated(ledger.begun.order, ledger.slate)
        files = TakeParts.reopen(order, ledger.slate, ledger.parts, folder_fd=folder_fd, missing_ok=False)
    except FileNotFoundError as error:
        why = f'take "{folder}": a file of it is gone; the journal alone has the new words'
        raise TakeError(why) from error
    try:
        if not files.tails_end(record.frames):
            raise TakeError(
                f'take "{folder}": a file is not as rigd wrote it, so it was left alone; the journal alone'
                " has the new words"
            )
        missing = files.finish(record)
        if missing:
            raise TakeError(f'take "{folder}": no room for the metadata of {", ".join(missing)}')
        sync_file_system(folder_fd)
    finally:
        files.close()
    journal.append(Retagged())
    ledger.note(Retagged())
