"""Takes by a clock that may be wrong, for a test to date anew."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace
from take_maker import append, begin, close, order_take

from rigd.library.dating import local_time
from rigd.library.library import Library
from rigd.model.inputs import ClockReading
from rigd.model.library import TakesDated
from rigd.model.take import ClockState, TakeClock, TakeOrder
from rigd.takefile.ledger import Retagged

BOOT = "b" * 32
WRONG, UNSYNC, SYNC = ClockState.WRONG, ClockState.UNSYNCHRONISED, ClockState.SYNCHRONISED
NOW = datetime(2026, 11, 29, 15, 0).astimezone()
SLOW_S = 20_000 * 86_400.0
"""So far is the wrong clock behind: it says some day of 1972."""


class Clock:
    """The machine's clocks: `ahead_s` is what somebody has set the wall clock by."""

    def __init__(self) -> None:
        self.since_boot_s = 60.0
        self.ahead_s = -SLOW_S
        self.state = WRONG

    def unix(self) -> float:
        return NOW.timestamp() + self.since_boot_s + self.ahead_s

    def __call__(self) -> datetime:
        return local_time(self.unix())

    def reading(self) -> ClockReading:
        return ClockReading(
            unix_ns=round(self.unix() * 1e9),
            boottime_ns=round(self.since_boot_s * 1e9),
            boot_id=BOOT,
            state=self.state,
        )

    def comes(self, state: ClockState = SYNC) -> None:
        self.ahead_s, self.state = 0.0, state


def record(
    band: Library,
    folder: str,
    clock: Clock,
    *,
    song: str = "Blue",
    session: str = "Band",
    notes: tuple[str, ...] = (),
    boot_id: str = BOOT,
) -> TakeOrder:
    """A closed take by the clocks as they are, half a minute before the next."""
    order = order_take(band, folder, song=song, session=session)
    order = replace(
        order,
        started_at=clock().isoformat(timespec="milliseconds"),
        clock=TakeClock(boot_id=boot_id, boottime_ns=round(clock.since_boot_s * 1e9), state=clock.state),
        slate=replace(order.slate, notes=notes, circled=bool(notes)),
    )
    begin(order)
    close(order)
    band.file_take(Path(order.folder))
    clock.since_boot_s += 30.0
    return order


def date(band: Library, clock: Clock) -> TakesDated | None:
    return band.date_takes(clock.reading(), may_go_on=lambda: True)


def sheets(root: Path) -> dict[str, dict[str, object]]:
    """take.json of every take, by its id."""
    found = [json.loads(path.read_bytes()) for path in root.rglob("take.json")]
    by_id = {sheet["take_id"]: sheet for sheet in found}
    assert len(by_id) == len(found), "no take is there twice"
    return by_id


def tell_writer(dated: TakesDated) -> None:
    """What the writer does when it is told of it."""
    for take in dated.takes:
        append(take.folder, take.slate)
        append(take.folder, Retagged())
