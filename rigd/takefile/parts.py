"""A take in more files than one a channel: where a volume takes no longer ones, it goes on in next files. Pure.

All channels go on at the same frame. What stands in one set of files is a *part* of the take, numbered from 1; the
first one has the names of the order. A part is told as a take of its own that begins later: its files then say by
themselves where they belong.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from rigd.model.take import TakeFile, TakeOrder
from rigd.model.units import NS_PER_SECOND, ChannelNumber, Frame

SECONDS_PER_DAY = 86_400
MOST_NAME_BYTES = 255


class PartFile(Struct, frozen=True, kw_only=True):
    """A file of a take. Frames are counted from the take's first one."""

    name: str
    channels: tuple[ChannelNumber, ...]
    first_frame: int
    frames: int


def moved(order: TakeOrder, first_frame: Frame) -> TakeOrder:
    """The order as it is when it begins at another frame: its clock time moves with it."""
    frames = first_frame - order.first_frame
    rate = order.format.sample_rate_hz
    started_at = order.started_at
    with contextlib.suppress(ValueError, OverflowError):  # kept as it is where it is no time
        started = datetime.fromisoformat(started_at) + timedelta(seconds=frames / rate)
        started_at = started.isoformat(timespec="milliseconds")
    return replace(
        order,
        first_frame=first_frame,
        started_at=started_at,
        time_reference=(order.time_reference + frames) % (SECONDS_PER_DAY * rate),
        clock=None
        if order.clock is None
        else replace(order.clock, boottime_ns=order.clock.boottime_ns + frames * NS_PER_SECOND // rate),
        preroll_frames=max(0, order.preroll_frames - frames),
    )


def files_of_part(files: Sequence[TakeFile], number: int) -> tuple[TakeFile, ...]:
    """The files of part `number`: "01 Kick.wav" goes on in "01 Kick (part 2).wav". No two have the same name, and
    none has one of the order's."""
    if number == 1:
        return tuple(files)
    taken = {file.name.casefold() for file in files}
    found = []
    for file in files:
        name = _name(file.name, f" (part {number})")
        while name.casefold() in taken:
            name = _name(name, "_")
        taken.add(name.casefold())
        found.append(replace(file, name=name))
    return tuple(found)


def _name(name: str, suffix: str) -> str:
    stem, extension = os.path.splitext(name)
    while len(os.fsencode(stem + suffix + extension)) > MOST_NAME_BYTES and stem:
        stem = stem[:-1]
    return stem + suffix + extension


def order_of_part(order: TakeOrder, number: int, begins: int) -> TakeOrder:
    """The order as one of that part alone, which begins at frame `begins` of the take."""
    if number == 1:
        return order
    there = moved(order, Frame(order.first_frame + begins))
    return replace(there, files=files_of_part(order.files, number))


def lengths_of(parts: Sequence[int], frames: int) -> list[int]:
    """How many frames of a take of `frames` each part has; `parts` are the frames at which they begin."""
    ends = [*parts[1:], frames]
    return [max(0, min(end, frames) - begins) for begins, end in zip(parts, ends, strict=True)]
