"""Takes as a person reads them, song by song, by number: for a terminal of any width, else one line each. Pure.

Song, number and length are always there, and nothing of a name or note is cut: what has no room goes on below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from msgspec import Struct

from rigd.cli.signs import Styled, columns_of
from rigd.cli.words import SWEEP_S, change_text, clipped_text, count, entries, how_it_ended
from rigd.hands.showing import exact_time_text
from rigd.model.library import ListedTake
from rigd.model.plain_text import plain_line
from rigd.model.state import LeftOut, Take
from rigd.model.take import GAIN_DB, GainChange, Slate
from rigd.model.units import ChannelNumber, Frame

INDENT = "  "


def take_list(takes: Sequence[Take], sample_rate_hz: int, *, width: int | None) -> Iterator[list[Styled]]:
    """The lines, each of pieces; `width` None: of any length. `sample_rate_hz` is the rig's: of a take that does not
    say its own."""
    for song, of_song in _by_song(takes).items():
        yield from _lines([(plain_line(song) or "(no song)", "bold")], width, "")
        for take in sorted(of_song, key=lambda take: take.slate.number):
            rate = take.sample_rate_hz or sample_rate_hz
            yield from _lines(_pieces(take, rate), width, INDENT)


def listed_line(take: ListedTake) -> list[Styled]:
    """A take of any session in one line, its song first."""
    return _in_a_row(
        [(plain_line(take.song) or "(no song)", ""), *_pieces(_as_take(take), take.sample_rate_hz)]
    )


def _as_take(take: ListedTake) -> Take:
    """What the index has of it."""
    return Take(
        take_id=take.take_id,
        folder=take.folder,
        slate=Slate(
            session=take.session,
            song=take.song,
            number=take.number,
            name=take.name,
            circled=take.circled,
            rating=take.rating,
        ),
        first_frame=Frame(0),
        end_frame=None if take.rolling else Frame(take.frames),
        started_at=take.started_at,
        channels=tuple(map(ChannelNumber, range(1, take.channels + 1))),
        written_frames=take.frames,
        closed=not take.rolling,
        recovered=take.recovered,
        kept=take.kept,
        simulated=take.simulated,
        failure=take.failure,
        left_out=LeftOut(markers=take.markers, gaps=take.gaps),
        sample_rate_hz=take.sample_rate_hz,
    )


def _by_song(takes: Sequence[Take]) -> dict[str, list[Take]]:
    songs: dict[str, list[Take]] = {}
    for take in takes:
        songs.setdefault(take.slate.song, []).append(take)
    return songs


def _pieces(take: Take, rate: int) -> list[Styled]:
    """What identifies it first."""
    slate, all_of = take.slate, entries(take)
    frames = take.end_frame - take.first_frame if take.end_frame is not None else take.written_frames
    pieces: list[Styled] = [(f"{slate.number:03}", ""), (exact_time_text(frames, rate), "")]
    if slate.circled or slate.rating:
        pieces.append((("◎" if slate.circled else "") + "★" * slate.rating, "green"))
    if slate.name:
        pieces.append((f'"{plain_line(slate.name)}"', ""))
    if ended := how_it_ended(take):
        pieces.append((ended, "bold red" if ended == "FAILED" else "yellow"))
    pieces += [(f"{count(all_of.gaps, 'gap')}", "bold red")] if all_of.gaps else []
    pieces += [(clipped_text(take.clips), "red")] if take.clips else []
    words = {
        "rolling": not take.closed and take.end_frame is None,
        "closing": not take.closed and take.end_frame is not None,
        "kept from the past": take.kept,
        "recovered": take.recovered,
        "simulated": take.simulated,
    }
    pieces += [(word, "yellow" if word == "closing" else "dim") for word, is_so in words.items() if is_so]
    pieces.append((count(len(take.files) or len(take.channels), "file" if take.files else "channel"), "dim"))
    pieces += [(count(all_of.markers, "marker"), "")] if all_of.markers else []
    pieces += [(plain_line(note), "") for note in slate.notes]
    return pieces


def _in_a_row(pieces: Sequence[Styled]) -> list[Styled]:
    return [
        (words if not place else f"{INDENT}{words}", style) for place, (words, style) in enumerate(pieces)
    ]


def _lines(pieces: Iterable[Styled], width: int | None, indent: str) -> Iterator[list[Styled]]:
    """The pieces in a row, on as many lines as it takes; those below are indented further."""
    line: list[Styled] = [(indent, "")]
    taken = len(indent)
    further = indent + 3 * INDENT
    for words, style in pieces:
        gap = "  " if len(line) > 1 else ""
        if width is None or taken + len(gap) + columns_of(words) <= width:
            line += [(gap + words, style)]
            taken += len(gap) + columns_of(words)
            continue
        if len(line) > 1:
            yield line
            line, taken = [(further, "")], len(further)
        rows = wrap(words, max(8, width - taken)) or [""]
        for row in rows[:-1]:
            yield [*line, (row, style)]
            line = [(further, "")]
        line = [*line, (rows[-1], style)]
        taken = len(further) + columns_of(rows[-1])
    yield line


class Sweep(Struct, frozen=True, kw_only=True):
    """A setting of a channel that was moved in one go. The ledger keeps every step."""

    first: GainChange
    last: GainChange
    steps: int


def sweeps(changes: Sequence[GainChange], sample_rate_hz: int) -> list[Sweep]:
    """The changes in order of frames; steps of a gain that follow one another soon are one."""
    found: list[Sweep] = []
    under_way: dict[ChannelNumber | None, int] = {}
    for change in changes:
        place = under_way.get(change.channel) if _is_step(change) else None
        before = found[place] if place is not None else None
        if (
            place is not None
            and before is not None
            and change.at_frame - before.last.at_frame <= SWEEP_S * sample_rate_hz
        ):
            found[place] = Sweep(first=before.first, last=change, steps=before.steps + 1)
            continue
        if _is_step(change):
            under_way[change.channel] = len(found)
        found.append(Sweep(first=change, last=change, steps=1))
    return found


def _is_step(change: GainChange) -> bool:
    """A gain that the preamp said, with nothing left to wish for."""
    return change.parameter == GAIN_DB and change.value is not None and change.asked is None


def sweep_text(sweep: Sweep, *, first_frame: Frame, sample_rate_hz: int) -> str:
    """'gain_db 00:00:01.500 to 00:00:02.000  channel 3: 20 to 26 in 7 steps', or the one change there is."""
    first, last = sweep.first, sweep.last

    def at(change: GainChange) -> str:
        return exact_time_text(max(0, change.at_frame - first_frame), sample_rate_hz)

    if sweep.steps == 1:
        return f"{first.parameter} {at(first)}  {change_text(first)}"
    moved = f"{first.value:g} to {last.value:g} in {sweep.steps} steps"
    return f"{first.parameter} {at(first)} to {at(last)}  channel {first.channel}: {moved}"
