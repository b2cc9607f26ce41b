"""The black box in words: how far back it reaches, what it costs, and what is asked of it. Pure.

It keeps the last minutes of every channel on disk, in segments that are takes of a writer of their own. Frames
here are counted as the tape that is there now counts them, so that what lies before that tape is negative.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from rigd.model.take import TakeOrder
from rigd.model.units import Frame


class BlackBox(Struct, frozen=True, kw_only=True):
    """What is true of the black box now. Posted to the controller each second while there is one."""

    minutes: float
    """As configured."""
    tape_id: str
    """The tape whose frames these are."""
    oldest_frame: int | None
    """The first frame that can still be had; None while there is none."""
    newest_frame: int | None
    """One past the last frame that it has."""
    tape_to: Frame
    """Where the tape ended when this was said."""
    held_s: float = 0.0
    """Sound that it has, all runs together."""
    held_bytes: int = 0
    bytes_per_day: int = 0
    """What it writes: the wear of its disk."""
    problem: str = ""
    """Why it does not do its work, and the cure; empty where it does."""


class Keep(Struct, frozen=True, kw_only=True):
    """A take that is to be put together from the black box."""

    order: TakeOrder
    """Frames are shifted where the take begins before the tape does: an order has none below 0."""
    tape_id: str
    tape_frame: int
    """The take's first frame as that tape counts; negative before its beginning."""

    def at(self, folder: str) -> Keep:
        """The same take in another folder."""
        return replace(self, order=replace(self.order, folder=folder))


class KeepUnderWay(Struct, frozen=True, kw_only=True):
    """library -> controller: this take is still being put together; an earlier daemon began it."""

    order: TakeOrder
