"""What is said of a take that could not be opened or could not go on. Pure."""

from __future__ import annotations

from rigd.model.errors import RigError
from rigd.model.messages import TakeFailed
from rigd.model.take import TakeOrder
from rigd.writer.takewriter import DISK_FULL


def unforeseen(error: Exception) -> Exception | None:
    """The error where nobody expected one of its kind: the log then shows where it came from."""
    return None if isinstance(error, (RigError, OSError)) else error


def _what(order: TakeOrder, error: Exception) -> str:
    if isinstance(error, RigError):
        return str(error)
    return f'take "{order.folder}": an error inside rigd ({type(error).__name__}: {error}); see writer.log'


def why_it_ended(order: TakeOrder, error: Exception, frames: int) -> str:
    """The take had to end at `frames`. What was kept and how to go on, the daemon says."""
    if not isinstance(error, OSError):
        return _what(order, error)
    seconds = frames // order.format.sample_rate_hz
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    cure = "" if error.errno in DISK_FULL else "; check the disk and its cable"
    return (
        f'take "{order.folder}": disk write failed after {clock} ({error.strerror}: {error.filename}){cure}'
    )


def why_not_opened(order: TakeOrder, error: Exception) -> str:
    """There is nothing of the take."""
    if not isinstance(error, OSError):
        return _what(order, error)
    return f'take "{order.folder}" cannot be opened ({error.strerror}: {error.filename}); nothing was written'


def failed(
    order: TakeOrder, error: Exception, *, frames: int, reason: str, rolled: bool = False
) -> TakeFailed:
    """The fact for the daemon."""
    return TakeFailed(
        take_id=order.take_id,
        folder=order.folder,
        frames_kept=frames,
        reason=reason,
        disk_full=isinstance(error, OSError) and error.errno in DISK_FULL,
        rolled=rolled,
    )
