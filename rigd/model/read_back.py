"""What stands in a file of a library is asked what is asked of what is typed: nobody knows who wrote it. Pure.

A name that becomes a folder or a file is refused where `safe_name` would change it; a text that is refused where it
is typed (`slating.plain_text`) is cleaned, because the sound that it belongs to is worth more than the text; a number
is one that a person or rigd could have given.
"""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.limits import HIGHEST_NUMBER, HIGHEST_RATING, LONGEST_NAME, LONGEST_NOTE, MOST_NOTES
from rigd.model.names import clash_key, safe_name
from rigd.model.plain_text import without_strange
from rigd.model.take import GainChange, Marker, Slate, TakeClock, TakeOrder

SHOWN = 60
MOST_BOOTTIME_NS = 1 << 62
LENIENCE = 10
MOST_SEGMENTS = 99_999_999
"""The black box numbers its segments, and they are takes, too."""


def why_no_folder_name(name: str) -> str:
    """Empty, or why no folder of rigd's has that name."""
    if "/" in name or "\0" in name or name in ("", ".", ".."):
        return "leads out of its folder"
    if name.startswith("."):
        return "is hidden, as what is rigd's own or thrown away"
    if clash_key(safe_name(name, fallback="")) != clash_key(name):
        return "is none that every disk takes"
    return ""


def shown(name: str) -> str:
    """As a message has it: short, and in one line."""
    return repr(name if len(name) <= SHOWN else f"{name[:SHOWN]}...")


def as_typed(text: str, longest: int = LONGEST_NAME, *, lines: bool = False) -> str:
    """The text, if it could have been typed; else without what no text that is typed has, and cut where it is many
    times as long as it may be (another rigd may allow a little more)."""
    return without_strange(text[: LENIENCE * longest], lines=lines)


def notes_as_typed(notes: tuple[str, ...]) -> tuple[str, ...]:
    """Of a take; more than twice as many as there may be are of no rigd."""
    return tuple(as_typed(note, LONGEST_NOTE, lines=True) for note in notes[: 2 * MOST_NOTES])


def rating_as_typed(rating: int) -> int:
    """0, none, where nobody can give it."""
    return rating if 0 <= rating <= HIGHEST_RATING else 0


def slate_as_typed(slate: Slate) -> Slate:
    """The same of every text of a slate; a rating or a number that nobody can give is none."""
    return replace(
        slate,
        session=as_typed(slate.session),
        song=as_typed(slate.song),
        name=as_typed(slate.name),
        notes=notes_as_typed(slate.notes),
        number=slate.number if 0 <= slate.number <= MOST_SEGMENTS else 0,
        rating=rating_as_typed(slate.rating),
        dated=as_typed(slate.dated),
    )


def marker_as_typed(marker: Marker) -> Marker:
    """The same of a marker."""
    name = as_typed(marker.name)
    return marker if name == marker.name else replace(marker, name=name)


def change_as_typed(change: GainChange) -> GainChange:
    """The same of a row of the ledger."""
    texts = (change.parameter, change.word, change.preamp)
    parameter, word, preamp = map(as_typed, texts)
    if (parameter, word, preamp) == texts:
        return change
    return replace(change, parameter=parameter, word=word, preamp=preamp)


def settings_as_typed(settings: dict[str, bool | float | str]) -> dict[str, bool | float | str]:
    """The same of a track's settings."""
    return {
        as_typed(name): as_typed(value) if isinstance(value, str) else value
        for name, value in settings.items()
    }


def order_as_typed(order: TakeOrder) -> TakeOrder:
    """The same of a take's order."""
    tracks = tuple(
        replace(
            track,
            name=as_typed(track.name),
            source=as_typed(track.source),
            settings=settings_as_typed(track.settings),
        )
        for track in order.tracks
    )
    return replace(
        order,
        slate=slate_as_typed(order.slate),
        tracks=tracks,
        started_at=as_typed(order.started_at),
        clock=clock_as_typed(order.clock),
        gain_changes=tuple(map(change_as_typed, order.gain_changes)),
    )


def clock_as_typed(clock: TakeClock | None) -> TakeClock | None:
    """None where no machine has run for so long: no date can be told by it. Less than 0: it began earlier."""
    if clock is None or abs(clock.boottime_ns) >= MOST_BOOTTIME_NS:
        return None
    return replace(clock, boot_id=as_typed(clock.boot_id))


def is_take_number(number: int) -> bool:
    """A take of a song may have it."""
    return 1 <= number <= HIGHEST_NUMBER
