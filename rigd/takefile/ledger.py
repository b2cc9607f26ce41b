"""What is known of one take, fact by fact: the words of its journal and what they add up to. Pure."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from rigd.model.clips import MOST_CLIPS, TrackLevel
from rigd.model.take import GainChange, Gap, Marker, Slate, TakeNote, TakeOrder, Xrun, dated
from rigd.model.units import Frame
from rigd.rules.inside_take import gaps_inside
from rigd.takefile.parts import PartFile, files_of_part, lengths_of, order_of_part

JOURNAL_NAME = "take.journal"
JOURNAL_VERSION = 1
KEPT_LEVELS = 4


class Begun(Struct, frozen=True, kw_only=True):
    """First line: the order with the frame at which it really begins."""

    journal_version: int = JOURNAL_VERSION
    tape_id: str
    tape_layout: int
    asked_frame: Frame
    """What the daemon asked for; earlier than `order.first_frame` where the tape did not reach back."""
    order: TakeOrder


class Durable(Struct, frozen=True, kw_only=True):
    """So many frames of every file survive a power cut."""

    frames: int


class NextPart(Struct, frozen=True, kw_only=True):
    """What follows frame `frames` of the take stands in files of its own: the ones before may grow no further."""

    frames: int


class Ended(Struct, frozen=True, kw_only=True):
    """Where the take is to end; None takes an end back."""

    end_frame: Frame | None


class Resumed(Struct, frozen=True, kw_only=True):
    """A restarted writer went on behind so many frames. Nothing was lost."""

    frames: int


class Mended(Struct, frozen=True, kw_only=True):
    """A file had only so many frames when the others had more; silence was added."""

    name: str
    frames: int


class Closing(Struct, frozen=True, kw_only=True):
    """Every file has so many frames, and no more sound follows. What comes behind them is metadata."""

    frames: int


class Closed(Struct, frozen=True, kw_only=True):
    """Every byte of every file is durable."""

    frames: int
    recovered: bool = False
    failure: str = ""
    """Why the take could not go on; empty where it simply ended."""


class Retagged(Struct, frozen=True, kw_only=True):
    """The files say what the journal says again."""


class TakeLevels(Struct, frozen=True, kw_only=True):
    """Peak and clips of the first `frames` frames, of the channels for which they have changed; of those, what
    clipped since the last time. `is_whole`: of every channel, and all of it."""

    frames: int
    tracks: tuple[TrackLevel, ...]
    is_whole: bool = False


Entry = (
    Begun
    | Gap
    | Xrun
    | Marker
    | GainChange
    | Slate
    | Durable
    | NextPart
    | Ended
    | Resumed
    | Mended
    | Closing
    | Closed
    | Retagged
    | TakeLevels
)


class TakeRecord(Struct, frozen=True, kw_only=True):
    """All that a journal says of its take."""

    order: TakeOrder
    """With the `first_frame` at which the files really begin, and the date that the take has by now; `slate` is the
    one it began with."""
    asked_frame: Frame
    tape_id: str
    slate: Slate
    """The last one."""
    markers: tuple[Marker, ...]
    """In order of frames; may lie outside the take."""
    gaps: tuple[Gap, ...]
    """In order of frames, cut at the take's end."""
    xruns: tuple[Xrun, ...]
    gain_changes: tuple[GainChange, ...]
    durable_frames: int
    end_frame: Frame | None
    """None while nobody knows where it ends."""
    closing_frames: int | None
    """Frames in every file, once no more sound follows."""
    closed: bool
    recovered: bool
    failure: str
    """Why the take could not go on; empty where it simply ended."""
    mended: tuple[Mended, ...]
    retag_due: bool
    """True while the files do not yet say what the journal says."""
    faults: tuple[str, ...]
    """Damaged lines that were left out."""
    parts: tuple[int, ...] = (0,)
    """At which frames of the take its parts begin (parts.py)."""
    part: int = 1
    """This is of that part alone, and so are order, markers, gaps and frames; of a whole take 1."""
    part_count: int = 1
    levels: tuple[TrackLevel, ...] = ()
    """Peak and clips, channel by channel; empty where nobody counted them."""

    @property
    def frames(self) -> int:
        """Frames of every channel of a closed take; what is durable of an open one."""
        return self.durable_frames if self.closing_frames is None else self.closing_frames

    @property
    def files(self) -> tuple[PartFile, ...]:
        """Every file of the take, part by part."""
        return self.files_at(self.frames)

    def files_at(self, frames: int) -> tuple[PartFile, ...]:
        """The same, of a take that has so many frames."""
        lengths = zip(self.parts, lengths_of(self.parts, frames), strict=True)
        return tuple(
            PartFile(name=file.name, channels=file.channels, first_frame=begins, frames=length)
            for number, (begins, length) in enumerate(lengths, 1)
            for file in files_of_part(self.order.files, number)
        )

    def of_part(self, number: int) -> TakeRecord:
        """What there is to say of a part, as of a take that begins where it does."""
        if len(self.parts) == 1:
            return self
        begins, length = self.parts[number - 1], lengths_of(self.parts, self.frames)[number - 1]
        first = self.order.first_frame + begins
        last = first + length + (number == len(self.parts))
        return replace(
            self,
            order=order_of_part(self.order, number, begins),
            markers=tuple(marker for marker in self.markers if first <= marker.at_frame < last),
            gaps=gaps_inside(self.gaps, first_frame=first, end_frame=first + length),
            closing_frames=length,
            parts=(0,),
            part=number,
            part_count=len(self.parts),
        )


class Ledger:
    """Takes entries in the order of the journal. One owner."""

    def __init__(self, begun: Begun) -> None:
        self.begun = begun
        self.slate = begun.order.slate
        self.end_frame = begun.order.end_frame
        self.durable_frames = 0
        self.closing: Closing | None = None
        self.closed: Closed | None = None
        self.retag_due = False
        self.mended: list[Mended] = []
        self.faults: list[str] = []
        self.gain_changes: list[GainChange] = list(begun.order.gain_changes)
        self._markers: list[Marker] = []
        self._gaps: dict[int, Gap] = {}
        self._xruns: dict[tuple[int, bool], Xrun] = {}
        self._parts = [0]
        self._levels: dict[int, list[tuple[int, TrackLevel]]] = {}
        self.level_frames = 0
        """So many frames of the take are counted in `levels`."""

    def note(self, entry: Entry) -> None:
        """`entry` is part of what is known. A gap or xrun told twice counts once (a writer was killed
        between the journal and the files, and its successor found it again)."""
        match entry:
            case Gap():
                self._gaps[entry.at_frame] = entry
            case Xrun():
                self._xruns[entry.at_frame, entry.suspect] = entry
            case Marker():
                self._markers.append(entry)
                self._touch()
            case GainChange():
                self.gain_changes.append(entry)
            case Slate():
                self.slate = entry
                self._touch()
            case Durable():
                self.durable_frames = max(self.durable_frames, entry.frames)
            case NextPart(frames=begins):
                if begins > self._parts[-1]:
                    self._parts.append(begins)
            case Ended():
                self.end_frame = entry.end_frame
            case Mended():
                self.mended.append(entry)
            case Closing():
                self.closing = entry
                self.durable_frames = min(self.durable_frames, entry.frames)
            case Closed():
                self.closed = entry
                self.closing = Closing(frames=entry.frames)
                self.durable_frames = entry.frames
                self.retag_due = False
            case Retagged():
                self.retag_due = False
            case TakeLevels():
                self._note_levels(entry)
            case Begun() | Resumed():
                pass

    def _note_levels(self, entry: TakeLevels) -> None:
        """Of a take that turns out shorter what was said earlier counts: so the last few are kept."""
        if entry.is_whole:
            self._levels = {}
        self.level_frames = entry.frames
        for level in entry.tracks:
            told = self._levels.setdefault(level.channel, [])
            clips = {clip.at_frame: clip for clip in (told[-1][1].clips if told else ())}
            clips |= {clip.at_frame: clip for clip in level.clips}
            known = tuple(clip for _, clip in sorted(clips.items()))[:MOST_CLIPS]
            told.append((entry.frames, replace(level, clips=known)))
            del told[:-KEPT_LEVELS]

    def levels(self) -> tuple[TrackLevel, ...]:
        """In order of channels; as far as the take goes."""
        end = None if self.closing is None else self.closing.frames
        return tuple(
            next((level for frames, level in reversed(told) if end is None or frames <= end), told[0][1])
            for _, told in sorted(self._levels.items())
        )

    def _touch(self) -> None:
        self.retag_due = self.closed is not None

    @property
    def xrun_count(self) -> int:
        """Inside the take."""
        return len(self._xruns_inside())

    def has_gap(self, gap: Gap) -> bool:
        """True when this very gap is already noted, or one that covers it: a writer was killed half way through."""
        return self._gaps.get(gap.at_frame) == gap or any(
            known.cause is gap.cause
            and known.at_frame < gap.at_frame
            and gap.at_frame + gap.length_frames <= known.at_frame + known.length_frames
            for known in self._gaps.values()
        )

    def has_xrun(self, xrun: Xrun) -> bool:
        """True when this very xrun is already noted."""
        return self._xruns.get((xrun.at_frame, xrun.suspect)) == xrun

    def has_note(self, note: TakeNote) -> bool:
        """True when this very note stands already: a daemon says again what it is not sure of."""
        match note:
            case Marker():
                return note in self._markers
            case GainChange():
                return note in self.gain_changes
            case Slate():
                return note == self.slate

    @property
    def parts(self) -> tuple[int, ...]:
        """At which frames of the take its parts begin; none behind its end once that is sure."""
        if self.closing is None:
            return tuple(self._parts)
        return tuple(begins for begins in self._parts if begins < self.closing.frames or begins == 0)

    def gaps(self) -> tuple[Gap, ...]:
        """In order of frames, cut where the take ends."""
        return gaps_inside((gap for _, gap in sorted(self._gaps.items())), end_frame=self._end())

    def _end(self) -> int | None:
        if self.closing is not None:
            return self.begun.order.first_frame + self.closing.frames
        return self.end_frame

    def _xruns_inside(self) -> tuple[Xrun, ...]:
        end = self._end()
        inside = (xrun for _, xrun in sorted(self._xruns.items()) if end is None or xrun.at_frame < end)
        return tuple(inside)

    def record(self) -> TakeRecord:
        """What is known now."""
        end = self._end()
        return TakeRecord(
            order=dated(self.begun.order, self.slate),
            asked_frame=self.begun.asked_frame,
            tape_id=self.begun.tape_id,
            slate=self.slate,
            markers=tuple(sorted(self._markers, key=lambda marker: marker.at_frame)),
            gaps=self.gaps(),
            xruns=self._xruns_inside(),
            gain_changes=tuple(self.gain_changes),
            durable_frames=self.durable_frames,
            end_frame=None if end is None else Frame(end),
            closing_frames=None if self.closing is None else self.closing.frames,
            closed=self.closed is not None,
            recovered=self.closed is not None and self.closed.recovered,
            failure="" if self.closed is None else self.closed.failure,
            mended=tuple(self.mended),
            retag_due=self.retag_due,
            faults=tuple(self.faults),
            parts=self.parts,
            levels=self.levels(),
        )
