"""What is said of a take that could not be opened or could not go on. Pure."""

from __future__ import annotations

from rigd.model.errors import RigError
from rigd.model.messages import TakeFailed
from rigd.model.take import TakeOrder
from rigd.writer.takewriter import DISK_FULL


def why_it_ended(order: TakeOrder, error: RigError | OSError, frames: int) -> str:
    """The take had to end at `frames`."""
    if not isinstance(error, OSError):
        return str(error)
    seconds = frames // order.format.sample_rate_hz
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    cure = "Free some space" if error.errno in DISK_FULL else "Check the disk and its cable"
    return (
        f'take "{order.folder}": disk write failed after {clock} ({error.strerror}: {error.filename}).'
        f" Kept {frames:,} frames. {cure}, then: rigd fault clear"
    )


def why_not_opened(order: TakeOrder, error: RigError | OSError) -> str:
    """There is nothing of the take."""
    if not isinstance(error, OSError):
        return str(error)
    return f'take "{order.folder}" cannot be opened ({error.strerror}: {error.filename}); nothing was written'


def failed(order: TakeOrder, error: RigError | OSError, *, frames: int, reason: str) -> TakeFailed:
    """The fact for the daemon."""
    return TakeFailed(
        take_id=order.take_id,
        folder=order.folder,
        frames_kept=frames,
        reason=reason,
        disk_full=isinstance(error, OSError) and error.errno in DISK_FULL,
    )
