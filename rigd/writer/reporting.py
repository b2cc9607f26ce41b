"""What a writer reports of itself. The writer's one thread; reads, changes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from rigd.model.limits import MOST_TRACKS_TOLD, NOTES_OF_A_TRACK
from rigd.model.messages import TakeProgress, WriterReport
from rigd.model.take import Slate, TakeOrder
from rigd.takefile.volume import Volume
from rigd.writer.open_takes import OpenTakes
from rigd.writer.waiting_orders import WaitingTake


def report_of(
    takes: OpenTakes, waiting: Iterable[WaitingTake], *, volume: Volume, tape_trouble: str
) -> WriterReport:
    """All that is true now."""
    waits = list(waiting)
    free, problem = volume.look()
    return WriterReport(
        open_takes=_progress(takes, waits),
        free_bytes=free + sum(take.room_bytes for take in takes),
        bytes_per_second=sum(take.bytes_per_second for take in takes),
        behind_frames=max((take.behind_frames() for take in (*takes, *waits)), default=0),
        problem=problem or tape_trouble,
    )


def _progress(takes: OpenTakes, waits: list[WaitingTake]) -> tuple[TakeProgress, ...]:
    """Of the takes that are open, and of as many that wait as a report has room for: the newest one, which
    rolls, and from the oldest on."""
    if not waits:
        return tuple(take.progress() for take in takes)
    room = MOST_TRACKS_TOLD - sum(_weight(take.order, take.ledger.slate) for take in takes)
    *older, newest = waits
    told = []
    for each in older:
        room -= _weight(each.order, each.slate)
        if room < 0:
            break
        told.append(each)
    return tuple(take.progress() for take in (*takes, *told, newest))


def _weight(order: TakeOrder, slate: Slate) -> int:
    """In tracks: what the line that tells of it is made of."""
    return len(order.tracks) + sum(map(len, slate.notes)) // NOTES_OF_A_TRACK
