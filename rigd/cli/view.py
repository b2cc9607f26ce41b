"""Draws the rig's state for a terminal: the live view of `rigd watch` and `rigd run`, and the take table.

Pure drawing from RigState and Levels: it asks nobody and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rigd.cli.words import count, entries, gain_piece, room_left, take_count, take_title
from rigd.hands.showing import (
    exact_time_text,
    level_shown,
    saving_take,
    seconds_left,
    state_word,
    take_frames,
)
from rigd.model.events import Event, Happening
from rigd.model.levels import FLOOR_DBFS, Levels
from rigd.model.state import Channel, MirrorPhase, RigState, Take, Transport, is_rolling

METER_FLOOR_DB = -60.0
METER_CELLS = 24
SHORT_OF_ROOM_S = 600
STATE_STYLES = {
    Transport.OFFLINE: "bold white on grey30",
    Transport.READY: "bold black on green3",
    Transport.ROLLING: "bold white on red3",
    Transport.POSTROLL: "bold white on dark_orange3",
    Transport.HALTED: "bold white on magenta3",
}
LOUD = {
    Happening.GAP_FOUND,
    Happening.FAULT_RAISED,
    Happening.TAKE_FAILED,
    Happening.DISK_SPACE,
    Happening.COMMAND_REJECTED,
}


def live_view(state: RigState, levels: Levels | None, events: Sequence[Event]) -> RenderableType:
    """The whole screen."""
    return Group(_headline(state, levels), _channels(state, levels), *_notices(state), *_story(events))


def _headline(state: RigState, levels: Levels | None) -> RenderableType:
    take = state.take
    dot = "● " if is_rolling(state) else ""
    line = Text.assemble((f" {dot}{state_word(state)} ", STATE_STYLES[state.transport]), "  ")
    if take is not None:
        line.append(take_title(take), style="bold")
        frames = take_frames(take, levels.at_frame if levels is not None else None)
        line.append(f"  {exact_time_text(frames, state.sample_rate_hz)}")
        if gaps := entries(take).gaps:
            line.append(f"  {count(gaps, 'gap')}", style="bold red")
        if take.slate.circled:
            line.append("  ◎ circled", style="green")
    else:
        line.append(f"next: {state.song} take {state.next_take_number:03}")
    if (saving := saving_take(state)) is not None:
        line.append(f"  saving take {saving.slate.number:03}", style="yellow")
    if state.unsafe_s >= 1.0:
        line.append(f"  {state.unsafe_s:.0f} s not yet safe", style="yellow")
    if state.locked:
        line.append("  LOCKED: hold to stop", style="yellow")
    second = Text(style="dim", no_wrap=False, overflow="fold")  # told whole, also on a narrow screen
    second.append(f"{state.session}  ·  {count(take_count(state), 'take')}")
    if state.disk is not None:
        left_s = seconds_left(state)
        short = left_s is not None and left_s < SHORT_OF_ROOM_S
        second.append(f"  ·  {room_left(state)}", style="bold red" if short else "")
    if state.interface is not None and state.interface.device:
        second.append(f"  ·  {state.interface.device} {state.sample_rate_hz / 1000:g} kHz")
        second.append(" simulated" if state.interface.simulated else "", style="yellow")
    if state.mirror is not None:
        good = state.mirror.phase in (MirrorPhase.IN_STEP, MirrorPhase.CATCHING_UP)
        second.append(f"  ·  mirror {state.mirror.phase.value}", style="" if good else "bold red")
    devices = [(surface.name, surface.connected) for surface in state.surfaces]
    devices += [(preamp.name, preamp.answering) for preamp in state.preamps]
    third = Text(no_wrap=True, overflow="ellipsis")
    for name, good in sorted(devices, key=lambda device: device[1]):  # what is missing comes first
        third.append(f"{'▪' if good else '▫ not there:'} {name}  ", style="dim" if good else "yellow")
    return Panel(
        Group(line, second, *([third] if devices else [])),
        border_style="red" if take is not None else "grey50",
        padding=(0, 1),
    )


def _channels(state: RigState, levels: Levels | None) -> RenderableType:
    table = Table(box=None, padding=(0, 1), show_header=False)
    columns = 1 if len(state.channels) <= 16 else 2 if len(state.channels) <= 32 else 4
    for _ in range(columns):
        table.add_column(justify="right", no_wrap=True)
        for _ in range(3):
            table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
    rows = -(-len(state.channels) // columns)
    cells = METER_CELLS if columns == 1 else METER_CELLS // columns
    for row in range(rows):
        line: list[RenderableType] = []
        for channel in state.channels[row::rows]:
            line += _channel_cells(channel, levels, cells, rolling=state.take is not None)
        table.add_row(*line)
    return table


def _channel_cells(
    channel: Channel, levels: Levels | None, cells: int, *, rolling: bool
) -> list[RenderableType]:
    lamp = Text("●", style="red" if rolling else "yellow") if channel.armed else Text("○", style="dim")
    level = level_shown(levels, channel)
    peak, rms, clipped = (
        (level.peak_dbfs, level.rms_dbfs, level.clipped) if level else (FLOOR_DBFS, FLOOR_DBFS, False)
    )
    number = Text(f"{channel.number:02}", style="dim")
    peak_text = Text(
        f"{peak:6.1f}" if peak > METER_FLOOR_DB else "     -", style="bold red" if clipped else "dim"
    )
    return [
        number,
        lamp,
        Text(channel.name[:16]),
        _meter(rms, peak, cells),
        peak_text,
        Text(*gain_piece(channel)),
    ]


def _meter(rms_dbfs: float, peak_dbfs: float, cells: int) -> Text:
    def cell(level_db: float) -> int:
        return max(0, min(cells, round((level_db - METER_FLOOR_DB) / -METER_FLOOR_DB * cells)))

    filled, peak_at = cell(rms_dbfs), cell(peak_dbfs)
    meter = Text()
    for index in range(cells):
        level_db = METER_FLOOR_DB * (1 - (index + 1) / cells)
        style = "red" if level_db > -3 else "yellow" if level_db > -12 else "green3"
        if index < filled:
            meter.append("█", style=style)
        elif index == peak_at - 1:
            meter.append("▏", style=style)
        else:
            meter.append("·", style="grey30")
    return meter


def _notices(state: RigState) -> list[RenderableType]:
    # Whole, on as many lines as it takes: the cure comes last. (The console itself does not wrap.)
    return [
        Text(f"! {fault.what}", style="bold yellow", no_wrap=False, overflow="fold") for fault in state.faults
    ]


def _story(events: Sequence[Event]) -> list[RenderableType]:
    lines = [Text("")] if events else []
    for event in events:
        line = Text(no_wrap=False, overflow="fold")
        line.append(f"  {event.text}", style="red" if event.what in LOUD else "")
        line.append(f"   {event.origin}" if event.origin else "", style="dim")
        lines.append(line)
    return [*lines]


def take_table(takes: Sequence[Take], sample_rate_hz: int) -> Table:
    """The takes as a table, oldest first."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for heading in ("song", "take", "", "length", "files", "gaps", "markers", "notes"):
        number = heading in {"length", "files", "gaps", "markers"}
        words = heading in {"song", "take", "notes"}  # these give way where the terminal is narrow
        table.add_column(
            heading,
            justify="right" if number else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=4 if words else {"": 2, "length": 10}.get(heading, len(heading)),
            max_width=40 if words else None,
        )
    for take in takes:
        slate, all_of = take.slate, entries(take)
        marks = Text(("◎" if slate.circled else "") + "★" * slate.rating, style="green")
        marks.append(" recovered" if take.recovered else "")
        marks.append(" simulated" if take.simulated else "", style="dim")
        marks.append(" FAILED" if take.failure else "", style="bold red")
        marks.append(" closing" if not take.closed and take.end_frame is not None else "", style="yellow")
        frames = take.end_frame - take.first_frame if take.end_frame is not None else take.written_frames
        table.add_row(
            slate.song,
            f"{slate.number:03}" + (f' "{slate.name}"' if slate.name else ""),
            marks,
            exact_time_text(frames, sample_rate_hz),
            str(len(take.files) or len(take.channels)),
            Text(str(all_of.gaps), style="bold red" if all_of.gaps else "dim"),
            str(all_of.markers),
            "; ".join(slate.notes),
        )
    return table
