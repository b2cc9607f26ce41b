"""Levels of several clients: each has every clip, also one that did not read for a while."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.api.connection import SocketClient
from rigd.control.levels_fan import LEVELS_HZ, LevelsFan
from rigd.model.levels import Levels
from rigd.model.units import Frame
from tests.api.test_control_socket import Bench, bench_at
from tests.support.desk import ns

SOON = 20


class Clipping:
    """A meter with one clip at each look; each look has a frame of its own. Looked at as often as anybody likes."""

    def __init__(self) -> None:
        self._looks = itertools.count(1)
        self._lock = threading.Lock()
        self.now_s = 0.0

    def read(self) -> Levels:
        return Levels(at_frame=Frame(next(self._looks)), peak_dbfs=(0.0,), rms_dbfs=(-3.0,), clipped=(1,))

    def clock_ns(self) -> int:
        with self._lock:
            self.now_s += 1  # every look is a look of its own
            return ns(self.now_s)


@pytest.fixture
def fan() -> LevelsFan:
    meter = Clipping()
    return LevelsFan(meter.read, meter.clock_ns)


@pytest.fixture
def bench(tmp_path: Path, fan: LevelsFan) -> Iterator[Bench]:
    with bench_at(tmp_path, levels=fan) as made:
        yield made


def levels_of(news: Iterator[object]) -> Levels:
    return next(each for each in news if isinstance(each, Levels))


def test_each_client_has_every_clip_also_one_that_did_not_read(
    bench: Bench, fan: LevelsFan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent before lies in a client's socket, so frames say how far it is, and not how many came."""
    with bench.client() as quick, bench.client() as slow:
        slow_news, quick_news = slow.follow(levels_hz=LEVELS_HZ), quick.events(levels_hz=LEVELS_HZ)
        slow_has, quick_has = [levels_of(slow_news)], [levels_of(quick_news)]
        visit = next(each for each in bench.server._visits.values() if each.told_change is not None)
        waits = SocketClient.has_waiting.fget
        assert waits is not None
        with monkeypatch.context() as stuck:
            stuck.setattr(
                SocketClient, "has_waiting", property(lambda client: client is visit.client or waits(client))
            )
            assert fan.newest is not None
            until = fan.newest.at_frame + SOON
            while quick_has[-1].at_frame < until:
                quick_has.append(levels_of(quick_news))
        while slow_has[-1].at_frame < until:
            slow_has.append(levels_of(slow_news))
        while quick_has[-1].at_frame < slow_has[-1].at_frame:
            quick_has.append(levels_of(quick_news))
    for has in (slow_has, quick_has):
        frames = has[-1].at_frame - has[0].at_frame
        assert sum(each.clipped[0] for each in has[1:]) == frames >= SOON, "a clip at each frame"
    assert max(each.clipped[0] for each in slow_has[1:]) >= SOON - 1, "what it missed came at once"
