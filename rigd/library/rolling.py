"""take.json of a take while it rolls: gains, markers and gaps so far, for whoever looks into the folder.

Library thread only. Not made durable: the journal is, and at the close the sheet is made from that.
"""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from rigd.library.sheet import TakeSheet, make_sheet
from rigd.library.sheet_file import write_sheet
from rigd.library.takes import FoundTake, sizes_of
from rigd.model.errors import TakeError
from rigd.model.state import Take
from rigd.takefile.journal import JOURNAL_NAME, FollowedJournal

ENTRIES_A_SECOND = 500
"""Of markers, gaps and gain changes: all of them are written each time, so a sheet that has more is written so much
less often. A take with ten thousand markers costs what one with five hundred does."""


class RollingTake:
    """One open take."""

    def __init__(self) -> None:
        self._journal: FollowedJournal | None = None
        self._written: TakeSheet | None = None

    @property
    def pause_s(self) -> float:
        """How long the sheet that was written last stands."""
        sheet = self._written
        if sheet is None:
            return 0.0
        return (len(sheet.markers) + len(sheet.gaps) + len(sheet.gain_changes)) / ENTRIES_A_SECOND

    def refresh(self, take: Take) -> FoundTake | None:
        """take.json says what `take` and the journal know; None where the writer has not begun the take, or
        has closed it. Raises LibraryError."""
        folder = Path(take.folder)
        if self._journal is None:
            self._journal = FollowedJournal(folder / JOURNAL_NAME)
        try:
            record = self._journal.record()
        except TakeError:
            return None
        if record.closed:
            return None
        sheet = make_sheet(
            replace(
                record,
                slate=take.slate,
                markers=max(record.markers, take.markers, key=len),
                gaps=max(record.gaps, take.gaps, key=len),
                gain_changes=max(record.gain_changes, take.gain_changes, key=len),
            ),
            journal_bytes=0,
            rolling=True,
            sizes=sizes_of(folder, record),
            frames=max(record.durable_frames, take.durable_frames),
        )
        if sheet != self._written:
            write_sheet(folder, sheet, durable=False)
            self._written = sheet
        return FoundTake(folder=folder, sheet=sheet, settled=False)
