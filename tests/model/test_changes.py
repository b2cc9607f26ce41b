"""One that follows the state has it whole by its changes alone, each as long as what changed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rigd.model.changes import KEYS, LAST_TAKES, change_between, changed, followed_state
from rigd.model.disk_words import TapeWatched
from rigd.model.errors import LinkError
from rigd.model.gain import PreampSetting
from rigd.model.inputs import CaptureLost, WriterLost
from rigd.model.requests import ANSWERS
from rigd.model.state import Channel, FalseTake, Fault, RigState, Take
from rigd.model.take import Slate
from rigd.model.takes import Takes
from rigd.model.units import ChannelNumber, Frame, InputNumber, Ns, TakeId
from rigd.wire.codec import Codec, encode
from tests.support.desk import LISTENING, OPENED, WRITER_IDLE, Desk

LONGEST_CHANGE_BYTES = 4000
CODEC = Codec(ANSWERS)
COMMANDS = (
    *(
        "start",
        "stop",
        "next",
        "keep 3",
        "mark here",
        "circle",
        "discard",
        "undo",
        "again",
        "note loud and long",
    ),
    *(
        "arm 1",
        "disarm 2",
        "gain 3 12.5",
        "phantom 1 on",
        "song Tango",
        "lock",
        "unlock",
        "clear-fault",
        "rate 5",
    ),
)
FACTS: tuple[Any, ...] = (
    WRITER_IDLE,
    replace(WRITER_IDLE, free_bytes=5, problem="read-only"),
    WriterLost(reason="killed"),
    CaptureLost(reason="killed"),
    LISTENING,
    TapeWatched(unsafe_s=3.0, waiting_s=3.0, tape_fill=0.2, owed_fill=0.2),
    PreampSetting(preamp="desk", socket=2, name="gain", value=7.5, confirmed=True, at_ns=Ns(1)),
    replace(OPENED, session="Gig", folder="/takes/Gig"),
)


def over_the_wire(change: Any) -> Any:
    return CODEC.decode(encode(change))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(COMMANDS), st.sampled_from(FACTS), st.just(None)), max_size=40))
def test_snapshot_and_changes_are_the_state(said: list[Any]) -> None:
    """None: the writer closes what waits for it."""
    desk = Desk()
    told = before = followed_state(desk.state)
    for each in said:
        desk.now_s += 1
        if isinstance(each, str):
            desk.do(each)
        elif each is None:
            for take in desk.state.takes:
                if not take.closed:
                    desk.close(take)
        else:
            desk.hear(each)
        after = followed_state(desk.state)
        change = change_between(before, after)
        assert (change is None) == (before == after)
        if change is not None:
            told = changed(told, over_the_wire(change))
        assert told == after
        before = after


def test_one_that_was_away_is_told_all_that_differs_at_once() -> None:
    desk = Desk()
    before = followed_state(desk.state)
    for _ in range(20):
        desk.kept_take()
    after = followed_state(desk.state)
    change = change_between(before, after)
    assert change is not None
    assert changed(before, over_the_wire(change)) == after
    assert after.earlier_takes + len(after.takes) == 20 and len(after.takes) == LAST_TAKES


def large(takes: int) -> Desk:
    """256 channels, a long session behind it, long names; a take rolls."""
    desk = Desk()
    channels = tuple(
        Channel(number=ChannelNumber(n), input=InputNumber(n), name=f"Input {n}", source="mic", armed=True)
        for n in range(1, 257)
    )
    behind = tuple(
        Take(
            take_id=TakeId(f"f{n:031x}"),
            folder=f"/takes/2023-11-14 Rehearsal of the large orchestra/Waltz/Take {n:03}",
            slate=Slate(session="Rehearsal", song="Waltz", number=n, notes=("a note " * 100,)),
            first_frame=Frame(0),
            end_frame=Frame(48_000),
            started_at="2023-11-14T20:00:00.000+01:00",
            channels=tuple(channel.number for channel in channels),
            closed=True,
            ordinal=n,
        )
        for n in range(1, takes + 1)
    )
    desk.state = replace(desk.state, channels=channels, takes=Takes(behind), next_take_number=takes + 1)
    desk.hear(replace(LISTENING, channels=256))
    desk.ok("start")
    return desk


def bytes_of(desk: Desk, text: str) -> int:
    before = followed_state(desk.state)
    desk.now_s += 1
    desk.ok(text)
    change = change_between(before, followed_state(desk.state))
    assert change is not None
    return len(encode(change))


def test_a_change_is_as_long_as_what_changed() -> None:
    for text in ("mark", "circle", "note again"):
        few, many = large(2), large(2_000)
        for _ in range(200):
            many.ok("mark")
        assert bytes_of(many, text) < LONGEST_CHANGE_BYTES, text
        assert bytes_of(many, text) < bytes_of(few, text) + 1_500, text
    assert bytes_of(large(2_000), "disarm 7") < 1_000


def test_two_of_one_key_are_told_whole() -> None:
    desk = Desk()
    take = desk.kept_take()
    before = followed_state(replace(desk.state, takes=(take, take)))
    after = followed_state(replace(desk.state, takes=(take, replace(take, xruns=2))))
    change = change_between(before, after)
    assert change is not None and "takes" in change.fields
    assert changed(before, over_the_wire(change)) == after


def test_every_list_of_the_state_has_a_key_or_is_short() -> None:
    """Else one more of them would make every change longer."""
    desk = Desk()
    many = 3_000
    take = desk.kept_take()
    ids = tuple(TakeId(f"{n:032x}") for n in range(many))
    faults = tuple(Fault(key=f"gap {n}", what="x" * 3_000, since_ns=Ns(1)) for n in range(many))
    state: RigState = replace(
        desk.state,
        takes=Takes(replace(take, take_id=each) for each in ids),
        discarding=tuple(FalseTake(take=replace(take, take_id=each)) for each in ids),
        trashed=ids,
        song_numbers=tuple((f"Song {n}", n) for n in range(many)),
        faults=faults,
    )
    followed = followed_state(state)
    for name in RigState.__struct_fields__:
        value = getattr(followed, name)
        if isinstance(value, tuple) and name not in KEYS:
            assert len(value) <= 10, name
    assert len(encode(followed)) < 100_000


def test_what_a_newer_build_tells_is_passed_by() -> None:
    state = followed_state(Desk().state)
    line = b'{"type":"Change","number":5,"fields":{"colour":"red"},"items":{"lights":[1]},"order":{"lights":[1]}}'
    assert changed(state, CODEC.decode(line)) == replace(state, number=5)


@pytest.mark.parametrize(
    "said",
    ['"fields":{"locked":3}', '"order":{"takes":[[1]]}', '"order":{"takes":["x"]}', '"items":{"takes":[5]}'],
)
def test_what_does_not_fit_is_one_error(said: str) -> None:
    change = CODEC.decode(f'{{"type":"Change","number":5,{said}}}'.encode())
    with pytest.raises(LinkError, match="does not fit"):
        changed(followed_state(Desk().state), change)
