"""A black box that a test fills by hand, by a real writer from a tape that is fed the frame counter."""

from __future__ import annotations

import itertools
import queue
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import replace

from rigd.blackbox.assembly import Assembly
from rigd.blackbox.kept_segments import Pins
from rigd.blackbox.segments import SONG, file_name, folder_name, unix_ns_of
from rigd.model.blackbox import Keep
from rigd.model.messages import OpenTake, TakeClosed
from rigd.model.take import Slate, TakeFile, TakeOrder
from tests.support.writer_run import (
    RATE,
    WriterRun,
    order_for,
)

CHANNELS = 3
STARTED = "2026-03-01T14:00:00.000+01:00"


def wall(frame: float) -> str:
    """The clock at that frame of the first tape."""
    moment = datetime.fromisoformat(STARTED) + timedelta(seconds=frame / RATE)
    return moment.isoformat(timespec="milliseconds")


def clock_ns(frame: float) -> int:
    return unix_ns_of(wall(frame))


class Box:
    """A black box that a test fills by hand, and the library beside it."""

    def __init__(self, runtime: Path, folder: Path) -> None:
        self.runtime, self.folder, self.library = runtime, folder / "box", folder / "library"
        (self.library / ".rigd").mkdir(parents=True)
        self.facts: queue.Queue[Any] = queue.Queue()
        self.closed: queue.Queue[Path] = queue.Queue()
        self.pins = Pins()
        self.slow = False
        self.beside = ""
        self._number = 0

    def order(
        self, first: int, end: int, *, clock: str = "", sample: Literal["int24", "float32"] = "int24"
    ) -> TakeOrder:
        """The next segment."""
        self._number += 1
        plain = order_for(self.folder, channels=CHANNELS, first_frame=first, end_frame=end, sample=sample)
        files = tuple(TakeFile(name=file_name(each.input), channels=(each.channel,)) for each in plain.tracks)
        return replace(
            plain,
            folder=str(self.folder / folder_name(self._number)),
            files=files,
            started_at=clock or wall(first),
            slate=Slate(session="", song=SONG, number=self._number),
        )

    def write(self, writer: WriterRun, *borders: int, **more: Any) -> None:
        """Closed segments from each border to the next."""
        for first, end in itertools.pairwise(borders):
            order = self.order(first, end, **more)
            writer.send(OpenTake(order=order))
            writer.await_fact(TakeClosed, take_id=order.take_id)

    def keep(self, tape_id: int, first: int, end: int, *, clock: str = "", **more: Any) -> Keep:
        """A take of these frames of that tape."""
        shift = max(0, -first)
        order = order_for(
            self.library, channels=CHANNELS, first_frame=first + shift, end_frame=end + shift, **more
        )
        order = replace(order, started_at=clock or wall(first))
        return Keep(order=order, tape_id=f"{tape_id:016x}", tape_frame=first)

    def assembly(self) -> Assembly:
        return Assembly(
            self.library / ".rigd",
            self.folder,
            pins=self.pins,
            post=self.facts.put,
            closed=lambda keep, folder: self.closed.put(folder),
            is_rolling=lambda: False,
            disk_is_slow=lambda: self.slow,
            beside=self.beside,
        )

    def put_together(self, keep: Keep) -> Path:
        """The folder of the take."""
        assembly = self.assembly()
        assembly.start()
        try:
            assembly.add(keep)
            return self.closed.get(timeout=60)
        finally:
            assembly.stop(within_s=30)

    @property
    def keeping(self) -> Path:
        return self.library / ".rigd" / "keeping"

    def left_over(self) -> list[Path]:
        return list(self.keeping.iterdir()) if self.keeping.is_dir() else []
