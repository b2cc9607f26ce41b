"""The takes of a session as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from rigd.cli.words import entries
from rigd.hands.showing import exact_time_text
from rigd.model.state import Take


def take_table(takes: Sequence[Take], sample_rate_hz: int) -> Table:
    """The takes as a table, oldest first."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for heading in ("song", "take", "", "length", "files", "gaps", "markers", "notes"):
        number = heading in {"length", "files", "gaps", "markers"}
        words = heading in {"song", "take", "notes"}  # these give way where the terminal is narrow
        table.add_column(
            heading,
            justify="right" if number else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=4 if words else {"": 2, "length": 10}.get(heading, len(heading)),
            max_width=40 if words else None,
        )
    for take in takes:
        slate, all_of = take.slate, entries(take)
        marks = Text(("◎" if slate.circled else "") + "★" * slate.rating, style="green")
        marks.append(" recovered" if take.recovered else "")
        marks.append(" simulated" if take.simulated else "", style="dim")
        marks.append(" FAILED" if take.failure else "", style="bold red")
        marks.append(" closing" if not take.closed and take.end_frame is not None else "", style="yellow")
        frames = take.end_frame - take.first_frame if take.end_frame is not None else take.written_frames
        table.add_row(
            slate.song,
            f"{slate.number:03}" + (f' "{slate.name}"' if slate.name else ""),
            marks,
            exact_time_text(frames, sample_rate_hz),
            str(len(take.files) or len(take.channels)),
            Text(str(all_of.gaps), style="bold red" if all_of.gaps else "dim"),
            str(all_of.markers),
            "; ".join(slate.notes),
        )
    return table
