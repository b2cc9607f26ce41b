"""The take that a person means at a terminal (`rigd/model/which_take.py`), of those that the running rig knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rigd.cli.terminal import refuse
from rigd.model.errors import CommandError
from rigd.model.state import Take
from rigd.model.which_take import KnownTake, which_take

WHICH = (
    "Nothing: the rolling or last one. Else its number in the current song, SONG NUMBER, -1 for the last, "
    "today 4, its folder, or the beginning of its id; of the open session."
)


def meant(words: str, song: str, takes: Sequence[Take], *, as_json: bool = False) -> Take:
    """Of the open session's `takes`; `song` is the current one. What is none, or several, ends the command."""
    known = {take.take_id: take for take in takes}
    try:
        found = which_take(words, [*map(_known, takes)], song=song, today=date.today())
    except CommandError as error:
        refuse(str(error), as_json=as_json)
    return known[found.take_id]


def _known(take: Take) -> KnownTake:
    return KnownTake(
        take_id=take.take_id,
        session=take.slate.session,
        day=(take.slate.dated or take.started_at)[:10],
        song=take.slate.song,
        number=take.slate.number,
        folder=take.folder,
        is_open_session=True,
    )
