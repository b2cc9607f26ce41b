"""Those who follow the state over the socket: each has it right, and what they cost does not grow with the takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from rigd.api import followed as followed_file
from rigd.api.client import ControlClient
from rigd.model.changes import change_between, followed_state
from rigd.model.events import Event
from rigd.model.state import RigState
from rigd.model.takes import Takes
from rigd.model.units import TakeId
from rigd.wire import codec
from tests.api.test_control_socket import Bench, bench_at
from tests.support.desk import WRITER_IDLE, ns
from tests.support.patience import wait_for

VIEWS = 4
MANY = 2_000


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_at(tmp_path) as made:
        yield made


class View:
    """Follows on a thread of its own, as a live view does."""

    def __init__(self, client: ControlClient) -> None:
        self.state: RigState | None = None
        self.events: list[Event] = []
        self.client = client
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            for news in self.client.follow():
                if isinstance(news, RigState):
                    self.state = news
                elif isinstance(news, Event):
                    self.events.append(news)
        except Exception:
            return


@contextmanager
def views(bench: Bench, count: int) -> Iterator[list[View]]:
    with ExitStack() as open_ones:
        made = [View(open_ones.enter_context(closing(bench.client()))) for _ in range(count)]
        wait_for(lambda: all(view.state is not None for view in made), "a snapshot each")
        yield made
    for view in made:
        view.thread.join()


def say(bench: Bench, client: ControlClient, text: str) -> None:
    bench.tape.now_s += 1
    answer = client.say(text, at_ns=ns(bench.tape.now_s))
    assert answer.accepted, answer.text


def have_it(bench: Bench, followers: list[View]) -> bool:
    newest = followed_state(bench.controller.state)
    return all(view.state == newest for view in followers)


def test_each_has_the_state_as_it_is_and_every_event(bench: Bench) -> None:
    with views(bench, VIEWS) as followers, bench.client() as client:
        for text in ("start", "mark a", "keep 1", "next", "circle", "arm 1", "stop", "discard", "undo"):
            say(bench, client, text)
            wait_for(lambda: have_it(bench, followers), f"all have it after {text}")
        number = bench.controller.state.number
        wait_for(lambda: all(view.events[-1].number == number for view in followers), "the last event")
        for view in followers:
            numbers = [event.number for event in view.events]
            assert numbers == list(range(numbers[0], number + 1))


def test_a_state_that_changes_without_an_event_is_told(bench: Bench) -> None:
    with views(bench, 1) as (view,):
        seen = len(view.events)
        bench.controller.post(replace(WRITER_IDLE, free_bytes=12345))
        wait_for(
            lambda: (
                view.state is not None and view.state.disk is not None and view.state.disk.free_bytes == 12345
            ),
            "what the writer reports",
        )
        assert len(view.events) == seen


def test_four_views_cost_one_change_and_no_take_that_is_behind(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted: states made brief, changes found, and bytes, for a mark with MANY takes behind it."""
    with bench.client() as client:
        say(bench, client, "start")
        say(bench, client, "stop")
    (take,) = bench.controller.state.takes
    behind = Takes(replace(take, take_id=TakeId(f"f{n:031x}")) for n in range(MANY))
    bench.controller._published.replace(replace(bench.controller.state, takes=behind))
    lines: list[bytes] = []
    found: list[tuple[int, int]] = []

    def encoded(message: object) -> bytes:
        lines.append(codec.encode(message))  # type: ignore[arg-type]
        return lines[-1]

    def between(before: RigState, after: RigState) -> object:
        found.append((len(before.takes), len(after.takes)))
        return change_between(before, after)

    with views(bench, VIEWS) as followers, bench.client() as client:
        say(bench, client, "start")
        wait_for(lambda: have_it(bench, followers), "all have it")
        monkeypatch.setattr(followed_file, "encode", encoded)
        monkeypatch.setattr(followed_file, "change_between", between)
        steps = 10
        for n in range(steps):
            say(bench, client, f"mark {n}")
            wait_for(lambda: have_it(bench, followers), "all have it")
    assert steps <= len(lines) <= 2 * steps, "one a change, however many follow"
    assert max(map(len, lines)) < 4_000
    assert max(max(pair) for pair in found) < 20, "takes that were looked at"
