"""Draws the rig's state for a terminal of any size: the live view of `rigd watch` and `rigd run`.

Pure drawing from RigState and Levels: it asks nobody and changes nothing. Where the room is short the lines that can
be done without go first: what happened, the keys, session and disk. The red light and every fault are always there,
above the channels.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from rigd.cli.channel_grid import Grid, fewest_rows, grid_for, grid_lines
from rigd.cli.signs import shown
from rigd.cli.story import time_of_day
from rigd.cli.words import clipped_text, count, entries, room_left, take_count, troubles
from rigd.hands.showing import (
    exact_time_text,
    saving_take,
    seconds_left,
    state_word,
    take_frames,
)
from rigd.model.events import Event, Happening
from rigd.model.levels import Levels
from rigd.model.state import MirrorPhase, RigState, Transport, is_rolling

SHORT_OF_ROOM_S = 600
NARROW = 60
"""On fewer columns the headline is in short words."""
SHORTEST_SONG = 5
GAP = "  "
STORY_LINES = 8
LEAST_STORY_LINES = 2
LEAST_FAULT_LINES = 2
STATE_STYLES = {
    Transport.OFFLINE: "bold white on grey30",
    Transport.READY: "bold black on green3",
    Transport.ROLLING: "bold white on red3",
    Transport.POSTROLL: "bold white on dark_orange3",
    Transport.HALTED: "bold white on magenta3",
}
NOT_READY_STYLE = "bold black on yellow3"
LOUD = {
    Happening.GAP_FOUND,
    Happening.CLIPPED,
    Happening.FAULT_RAISED,
    Happening.TAKE_FAILED,
    Happening.DISK_SPACE,
    Happening.COMMAND_REJECTED,
    Happening.CONFIG_REFUSED,
}
LEAVING = "leave; the rig goes on"
KEYS = (
    ("space", "start a take, or stop it"),
    ("n", "keep it, go on as the next take"),
    ("m", "put a marker here"),
    ("k", "keep the last 20 s as a take"),
    ("u", "bring back a thrown away take"),
    ("c", "circle the take, or take it back"),
    ("x", "clips (!) seen: new ones only"),
    ("f", "the faults, whole"),
    ("< >", "other channels"),
    ("?", "this list"),
)
"""What each key does, and then q. Ctrl-C is told by whoever reads it."""
SIGNS = (
    ("● ○", "armed, not armed"),
    ("-26", "level in dBFS; !: it clipped"),
    ("+18", "gain in dB; ?: not confirmed; V: 48 V"),
)
"""What stands in a channel's row."""
KEY_COLUMNS = 6
SHORT_KEYS = "space rec/stop  n next  m mark  k keep  u undo  c circle  ? help  q leave"


class Paper(Struct, frozen=True, kw_only=True):
    """What there is to draw on."""

    width: int
    height: int
    encoding: str = "utf-8"


class Look(Struct, frozen=True, kw_only=True):
    """What the person at the keys asked to see."""

    page: int = 0
    has_keys: bool = False
    is_help: bool = False
    is_faults: bool = False
    """In place of the channels: every fault, whole."""
    word: str = ""
    """What came of the last key, or what the rig has to say to whoever sits there."""
    leaving: str = LEAVING
    """What q does."""


PLAIN_LOOK = Look()
Piece = tuple[str, str]
"""Words that stay on one line where they fit on one, and how they look."""


def live_view(
    state: RigState,
    levels: Levels | None,
    story: Sequence[Event],
    paper: Paper,
    look: Look = PLAIN_LOOK,
) -> list[Text]:
    """The whole screen: no more lines than the paper has, none wider than it."""
    top = _flow(_headline(state, levels, paper), paper, gap=GAP)
    word = Text(shown(look.word, paper.encoding), style="bold yellow")
    word_lines = _wrapped(word, paper)[: max(2, paper.height // 3)] if look.word else []
    room = paper.height - len(top) - len(word_lines)
    has_channels = not (look.is_help or look.is_faults)
    faults = _faults(
        state, paper, most_lines=_lines_for_faults(state, paper, room) if has_channels else room - 2
    )
    left = max(0, room - len(faults))
    below: list[Text] = []
    if has_channels:
        below = _below(state, levels, story, paper, look, left)
    elif look.is_help:
        below = _help(paper, look, left)
    else:
        back = "f goes back" if faults else "no faults; f goes back"
        below = _wrapped(Text(back, style="dim"), paper)[:left]
    faults += word_lines
    lines = [*top, *faults, *below][: paper.height]
    for line in lines:
        line.no_wrap = True
        if cell_len(line.plain) > paper.width:
            line.right_crop(len(line.plain) - len(set_cell_size(line.plain, paper.width)))
    return lines


def _below(
    state: RigState, levels: Levels | None, story: Sequence[Event], paper: Paper, look: Look, left: int
) -> list[Text]:
    """Session and disk, channels, what happened, keys: as much of it as has room."""
    info = _flow(_information(state), paper, gap=" · ")
    keys = [Text(SHORT_KEYS, style="dim")] if look.has_keys and cell_len(SHORT_KEYS) <= paper.width else []
    if look.has_keys and not keys:
        keys = [Text("? help  q leave", style="dim")]
    grid = _chosen_grid(state, paper, left, len(keys), look.page)
    rows = _grid(grid, state, levels, paper)
    left -= len(rows)
    info = info[: max(0, min(left - len(keys), 2))] or info[: max(0, min(left, 1))]
    left -= len(info)
    keys = keys[: max(0, left)]
    left -= len(keys)
    return [*info, *rows, *_story(story, paper, min(left, STORY_LINES)), *keys]


def _chosen_grid(state: RigState, paper: Paper, left: int, key_lines: int, page: int) -> Grid | None:
    """A grid that leaves room for session, keys and what happened; but the channels' names are worth more, and all
    channels on one page are worth most."""
    for is_named in (True, False):
        for beside in (1 + key_lines + LEAST_STORY_LINES, 1 + key_lines, 1, 0):
            grid = grid_for(state.channels, paper.width, most_rows=left - beside)
            if grid is not None and grid.pages == 1 and (grid.is_named or not is_named):
                return grid
    return grid_for(state.channels, paper.width, most_rows=left - 1, page=page)


def _lines_for_faults(state: RigState, paper: Paper, room: int) -> int:
    """What all channels leave, with their names if every fault still has a line. Where not even all channels have
    room, a third of it."""
    for is_named in (True, False):
        left = room - fewest_rows(state.channels, paper.width, is_named=is_named)
        if left >= min(len(troubles(state)), LEAST_FAULT_LINES):
            return left
    return max(1, room // 3)


def _grid(grid: Grid | None, state: RigState, levels: Levels | None, paper: Paper) -> list[Text]:
    if grid is None:
        return []
    clipped = {clips.channel for clips in state.clips}
    lines = grid_lines(
        grid, levels, clipped=clipped, is_recording=state.take is not None, encoding=paper.encoding
    )
    if grid.pages > 1:
        first, last = grid.channels[0].number, grid.channels[-1].number
        where = f"{first}-{last} of {len(state.channels)}  > more"
        lines.append(Text(where, style="yellow"))
    return lines


def _headline(state: RigState, levels: Levels | None, paper: Paper) -> list[Piece]:
    """The red light: state, time, take; what is wrong with it. What cannot be done without comes first."""
    take, is_narrow = state.take, paper.width < NARROW
    dot = "● " if is_rolling(state) else ""
    pieces: list[Piece] = [(f" {dot}{state_word(state)} ", _state_style(state))]
    if take is not None:
        frames = take_frames(take, levels.at_frame if levels is not None else None)
        pieces.append((exact_time_text(frames, state.sample_rate_hz), "bold"))
        slate = take.slate
        name = f' "{slate.name}"' if slate.name else ""
        pieces.append((_title(slate.song, slate.number, name, paper, beside=pieces), "bold"))
        if gaps := entries(take).gaps:
            pieces.append((count(gaps, "gap"), "bold red"))
        if slate.circled:
            pieces.append(("◎ circled", "green"))
    else:
        pieces.append((_title(state.song, state.next_take_number, " next", paper, beside=pieces), ""))
    if state.clips:
        pieces.append((clipped_text(state.clips, is_short=is_narrow), "bold red"))
    if (saving := saving_take(state)) is not None:
        pieces.append((f"saving take {saving.slate.number:03}", "yellow"))
    if state.unsafe_s >= 1.0:
        pieces.append((f"{state.unsafe_s:.0f} s {'unsafe' if is_narrow else 'not yet safe'}", "yellow"))
    if state.locked:
        pieces.append(("LOCKED" if is_narrow else "LOCKED: hold to stop", "yellow"))
    return pieces


def _state_style(state: RigState) -> str:
    return NOT_READY_STYLE if state.not_ready else STATE_STYLES[state.transport]


def _title(song: str, number: int, more: str, paper: Paper, *, beside: list[Piece]) -> str:
    """'Blue Train · Take 003 "slow"', beside these pieces or in a line of its own: the number never gives way, the
    song does."""
    take = f"Take {number:03}"
    more, song = shown(more, paper.encoding), shown(song, paper.encoding)
    whole = f"{song} · {take}{more}" if song else take + more
    taken = sum(cell_len(words) + len(GAP) for words, _ in beside)
    lines = (paper.width - taken, paper.width)
    for room in lines:
        if cell_len(whole) <= room:
            return whole
        left = room - cell_len(f"… · {take}")
        if song and left >= SHORTEST_SONG:
            return f"{_shortened(song, left + 1)} · {take}"
    return take


def _information(state: RigState) -> list[Piece]:
    """What is missing comes first: the rest may have no room."""
    devices = [(surface.name, surface.connected) for surface in state.surfaces]
    devices += [(preamp.name, preamp.answering) for preamp in state.preamps]
    pieces: list[Piece] = [(f"▫ not there: {name}", "yellow") for name, good in devices if not good]
    if state.config is not None and (state.config.waits or state.config.faults):
        why = "changed: restart due" if state.config.waits else "not taken up: rigd check"
        pieces.append((f"config {why}", "yellow"))
    if state.disk is not None:
        left_s = seconds_left(state)
        short = left_s is not None and left_s < SHORT_OF_ROOM_S
        pieces.append((room_left(state), "bold red" if short else "dim"))
    if state.mirror is not None:
        good = state.mirror.phase in (MirrorPhase.IN_STEP, MirrorPhase.CATCHING_UP)
        pieces.append((f"mirror {state.mirror.phase.value}", "dim" if good else "bold red"))
    if state.interface is not None and state.interface.simulated:
        pieces.append(("simulated", "yellow"))
    pieces.append((f"{state.session}: {count(take_count(state), 'take')}", "dim"))
    if state.interface is not None and state.interface.device:
        pieces.append((f"{state.interface.device} {state.sample_rate_hz / 1000:g} kHz", "dim"))
    pieces += [(f"▪ {name}", "dim") for name, good in devices if good]
    return pieces


def _faults(state: RigState, paper: Paper, *, most_lines: int) -> list[Text]:
    """Every fault, whole where there is room: the cure comes last. Else each as long as can be, and where there are
    more than lines the rest are counted."""
    whole = [_wrapped(Text(f"! {shown(what, paper.encoding)}"), paper) for what in troubles(state)]
    if sum(map(len, whole)) > most_lines:
        if len(whole) > most_lines:  # the last line counts those that have none
            kept = max(0, most_lines - 1)
            more = count(len(whole) - kept, "more fault" if kept else "fault")
            whole = [*whole[:kept], [Text(f"! {'and ' if kept else ''}{more}: f")]]
        whole = _shared(whole, most_lines, paper)
    for line in (lines := [line for each in whole for line in each]):
        line.stylize("bold yellow")
    return lines


def _shared(whole: list[list[Text]], most_lines: int, paper: Paper) -> list[list[Text]]:
    """So many lines for all of them: one each, and what is left goes to the first ones."""
    spare = max(0, most_lines - len(whole))
    shared = []
    for lines in whole:
        given = min(len(lines), 1 + spare)
        spare -= given - 1
        cut = [*lines[:given]]
        if given < len(lines):
            words = cut[-1].plain.rstrip()
            cut[-1] = Text(
                words + "…" if cell_len(words) < paper.width else _shortened(words + "…", paper.width)
            )
        shared.append(cut)
    return shared


def _story(story: Sequence[Event], paper: Paper, most_lines: int) -> list[Text]:
    """The latest, each whole, with its time of day."""
    lines: list[Text] = []
    for event in reversed(story):
        line = Text.assemble(
            (f"{time_of_day(event)} ", "dim"),
            (shown(event.text, paper.encoding), "red" if event.what in LOUD else ""),
            (f"  {shown(event.origin, paper.encoding)}" if event.origin else "", "dim"),
        )
        block = _wrapped(line, paper)
        if len(lines) + len(block) > most_lines:
            break
        lines[:0] = block
    return lines


def _help(paper: Paper, look: Look, most_lines: int) -> list[Text]:
    lines: list[Text] = []
    for key, meaning in (*KEYS, ("q", look.leaving), *SIGNS):
        beside = replace(paper, width=max(1, paper.width - KEY_COLUMNS))
        for row, part in enumerate(_wrapped(Text(meaning), beside)):
            shown_key = key if row == 0 else ""
            lines.append(Text.assemble((shown_key.ljust(KEY_COLUMNS), "bold"), part))
    return lines[:most_lines]


def _flow(pieces: Sequence[Piece], paper: Paper, *, gap: str) -> list[Text]:
    """The pieces one behind the other, on as many lines as it takes; one that is too long for a line is cut."""
    lines = [Text()]
    for words, style in pieces:
        words = _shortened(shown(words, paper.encoding), paper.width)
        line = lines[-1]
        if line.plain and cell_len(line.plain) + len(gap) + cell_len(words) > paper.width:
            lines.append(line := Text())
        if line.plain:
            line.append(gap, style="dim")
        line.append(words, style=style)
    return lines


def _shortened(words: str, width: int) -> str:
    if cell_len(words) <= width:
        return words
    return set_cell_size(words, max(0, width - 1)).rstrip() + "…"


def _wrapped(text: Text, paper: Paper) -> list[Text]:
    """As many lines as it takes, broken between words."""
    lines, rest = [], text
    while cell_len(rest.plain) > paper.width:
        fits = len(set_cell_size(rest.plain, paper.width).rstrip("\n"))
        while fits > 1 and cell_len(rest.plain[:fits]) > paper.width:
            fits -= 1
        at = rest.plain.rfind(" ", 1, fits + 1)
        at = at if at > fits // 3 else fits
        line, rest = rest.divide([at])
        rest = rest[len(rest.plain) - len(rest.plain.lstrip(" ")) :]
        lines.append(line)
    return [*lines, rest]
