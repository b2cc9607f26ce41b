"""What is found out about the disk and the tape in front of it: facts for the controller. Pure."""

from __future__ import annotations

from msgspec import Struct


class TapeWatched(Struct, frozen=True, kw_only=True):
    """What of the takes is on the tape and not yet safe on the disk, by the tape's own holds: true also while the
    writer is stopped, hangs in a frozen disk, or is dead."""

    unsafe_s: float
    """Sound of takes that a power cut would cost now: the longest of all takes that are not closed."""
    waiting_s: float
    """How long the writer has owed the oldest of it; what a take had behind it when it was ordered (its pre-roll,
    the seconds kept) is owed from then on only. This is what alarms go by."""
    tape_fill: float
    """Share of the tape that the slowest firm hold takes, 0 to 1."""
    owed_fill: float
    """The same, of what came since the hold was first seen: this is what alarms go by."""
    losing_s: float = 0.0
    """The tape is full and capture drops what comes: so much since the last frame that it could keep."""


class Measurement(Struct, frozen=True, kw_only=True):
    """What the take volume did in a short trial."""

    bytes_per_second: int
    """Written and made durable."""
    longest_stall_s: float
    """The longest that one write and its sync took."""
    bytes_written: int
    failure: str = ""
    """Why nothing could be measured, and what to do; empty: it was."""


def bytes_text(size: float) -> str:
    """'272 MB', '23.7 GB': in powers of ten, as disks are sold."""
    return f"{size / 1e6:,.0f} MB" if size < 1e9 else f"{size / 1e9:,.1f} GB"


def measurement_text(found: Measurement) -> str:
    """ "84 MB/s, longest stall 0.02 s", or why it is not known."""
    if found.failure:
        return f"could not be measured: {found.failure}"
    return f"{found.bytes_per_second / 1e6:,.1f} MB/s, longest stall {found.longest_stall_s:.2f} s"


class DiskMeasured(Struct, frozen=True, kw_only=True):
    """The trial is over. None: it was broken off because a take began."""

    measurement: Measurement | None
