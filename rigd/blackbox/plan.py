"""What the config makes of the black box: where it is, what it costs, and the order of each of its segments. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from msgspec import Struct

from rigd.blackbox.segments import SONG, Axis, file_name, folder_name
from rigd.config.rig_config import RigConfig
from rigd.model.state import Channel
from rigd.model.take import Slate, TakeFile, TakeFormat, TakeOrder, Track
from rigd.model.units import NS_PER_SECOND, Frame, InputNumber, TakeId

LATE_S = 10.0
"""So much may be written before what is reported as free, and what is removed, is true."""
RESERVE_S = 600.0
"""On the disk that takes go to, so much of all channels is left to them."""


class BlackBoxPlan(Struct, frozen=True, kw_only=True):
    """What the config says of it."""

    folder: Path
    library: Path
    minutes: float
    segment_s: float
    format: TakeFormat
    channels: tuple[Channel, ...]

    @property
    def bytes_per_second(self) -> int:
        return len(self.channels) * self.format.sample_rate_hz * self.format.sample_bytes

    @property
    def inputs(self) -> frozenset[InputNumber]:
        return frozenset(channel.input for channel in self.channels)

    def why_no_room(self, free_bytes: int, *, beside_takes: bool) -> str:
        """Empty where one more segment may be written; `beside_takes`: on the disk that takes go to."""
        reserve_s = 2 * self.segment_s + LATE_S + (RESERVE_S if beside_takes else 0)
        needed = round(reserve_s * self.bytes_per_second)
        if free_bytes >= needed:
            return ""
        return (
            f"only {free_bytes / 1e9:.1f} GB are free on its disk and {needed / 1e9:.1f} GB are to stay"
            " free, so it keeps less, or nothing. Free some space, or lower [blackbox] minutes"
        )

    def order(
        self, number: int, *, axis: Axis, first: int, end: int, utc_offset_s: Callable[[int], int]
    ) -> TakeOrder:
        """Segment `number`: the frames of the axis' tape from `first` to before `end`, of every channel."""
        rate = self.format.sample_rate_hz
        unix_ns = axis.unix_ns + (first - axis.frame) * NS_PER_SECOND // rate
        zone = timezone(timedelta(seconds=utc_offset_s(unix_ns)))
        started = datetime.fromtimestamp(unix_ns / NS_PER_SECOND, UTC).astimezone(zone)
        midnight = started.replace(hour=0, minute=0, second=0, microsecond=0)
        tracks = tuple(
            Track(channel=channel.number, input=channel.input, name=channel.name, source=channel.source)
            for channel in self.channels
        )
        return TakeOrder(
            take_id=TakeId(uuid.uuid4().hex),
            folder=str(self.folder / folder_name(number)),
            first_frame=Frame(first),
            end_frame=Frame(end),
            started_at=started.isoformat(timespec="milliseconds"),
            time_reference=round((started - midnight).total_seconds() * rate),
            format=self.format,
            tracks=tracks,
            files=tuple(TakeFile(name=file_name(track.input), channels=(track.channel,)) for track in tracks),
            slate=Slate(session="", song=SONG, number=number),
        )


def plan_of(config: RigConfig) -> BlackBoxPlan:
    """The black box of this config: every channel, in the form in which takes are stored."""
    return BlackBoxPlan(
        folder=config.blackbox_folder,
        library=config.library,
        minutes=config.blackbox.minutes,
        segment_s=config.blackbox.segment_seconds,
        format=TakeFormat(sample_rate_hz=config.audio.sample_rate_hz, sample=config.take.sample),
        channels=config.channels,
    )
