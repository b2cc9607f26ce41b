"""The writer's loop on a clock of its own: when it writes, and when it makes durable."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from rigd.writer import process as writer
from rigd.writer.process import CYCLE_SECONDS, WriterProcess


class Rounds:
    """Takes that never end, on a disk that takes a while, and a clock that goes on while the writer waits."""

    has_takes = True

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, sync_seconds: float, for_s: float) -> None:
        self.now = 0.0
        self.written: list[float] = []
        self.durable: list[float] = []
        process = self.process = object.__new__(WriterProcess)
        process._stopping = process._leaving = False
        process._links, process._logged, process._sync_seconds = [], {}, sync_seconds
        process._life = SimpleNamespace(went_round=lambda **what: None, durable=lambda: None)  # type: ignore[assignment]
        process._desk = self  # type: ignore[assignment]
        process._selector = self  # type: ignore[assignment]
        monkeypatch.setattr(process, "_stay_found", lambda door: None)
        monkeypatch.setattr(writer, "time", SimpleNamespace(monotonic=lambda: self.now))
        self._until = for_s
        process._loop(SimpleNamespace(socket=None), SimpleNamespace())  # type: ignore[arg-type]

    def select(self, wait: float) -> list[Any]:
        self.now += wait + 0.0005  # it never wakes quite in time
        self.process._stopping = self.now >= self._until
        return []

    def write_on(self) -> bool:
        self.written.append(self.now)
        self.now += 0.003
        return False

    def make_durable(self) -> bool:
        self.durable.append(self.now)
        self.now += 0.005
        return True

    def open_some(self) -> None: ...

    def can_open(self) -> bool:
        return False

    def recover_some(self) -> bool:
        return False

    def look_for_tape(self) -> None: ...

    def map_tape_in(self) -> None: ...


def test_two_rounds_of_writes_come_for_each_durable_point_and_none_just_before_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds = Rounds(monkeypatch, sync_seconds=0.8, for_s=80.0)
    assert len(rounds.durable) == pytest.approx(100, abs=2)
    assert len(rounds.written) == pytest.approx(200, abs=4)
    gaps = [later - earlier for earlier, later in pairwise(rounds.written[2:])]
    assert min(gaps) > 0.75 * CYCLE_SECONDS and max(gaps) < 1.1 * CYCLE_SECONDS
    for at in rounds.durable[2:]:
        assert any(0 <= at - each < 0.03 for each in rounds.written), "what is made durable was just written"
