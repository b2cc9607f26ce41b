"""The register of a session's takes says of any number of them, however they came there, what a walk would find."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rigd.model.state import Copy, CopyState, Take
from rigd.model.take import Slate
from rigd.model.takes import Takes
from rigd.model.units import Frame, TakeId

SONGS = ("Waltz", "Tango")


def take_id(number: int) -> TakeId:
    return TakeId(f"{number:032x}")


def take(number: int, *, song: str, ordinal: int, closed: bool, copy: CopyState | None) -> Take:
    return Take(
        take_id=take_id(number),
        folder=f"/takes/{number}",
        slate=Slate(session="Band", song=song, number=number % 5),
        first_frame=Frame(0),
        end_frame=Frame(1),
        started_at="",
        channels=(),
        closed=closed,
        copy=None if copy is None else Copy(folder="/mirror", state=copy),
        ordinal=ordinal,
    )


@dataclass(frozen=True)
class Change:
    how: str
    take: Take


changes = st.builds(
    Change,
    st.sampled_from(["plus", "put", "placed", "without"]),
    st.builds(
        take,
        st.integers(0, 12),
        song=st.sampled_from(SONGS),
        ordinal=st.integers(0, 20),
        closed=st.booleans(),
        copy=st.sampled_from([None, CopyState.ROLLING, CopyState.SAME]),
    ),
)


def by_a_walk(takes: list[Take], change: Change) -> list[Take]:
    """The same change to a plain list."""
    new = change.take
    place = next((place for place, each in enumerate(takes) if each.take_id == new.take_id), None)
    others = [each for each in takes if each.take_id != new.take_id]
    match change.how:
        case "plus":
            return [*takes, new]
        case "put":
            return takes if place is None else [*takes[:place], new, *takes[place + 1 :]]
        case "without":
            return others
        case _:
            place = len(others)
            while place and others[place - 1].ordinal > new.ordinal:
                place -= 1
            return [*others[:place], new, *others[place:]]


def by_the_register(takes: Takes, change: Change) -> Takes:
    match change.how:
        case "plus":
            return takes.plus(change.take)
        case "put":
            return takes if takes.find(change.take.take_id) is None else takes.put(change.take)
        case "without":
            return takes.without(change.take.take_id)
        case _:
            return takes.placed(change.take)


@given(st.lists(changes, max_size=30))
def test_the_register_says_what_a_walk_finds(said: list[Change]) -> None:
    walked: list[Take] = []
    takes = Takes()
    for change in said:
        before, as_it_was = takes, list(takes)
        walked, takes = by_a_walk(walked, change), by_the_register(takes, change)
        assert list(takes) == walked and takes == tuple(walked)
        assert list(before) == as_it_was, "a frozen thing has changed"
        for each in (*range(13), 99):
            first = next((known for known in walked if known.take_id == take_id(each)), None)
            assert takes.find(take_id(each)) == first
        assert takes.open == tuple(known for known in walked if not known.closed)
        rolls = [known for known in walked if known.copy and known.copy.state is CopyState.ROLLING]
        assert takes.under_way == tuple(known for known in walked if not known.closed or known in rolls)
        slates = {(known.slate.song, known.slate.number) for known in walked}
        for song in SONGS:
            for number in range(6):
                found = takes.has_number(session="Band", song=song, number=number)
                assert found is ((song, number) in slates)


def test_a_take_of_another_number_counts_under_that() -> None:
    first = take(1, song="Waltz", ordinal=1, closed=True, copy=None)
    renamed = replace(first, slate=replace(first.slate, number=4))
    takes = Takes([first]).put(renamed)
    assert takes.has_number(session="Band", song="Waltz", number=4)
    assert not takes.has_number(session="Band", song="Waltz", number=1)
