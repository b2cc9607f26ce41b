"""How a take comes to be open: made new for an order, or taken up again after the writer was killed.

Order of a new take: hold, list of open takes, folder, journal, files; then one sync makes what was made
for all the takes that are opened together durable. Killed anywhere in between, a take is either not there
or taken up again. Runs on the writer's one thread.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from rigd.model.errors import TakeError, TapeError
from rigd.model.take import GapCause, TakeNote, TakeOrder
from rigd.model.units import Frame
from rigd.takefile.beneath import open_folder, remove_folder
from rigd.takefile.folders import (
    OpenFolder,
    OpenList,
    cache_mark,
    check_folder,
    check_order,
)
from rigd.takefile.journal import JOURNAL_NAME, Journal
from rigd.takefile.ledger import Begun, Ledger, Resumed
from rigd.takefile.parts import moved
from rigd.takefile.take_parts import LEAST_PART_S, TakeParts
from rigd.tape._core import lib
from rigd.tape.blocks import Lost
from rigd.tape.holds import Hold, hold_key
from rigd.tape.tape import Tape
from rigd.writer.take_writer import TakeWriter


class Holder(Struct, frozen=True, kw_only=True):
    """Who holds the sound of takes on the tape: the writer's name, and whether capture may let go of it."""

    writer: str
    spare: bool
    beside: str = ""
    """The library on another volume that has the same takes."""


def _hold_for(tape: Tape, order: TakeOrder, frame: Frame, holder: Holder) -> Hold:
    """The take's hold: the one a killed writer left, else a new one."""
    key = hold_key(order.take_id, holder.writer)
    try:
        return tape.adopt_hold(key)
    except TapeError:
        return tape.take_hold(frame, key=key, spare=holder.spare)


def _first_frame_there(tape: Tape, asked: Frame) -> Frame:
    """`asked`, or the oldest frame of the tape where that is younger. The hold is in place already."""
    piece = tape.reader(asked).next(1)
    if isinstance(piece, Lost) and piece.cause is GapCause.OVERWRITTEN:
        return Frame(asked + piece.frames)
    return asked


def _check_fits(order: TakeOrder, tape: Tape) -> None:
    geometry = tape.geometry
    highest = max(track.input for track in order.tracks)
    if highest > geometry.channels:
        raise TakeError(
            f'take "{order.folder}": input {highest} was asked for, the tape has {geometry.channels};'
            " nothing was written"
        )
    if order.format.sample_rate_hz != geometry.sample_rate_hz:
        raise TakeError(
            f'take "{order.folder}": {order.format.sample_rate_hz} Hz was asked for, the tape runs at'
            f" {geometry.sample_rate_hz} Hz; nothing was written"
        )


def check(order: TakeOrder, *, tape: Tape, library_root: Path) -> None:
    """The order makes sense, stays inside the library and fits the tape. TakeError."""
    check_order(order)
    check_folder(order, library_root)
    _check_fits(order, tape)


class TakeOpening(Struct, frozen=True):
    """A take whose folder, journal and files are there, but would not survive a power cut yet."""

    take: TakeWriter
    _undo: contextlib.ExitStack

    def keep(self) -> TakeWriter:
        """It is durable now, and open."""
        self._undo.pop_all()
        return self.take

    def undo(self) -> None:
        """Nothing of it is left behind."""
        self._undo.close()


def open_take(
    order: TakeOrder,
    notes: Iterable[TakeNote],
    *,
    tape: Tape,
    library_root: Path,
    open_list: OpenList,
    holder: Holder,
) -> TakeOpening:
    """The order's folder, journal (with these notes) and files are there; nothing of its sound is
    written. TakeError, TapeError or OSError, and nothing is left behind."""
    check(order, tape=tape, library_root=library_root)  # it may come from the list of a writer before
    folder = Path(order.folder)
    with contextlib.ExitStack() as undo:
        hold = undo.enter_context(_hold_for(tape, order, order.first_frame, holder))
        first_frame = _first_frame_there(tape, order.first_frame)
        folder_fd = open_folder(library_root, folder, make=True)
        undo.callback(remove_empty, library_root, folder)
        undo.callback(os.close, folder_fd)
        mark = cache_mark(folder_fd)
        open_list.add(OpenFolder(take_id=order.take_id, folder=order.folder, cache_mark=mark))
        undo.callback(open_list.remove, order.folder)
        begun = Begun(
            tape_id=f"{tape.tape_id:016x}",
            tape_layout=lib.RIGD_LAYOUT_VERSION,
            asked_frame=order.first_frame,
            order=moved(order, first_frame),
        )
        try:
            journal = Journal.create(begun, folder_fd=folder_fd)
        except FileExistsError as error:
            why = f'take "{folder}": the folder holds a take already; nothing was written'
            raise TakeError(why) from error
        undo.callback(_remove_journal, journal, folder_fd)
        files = TakeParts.create(begun.order, folder_fd=folder_fd, beside=holder.beside)
        undo.callback(_remove_files, files, begun.order, folder_fd)
        if files.least_seconds < LEAST_PART_S:
            raise TakeError(
                f'take "{folder}": {files.limit.why}, which is {files.least_seconds:.1f} s of it; nothing was '
                "written. Raise that limit (ulimit -f, LimitFSIZE=), or record fewer channels to a file"
            )
        take = TakeWriter(
            folder_fd=folder_fd,
            journal=journal,
            ledger=Ledger(begun),
            files=files,
            tape=tape,
            hold=hold,
            written_frames=0,
        )
        for note in notes:
            take.annotate(note)
        return TakeOpening(take, undo.pop_all())


def remove_empty(root: Path, folder: Path) -> None:
    """Only where nothing is in it; its parents stay."""
    with contextlib.suppress(OSError):
        remove_folder(root, folder)


def _remove_journal(journal: Journal, folder_fd: int) -> None:
    journal.close()
    with contextlib.suppress(OSError):
        os.unlink(JOURNAL_NAME, dir_fd=folder_fd)


def _remove_files(files: TakeParts, order: TakeOrder, folder_fd: int) -> None:
    files.close()
    for file in order.files:
        with contextlib.suppress(OSError):
            os.unlink(file.name, dir_fd=folder_fd)


def resume_take(
    entry: OpenFolder, *, tape: Tape, library_root: Path, open_list: OpenList, holder: Holder
) -> TakeWriter | None:
    """A take that a killed writer left open goes on exactly where its files end, cut to equal length.

    None where that cannot be: it is closed already or was being closed, is of another tape, or the page
    cache did not survive, so that the lengths of files prove nothing. TakeError, TapeError or OSError where
    its folder or journal cannot be used.
    """
    folder = Path(entry.folder)
    with contextlib.ExitStack() as undo:
        folder_fd = open_folder(library_root, folder)
        undo.callback(os.close, folder_fd)
        if entry.cache_mark != cache_mark(folder_fd):
            return None
        journal, ledger = Journal.reopen(folder=entry.folder, folder_fd=folder_fd)
        undo.callback(journal.close)
        if ledger.closing is not None or ledger.begun.tape_id != f"{tape.tape_id:016x}":
            return None
        order = ledger.begun.order
        files = TakeParts.reopen(
            order, ledger.slate, ledger.parts, folder_fd=folder_fd, missing_ok=True, beside=holder.beside
        )
        undo.callback(files.close)
        frames = min(files.frames_there())
        if frames < max(ledger.durable_frames, ledger.parts[-1]):
            return None  # somebody has cut a file off
        # A pwrite that was killed may have ended inside a frame, and in some files only. It was written in
        # order, so all that is below the shortest length is good, and the rest is still on the tape.
        files.cut(frames)
        files.say_safe(ledger.durable_frames)
        durable = Frame(order.first_frame + ledger.durable_frames)
        hold = undo.enter_context(_hold_for(tape, order, durable, holder))
        journal.append(Resumed(frames=frames))
        open_list.add(entry)
        take = TakeWriter(
            folder_fd=folder_fd,
            journal=journal,
            ledger=ledger,
            files=files,
            tape=tape,
            hold=hold,
            written_frames=frames,
        )
        undo.pop_all()
        return take
