"""The take that a person means at a terminal (`rigd/model/which_take.py`), of those that the running rig knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rigd.api.client import ControlClient
from rigd.model.state import RigState, Take
from rigd.model.which_take import KnownTake, which_take

WHICH = (
    "Nothing: the rolling or last one. Else its number in the current song, SONG NUMBER, -1 for the last, "
    "yesterday 4, its folder, or the beginning of its id."
)


def known_takes(state: RigState, takes: Sequence[Take]) -> list[KnownTake]:
    """The open session's."""
    return [
        KnownTake(
            take_id=take.take_id,
            session=take.slate.session,
            day=(take.slate.dated or take.started_at)[:10],
            song=take.slate.song,
            number=take.slate.number,
            folder=take.folder,
            is_open_session=True,
        )
        for take in takes
    ]


def meant_take(client: ControlClient, words: Sequence[str]) -> KnownTake:
    """Raises CommandError where it is none, or several."""
    state = client.status().state
    return which_take(
        " ".join(words), known_takes(state, client.takes()), song=state.song, today=date.today()
    )
