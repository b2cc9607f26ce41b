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
from rigd.takefile.journal import JOURNAL_NAME, read_journal
from rigd.takefile.ledger import TakeRecord

LONGEST_REREAD_BYTES = 1 << 20
"""A journal up to this length (some hours) is read afresh for each sheet, of a longer one only the beginning
was; what the rig's state knows is in the sheet in any case."""


class RollingTake:
    """One open take."""

    def __init__(self) -> None:
        self._record: TakeRecord | None = None
        self._written: TakeSheet | None = None

    def refresh(self, take: Take) -> FoundTake | None:
        """take.json says what `take` and the journal know; None where the writer has not begun the take, or
        has closed it. Raises LibraryError."""
        folder = Path(take.folder)
        journal = folder / JOURNAL_NAME
        try:
            if self._record is None or journal.stat().st_size <= LONGEST_REREAD_BYTES:
                self._record = read_journal(journal)
        except (OSError, TakeError):
            return None
        record = self._record
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
