"""The channels of the live view, in as many columns and with as much of each as the room allows. Pure.

Number, arm lamp, level and gain of a channel are always there. What gives way, in this order: the meter, blanks
between the fields, tenths of a dB, the name.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import groupby

from msgspec import Struct
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from rigd.cli.signs import shown
from rigd.cli.words import GAIN_STYLES
from rigd.hands.showing import Knowledge, LevelShown, gain_shown, level_shown, phantom_shown
from rigd.model.levels import FLOOR_DBFS, Levels
from rigd.model.state import Channel
from rigd.model.units import ChannelNumber

METER_FLOOR_DB = -60.0
COLUMNS = (1, 2, 4, 8)
"""How many there may be side by side."""
LONGEST_NAME = 24
LONGEST_METER = 40
SHORTEST_METER = 4
SHORTEST_NAME = 3
ENOUGH_NAME = 8
"""Columns of a name that are worth more than tenths of a dB."""


class Form(Struct, frozen=True, kw_only=True):
    """How wide each field of a channel is, in columns of the terminal; 0: it is left out."""

    number: int
    name: int = 0
    meter: int = 0
    tenths: bool = False
    is_spaced: bool = False
    """A blank between the fields, and dB and 48V in words."""
    is_dense: bool = False
    """Ten columns: a clip stands in the place of the level's sign."""
    gain: int = 0
    phantom: int = 0


def form_for(width: int, channels: Sequence[Channel]) -> Form | None:
    """The most that can be shown of each channel in so many columns; None where they are too few."""
    number = max(2, len(str(max((channel.number for channel in channels), default=0))))
    longest = max((cell_len(channel.name) for channel in channels), default=0)
    has_gain = any(channel.preamp for channel in channels)
    name = min(longest, LONGEST_NAME)

    gain, phantom = (6 if has_gain else 0), (3 if has_gain else 0)
    left = width - 1 - (number + 1 + 1 + 1 + 1 + 5 + 1) - (2 * (gain > 0) + gain + phantom)
    if left >= name:
        meter = min(LONGEST_METER, left - name - 1)
        has_meter = meter >= SHORTEST_METER
        return Form(
            number=number,
            name=name,
            meter=meter if has_meter else 0,
            tenths=True,
            is_spaced=True,
            gain=gain,
            phantom=phantom,
        )
    phantom = 1 if has_gain else 0
    for tenths in (True, False):
        gain = (6 if tenths else 4) if has_gain else 0
        left = width - 1 - (number + 1 + (6 if tenths else 4)) - gain - phantom
        if left >= min(longest, ENOUGH_NAME) + 1 or (not tenths and left >= 0):
            name = left - 1 if left > SHORTEST_NAME else 0
            return Form(number=number, name=name, tenths=tenths, gain=gain, phantom=phantom)
    gain = 3 if has_gain else 0
    if width >= number + 4 + gain + phantom:
        return Form(number=number, is_dense=True, gain=gain, phantom=phantom)
    return None


class Grid(Struct, frozen=True, kw_only=True):
    """Which channels are shown, and how."""

    channels: tuple[Channel, ...]
    columns: int
    rows: int
    column_width: int
    form: Form
    page: int = 0
    pages: int = 1

    @property
    def is_named(self) -> bool:
        """Something of each name can be read."""
        return self.form.name >= SHORTEST_NAME


def grid_for(channels: tuple[Channel, ...], width: int, *, most_rows: int, page: int = 0) -> Grid | None:
    """The grid with the fewest columns that needs no more rows. Where there is none: a page of the densest. None
    where not even one channel has room."""
    last: tuple[int, Form] | None = None
    for columns in COLUMNS:
        form = form_for(width // columns, channels)
        if form is None or (columns > 1 and columns > len(channels)):
            break
        last = columns, form
        rows = -(-len(channels) // columns)
        if rows <= most_rows:
            return Grid(
                channels=channels, columns=columns, rows=rows, column_width=width // columns, form=form
            )
    if last is None or most_rows < 1:
        return None
    columns, form = last
    shown_at_once = columns * most_rows
    pages = -(-len(channels) // shown_at_once)
    page %= pages
    part = channels[page * shown_at_once :][:shown_at_once]
    return Grid(
        channels=part,
        columns=columns,
        rows=min(most_rows, -(-len(part) // columns)),
        column_width=width // columns,
        form=form,
        page=page,
        pages=pages,
    )


def fewest_rows(channels: tuple[Channel, ...], width: int, *, is_named: bool) -> int:
    """Rows of the densest grid that shows all of them, or, `is_named`, all of them with a name."""
    most = 1
    for columns in COLUMNS[: max(1, len(channels)).bit_length()]:
        form = form_for(width // columns, channels)
        if form is not None and (form.name >= SHORTEST_NAME or not is_named):
            most = columns
    return -(-len(channels) // most)


def grid_lines(
    grid: Grid,
    levels: Levels | None,
    *,
    clipped: Container[ChannelNumber],
    is_recording: bool,
    encoding: str,
) -> list[Text]:
    """The lines of the grid, read down each column. `clipped`: those whose clips nobody has seen yet."""
    lines = []
    for row in range(grid.rows):
        line = Text(no_wrap=True)
        for channel in grid.channels[row :: grid.rows]:
            level = level_shown(levels, channel)
            has_clipped = channel.number in clipped or (level is not None and level.clipped)
            cell = _cell(channel, level, grid.form, has_clipped, is_recording=is_recording, encoding=encoding)
            cell.append(" " * (grid.column_width - cell_len(cell.plain)))
            line.append_text(cell)
        line.rstrip()
        lines.append(line)
    return lines


def _cell(
    channel: Channel,
    level: LevelShown | None,
    form: Form,
    has_clipped: bool,
    *,
    is_recording: bool,
    encoding: str,
) -> Text:
    peak = level.peak_dbfs if level is not None else FLOOR_DBFS
    blank = " " if form.is_spaced else ""
    cell = Text(no_wrap=True)
    cell.append(f"{channel.number:0{form.number}}{blank}", style="dim")
    if channel.armed:
        cell.append(f"●{blank}", style="red" if is_recording else "yellow")
    else:
        cell.append(f"○{blank}", style="dim")
    if form.name:
        cell.append(_cut(channel.name, form.name, encoding))
    if form.name and not form.is_dense:
        cell.append(" ")
    if form.meter:
        rms = level.rms_dbfs if level is not None else FLOOR_DBFS
        cell.append_text(_meter(rms, peak, form.meter))
        cell.append(" ")
    cell.append(level_text(peak, form, has_clipped), style="bold red" if has_clipped else "")
    if form.gain:
        text, style = _gain(channel, form)
        cell.append(f"{blank}{text}", style=style)
        phantom = phantom_shown(channel)
        style = "bold" if phantom.known is Knowledge.CONFIRMED else "yellow"
        cell.append(f"{blank}{_phantom(phantom.text, form)}", style=style)
    return cell


def level_text(peak_dbfs: float, form: Form, has_clipped: bool) -> str:
    """The peak, right-aligned, with a "!" where it has clipped; "-" below what a meter shows."""
    is_low = peak_dbfs <= METER_FLOOR_DB
    if form.is_dense:
        number = "-" if is_low else f"{peak_dbfs:z.0f}"
        return f"!{number.lstrip('-') or '0'}".rjust(3) if has_clipped else number.rjust(3)
    width = 5 if form.tenths else 3
    number = "-" if is_low else f"{peak_dbfs:z.{1 if form.tenths else 0}f}"
    return number.rjust(width) + ("!" if has_clipped else " ")


def _gain(channel: Channel, form: Form) -> tuple[str, str]:
    gain = gain_shown(channel, tenths=form.tenths)
    text = "" if gain.known is Knowledge.NO_PREAMP else gain.text
    if len(text) > form.gain:
        text = "?"  # it is not confirmed: what does not fit is not half shown
    return text.rjust(form.gain), GAIN_STYLES.get(gain.known, "yellow")


def _phantom(text: str, form: Form) -> str:
    """ "48V", "?48" or a letter of the same sense."""
    if form.phantom >= 3:
        return text.ljust(3)[:3]
    return "?" if text.startswith("?") else "V" if text else " "


def _cut(name: str, width: int, encoding: str) -> str:
    """In exactly so many columns; what is cut off has an ellipsis where there is room for one."""
    name = shown(name, encoding)
    if cell_len(name) <= width or width < 10:
        return set_cell_size(name, width)
    return set_cell_size(set_cell_size(name, width - 1).rstrip() + "…", width)


def _meter(rms_dbfs: float, peak_dbfs: float, cells: int) -> Text:
    def cell(level_db: float) -> int:
        return max(0, min(cells, round((level_db - METER_FLOOR_DB) / -METER_FLOOR_DB * cells)))

    filled, peak_at = cell(rms_dbfs), cell(peak_dbfs)
    drawn = ["█" if index < filled else "▏" if index == peak_at - 1 else "·" for index in range(cells)]
    styles = ["grey30" if sign == "·" else _meter_style(index, cells) for index, sign in enumerate(drawn)]
    meter = Text()
    for style, run in groupby(range(cells), key=lambda index: styles[index]):
        meter.append("".join(drawn[index] for index in run), style=style)
    return meter


def _meter_style(index: int, cells: int) -> str:
    level_db = METER_FLOOR_DB * (1 - (index + 1) / cells)
    return "red" if level_db > -3 else "yellow" if level_db > -12 else "green3"
