"""What preamps said of their settings, as far back as any take may begin: each take's ledger is cut from it. Pure.

A press comes after the take's first frame: by the pre-roll, by `keep 20`, by the minutes of a black box. What was
true at the first frame, and each turn since, is looked up here. Frames are those of the tape that is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct
from msgspec.structs import replace

from rigd.model.take import GainChange
from rigd.model.units import ChannelNumber, Frame

MOST_ROWS = 20_000
"""Beyond that the oldest are thinned out: a fader that runs wild must not fill the memory."""

MOST_ROWS_OF_A_TAKE = 4_000
"""From before its press: they are part of its order, which is one line of its journal."""
FIRST_WINDOW_FRAMES = 1 << 12
LAST_WINDOW_FRAMES = 1 << 32

_Key = tuple[ChannelNumber | None, str, str]


class Cut(Struct, frozen=True, kw_only=True):
    """What of the history is a take's."""

    start: dict[tuple[ChannelNumber, str], GainChange]
    """By channel and parameter: what the preamp had said last at the first frame; where it was first read later than
    that, what it said then. None without a value."""
    changes: tuple[GainChange, ...]
    """What came behind the first frame, in order of frames."""


class SettingsHistory(Struct, frozen=True):
    """Rows as they came, nearly in order of frames. Of each setting one row at least is kept, however old it is."""

    rows: tuple[GainChange, ...] = ()
    thin_at: int = 1_000
    """With so many rows those that no take can need any more are left out."""

    def plus(self, row: GainChange, *, reach_frames: int) -> SettingsHistory:
        """With this row. No take begins more than `reach_frames` before it."""
        rows = self.rows
        if rows and row.at_frame < rows[-1].at_frame - reach_frames // 4:  # a new tape counts from 0 again
            rows = tuple(replace(each, at_frame=Frame(0)) for each in _thinned(rows, rows[-1].at_frame))
        rows = (*rows, row)
        if len(rows) < self.thin_at:
            return SettingsHistory(rows, self.thin_at)
        horizon = row.at_frame - reach_frames
        if len(rows) >= MOST_ROWS:
            horizon = max(horizon, rows[len(rows) // 2].at_frame)
        rows = _thinned(rows, Frame(horizon))
        return SettingsHistory(rows, min(MOST_ROWS, max(1_000, 2 * len(rows))))

    def last_of(self, row: GainChange) -> GainChange | None:
        """The newest row about the same setting, or the same preamp, as `row`."""
        key = _key(row)
        return next((each for each in reversed(self.rows) if _key(each) == key), None)

    def with_earlier(self, rows: Iterable[GainChange]) -> SettingsHistory:
        """With rows that an earlier daemon wrote into a take of this tape."""
        known = set(self.rows)
        new = [row for row in rows if row not in known]
        return SettingsHistory(tuple(sorted((*new, *self.rows), key=lambda row: row.at_frame)), self.thin_at)

    def cut(
        self,
        *,
        first_frame: int,
        end_frame: int | None = None,
        channels: Collection[ChannelNumber],
        preamps: Collection[str],
    ) -> Cut:
        """Of these channels and preamps, for a take that begins at `first_frame`."""
        begins: dict[_Key, GainChange] = {}
        changes = []
        rows = (row for row in self.rows if row.channel in channels or row.preamp in preamps)
        for row in sorted(rows, key=lambda row: row.at_frame):
            key = _key(row)
            if row.at_frame <= first_frame:
                if row.confirmed:
                    begins[key] = row
            elif row.confirmed and row.channel is not None and key not in begins:
                begins[key] = row
            elif end_frame is None or row.at_frame < end_frame:
                changes.append(row)
        start = {
            (row.channel, row.parameter): row
            for row in begins.values()
            if row.channel is not None and row.value is not None
        }
        return Cut(start=start, changes=_coarse(changes))


def _coarse(rows: list[GainChange]) -> tuple[GainChange, ...]:
    """No more than an order has room for: of what came close together the last, closer and closer as it must be."""
    window = FIRST_WINDOW_FRAMES
    while len(rows) > MOST_ROWS_OF_A_TAKE and window < LAST_WINDOW_FRAMES:
        last = {(_key(row), row.at_frame // window): place for place, row in enumerate(rows)}
        kept = set(last.values())
        rows = [row for place, row in enumerate(rows) if place in kept]
        window *= 2
    return tuple(rows[-MOST_ROWS_OF_A_TAKE:])


def _key(row: GainChange) -> _Key:
    return row.channel, row.parameter, row.preamp


def _thinned(rows: tuple[GainChange, ...], horizon: Frame) -> tuple[GainChange, ...]:
    """Without those before `horizon` that another one before it follows; a wish's row outlives nothing."""
    newest: dict[_Key, int] = {}
    for place, row in enumerate(rows):
        if row.at_frame <= horizon and row.confirmed:
            newest[_key(row)] = place
    kept = set(newest.values())
    return tuple(row for place, row in enumerate(rows) if row.at_frame > horizon or place in kept)
