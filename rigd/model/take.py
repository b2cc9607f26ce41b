"""What a take is made of: its order, its tracks, and the facts found while it rolled.

All frames here are absolute tape frames; a position in a take's files is `at_frame - first_frame`,
also across gaps, because a gap is written as silence of its exact length.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from rigd.model.units import ChannelNumber, Frame, InputNumber, TakeId


class GapCause(StrEnum):
    """Why frames were not captured."""

    OVERFLOW = "overflow"  # the driver lost them, by its own word and its clock
    TAPE_FULL = "tape full"  # the writer was so far behind that blocks were dropped whole
    CAPTURE_RESTARTED = "capture restarted"
    INTERFACE_LOST = "interface lost"
    OVERWRITTEN = "overwritten"  # asked for, but no longer on the tape
    FREEWHEEL = "freewheel"  # blocks came faster than time, as in JACK's freewheel mode: they were no sound
    NOT_KEPT = "not kept"  # the black box has nothing of it: rigd was off, or its disk too slow


class Marker(Struct, frozen=True, kw_only=True, gc=False):
    """A point in a take that somebody marked."""

    at_frame: Frame
    name: str = ""


class Gap(Struct, frozen=True, kw_only=True, gc=False):
    """Frames that no channel has: silence of `length_frames` from `at_frame` in every file."""

    at_frame: Frame
    length_frames: int
    cause: GapCause
    exact: bool
    """True when the length was counted, False when it was estimated from the clock."""


GAIN_DB = "gain_db"
"""What a take's files call a preamp's gain; other settings have the name that they have everywhere."""


ANSWERING = "answering"
"""The parameter of a row about a whole preamp: from here on it answers (1), or does not (0)."""


class GainChange(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A row of the ledger: what a preamp's setting is from this frame on, by the preamp's own word, and apart from it
    what is asked for and not yet so."""

    at_frame: Frame
    channel: ChannelNumber | None
    """None: of the whole preamp, as `preamp` names it."""
    parameter: str
    value: float | None
    """What the preamp said last; None: it never did, or has no such setting any more."""
    confirmed: bool
    """True: it says so at this frame. False: it did not, in time, do what `asked` says."""
    asked: float | None = None
    """What is asked for and not yet so; None: nothing is."""
    word: str = ""
    """`value` in words, where it is the place of one among several."""
    preamp: str = ""

    def __post_init__(self) -> None:
        if not self.confirmed and self.asked is None:  # an older rigd had one column for both
            force_setattr(self, "asked", self.value)
            force_setattr(self, "value", None)


class Xrun(Struct, frozen=True, kw_only=True):
    """The driver's own word, at `at_frame`, that something went wrong."""

    at_frame: Frame
    suspect: bool = False
    """True where the interface seems to have lost frames and its driver did not say so: nothing inserted, but
    listen here. `at_frame` is that of the first block that came late."""
    about_frames: int = 0
    """About how many frames a suspect one may have lost."""


class Slate(Struct, frozen=True, kw_only=True, gc=False):
    """A take's identity, as typed. Any of it may be changed until and after the take is closed."""

    session: str
    song: str
    number: int
    name: str = ""
    """Empty, or what a person renamed this take to."""
    circled: bool = False
    rating: int = 0
    """0 not rated, 1 to 5."""
    notes: tuple[str, ...] = ()
    false_take: bool = False
    dated: str = ""
    """Where the clock was wrong when the take was made: its start as it was found out later, in place of the
    order's `started_at`. Empty: that stands."""


class Track(Struct, frozen=True, kw_only=True):
    """One armed channel as it stood when the take began."""

    channel: ChannelNumber
    input: InputNumber
    name: str
    source: str = ""
    """What is plugged in: "mic", "DI", "line", or empty."""
    gain_db: float | None = None
    """The confirmed gain at the start; None where no preamp can be read."""
    pad: bool | None = None
    phantom: bool | None = None
    polarity: bool | None = None
    settings: dict[str, bool | float | str] = {}
    """Of the preamp's other settings: a switch, dB, or a word."""


class TakeFile(Struct, frozen=True, kw_only=True):
    """One file to be written: its name inside the take's folder and the tracks it holds, in order."""

    name: str
    channels: tuple[ChannelNumber, ...]


SampleForm = Literal["int24", "float32"]
SAMPLE_BYTES: dict[SampleForm, int] = {"int24": 3, "float32": 4}


class TakeFormat(Struct, frozen=True, kw_only=True):
    """How samples are stored."""

    sample_rate_hz: int
    sample: SampleForm = "int24"

    @property
    def sample_bytes(self) -> int:
        return SAMPLE_BYTES[self.sample]


class ClockState(StrEnum):
    """What was known of the wall clock when it was read."""

    SYNCHRONISED = "synchronised"  # by the kernel's word
    UNSYNCHRONISED = "unsynchronised"  # nobody says that it is right
    WRONG = "wrong"  # it says a time that is past for certain


class TakeClock(Struct, frozen=True, kw_only=True):
    """When a take was made, by a clock that cannot be set: for dating it anew once the wall clock is right."""

    boot_id: str
    """The kernel's id of this run of the machine."""
    boottime_ns: int
    """CLOCK_BOOTTIME at `first_frame`: since the machine was started, with the time that it slept."""
    state: ClockState
    """Of the wall clock, when `started_at` was read from it."""


class TakeOrder(Struct, frozen=True, kw_only=True):
    """All that the writer needs in order to write a take; also the first line of its journal."""

    take_id: TakeId
    folder: str
    """Absolute path of the take's folder. The writer makes it; its parent's parent is the session."""
    first_frame: Frame
    end_frame: Frame | None = None
    """None while nobody knows where it ends."""
    started_at: str
    """Wall clock at `first_frame`, ISO 8601 local time with offset, to the millisecond."""
    time_reference: int
    """Frames since local midnight at `first_frame` (bext TimeReference, EBU Tech 3285)."""
    format: TakeFormat
    tracks: tuple[Track, ...]
    files: tuple[TakeFile, ...]
    slate: Slate
    ordinal: int = 0
    """Its place among the library's takes; 0: an older rigd gave none."""
    clock: TakeClock | None = None
    preroll_frames: int = 0
    """So many of the first frames are from before somebody pressed record."""
    simulated: bool = False
    """By an interface whose sound is made up."""
    gain_changes: tuple[GainChange, ...] = ()
    """What preamps of its channels said between `first_frame` and the press. A report about it leaves that out."""
    kept: bool = False
    """It was all in the past when it was ordered."""


def dated(order: TakeOrder, slate: Slate) -> TakeOrder:
    """The order with the start that the take has by its slate."""
    if not slate.dated:
        return order
    rate = order.format.sample_rate_hz
    return replace(order, started_at=slate.dated, time_reference=frames_since_midnight(slate.dated, rate))


def frames_since_midnight(started_at: str, sample_rate_hz: int) -> int:
    """Of a local time in ISO 8601; 0 where it is none."""
    try:
        local = datetime.fromisoformat(started_at)
    except ValueError:
        return 0
    seconds = local.hour * 3600 + local.minute * 60 + local.second
    return seconds * sample_rate_hz + local.microsecond * sample_rate_hz // 1_000_000


class ClosedFile(Struct, frozen=True, kw_only=True, gc=False):
    """A file of a closed take."""

    name: str
    channels: tuple[ChannelNumber, ...]
    frames: int
    size_bytes: int


TakeNote = Marker | GainChange | Slate
"""What may be added to a take's journal by the daemon while it rolls and after."""


def title_of(slate: Slate) -> str:
    """take 3 "the fast one"."""
    return f'take {slate.number} "{slate.name}"' if slate.name else f"take {slate.number}"


def name_of(slate: Slate) -> str:
    """take 3 "the fast one" of "Blue Train"."""
    return f'{title_of(slate)} of "{slate.song}"' if slate.song else title_of(slate)
