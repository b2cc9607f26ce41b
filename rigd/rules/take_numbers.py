"""Take numbers: one count a song, none used twice in a session. Pure."""

from __future__ import annotations

from rigd.model.state import RigState
from rigd.rules.step_work import Work, known_takes


def numbers_of(state: RigState, song: str) -> set[int]:
    """The numbers that takes of this song have, as far as the state knows them."""
    return {
        take.slate.number
        for take in known_takes(state)
        if take.slate.song == song and take.slate.session == state.session
    }


def used_up(state: RigState, number: int) -> int:
    """The next number of the current song after `number` has been given to a take."""
    taken = numbers_of(state, state.song)
    number += 1
    while number in taken:
        number += 1
    return number


def next_number_of(work: Work, song: str) -> int:
    """The next take number of a song that becomes the current one: as counted here, else by the library."""
    state = work.state
    counted = dict(state.song_numbers).get(song)
    if counted is None and state.session_folder:
        counted = work.rules.next_take_number(session_folder=state.session_folder, song=song)
    return max(counted or 1, 1)
