"""One open take: follows the tape with its own reader and hold, and writes its files and its journal.

It is told an interval and keeps to it. Every method runs on the writer's one thread. OSError from here is
an error of this take alone: its owner then calls `close` with the reason, and goes on with the others.
"""

from __future__ import annotations

import contextlib
import errno
import os

from msgspec.structs import replace

from rigd.model.disk_trouble import NO_ROOM, trouble_of
from rigd.model.limits import MOST_GAPS_TOLD
from rigd.model.messages import GapWritten, TakeProgress, XrunNoted
from rigd.model.take import Gap, GapCause, TakeNote, Xrun
from rigd.model.units import Frame, TakeId
from rigd.takefile.journal import JOURNAL_NAME, Journal
from rigd.takefile.ledger import Closed, Closing, Durable, Ended, Entry, Ledger, NextPart
from rigd.takefile.take_parts import TakeParts
from rigd.tape.blocks import Lost, Run
from rigd.tape.holds import Hold, HoldLetGoError, NoFreeHoldError
from rigd.tape.kernel import sync_file_system
from rigd.tape.tape import OverwrittenError, Tape
from rigd.writer.level_count import LevelCount

GRAIN_FRAMES = 4096
"""While it rolls a take grows in these steps, so that each page of each file is written once: 4,096 frames
of any whole number of bytes are whole pages."""
SMALLEST_FRAMES = 256
ROOM_SECONDS = 8
"""So much is kept ready on the volume ahead of a take that rolls."""
CUT_LOOSE = 8
"""One over: so much of the tape is given up by a writer that capture has let go of. Where it went on right behind
the frames that are overwritten next, every piece would tear under it."""


class TakeWriter:
    """Made by opening.py, once folder, journal and files are there."""

    def __init__(
        self,
        *,
        folder_fd: int,
        journal: Journal,
        ledger: Ledger,
        files: TakeParts,
        tape: Tape,
        hold: Hold,
        written_frames: int,
    ) -> None:
        order = ledger.begun.order
        self.order = order
        self.tape = tape
        self.folder_fd = folder_fd
        self.device = os.fstat(folder_fd).st_dev
        self.written_frames = written_frames
        """Frames in every file, in the page cache at least."""
        self.ledger = ledger
        self._journal = journal
        self._files = files
        self._hold = hold
        self._reader = tape.reader(Frame(order.first_frame + written_frames))
        self._levels = LevelCount(tape, order, ledger, note=self._note)
        self._tape_end_before: int | None = None
        self._closing_noted = False
        self._firm_due = False
        self.safe_frames = ledger.durable_frames
        """Frames that a sync which reported no error has vouched for; no other is ever counted as kept."""

    @property
    def take_id(self) -> TakeId:
        return self.order.take_id

    @property
    def end_frame(self) -> Frame | None:
        """As told last."""
        return self.ledger.end_frame

    @property
    def next_frame(self) -> Frame:
        """The frame that is written next."""
        return Frame(self.order.first_frame + self.written_frames)

    @property
    def is_complete(self) -> bool:
        """True once everything up to its end is written."""
        end = self.ledger.end_frame
        return end is not None and self.next_frame >= end

    @property
    def bytes_per_second(self) -> int:
        return self._files.frame_bytes * self.order.format.sample_rate_hz

    @property
    def room_bytes(self) -> int:
        """What the volume keeps ready for it."""
        return self._files.room_bytes(self.written_frames)

    def _keep_room(self) -> None:
        most, end = ROOM_SECONDS * self.order.format.sample_rate_hz, self.ledger.end_frame
        if end is None or end - self.next_frame >= most:
            self._files.keep_room(self.written_frames, most_frames=most)

    def behind_frames(self) -> int:
        """How far it is behind the tape, or behind its own end."""
        end = self.ledger.end_frame
        tape_end = self.tape.next_frame
        return max(0, (tape_end if end is None else min(end, tape_end)) - self.next_frame)

    def progress(self) -> TakeProgress:
        """How far it is. `order` has the end as told last."""
        order = replace(self.order, end_frame=self.ledger.end_frame, slate=self.ledger.slate, gain_changes=())
        return TakeProgress(
            order=order,
            written_frames=self.written_frames,
            durable_frames=self.ledger.durable_frames,
            gaps=self.ledger.gaps()[-MOST_GAPS_TOLD:],
            xruns=self.ledger.xrun_count,
            whole=self.is_whole,
        )

    @property
    def is_whole(self) -> bool:
        """It lacks nothing that the tape had, from the frame on that was asked for."""
        late = self.order.first_frame > self.ledger.begun.asked_frame
        return not late and all(gap.cause is not GapCause.OVERWRITTEN for gap in self.ledger.gaps())

    # What it is told.

    def end_at(self, end_frame: Frame | None) -> None:
        """Ends there, be it ahead or past; None: nobody knows any more."""
        self._note(Ended(end_frame=end_frame))

    def annotate(self, note: TakeNote) -> None:
        """It stands in the journal, once."""
        if not self.ledger.has_note(note):
            self._note(note)

    def keep_firm(self) -> None:
        """Capture lets go of it no more, from now on or as soon as a firm hold is free."""
        self._firm_due = True
        with contextlib.suppress(NoFreeHoldError):
            self._hold.make_firm(Frame(self.order.first_frame + self.ledger.durable_frames))
            self._firm_due = False

    # What it does.

    def write_on(self) -> tuple[bool, list[GapWritten | XrunNoted]]:
        """Writes what the tape has, at most one slice. True when there is more already."""
        tape_end, end = self.tape.next_frame, self.ledger.end_frame
        # A tape that stands still may never go on: then its last, uneven frames are written too.
        resting = tape_end == self._tape_end_before
        self._tape_end_before = tape_end
        found: list[GapWritten | XrunNoted] = []
        self._keep_room()
        if self._hold.let_go:
            found += self._hold_again()
        for _ in range(64):
            ready = tape_end - self.next_frame
            if end is not None and end <= tape_end:
                ready = end - self.next_frame
            elif not resting:
                ready -= (self.written_frames + ready) % GRAIN_FRAMES
            if ready <= 0:
                return False, found
            if not self._files.frames_left(self.written_frames):
                self._begin_next_part()
            left = self._files.frames_left(self.written_frames)
            piece = self._reader.next(min(ready, left, self._files.slice_frames))
            match piece:
                case None:
                    return False, found
                case Xrun():
                    # One that began before this take is only told: the take before may have ended meanwhile.
                    if not self.ledger.has_xrun(piece):
                        if piece.at_frame >= self.order.first_frame:
                            self._note(piece)
                        found.append(XrunNoted(take_id=self.take_id, xrun=piece))
                case Lost():
                    found.append(self._write_gap(piece))
                case Run():
                    self._write(piece)
                    self._levels.count_to(self.written_frames)
                    if piece.frames >= self._files.slice_frames // 2:
                        return True, found
        return True, found

    def _hold_again(self) -> list[GapWritten]:
        """Capture has let go of its hold: it goes on with what the tape will have for a while."""
        goes_on = Frame(self.tape.oldest_frame + self.tape.geometry.capacity_frames // CUT_LOOSE)
        if self.next_frame >= goes_on or self.is_complete:
            self._hold.renew(self.next_frame)
            return []
        self._hold.renew(goes_on)
        missed = Lost(
            frame=self.next_frame,
            frames=goes_on - self.next_frame,
            cause=GapCause.OVERWRITTEN,
            exact=True,
        )
        self._reader = self.tape.reader(goes_on)
        return [self._write_gap(missed)]

    def _write_gap(self, lost: Lost) -> GapWritten:
        """Silence of that length, no further than the take's end."""
        end = self.ledger.end_frame
        left = 2**62 if end is None else end - self.next_frame
        gap = Gap(
            at_frame=lost.frame, length_frames=min(lost.frames, left), cause=lost.cause, exact=lost.exact
        )
        # First the journal, then the silence: a writer killed in between does both again.
        if not self.ledger.has_gap(gap):
            self._note(gap)
        self._fall_silent(gap.length_frames)
        return GapWritten(take_id=self.take_id, gap=gap)

    def _fall_silent(self, frames: int) -> None:
        """So many more frames of every file are silence, which may be more than a part takes."""
        end, most = self.written_frames + frames, frames
        while self.written_frames < end:
            step = min(end - self.written_frames, self._files.frames_left(self.written_frames), most)
            if not step:
                self._begin_next_part()
                continue
            try:
                self._files.cut(self.written_frames + step)
            except OSError as error:
                self._files.cut(self.written_frames)
                if error.errno != errno.EFBIG:
                    raise
                most = step // 2  # where the limit is, only trying tells
                if most < GRAIN_FRAMES:
                    self._go_on_after(error)
                    most = frames
                continue
            self.written_frames += step

    def _begin_next_part(self) -> None:
        """What follows goes to files of its own. First the journal: files that it does not name are nobody's."""
        self._note(NextPart(frames=self.written_frames))
        self._files.add_part(self.written_frames)

    def _go_on_after(self, error: OSError) -> None:
        """A file may grow no further, which only the write has told. Raises it where that is too soon to go on."""
        if not self._files.learn_limit(self.written_frames):
            raise error
        self._begin_next_part()

    def _write(self, run: Run) -> None:
        try:
            self._files.write(self.tape, run, self.written_frames)
        except OverwrittenError:
            # Only without its hold. The reader tells how much is gone, and that becomes a gap, of which no file
            # may have the first samples.
            self._files.cut(self.written_frames)
            self._reader = self.tape.reader(self.next_frame)
            return
        except OSError as error:
            self._files.cut(self.written_frames)
            if error.errno == errno.EFBIG:
                self._go_on_after(error)
                self._reader = self.tape.reader(self.next_frame)
                return
            if trouble_of(error.errno) in NO_ROOM:
                self._squeeze(run)
            raise
        self.written_frames += run.frames

    def _squeeze(self, run: Run) -> None:
        """The volume is full: writes as many of the run's frames as fit in all files."""
        left, step = run, run.frames // 2
        while step >= SMALLEST_FRAMES and left.frames >= step:
            try:
                self._files.write(self.tape, replace(left, frames=step), self.written_frames)
            except OSError:
                self._files.cut(self.written_frames)
                step //= 2
                continue
            self.written_frames += step
            left = Run(
                frame=Frame(left.frame + step), position=left.position + step, frames=left.frames - step
            )

    def mark_durable(self, frames: int) -> None:
        """So many frames are durable, by a sync of the file system that began after they were written.

        Order: data (done), then the headers, which so never promise what a power cut could take; then the
        journal; and only then may the tape go over it.
        """
        self.safe_frames = frames
        self._files.check_there()
        if frames > self.ledger.durable_frames:
            self._files.say_safe(frames)
            self._levels.note_news(frames)
            self._note(Durable(frames=frames))
            self._journal.make_durable()
        # Also without new frames: a take that waits for its beginning must not hold up the whole tape.
        with contextlib.suppress(HoldLetGoError):  # seen to when it is written on
            self._hold.advance(self.tape.frame_to_position(Frame(self.order.first_frame + frames)))
        if self._firm_due:
            self.keep_firm()

    def make_durable(self) -> None:
        """File by file: for finding out which take an error of the file system belongs to. OSError."""
        self._files.make_durable()
        self._journal.make_durable()

    def doubt(self) -> None:
        """A sync of its files has failed: none of what was written since the last good one is believed."""
        self._journal.doubt()

    # How it ends: three steps with a sync of the file system after each, which takes may share. An OSError
    # leaves a take that recovery closes at the next start.

    def end_sound(self, *, frames: int, failure: str = "") -> None:
        """Every file ends behind `frames`, and `Closing` says so: durable, it tells whoever comes after a
        crash where samples end and metadata begins."""
        if frames < self.ledger.durable_frames:
            self._files.say(frames)
        self._files.end_at(frames)
        self.written_frames = frames
        self._levels.note_whole(frames, has_failed=bool(failure))
        self._closing_noted = self._note_if_room(Closing(frames=frames), failure)

    def write_tails(self, *, failure: str = "") -> list[str]:
        """Tails and headers are there. Returns what metadata found no room."""
        frames = self.safe_frames = self.written_frames
        self.ledger.closed = Closed(frames=frames, failure=failure)
        if self._closing_noted:
            return self._files.finish(self.ledger.record())
        self._files.say(frames)
        return [JOURNAL_NAME]

    def seal(self) -> None:
        """`Closed` stands in the journal; once durable, nothing is left to do."""
        if self.ledger.closed is not None:
            if not self.ledger.closed.failure:
                self._files.check_there()
            self._note_if_room(self.ledger.closed, self.ledger.closed.failure)

    def finish(self, *, frames: int, failure: str = "") -> list[str]:
        """All three steps and their syncs. Returns what metadata found no room."""
        self._journal.make_anew(self.folder_fd)
        self.end_sound(frames=frames, failure=failure)
        sync_file_system(self.folder_fd)
        missing = self.write_tails(failure=failure)
        sync_file_system(self.folder_fd)
        self.seal()
        self._journal.make_durable()
        return missing

    def give_up(self, *, failure: str) -> None:
        """The disk takes no end in order any more. Nothing is synced once more, as a second sync would succeed and
        say nothing of what the first one lost: what can still be said is that the take ends at `safe_frames`. The
        next start closes it there. OSError."""
        frames = self.safe_frames
        try:
            self._files.say_safe(frames)
            self._files.end_at(frames)
        finally:
            self.written_frames = frames
            self.doubt()
            with contextlib.suppress(OSError):  # the old one says where it was durable
                self._journal.make_anew(self.folder_fd)
            self._note(Closing(frames=frames))
            self.ledger.closed = Closed(frames=frames, failure=failure)

    @property
    def files(self) -> TakeParts:
        return self._files

    def let_go(self) -> None:
        """Hold and descriptors are given back; nothing is written."""
        self._hold.release()
        self._files.close()
        self._journal.close()
        os.close(self.folder_fd)

    def _note_if_room(self, entry: Entry, failure: str) -> bool:
        """False where a take that fails anyway finds no room for one more line: the next start sees to it."""
        try:
            self._note(entry)
        except OSError:
            if not failure:
                raise
            self.ledger.note(entry)
            return False
        return True

    def _note(self, entry: Entry) -> None:
        try:
            self._journal.append(entry)
        except OSError as error:
            if trouble_of(error.errno) not in NO_ROOM or self.room_bytes == 0:
                raise
            self._files.give_back_room(self.written_frames)
            self._journal.append(entry)
        self.ledger.note(entry)
