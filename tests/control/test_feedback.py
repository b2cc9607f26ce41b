"""State and levels reach every surface, whatever another one does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import msgspec
import pytest

from rigd.control.feedback import FeedbackPump
from rigd.model.levels import Levels
from rigd.model.state import RigState, SurfaceStatus, Transport
from rigd.model.units import Frame
from tests.support.patience import wait_for

STATE = RigState(
    number=1,
    transport=Transport.READY,
    session="s",
    session_folder="",
    song="",
    next_take_number=1,
    locked=False,
    sample_rate_hz=48_000,
    channels=(),
    take=None,
    takes=(),
)


class Lamp:
    def __init__(self, name: str, act: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self.shown: list[tuple[int, int | None]] = []
        self._act = act

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def status(self) -> SurfaceStatus:
        return SurfaceStatus(name=self.name, kind="test", connected=True)

    def show(self, state: RigState, levels: Levels | None) -> None:
        self._act()
        self.shown.append((state.number, levels.at_frame if levels else None))

    def answered(self, control: str, accepted: bool, text: str) -> None: ...


class Truth:
    def __init__(self) -> None:
        self.state = STATE
        self.levels: Levels | None = None

    def __call__(self) -> tuple[RigState, Levels | None]:
        return self.state, self.levels

    def turn(self, number: int) -> None:
        self.state = msgspec.structs.replace(STATE, number=number)


def test_a_surface_is_shown_the_state_at_the_start_and_each_newest_one_after() -> None:
    truth, lamp = Truth(), Lamp("a")
    pump = FeedbackPump(surfaces=[lamp], truth=truth)
    pump.start()
    try:
        wait_for(lambda: lamp.shown == [(1, None)])
        truth.turn(2)
        pump.changed()
        wait_for(lambda: lamp.shown[-1] == (2, None))
        truth.levels = Levels(at_frame=Frame(9), peak_dbfs=(), rms_dbfs=(), clipped=())
        pump.changed()
        wait_for(lambda: lamp.shown[-1] == (2, 9))
        pump.changed()  # nothing is new
    finally:
        pump.stop()
    assert lamp.shown == [(1, None), (2, None), (2, 9)]


def test_a_storm_of_changes_is_shown_at_its_own_pace_and_ends_with_the_newest() -> None:
    truth, lamp = Truth(), Lamp("a")
    pump = FeedbackPump(surfaces=[lamp], truth=truth)
    started_s = time.monotonic()
    pump.start()
    try:
        for number in range(2, 5000):
            truth.turn(number)
            pump.changed()
        wait_for(lambda: bool(lamp.shown) and lamp.shown[-1][0] == 4999)
    finally:
        pump.stop()
    assert len(lamp.shown) <= (time.monotonic() - started_s) * 20 + 2


def test_a_surface_that_hangs_or_fails_holds_up_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    let_go = threading.Event()

    def fail() -> None:
        raise OSError("unplugged")

    truth = Truth()

    def hang() -> None:
        let_go.wait(60)

    hanging, failing, lamp = (
        Lamp("hanging", hang),
        Lamp("failing", fail),
        Lamp("c"),
    )
    pump = FeedbackPump(surfaces=[hanging, failing, lamp], truth=truth)
    pump.start()
    try:
        for number in range(2, 5):
            truth.turn(number)
            pump.changed()
            wait_for(lambda number=number: bool(lamp.shown) and lamp.shown[-1][0] == number)  # type: ignore[misc]
    finally:
        pump.stop()
        let_go.set()
    assert "surface hanging hangs" in caplog.text
    assert caplog.text.count("surface failing cannot show") == 1
    wait_for(lambda: not any(thread.name == "rigd-show-hanging" for thread in threading.enumerate()))
