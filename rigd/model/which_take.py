"""Which take a person means: by what is on the label, by when it was, or by the beginning of its id. Pure.

The forms, tried in this order; what fits more than one take is an error that lists them, and nothing is guessed:

    (nothing), last        the rolling take, or the last one of the open session
    -1, -2                 the last one, the one before it
    4                      number 4 of the current song; of another one where only one song has a 4
    Blue Train 4           number 4 of that song; "Blue Train" 4 as well
    yesterday 4            of that day: today, yesterday, 2026-11-22
    Rehearsal 4            of that session; Rehearsal Blue Train -1 too
    1f3a9c20               the beginning of its id, four characters or more
    .../Take 004           its folder
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta

from msgspec import Struct

from rigd.model.errors import CommandError
from rigd.model.units import TakeId

MOST_LISTED = 8
_NUMBER = re.compile(r"[0-9]{1,6}", re.ASCII)
_BACK = re.compile(r"-[1-9][0-9]{0,5}", re.ASCII)
_ID = re.compile(r"[0-9a-fA-F-]{4,36}", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class KnownTake(Struct, frozen=True, kw_only=True):
    """What a take is called by."""

    take_id: TakeId
    session: str
    day: str
    """Of its session: "2026-11-22"."""
    song: str
    number: int
    folder: str
    is_open_session: bool
    """It is one of the session that takes are recorded to now."""
    is_near: bool = False
    """A bare number means it as well, of whichever session it is: all there are lie in the trash."""

    @property
    def title(self) -> str:
        """As a list has it, with what tells it from all others."""
        where = "" if self.is_open_session else f"{self.day} {self.session}: "
        return f"{where}{self.song} {self.number:03} ({self.take_id[:8]})"


def which_take(words: str, takes: Sequence[KnownTake], *, song: str, today: date) -> KnownTake:
    """The one take that is meant. `takes` are in the order in which they were recorded, the rolling one last; `song`
    is the current one. Raises CommandError, with what there is."""
    text = " ".join(words.split())
    found = _by_folder(text, takes) if "/" in text else _by_name(_plain(text), takes, song, today)
    if not found:
        found = _by_id(text, takes)
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(take.title for take in found[:MOST_LISTED])
        more = f" and {len(found) - MOST_LISTED} more" if len(found) > MOST_LISTED else ""
        raise CommandError(f'"{text[:80]}" is {len(found)} takes: {listed}{more}. Say more of it, or its id')
    raise CommandError(_none(text, takes))


def _plain(text: str) -> str:
    """Without the quotes around a song's name."""
    return re.sub(r'"([^"]*)"', r"\1", text)


def _none(text: str, takes: Sequence[KnownTake]) -> str:
    if not takes:
        return "there is no take yet"
    if not text:
        return "the open session has no take yet; name one of another session, see: rigd takes --all"
    return f'there is no take "{text[:80]}"; see: rigd takes, rigd takes --all'


def _by_folder(text: str, takes: Sequence[KnownTake]) -> list[KnownTake]:
    """Its path, or the end of it."""
    wanted = text.rstrip("/")
    return [take for take in takes if take.folder == wanted or f"/{take.folder}".endswith(f"/{wanted}")]


def _by_id(text: str, takes: Sequence[KnownTake]) -> list[KnownTake]:
    if not _ID.fullmatch(text):
        return []
    return [take for take in takes if take.take_id.lower().startswith(text.lower())]


def _by_name(text: str, takes: Sequence[KnownTake], song: str, today: date) -> list[KnownTake]:
    *before, last = text.split(" ") if text else [""]
    is_number, is_back = _NUMBER.fullmatch(last), _BACK.fullmatch(last)
    if not is_number and not is_back:
        before, last = (before if last in ("last", "") else [*before, last]), "-1"
        if text not in ("", "last") and not text.endswith(" last"):
            return []
    for among in _readings(before, takes, today):
        if not is_number:
            place = int(last)
            found = list(among[place:][:1]) if len(among) >= -place else []
        else:
            found = [take for take in among if take.number == int(last)]
            of_song = [take for take in found if take.song == song]
            # The current song is the nearest thing that "4" may mean, but only where no other was named.
            if not before and of_song:
                found = of_song
        if found:
            return found
    return []


def _readings(words: Sequence[str], takes: Sequence[KnownTake], today: date) -> Iterator[Sequence[KnownTake]]:
    """The takes among which a number counts, by each way to read the words before it; the nearest way first."""
    here = [take for take in takes if take.is_open_session or take.is_near]
    if not words:
        yield here
        return
    if (day := _day(words[0], today)) is not None:
        of_day = [take for take in takes if take.day == day]
        if len(words) == 1:
            yield of_day
            return
        yield from _of_names(words[1:], of_day)
        return
    yield _where(here, lambda take: take.song, " ".join(words))
    yield from _of_names(words, takes)


def _of_names(words: Sequence[str], takes: Sequence[KnownTake]) -> Iterator[Sequence[KnownTake]]:
    """A song of any session, a session, or a session and one of its songs."""
    name = " ".join(words)
    songs = _where(takes, lambda take: take.song, name)
    sessions = _where(takes, lambda take: take.session, name)
    yield (
        [take for take in takes if take in songs or take in sessions]
        if songs and sessions
        else songs or sessions
    )
    for at in range(1, len(words)):
        of_session = _where(takes, lambda take: take.session, " ".join(words[:at]))
        yield _where(of_session, lambda take: take.song, " ".join(words[at:]))


def _where(takes: Sequence[KnownTake], part: Callable[[KnownTake], str], name: str) -> list[KnownTake]:
    """Whole names first, whatever their capitals; else names that begin so."""
    wanted = name.casefold()
    whole = [take for take in takes if part(take).casefold() == wanted]
    return whole or [take for take in takes if part(take).casefold().startswith(wanted)]


def _day(word: str, today: date) -> str | None:
    word = word.lower()
    if word == "today":
        return today.isoformat()
    if word == "yesterday":
        return (today - timedelta(days=1)).isoformat()
    return word if _DAY.fullmatch(word) else None
