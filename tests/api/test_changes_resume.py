"""One who comes back with the number of a change has the changes since, and with any other a snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rigd.api.client import ControlClient
from rigd.api.connection import SocketClient
from rigd.api.followed import FollowedStates
from rigd.model.changes import Change, Followed, followed_state
from rigd.model.errors import LinkError
from rigd.model.events import Snapshot
from rigd.model.limits import MOST_CHANGES, MOST_CHANGES_BYTES
from rigd.model.requests import ANSWERS
from rigd.model.state import RigState
from rigd.wire.codec import Codec
from tests.api.test_control_socket import Bench, bench_at
from tests.model.test_changes import COMMANDS, FACTS, large
from tests.support.desk import Desk, ns
from tests.support.patience import wait_for

CODEC = Codec(ANSWERS)


def after(state: RigState, number: int, run: str, lines: Sequence[bytes]) -> Followed:
    known = Followed()
    known.take_in(Snapshot(state=state, change=number, run=run))
    for line in lines:
        known.take_in(CODEC.decode(line))
    return known


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(COMMANDS), st.sampled_from(FACTS), st.just(None)), max_size=40),
    st.integers(1, 12),
)
def test_snapshot_and_changes_are_the_state_from_any_number_on(given_: list[Any], kept: int) -> None:
    """None: the writer closes what waits for it. Only so many changes are kept."""
    desk, changes = Desk(), FollowedStates(longest=kept)
    changes.take_in(desk.state)
    had = {changes.number: followed_state(desk.state)}
    for each in given_:
        desk.now_s += 1
        if isinstance(each, str):
            desk.do(each)
        elif each is None:
            for take in desk.state.takes:
                if not take.closed:
                    desk.close(take)
        else:
            desk.hear(each)
        before = changes.number
        changes.take_in(desk.state)
        now = followed_state(desk.state)
        assert (changes.number > before) is (now != had[before]), "a field differs without a change"
        had[changes.number] = now
    assert list(had) == list(range(1, changes.number + 1))
    for number, state in had.items():
        lines = changes.since(number, run=changes.run)
        assert (lines is None) is (changes.number - number > kept)
        if lines is not None:
            known = after(state, number, changes.run, lines)
            assert known.state == now_of(changes) and known.change == changes.number


def now_of(changes: FollowedStates) -> RigState:
    return changes.snapshot().state


def test_one_that_was_away_for_ten_thousand_changes_gets_a_snapshot() -> None:
    state, changes = Desk().state, FollowedStates()
    changes.take_in(state)
    for count in range(10_000):
        changes.take_in(replace(state, unsafe_s=count / 7 + 0.1))
    assert changes.number == 10_001
    assert changes.since(1) is None and changes.since(changes.number - MOST_CHANGES - 1) is None
    lines = changes.since(changes.number - MOST_CHANGES)
    assert lines is not None and len(lines) == MOST_CHANGES
    assert changes.since(changes.number) == [] and changes.since(changes.number + 1) is None


def test_what_is_kept_is_bounded_in_bytes_and_a_change_at_ten_thousand_takes_is_short() -> None:
    desk, changes = large(10_000), FollowedStates(most_bytes=100_000)
    changes.take_in(desk.state)
    for count in range(300):
        desk.ok(("mark", "circle", "note again", "disarm 7", "arm 7")[count % 5])
        changes.take_in(desk.state)
    kept = changes.since(changes.number - 20)
    assert kept is not None and max(map(len, kept)) < 4_000
    assert sum(map(len, changes._lines)) <= 100_000 < MOST_CHANGES_BYTES
    assert changes.since(changes.number - 299) is None


def test_a_number_of_another_run_or_from_before_nobody_followed_means_nothing() -> None:
    desk, changes = Desk(), FollowedStates()
    changes.take_in(desk.state)
    number = changes.number
    assert changes.since(number, run=changes.run) == []
    assert changes.since(number, run=FollowedStates().run) is None
    changes.forget()
    assert changes.since(number) is None
    desk.ok("lock")
    changes.take_in(desk.state)
    assert changes.since(number, run=changes.run) is None


def test_a_change_that_is_missing_is_found_out() -> None:
    known = Followed()
    known.take_in(Snapshot(state=Desk().state, change=3, run="a"))
    known.take_in(Change(number=1, change=4))
    with pytest.raises(LinkError, match="missing"):
        known.take_in(Change(number=1, change=6))
    assert known.state is None


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_at(tmp_path) as made:
        yield made


def until_it_has(client: ControlClient, known: Followed, bench: Bench) -> list[Any]:
    """What came until `known` is the state as it is."""
    came: list[Any] = []
    for news in client.changes(known=known):
        came.append(news)
        if known.state == followed_state(bench.controller.state):
            return came
    raise AssertionError("it ended")


def do(bench: Bench, *texts: str) -> None:
    with bench.client() as client:
        for text in texts:
            bench.tape.now_s += 1
            assert client.say(text, at_ns=ns(bench.tape.now_s)).accepted


def test_over_the_socket_one_that_comes_back_gets_what_changed_and_no_snapshot(bench: Bench) -> None:
    known = Followed()
    with bench.client() as client:
        first = until_it_has(client, known, bench)
    assert isinstance(first[0], Snapshot)
    do(bench, "start", "mark a", "lock")
    with bench.client() as client:
        came = until_it_has(client, known, bench)
    changes = [news.change for news in came if isinstance(news, Change)]
    assert changes == list(range(first[0].change + 1, known.change + 1))
    assert not any(isinstance(news, Snapshot) for news in came)


def test_one_that_knows_what_is_known_no_more_gets_a_snapshot(
    bench: Bench,
) -> None:
    known = Followed()
    with bench.client() as client:
        until_it_has(client, known, bench)
    bench.server._followed._longest = 3
    do(bench, *["lock", "unlock"] * 5)
    wait_for(lambda: bench.server._followed.number > known.change + 3)
    with bench.client() as client:
        came = until_it_has(client, known, bench)
    assert isinstance(came[0], Snapshot) and came[0].change == known.change


def test_another_daemon_tells_one_that_comes_back_all(tmp_path: Path) -> None:
    known = Followed()
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        with bench_at(tmp_path / place) as bench, bench.client() as client:
            before = known.run
            came = until_it_has(client, known, bench)
            assert isinstance(came[0], Snapshot) and known.run != before


def test_nobody_pays_for_changes_once_all_who_follow_are_long_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rigd.api.server.RESUMES_WITHIN_NS", 0)
    known = Followed()
    with bench.client() as client:
        until_it_has(client, known, bench)
    do(bench, "lock")
    wait_for(lambda: bench.server._followed._newest is None)
    do(bench, "unlock")
    with bench.client() as client:
        assert isinstance(until_it_has(client, known, bench)[0], Snapshot)


def test_a_follower_that_does_not_read_is_brought_up_to_date_when_it_does(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told late, by a snapshot where so much happened, and is not cut off for it."""
    with bench.client() as slow:
        known = Followed()
        news = slow.changes(known=known)
        next(news)
        bench.server._followed._longest = 5
        visit = next(each for each in bench.server._visits.values() if each.told_change is not None)
        has_room = SocketClient.has_room.fget
        assert has_room is not None
        with monkeypatch.context() as full:
            room = property(lambda client: client is not visit.client and has_room(client))
            full.setattr(SocketClient, "has_room", room)
            do(bench, *["lock", "unlock"] * 4)
        do(bench, "lock")
        came: list[Any] = []
        while known.state != followed_state(bench.controller.state):
            came.append(next(news))
        assert any(isinstance(each, Snapshot) for each in came)


def test_a_retry_with_the_same_key_is_not_done_again_and_has_the_same_answer(bench: Bench) -> None:
    with bench.client() as client:
        first = client.command("start", at_ns=ns(100.0), retry="k1")
        assert first.accepted
        bench.tape.now_s += 1
    with bench.client() as client:
        again = client.command("start", at_ns=ns(100.0), retry="k1")
        assert replace(again, id=0) == replace(first, id=0)
        assert not client.command(
            "start", at_ns=ns(101.0), retry="k2"
        ).accepted  # another key is another command
        marks = [client.say("mark once", at_ns=ns(101.0), retry="k3") for _ in range(3)]
        assert all(answer.accepted for answer in marks)
        with pytest.raises(Exception, match="another command"):
            client.say("mark twice", at_ns=ns(101.0), retry="k3")
    take = bench.controller.state.take
    assert take is not None and [marker.name for marker in take.markers] == ["once"]
