"""What people call a take, and the one that is meant."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.model.errors import CommandError
from rigd.model.units import TakeId
from rigd.model.which_take import KnownTake, which_take

TODAY = date(2026, 11, 22)


def take(
    number: int, song: str, *, session: str = "Rehearsal", day: str = "2026-11-22", take_id: str
) -> KnownTake:
    return KnownTake(
        take_id=TakeId(take_id),
        session=session,
        day=day,
        song=song,
        number=number,
        folder=f"/srv/takes/{day} {session}/{song}/Take {number:03}",
        is_open_session=(day, session) == ("2026-11-22", "Rehearsal"),
    )


TAKES = (
    take(1, "Blue Train", session="Demo", day="2026-11-20", take_id="aaaa0001"),
    take(4, "Blue Train", day="2026-11-21", take_id="aaaa0002"),
    take(5, "Naima", day="2026-11-21", take_id="bbbb0003"),
    take(4, "Blue Train", take_id="cccc0004"),
    take(3, "Naima", take_id="cccc0005"),
    take(5, "Naima", take_id="dddd0006"),
    take(4, "Naima", take_id="12340007"),
)
"""Oldest first."""


def meant(words: str, song: str = "Naima") -> str:
    return which_take(words, TAKES, song=song, today=TODAY).take_id


@pytest.mark.parametrize(
    ("words", "take_id"),
    [
        ("", "12340007"),
        ("last", "12340007"),
        ("-1", "12340007"),
        ("-2", "dddd0006"),
        ("4", "12340007"),
        ("3", "cccc0005"),
        ("blue train 4", "cccc0004"),
        ('"Blue Train" 4', "cccc0004"),
        ("blue 4", "cccc0004"),
        ("naima -1", "12340007"),
        ("yesterday 4", "aaaa0002"),
        ("yesterday -1", "bbbb0003"),
        ("yesterday naima 5", "bbbb0003"),
        ("today 3", "cccc0005"),
        ("2026-11-20 1", "aaaa0001"),
        ("demo 1", "aaaa0001"),
        ("demo blue train 1", "aaaa0001"),
        ("demo last", "aaaa0001"),
        ("blue train 1", "aaaa0001"),
        ("1234", "12340007"),
        ("dddd", "dddd0006"),
        ("CCCC0004", "cccc0004"),
        ("/srv/takes/2026-11-20 Demo/Blue Train/Take 001", "aaaa0001"),
        ("2026-11-21 Rehearsal/Naima/Take 005/", "bbbb0003"),
    ],
)
def test_what_is_meant(words: str, take_id: str) -> None:
    assert meant(words) == take_id


def test_the_current_song_is_the_nearest() -> None:
    assert meant("4", song="Blue Train") == "cccc0004"


def test_what_fits_several_is_listed_and_never_guessed() -> None:
    with pytest.raises(CommandError) as refused:
        meant("4", song="Another")
    for part in ("2 takes", "Blue Train 004 (cccc0004)", "Naima 004 (12340007)"):
        assert part in str(refused.value)
    with pytest.raises(CommandError, match="2 takes"):
        meant("cccc")
    with pytest.raises(CommandError, match="2026-11-21 Rehearsal: Naima 005"):
        meant("rehearsal 5")


@pytest.mark.parametrize(
    "words", ["9", "-9", "nobody 4", "yesterday 9", "eeee", "no/such/Take 001", "Naima", "aaa"]
)
def test_what_is_none(words: str) -> None:
    with pytest.raises(CommandError, match="there is no take"):
        meant(words)


def test_there_is_none_yet() -> None:
    for takes in ((), TAKES[:1]):
        with pytest.raises(CommandError, match="no take yet"):
            which_take("", takes, song="", today=TODAY)


@given(
    words=st.text(max_size=30)
    | st.lists(st.sampled_from(["-1", "4", "naima", '"', "today", "blue", "/", "last"]), max_size=5).map(
        " ".join
    ),
    takes=st.lists(st.sampled_from(TAKES), unique=True),
)
def test_whatever_is_said_one_take_or_a_sentence(words: str, takes: list[KnownTake]) -> None:
    try:
        assert which_take(words, takes, song="Naima", today=TODAY) in takes
    except CommandError as error:
        assert str(error)


@given(st.sampled_from(TAKES))
def test_what_a_list_shows_leads_back(one: KnownTake) -> None:
    """Its id, its folder, and its session's day with song and number."""
    for words in (one.take_id[:8], one.folder, f'{one.day} "{one.song}" {one.number}'):
        assert meant(words) == one.take_id


def test_a_whole_name_comes_before_names_that_only_begin_so() -> None:
    short = take(4, "Blue", take_id="eeee0008")
    shorter_session = take(1, "Solo", session="Demo 2", day="2026-11-21", take_id="ffff0009")
    takes = (*TAKES, shorter_session, short)

    def of(words: str) -> str:
        return which_take(words, takes, song="Naima", today=TODAY).take_id

    assert of("blue 4") == "eeee0008" and of("BLUE TRAIN 4") == "cccc0004" and of("blue t 4") == "cccc0004"
    assert of("demo 1") == "aaaa0001" and of("demo 2 1") == "ffff0009"
