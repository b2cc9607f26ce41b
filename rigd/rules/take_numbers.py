"""Take numbers: one count a song, none used twice in a session. Pure."""

from __future__ import annotations

from rigd.model.state import RigState
from rigd.model.takes import other_takes
from rigd.rules.step_work import Work


def is_used(state: RigState, song: str, number: int) -> bool:
    """A take of this song has the number, as far as the state knows them."""
    if other_takes(state).has_number(session=state.session, song=song, number=number):
        return True
    rolling = (state.take,) if state.take is not None else ()
    slates = (take.slate for take in (*rolling, *(false.take for false in state.discarding)))
    return any((slate.session, slate.song, slate.number) == (state.session, song, number) for slate in slates)


def used_up(state: RigState, number: int) -> int:
    """The next number of the current song after `number` has been given to a take."""
    number += 1
    while is_used(state, state.song, number):
        number += 1
    return number


def next_number_of(work: Work, song: str) -> int:
    """The next take number of a song that becomes the current one: as counted here, else by the library."""
    state = work.state
    counted = dict(state.song_numbers).get(song)
    if counted is None and state.session_folder:
        counted = work.rules.next_take_number(session_folder=state.session_folder, song=song)
    return max(counted or 1, 1)
