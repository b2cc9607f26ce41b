"""What goes into a step of the state table: a command or a fact, and the circumstances it came in. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Protocol

from msgspec import Struct

from rigd.model.blackbox import BlackBox, KeepUnderWay
from rigd.model.clips import ClipsSeen
from rigd.model.commands import Command
from rigd.model.disk_words import DiskMeasured, TapeWatched
from rigd.model.gain import WISH_S, PreampAbilities, PreampSetting, PreampStatus
from rigd.model.library import LibraryFact, SessionOpened, TakePlan
from rigd.model.messages import (
    CaptureReport,
    GapWritten,
    RetagFailed,
    TakeClosed,
    TakeFailed,
    TakeOpened,
    WriterReport,
    XrunNoted,
)
from rigd.model.state import SurfaceStatus, Take
from rigd.model.take import ClockState, SampleForm, Slate, TakeClock, Track
from rigd.model.units import NS_PER_SECOND, Frame, Ns, TakeId


class CaptureLost(Struct, frozen=True, kw_only=True):
    """No sound comes in any more; capture is being started again."""

    reason: str


class WriterLost(Struct, frozen=True, kw_only=True):
    """The writer is gone; it is being started again and goes on where it left off."""

    reason: str


class MirrorSaid(Struct, frozen=True, kw_only=True):
    """A fact of the second volume's writer."""

    fact: WriterReport | TakeOpened | GapWritten | XrunNoted | TakeClosed | TakeFailed | RetagFailed


class MirrorLost(Struct, frozen=True, kw_only=True):
    """The second volume's writer is gone; it is being started again."""

    reason: str


class OtherBuildFound(Struct, frozen=True, kw_only=True):
    """The tape is of another build of rigd, whose capture and writer still run."""

    reason: str


class OtherBuildGone(Struct, frozen=True, kw_only=True):
    """They have ended."""


class FolderVanished(Struct, frozen=True, kw_only=True):
    """The runtime folder, or a file in it, was taken away; what came of it, and what to do."""

    reason: str


class PostRollOver(Struct, frozen=True, kw_only=True):
    """The tape has passed the end of the take in its post-roll."""

    take_id: TakeId


class TakeAdopted(Struct, frozen=True, kw_only=True):
    """What a take's journal says of it, for a take that the state knew too little of."""

    take: Take


class PortFailed(Struct, frozen=True, kw_only=True):
    """Something that the controller asked of another part could not even be asked."""

    port: str
    doing: str
    reason: str


class ClockReading(Struct, frozen=True, kw_only=True):
    """The wall clock and one that cannot be set, read together."""

    unix_ns: int
    boottime_ns: int
    """CLOCK_BOOTTIME."""
    boot_id: str
    state: ClockState


class ClockSeen(Struct, frozen=True, kw_only=True):
    """The wall clock at the start; later where it was set, or its state changed."""

    reading: ClockReading
    jumped_s: float = 0.0
    """By so much it was set, forward or (negative) back; 0: by less than a minute."""


Fact = (
    CaptureReport
    | CaptureLost
    | WriterReport
    | WriterLost
    | TakeOpened
    | GapWritten
    | XrunNoted
    | TakeClosed
    | TakeFailed
    | RetagFailed
    | MirrorSaid
    | MirrorLost
    | OtherBuildFound
    | OtherBuildGone
    | FolderVanished
    | PostRollOver
    | TakeAdopted
    | PreampAbilities
    | PreampSetting
    | PreampStatus
    | SurfaceStatus
    | LibraryFact
    | PortFailed
    | TapeWatched
    | DiskMeasured
    | BlackBox
    | KeepUnderWay
    | ClockSeen
    | ClipsSeen
)
"""All that may be posted to the controller besides commands."""


class Circumstances(Struct, frozen=True, kw_only=True):
    """What is true at this step and cannot be known without a clock, a tape or chance."""

    now_ns: Ns
    at_ns: Ns
    """When the command was given, or the fact came true."""
    at_frame: Frame | None
    """The frame of `at_ns`; None where there is no tape to tell it by."""
    tape_from: Frame | None
    """The oldest frame that can still be had."""
    tape_to: Frame | None
    """One past the newest frame on the tape."""
    wall_ns: int
    """Unix time at `now_ns`."""
    utc_offset_s: int
    new_take_id: TakeId
    clock: ClockReading | None = None
    """None where there is nobody to read it."""


class Input(Struct, frozen=True, kw_only=True):
    """One step's input."""

    what: Command | Fact
    circumstances: Circumstances


class PlanTake(Protocol):
    """Where a new take goes. Touches no disk: it runs between a press and the red light."""

    def __call__(self, *, session_folder: str, slate: Slate, tracks: tuple[Track, ...]) -> TakePlan:
        """The plan. Raises LibraryError, which refuses the command."""


class NextTakeNumber(Protocol):
    """The number that the next take of a song gets, by what lies in its folder. Touches no disk."""

    def __call__(self, *, session_folder: str, song: str) -> int:
        """The number. Raises LibraryError, which refuses the command."""


class SessionOfDay(Protocol):
    """The session that a take which begins now goes to, where another day has begun. Touches no disk."""

    def __call__(self, *, session_folder: str) -> SessionOpened | None:
        """None: the session of that folder stays the one. Its folder is made with its first take."""


def no_other_day(*, session_folder: str) -> SessionOpened | None:
    """The session stays."""
    return None


class TwoVolumes(Struct, frozen=True, kw_only=True):
    """The roots of library and mirror: absolute, without a slash at the end. What lies at REL below one lies
    at REL below the other."""

    library: str
    mirror: str


class Rules(Struct, frozen=True, kw_only=True):
    """What the config lays down for every step."""

    preroll_s: float
    postroll_s: float
    plan_take: PlanTake
    next_take_number: NextTakeNumber
    session_of_day: SessionOfDay = no_other_day
    keep_s: float = 35.0
    """How far back a take may be kept: what the tape holds to spare."""
    sample: SampleForm = "int24"
    phantom_while_rolling: bool = False
    wish_s: float = WISH_S
    """A preamp's setting that was asked for and is not so after this time is given up."""
    least_disk_s: float = 10.0
    """No take is started where the disk takes less than this of it."""
    power_off: bool = False
    """`shut-down power-off` may switch the machine off."""
    volumes: TwoVolumes | None = None
    """None where there is no mirror."""
    tape_s: float = 43.0
    """How much the tape holds."""
    sync_s: float = 1.0
    """How often the writer makes durable what it has written."""
    measure_at_start: bool = True
    """The take volume is tried out when the writer is first heard of and nothing rolls."""


def local_time(unix_ns: int, utc_offset_s: int) -> datetime:
    """A Unix time as the local clock had it, to the microsecond."""
    second, rest_ns = divmod(unix_ns, NS_PER_SECOND)
    local = datetime.fromtimestamp(second, UTC).astimezone(timezone(timedelta(seconds=utc_offset_s)))
    return local.replace(microsecond=rest_ns // 1000)


def wall_clock_at(
    frame: Frame, circumstances: Circumstances, *, at_frame: Frame, sample_rate_hz: int
) -> tuple[str, int]:
    """Wall clock at `frame`: ISO 8601 local time to the millisecond, and frames since local midnight.

    Reckoned back from `at_frame`, which happened at `circumstances.at_ns`.
    """
    at_unix_ns = circumstances.wall_ns - (circumstances.now_ns - circumstances.at_ns)
    unix_ns = at_unix_ns - (at_frame - frame) * NS_PER_SECOND // sample_rate_hz
    local, rest_ns = local_time(unix_ns, circumstances.utc_offset_s), unix_ns % NS_PER_SECOND
    since_midnight_ns = (local.hour * 3600 + local.minute * 60 + local.second) * NS_PER_SECOND + rest_ns
    return local.isoformat(timespec="milliseconds"), since_midnight_ns * sample_rate_hz // NS_PER_SECOND


def time_of(circumstances: Circumstances) -> datetime:
    """Local time at which it was given, or came true."""
    ago_ns = max(0, circumstances.now_ns - circumstances.at_ns)
    return local_time(circumstances.wall_ns - ago_ns, circumstances.utc_offset_s)


def take_clock_at(
    frame: Frame, circumstances: Circumstances, *, at_frame: Frame, sample_rate_hz: int
) -> TakeClock | None:
    """As `wall_clock_at`, by the clock that cannot be set."""
    reading = circumstances.clock
    if reading is None or not reading.boot_id:
        return None
    ago_ns = (circumstances.now_ns - circumstances.at_ns) + (
        at_frame - frame
    ) * NS_PER_SECOND // sample_rate_hz
    return TakeClock(boot_id=reading.boot_id, boottime_ns=reading.boottime_ns - ago_ns, state=reading.state)
