"""What preamps said, as far back as any take may begin: cut at any frame it is what was true there."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.model.settings_history import MOST_ROWS, MOST_ROWS_OF_A_TAKE, SettingsHistory
from rigd.model.take import GainChange
from rigd.model.units import ChannelNumber, Frame

REACH = 4_000


def row(
    at: int, value: float, *, channel: int = 1, asked: float | None = None, confirmed: bool = True
) -> GainChange:
    return GainChange(
        at_frame=Frame(at),
        channel=ChannelNumber(channel),
        parameter="gain_db",
        value=value,
        asked=asked,
        confirmed=confirmed,
    )


def history_of(*rows: GainChange, reach: int = REACH) -> SettingsHistory:
    history = SettingsHistory()
    for each in rows:
        history = history.plus(each, reach_frames=reach)
    return history


turns = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 3), st.integers(-12, 60)), min_size=1, max_size=60
)


@given(turns=turns, thin_at=st.integers(2, 20), back=st.integers(0, REACH))
def test_the_start_of_any_take_within_reach_is_what_was_said_last_before_it(
    turns: list[tuple[int, int, int]], thin_at: int, back: int
) -> None:
    at, rows = 0, []
    history = SettingsHistory(thin_at=thin_at)
    for step, channel, value in turns:
        at += step * 100
        rows.append(row(at, float(value), channel=channel))
        history = history.plus(rows[-1], reach_frames=REACH)
        if len(history.rows) < thin_at:
            history = SettingsHistory(history.rows, thin_at)
    first = max(0, at - back)
    cut = history.cut(first_frame=first, channels={ChannelNumber(1), ChannelNumber(2)}, preamps=set())
    for channel in (1, 2):
        said = [each for each in rows if each.channel == channel]
        before = [each for each in said if each.at_frame <= first]
        true = (before or said[:1] or [None])[-1]
        assert cut.start.get((ChannelNumber(channel), "gain_db")) == true
        later = [each for each in said if each.at_frame > first and (before or each is not said[0])]
        assert [each for each in cut.changes if each.channel == channel] == later
    assert not [each for each in cut.changes if each.channel == 3], "of a channel that is not recorded"


def test_a_history_of_days_holds_what_a_take_can_reach_and_what_was_set_at_the_beginning() -> None:
    history = history_of(row(0, 40.0, channel=2), *(row(at, at % 30) for at in range(0, 3_000_000, 100)))
    assert len(history.rows) <= 1_000
    cut = history.cut(first_frame=2_999_000, channels={ChannelNumber(1), ChannelNumber(2)}, preamps=set())
    assert cut.start[ChannelNumber(2), "gain_db"].value == 40.0
    assert len(cut.changes) == 9


def test_a_fader_that_runs_wild_does_not_fill_the_memory() -> None:
    wild = (row(at, at % 30) for at in range(MOST_ROWS + 5_000))
    history = history_of(row(0, 40.0, channel=2), *wild, reach=1 << 40)
    assert len(history.rows) <= MOST_ROWS
    cut = history.cut(first_frame=0, channels={ChannelNumber(2)}, preamps=set())
    assert cut.start[ChannelNumber(2), "gain_db"].value == 40.0


def test_so_many_turns_as_no_order_has_room_for_are_told_more_coarsely_and_none_is_false() -> None:
    turns = [row(at * 100, float(at), channel=1 + at % 2) for at in range(MOST_ROWS_OF_A_TAKE * 4)]
    cut = SettingsHistory(tuple(turns)).cut(
        first_frame=0, channels={ChannelNumber(1), ChannelNumber(2)}, preamps=set()
    )
    assert len(cut.changes) <= MOST_ROWS_OF_A_TAKE and set(cut.changes) <= set(turns)
    assert cut.changes[-1] == turns[-1], "what is true in the end is"
    frames = [each.at_frame for each in cut.changes if each.channel == 1]
    assert max(later - at for at, later in itertools.pairwise(frames)) < 48_000


def test_a_wish_is_no_truth_at_the_start() -> None:
    history = history_of(row(10, 5.0), row(20, 5.0, asked=30.0, confirmed=False))
    cut = history.cut(first_frame=50, channels={ChannelNumber(1)}, preamps=set())
    assert [each.value for each in cut.start.values()] == [5.0] and cut.changes == ()


@pytest.mark.parametrize("first", [0, 100])
def test_on_a_new_tape_what_was_said_last_stands_from_its_beginning(first: int) -> None:
    history = history_of(row(90_000, 5.0), row(95_000, 6.0), row(50, 7.0))
    cut = history.cut(first_frame=first, channels={ChannelNumber(1)}, preamps=set())
    assert [each.value for each in cut.start.values()] == [6.0 if first == 0 else 7.0]


def test_a_wish_that_is_the_first_that_is_known_is_no_truth_at_the_start_either() -> None:
    wish, said = row(60, 5.0, asked=30.0, confirmed=False), row(70, 30.0)
    cut = history_of(wish, said).cut(first_frame=50, channels={ChannelNumber(1)}, preamps=set())
    assert list(cut.start.values()) == [said] and cut.changes == (wish,)
    nothing_said = history_of(wish).cut(first_frame=50, channels={ChannelNumber(1)}, preamps=set())
    assert nothing_said.start == {} and nothing_said.changes == (wish,)


def test_what_is_told_more_coarsely_is_each_setting_s_last_of_each_stretch_of_one_length() -> None:
    wild = [row(100 + 2_000 * turn, float(turn)) for turn in range(MOST_ROWS_OF_A_TAKE * 4)]
    once = row(105, 7.0, channel=2)
    cut = SettingsHistory((row(0, 0.0), row(0, 0.0, channel=2), wild[0], once, *wild[1:])).cut(
        first_frame=0, channels={ChannelNumber(1), ChannelNumber(2)}, preamps=set()
    )
    assert once in cut.changes, "one that is turned once is not lost beside one that runs wild"
    kept = [each for each in cut.changes if each.channel == 1]
    assert len(kept) > MOST_ROWS_OF_A_TAKE / 4, "and no coarser than it must be"

    def last_of(window_frames: int) -> list[GainChange]:
        return list({each.at_frame // window_frames: each for each in wild}.values())

    assert kept in [last_of(1 << power) for power in range(1, 32)]
