"""What is said of a take that could not be opened or could not go on. Pure."""

from __future__ import annotations

from rigd.model.disk_trouble import NO_ROOM, DiskTrouble, cure_of, trouble_of
from rigd.model.durations import clock_text
from rigd.model.errors import RigError
from rigd.model.messages import TakeFailed
from rigd.model.take import TakeOrder


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
    clock = clock_text(frames // order.format.sample_rate_hz)
    cure = cure_of(trouble_of(error.errno))
    what = f'take "{order.folder}": disk write failed after {clock} ({error.strerror}: {error.filename})'
    return f"{what}; {cure}" if cure else what


def why_not_opened(order: TakeOrder, error: Exception) -> str:
    """There is nothing of the take."""
    if not isinstance(error, OSError):
        return _what(order, error)
    what = f'take "{order.folder}" cannot be opened ({error.strerror}: {error.filename}); nothing was written'
    trouble = trouble_of(error.errno)
    return what if trouble is DiskTrouble.ERROR or not cure_of(trouble) else f"{what}. {_sentence(trouble)}"


def _sentence(trouble: DiskTrouble) -> str:
    cure = cure_of(trouble)
    return cure[:1].upper() + cure[1:]


def failed(
    order: TakeOrder, error: Exception, *, frames: int, reason: str, rolled: bool = False
) -> TakeFailed:
    """The fact for the daemon."""
    trouble = trouble_of(error.errno) if isinstance(error, OSError) else None
    return TakeFailed(
        take_id=order.take_id,
        folder=order.folder,
        frames_kept=frames,
        reason=reason,
        disk_full=trouble in NO_ROOM,
        trouble=trouble,
        rolled=rolled,
    )
